"""Windows shorter than an hour: thinned references, hours beside them, and the same verdicts however they are asked."""

from math import gcd

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.domain.instant import DAY, HOUR, MINUTE, from_iso
from driftwatch.monitors.alignment import Alignment
from driftwatch.monitors.baseline import DriftBaseline, WindowResult
from driftwatch.monitors.history import History
from driftwatch.monitors.short import ShortReach, thinning
from driftwatch.monitors.spec import ModelSpec, parse_model_spec
from driftwatch.profiles.bucket import BucketProfile, NumericColumn
from driftwatch.profiles.codec import build_codec
from driftwatch.profiles.history import profile_buckets
from driftwatch.profiles.plan import ProfilePlan
from driftwatch.profiles.rows import Rows

START = from_iso("2024-01-01")
REFERENCE = (START, START + 14 * DAY)
QUARTER = 15 * MINUTE
PER_QUARTER = 40
CODECS = {name: build_codec(np.random.default_rng(3).normal(size=4_000)) for name in ("x", "y")}
SPEC = parse_model_spec({"model": "m", "columns": {"timestamp": "t"}, "bucket": "15m"})


@pytest.fixture(scope="module")
def made() -> dict[int, BucketProfile]:
    """Fifteen days of quarters; on the last one x moves by two deviations from 06:00 on, and by a third before."""
    rng = np.random.default_rng(11)
    at = START + np.arange(15 * 96 * PER_QUARTER) * (QUARTER // PER_QUARTER)
    x, y = rng.normal(size=(2, len(at)))
    x[at >= REFERENCE[1]] += 0.35
    x[at >= REFERENCE[1] + 6 * HOUR] += 2.0
    rows = Rows(at=at, features={"x": NumericColumn(x), "y": NumericColumn(y)})
    return profile_buckets(rows, ProfilePlan(CODECS, QUARTER))


def windows() -> list[int]:
    return [REFERENCE[1] + quarter * QUARTER for quarter in range(96)]


def read(made: dict[int, BucketProfile], recent: int | None = None) -> History:
    return History.of(SPEC, CODECS, REFERENCE, recent=recent).add_all(sorted(made.items()))


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30])
def test_a_thinned_reference_sees_every_minute_of_the_hour(width: int) -> None:
    step, per_hour = thinning(width * MINUTE), 60 // width
    assert gcd(step, per_hour) == 1
    assert {place * step % per_hour for place in range(per_hour)} == set(range(per_hour))
    assert 28 <= 1440 / width / step <= 96


@given(st.lists(st.integers(0, 60), min_size=1, max_size=80), st.integers(1, 20))
def test_only_the_newest_windows_are_kept_after_the_reference(ends: list[int], recent: int) -> None:
    reach = ShortReach(Alignment(QUARTER), 0, 0, recent)
    kept: set[int] = set()
    for index in ends:
        if reach.takes(index):
            kept -= set(reach.outdated(index))
            kept.add(index)
    assert kept == {index for index in ends if index > max(ends) - recent and index in kept}
    assert max(ends) in kept
    assert all(index > max(ends) - recent for index in kept)


def test_a_window_is_judged_with_the_last_hour_that_was_over() -> None:
    reach = ShortReach.of(Alignment(QUARTER), REFERENCE, None)
    hours = Alignment(HOUR)
    for minute, hour in ((0, -1), (15, -1), (30, -1), (45, 0), (60, 0), (105, 1)):
        index = Alignment(QUARTER).index(START + minute * MINUTE)
        assert reach.hour(index) == hours.index(START) + hour


def test_hours_are_the_sum_of_their_quarters(made: dict[int, BucketProfile]) -> None:
    history = read(made)
    hourly = History.of(ModelSpec("m"), CODECS, REFERENCE)
    for start, profile in sorted(made.items()):
        hourly.add(start, profile)
    first = hourly.alignment.index(START)
    assert history.alignment == hourly.alignment
    for key in history.columns:
        for index in range(first, first + 360):
            one, other = (of.columns[key].totals(index, index + 1) for of in (history, hourly))
            assert np.array_equal(np.asarray(one), np.asarray(other))
    assert history.windows == Alignment(QUARTER)


def test_a_gross_fault_alarms_in_its_first_quarter_and_a_small_one_after_hours(made: dict[int, BucketProfile]) -> None:
    history = read(made)
    results = DriftBaseline.fit(history, SPEC, REFERENCE).judge(history, windows())
    alarms = [place for place, each in enumerate(results) if any(f.severity.rank >= 2 for f in each.findings)]
    scales = {place: results[place].findings[0].details["scale_buckets"] for place in alarms}
    assert {f.column for each in results for f in each.findings if f.severity.rank >= 2} == {"x"}
    assert scales[24] == 1  # from 06:00 on, known at 06:15
    assert min(alarms) < 24  # a third of a deviation, by the hours before
    assert scales[min(alarms)] >= 4
    assert all(each.rows == PER_QUARTER for each in results)


def told(result: WindowResult) -> tuple[object, ...]:
    """What a result says, its numbers to nine digits: sums of floats depend on where they began."""
    found = [
        (each.column, each.kind, each.severity, each.details["scale_buckets"], f"{each.value:.9g}", each.n)
        for each in result.findings
    ]
    return (result.window_start, result.status, result.rows, dict(result.judged), found)


def test_one_at_a_time_with_little_memory_is_the_same_as_all_at_once(made: dict[int, BucketProfile]) -> None:
    whole = read(made)
    together = DriftBaseline.fit(whole, SPEC, REFERENCE).judge(whole, windows()[10:34])
    history = read({start: made[start] for start in made if start < windows()[10]}, recent=8)
    baseline = DriftBaseline.fit(history, SPEC, REFERENCE)
    alone = []
    for window in windows()[10:34]:
        history.add(window, made[window])
        alone += baseline.judge(history, [window])
    assert [told(each) for each in alone] == [told(each) for each in together]
