"""The moment of a weekly summary, on clocks that change."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.alerting.summary import SummaryTime
from driftwatch.domain.instant import DAY, HOUR, from_iso, to_iso

LISBON = SummaryTime(day=0, minute=8 * 60, zone="Europe/Lisbon")


@pytest.mark.parametrize(
    ("day", "moment"),
    [
        (date(2026, 3, 23), "2026-03-23T08:00:00Z"),
        (date(2026, 3, 30), "2026-03-30T07:00:00Z"),  # summer time began on the 29th
        (date(2026, 10, 26), "2026-10-26T08:00:00Z"),
    ],
)
def test_it_follows_the_clock_on_the_wall(day: date, moment: str) -> None:
    assert LISBON.at(day.toordinal()) == from_iso(moment.removesuffix("Z"))


def test_a_moment_that_the_clock_leaves_out_comes_as_much_later() -> None:
    sunday = SummaryTime(day=6, minute=90, zone="Europe/Lisbon")  # 01:30 on 29 March 2026 is not shown
    assert to_iso(sunday.at(date(2026, 3, 29).toordinal())).startswith("2026-03-29T01:30")


@given(
    st.integers(0, 6),
    st.integers(0, 1439),
    st.sampled_from(["UTC", "Europe/Lisbon", "Asia/Kolkata", "America/Los_Angeles", "Pacific/Kiritimati"]),
    st.integers(from_iso("2024-01-01"), from_iso("2030-01-01")),
)
def test_the_newest_is_the_last_of_its_weekday_that_is_over(day: int, minute: int, zone: str, now: int) -> None:
    when = SummaryTime(day, minute, zone)
    number = when.newest(now)
    assert date.fromordinal(number).weekday() == day
    assert when.at(number) <= now < when.at(number + 7)
    assert abs(when.at(number + 7) - when.at(number) - 7 * DAY) <= HOUR
