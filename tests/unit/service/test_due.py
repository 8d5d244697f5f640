"""The clocks of due windows."""

from hypothesis import given
from hypothesis import strategies as st

from driftwatch.domain.instant import DAY, HOUR, MINUTE, from_iso
from driftwatch.monitors.alignment import Alignment
from driftwatch.monitors.spec import ModelSpec
from driftwatch.service.due import due_windows, horizon, is_backfill

LIVE = ModelSpec(model="m")
REPLAY = ModelSpec(model="m", clock="replay")
NOW = 20_000 * DAY + 10 * HOUR


def test_a_live_model_follows_the_database_so_that_silence_is_seen() -> None:
    assert horizon(LIVE, watermark=NOW - 3 * HOUR, now=NOW, width=HOUR) == NOW - 2 * MINUTE


def test_a_live_model_that_is_silent_for_a_week_makes_no_more_windows() -> None:
    gone = NOW - 400 * DAY
    assert horizon(LIVE, watermark=gone, now=NOW, width=HOUR) == gone + 7 * DAY - 2 * MINUTE


def test_rows_from_the_future_move_no_clock() -> None:
    assert horizon(LIVE, watermark=NOW + 9 * DAY, now=NOW, width=HOUR) == NOW - 2 * MINUTE
    assert horizon(REPLAY, watermark=NOW + 9 * DAY, now=NOW, width=HOUR) == NOW + 5 * MINUTE - HOUR


def test_a_replay_knows_its_own_rows_only() -> None:
    assert horizon(REPLAY, watermark=1_000 * DAY, now=NOW, width=HOUR) == 1_000 * DAY - HOUR


def test_a_window_judged_a_day_late_is_backfill_but_never_in_a_replay() -> None:
    assert not is_backfill(LIVE, NOW - DAY, now=NOW, width=HOUR)
    assert is_backfill(LIVE, NOW - DAY - 1, now=NOW, width=HOUR)
    assert not is_backfill(LIVE, NOW - 3 * DAY, now=NOW, width=DAY)
    assert is_backfill(LIVE, NOW - 3 * DAY - 1, now=NOW, width=DAY)
    assert not is_backfill(REPLAY, NOW - 3_000 * DAY, now=NOW, width=HOUR)


@given(
    after=st.integers(0, 40 * DAY),
    length=st.integers(-2 * DAY, 40 * DAY),
    width=st.sampled_from([HOUR, DAY]),
    zone=st.sampled_from(["UTC", "Etc/GMT+12", "Etc/GMT-14"]),
    limit=st.integers(1, 100),
)
def test_due_windows_are_whole_contiguous_and_over(after: int, length: int, width: int, zone: str, limit: int) -> None:
    alignment = Alignment(width, zone)
    until = after + length
    due = due_windows(LIVE, alignment, after=after, until=until, now=NOW, limit=limit)
    assert len(due) <= limit
    for window in due:
        assert window.end - window.start == width
        assert alignment.start(alignment.index(window.start)) == window.start
        assert after <= window.start
        assert window.end <= until
    assert [window.start for window in due[1:]] == [window.end for window in due[:-1]]
    if len(due) < limit:
        last = due[-1].end if due else after
        assert until - last < 2 * width
    if due:
        assert due[0].start - after < width


def test_a_day_that_the_zone_left_out_is_never_due() -> None:
    alignment = Alignment(DAY, "Pacific/Apia")
    after, until = from_iso("2011-12-29T10:00:00"), from_iso("2012-01-01T10:00:00")
    due = due_windows(LIVE, alignment, after=after, until=until, now=NOW)
    assert [(window.start, window.end) for window in due] == [(after, after + DAY), (after + DAY, after + 2 * DAY),
                                                              (after + 2 * DAY, until)]  # fmt: skip
