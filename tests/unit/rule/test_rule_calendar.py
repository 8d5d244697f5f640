"""Buckets on the week: slots are a function of local time, whatever the width and through daylight saving time."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.drift.rule import Calendar, Ladder

HOUR, DAY = 3_600, 86_400
MONDAY = datetime(1969, 12, 29, tzinfo=ZoneInfo("UTC"))


@pytest.mark.parametrize(
    ("seconds", "scales"),
    [
        (60, (1,)),
        (900, (1,)),
        (HOUR, (1, 6, 24, 168, 720, 2160, 4320)),
        (2 * HOUR, (1, 3, 12, 84, 360, 1080, 2160)),
        (8 * HOUR, (1, 3, 21, 90, 270, 540)),
        (DAY, (1, 7, 28, 90, 180)),
    ],
)
def test_scales_are_the_bucket_and_six_hours_a_day_a_week_and_months(seconds: int, scales: tuple[int, ...]) -> None:
    assert Calendar(seconds, 0).scales == scales
    assert Calendar(seconds, 0).per_month == 30 * DAY // seconds


@pytest.mark.parametrize("seconds", [30, 7 * 60, 2 * DAY])
def test_a_bucket_is_a_whole_part_of_a_day(seconds: int) -> None:
    with pytest.raises(ValueError, match="whole part of a day"):
        Calendar(seconds, 0)


@given(
    st.sampled_from(["America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Asia/Pyongyang"]),
    st.integers(0, 600_000),
    st.sampled_from([60, 300, 1800, HOUR]),
)
def test_the_slot_of_a_bucket_is_its_local_hour_of_the_week(zone: str, hours: int, seconds: int) -> None:
    calendar = Calendar(seconds, hours * HOUR // seconds, zone)
    slots = Ladder.of(calendar, 28 * calendar.per_day).slots(0, 3)
    for position, slot in enumerate(slots.tolist()):
        utc = MONDAY + timedelta(hours=hours, seconds=position * seconds)
        local = utc.astimezone(ZoneInfo(zone))
        assert slot == local.weekday() * 24 + local.hour


def test_an_hour_keeps_its_slot_when_the_clock_is_moved() -> None:
    zone = ZoneInfo("Europe/Paris")
    week = [datetime(2024, 3, day, 9, tzinfo=zone) for day in (25, 26)] + [datetime(2024, 4, 1, 9, tzinfo=zone)]
    first = int((week[0] - MONDAY).total_seconds()) // HOUR
    ladder = Ladder.of(Calendar(HOUR, first, "Europe/Paris"), 28 * 24)
    places = [int((each.astimezone(ZoneInfo("UTC")) - week[0].astimezone(ZoneInfo("UTC"))).total_seconds()) // HOUR
              for each in week]  # fmt: skip
    assert places == [0, 24, 167]  # one hour was left out on the 31st
    assert [int(ladder.slots(place, place + 1)[0]) for place in places] == [9, 33, 9]


@pytest.mark.parametrize(
    ("seconds", "days", "slots", "overlap"),
    [
        (300, 14, 168, 3),
        (300, 2, 24, 3),
        (300, 1, 24, 24),
        (HOUR, 14, 168, 3),
        (HOUR, 2, 24, 3),
        (HOUR, 1, 24, 24),
        (6 * HOUR, 21, 28, 1),
        (6 * HOUR, 20, 4, 1),
        (6 * HOUR, 1, 4, 4),
        (DAY, 21, 7, 1),
        (DAY, 20, 1, 1),
    ],
)
def test_the_rung_depends_on_the_days_of_the_reference(seconds: int, days: int, slots: int, overlap: int) -> None:
    ladder = Ladder.of(Calendar(seconds, 0), days * DAY // seconds)
    assert (ladder.slot_count, ladder.overlap) == (slots, overlap)
    assert ladder.pooled == (days == 1 or (seconds == DAY and days == 20))


def test_a_thinned_reference_keeps_its_weeks_and_resumes_anywhere() -> None:
    calendar = Calendar(60, 10_080, every=17)
    ladder = Ladder.of(calendar, 28 * 1440 // 17)
    assert (ladder.fold_count, ladder.slot_count, ladder.pooled) == (4, 168, False)
    minutes = np.arange(ladder.n_reference) * 17
    assert ladder.folds().tolist() == (minutes // 10_080).tolist()
    assert ladder.slots(0, ladder.n_reference).tolist() == (minutes // 60 % 168).tolist()
    later = ladder.resumed(10_080 * 9 + 61)
    first = ladder.n_reference
    assert later.slots(first, first + 120).tolist() == [1] * 59 + [2] * 60 + [3]
    assert later.slots(0, first).tolist() == ladder.slots(0, first).tolist()
