"""Numbers and times read the same on every page."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.domain.instant import DAY, HOUR, MINUTE, SECOND, from_iso
from driftwatch.queries import format as fmt

NOW = from_iso("2026-11-24T07:40:12+00:00")


def test_the_examples_in_the_docstrings_hold() -> None:
    failed, tried = doctest.testmod(fmt)
    assert tried >= 15
    assert failed == 0


WRITERS = (fmt.count, fmt.compact, fmt.share, fmt.share_change, fmt.change, fmt.distance, fmt.effect, fmt.p_value)


@pytest.mark.parametrize("write", [*WRITERS, fmt.latency, fmt.number, fmt.stamp, fmt.age, fmt.age_in_two])
def test_what_is_missing_is_an_en_dash_and_never_a_zero(write: object) -> None:
    assert callable(write)
    assert write(None) == "–"


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        ("2026-11-17T08:00+00:00", "2026-11-24T07:00+00:00", "17 Nov 08:00 – 24 Nov 07:00 UTC"),
        ("2026-11-24T06:00+00:00", "2026-11-24T07:00+00:00", "24 Nov 06:00 – 07:00 UTC"),
        ("2013-11-23T00:00+00:00", "2013-11-24T00:00+00:00", "23 Nov 2013 00:00 – 24 Nov 2013 00:00 UTC"),
    ],
)
def test_a_window_names_its_zone_and_a_year_that_is_not_this_one(start: str, end: str, text: str) -> None:
    assert fmt.window(from_iso(start), from_iso(end), NOW) == text


@pytest.mark.parametrize(
    ("span", "text"),
    [(59 * SECOND, "59 s"), (60 * SECOND, "1 min"), (HOUR, "1 h"), (47 * HOUR, "47 h"), (2 * DAY, "2 d"), (-1, "0 s")],
)
def test_an_age_has_one_unit(span: int, text: str) -> None:
    assert fmt.age(span) == text


def test_an_age_in_two_units_keeps_the_second_one() -> None:
    assert fmt.age_in_two(HOUR + 5 * MINUTE) == "1 h 05 m"
    assert fmt.age_in_two(26 * HOUR) == "26 h 00 m"
    assert fmt.age_in_two(3 * DAY) == "3 d"


@given(st.floats(min_value=1e-12, max_value=1e15) | st.floats(min_value=-1e15, max_value=-1e-12))
def test_a_value_that_is_not_zero_is_never_written_as_zero(x: float) -> None:
    text = fmt.number(x)
    assert any(digit in text for digit in "123456789")
    assert text.startswith("−") == (x < 0)
    assert len(text) <= 10


@given(st.floats(min_value=0.0, max_value=1.0, exclude_min=True))
def test_a_share_that_is_not_zero_is_never_written_as_zero(x: float) -> None:
    assert any(digit in fmt.share(x) for digit in "123456789")


@given(st.integers(min_value=0, max_value=10**16))
def test_counts_stay_short_and_grow_with_the_number(n: int) -> None:
    assert len(fmt.compact(n)) <= 6
    assert len(fmt.count(n)) <= 8


@given(st.floats(0, 1000))
def test_only_what_alarms_is_written_as_once_its_threshold(times: float) -> None:
    text = fmt.effect(times)
    assert (text == "> 10×" or float(text.removesuffix("×")) >= 1) == (times >= 1)
