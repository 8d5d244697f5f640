"""Where judged windows lie: in UTC up to an hour, on the wall clock above, through every change of its offset."""

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.domain.instant import DAY, HOUR, MINUTE, from_datetime, from_iso, to_datetime, to_iso
from driftwatch.domain.wall_clock import bucket_numbers, start_of_bucket, wall_clock
from driftwatch.monitors.alignment import Alignment

ZONES = (
    "UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "Australia/Lord_Howe", "America/St_Johns",
    "Africa/Casablanca", "Pacific/Apia", "Europe/Moscow", "Asia/Pyongyang", "America/Santiago",
)  # fmt: skip
WIDTHS = (MINUTE, 15 * MINUTE, HOUR, 90 * MINUTE, 2 * HOUR, 6 * HOUR, DAY)
INSTANTS = st.integers(from_iso("1971-01-01"), from_iso("2099-01-01"))


def test_an_offset_and_its_changes_are_those_of_the_zone() -> None:
    for zone in ZONES:
        at = np.arange(from_iso("1970-01-01"), from_iso("2040-01-01"), 11 * HOUR + 7 * MINUTE)
        shown = wall_clock(zone).local(at)
        for instant, local in zip(at.tolist()[::23], shown.tolist()[::23], strict=True):
            offset = to_datetime(instant).astimezone(ZoneInfo(zone)).utcoffset()
            assert timedelta(microseconds=local - instant) == offset, (zone, to_iso(instant))


@given(INSTANTS, st.sampled_from(WIDTHS), st.sampled_from(ZONES))
def test_every_instant_lies_in_its_window(at: int, width: int, zone: str) -> None:
    alignment = Alignment(width, zone)
    index = alignment.index(at)
    assert alignment.start(index) <= at < alignment.start(index + 1)
    [number] = bucket_numbers(np.array([at]), width, zone).tolist()
    assert start_of_bucket(number, width, zone) == alignment.start(index)


@given(st.integers(0, 40_000), st.sampled_from(ZONES))
def test_a_local_day_begins_when_the_wall_clock_first_shows_its_midnight(day: int, zone: str) -> None:
    start, end = (Alignment(DAY, zone).start(each) for each in (day, day + 1))
    local = wall_clock(zone).local(np.array([start - 1, start]))
    midnight = day * DAY - 3 * DAY
    assert local[0] < midnight <= local[1]
    assert start <= end


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/New_York", "2024-03-10", 23),
        ("America/New_York", "2024-11-03", 25),
        ("Australia/Lord_Howe", "2024-04-07", 24.5),
        ("Asia/Kolkata", "2024-03-10", 24),
        ("Asia/Pyongyang", "2015-08-14", 24.5),  # the standard offset went from nine hours to eight and a half
        ("America/St_Johns", "2006-10-29", 25),  # at one minute past midnight back to the day before
    ],
)
def test_local_days_are_as_long_as_the_clock_makes_them(zone: str, day: str, hours: float) -> None:
    alignment = Alignment(DAY, zone)
    noon = from_datetime(datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZoneInfo(zone)))
    index = alignment.index(noon)
    assert (alignment.start(index + 1) - alignment.start(index)) / HOUR == hours


def test_a_day_that_a_zone_left_out_is_an_empty_window() -> None:
    alignment = Alignment(DAY, "Pacific/Apia")  # went from 29 to 31 December 2011
    starts = list(alignment.windows(from_iso("2011-12-29"), from_iso("2012-01-02")))
    assert [to_iso(start) for start in starts] == [f"2011-12-{day}T10:00:00+00:00" for day in (28, 29, 30, 31)] + [
        "2012-01-01T10:00:00+00:00"
    ]


@given(INSTANTS, st.sampled_from(ZONES), st.sampled_from(WIDTHS))
def test_windows_follow_on_each_other(at: int, zone: str, width: int) -> None:
    alignment = Alignment(width, zone)
    starts = list(alignment.windows(at, at + 5 * width))
    assert starts[0] <= at < starts[1]
    for before, after in pairwise(starts):
        assert before < after <= before + width + DAY
        assert alignment.index(after - 1) == alignment.index(before)


def test_noon_stays_in_its_quarter_of_the_day_all_year() -> None:
    alignment = Alignment(6 * HOUR, "Europe/Paris")
    for month in range(1, 13):
        noon = datetime(2024, month, 15, 12, tzinfo=ZoneInfo("Europe/Paris"))
        assert alignment.index(from_datetime(noon)) % 4 == 2
        assert alignment.start(alignment.index(from_datetime(noon))) == from_datetime(noon)


def test_minutes_add_up_to_hours() -> None:
    minutes = Alignment(MINUTE, "Asia/Kolkata")
    assert minutes.per_day == 1440
    assert minutes.hourly == Alignment(HOUR, "Asia/Kolkata")
    assert Alignment(DAY, "Asia/Kolkata").hourly == Alignment(DAY, "Asia/Kolkata")
