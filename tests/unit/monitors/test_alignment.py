"""Which windows are judged, and where they lie on the week."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.domain.instant import DAY, HOUR, MINUTE, from_datetime, from_iso, to_datetime
from driftwatch.monitors.alignment import Alignment, judged_width
from driftwatch.monitors.spec import ModelSpec


@pytest.mark.parametrize(
    ("bucket", "width"),
    [
        (MINUTE, HOUR),
        (15 * MINUTE, HOUR),
        (HOUR, HOUR),
        (45 * MINUTE, DAY),
        (2 * HOUR, DAY),
        (6 * HOUR, DAY),
        (DAY, DAY),
    ],
)
def test_a_bucket_is_judged_hourly_if_it_divides_the_hour_else_daily(bucket: int, width: int) -> None:
    assert judged_width(bucket) == width
    assert width % bucket == 0


@given(st.integers(from_iso("1971-01-01"), from_iso("2100-01-01")), st.sampled_from([HOUR, DAY]), st.integers(-14, 14))
def test_every_instant_lies_in_its_window(at: int, width: int, hours: int) -> None:
    alignment = Alignment(width, hours * HOUR)
    index = alignment.index(at)
    assert alignment.start(index) <= at < alignment.start(index + 1)
    assert alignment.start(index + 1) - alignment.start(index) == width


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"])
def test_hourly_slots_count_from_monday_midnight_of_the_zone(zone: str) -> None:
    monday = datetime(2013, 1, 7, 0, 30, tzinfo=ZoneInfo(zone))
    standard = datetime(2013, 7, 1, 0, 30, tzinfo=ZoneInfo(zone)) if zone == "Pacific/Auckland" else monday
    spec = ModelSpec("m", timezone=zone, bucket=15 * MINUTE)
    alignment = Alignment.of(spec, from_datetime(standard))
    assert alignment.index(from_datetime(standard.astimezone(UTC))) % 168 == 0


def test_summer_time_does_not_move_the_slots() -> None:
    spec = ModelSpec("m", timezone="America/New_York")
    winter = Alignment.of(spec, from_iso("2013-01-10"))
    assert winter == Alignment.of(spec, from_iso("2013-07-10"))
    assert winter.offset == -5 * HOUR


def test_an_offset_that_cuts_buckets_is_rounded_towards_zero() -> None:
    assert Alignment.of(ModelSpec("m", timezone="Asia/Kolkata", bucket=HOUR), 0).offset == 5 * HOUR
    assert Alignment.of(ModelSpec("m", timezone="America/New_York", bucket=DAY), 0).offset == 0


def test_days_are_local_where_buckets_are_fine_enough() -> None:
    alignment = Alignment.of(ModelSpec("m", timezone="America/New_York", bucket=2 * HOUR), from_iso("2013-01-10"))
    # Five hours are not a whole number of two-hour buckets: four is the nearest towards zero.
    assert to_datetime(alignment.start(alignment.index(from_iso("2013-01-10T12:00:00")))).hour == 4


def test_windows_cover_the_period_and_nothing_else() -> None:
    alignment = Alignment(HOUR)
    starts = list(alignment.windows(90 * MINUTE, 3 * HOUR))
    assert starts == [HOUR, 2 * HOUR]
    assert alignment.per_day == 24
