"""One status, one order, one sign; events and points stay few; windows end where the data do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.domain.instant import DAY, HOUR, from_iso
from driftwatch.domain.signal import RunStatus, Severity
from driftwatch.queries.model import column_status, thinned
from driftwatch.queries.run import ColumnResult
from driftwatch.queries.series import Event, EventKind, collapse
from driftwatch.queries.span import SPANS, default_span, span_of
from driftwatch.queries.standing import named
from driftwatch.queries.status import Status, of_run, of_severity, worst


def test_every_run_and_every_severity_has_a_status() -> None:
    assert {of_run(status) for status in RunStatus} <= set(Status)
    assert [of_severity(severity).rank for severity in Severity] == sorted(
        (of_severity(severity).rank for severity in Severity), reverse=True
    )


def test_a_failed_run_is_never_well_and_unknown_is_neither_well_nor_an_alarm() -> None:
    assert of_run(RunStatus.ERROR) is Status.RUN_ERROR
    for status in (Status.NO_DATA, Status.LOW_DATA, Status.LEARNING, Status.RUN_ERROR):
        assert not status.firing
        assert status.rank < Status.HEALTHY.rank


def test_signs_tell_statuses_apart_without_colour() -> None:
    assert len({status.sign for status in Status}) == len(Status)


@given(st.lists(st.sampled_from(Status)))
def test_the_worst_is_the_one_that_the_fleet_shows_first(statuses: list[Status]) -> None:
    assert worst(statuses) == (min(statuses, key=list(Status).index) if statuses else None)


@given(st.lists(st.tuples(st.integers(0, 90 * DAY), st.sampled_from(EventKind), st.sampled_from(Status)), max_size=200))
def test_a_chart_gets_at_most_twelve_events_in_order(drawn: list[tuple[int, EventKind, Status]]) -> None:
    events = [Event(at, kind, status, "x") for at, kind, status in drawn]
    kept = collapse(events, 90 * DAY)
    assert len(kept) <= 12
    assert [event.at for event in kept] == sorted(event.at for event in kept)
    if len(events) <= 12:
        assert sorted(map(hash, kept)) == sorted(map(hash, events))


def test_many_events_of_one_kind_become_one_with_a_count() -> None:
    events = [Event(k * HOUR // 2, EventKind.INCIDENT, Status.WARNING, "drift") for k in range(40)]
    kept = collapse(events, DAY)
    assert sum(event.count for event in kept) == 40


@given(st.lists(st.none() | st.floats(0, 100), max_size=300), st.integers(1, 60))
def test_a_sparkline_keeps_the_peak(values: list[float | None], most: int) -> None:
    known = [value for value in values if value is not None]
    kept = thinned(values, most)
    assert len(kept) <= most
    assert max(kept, default=None) == max(known, default=None)


@pytest.mark.parametrize("name", SPANS)
def test_a_window_is_whole_buckets_and_holds_the_newest_row(name: str) -> None:
    newest = from_iso("2013-04-21T23:57:12+00:00")
    span = span_of(name, end=newest + 1, width=HOUR)
    assert span.start % HOUR == span.end % HOUR == 0
    assert span.start <= newest < span.end
    assert span.width == SPANS[name]


def test_names_are_listed_up_to_three() -> None:
    assert named(["a"]) == "a"
    assert named(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"


@pytest.mark.parametrize(
    ("width", "windows", "at_least", "name"),
    [
        (HOUR, 7, "24h", "24h"),
        (DAY, 7, "24h", "7d"),
        (HOUR, 28, "7d", "7d"),
        (DAY, 28, "7d", "30d"),
        (DAY, 1000, "24h", "90d"),
    ],
)
def test_the_first_window_of_a_page_holds_enough_judged_ones(
    width: int, windows: int, at_least: str, name: str
) -> None:
    assert default_span(width, windows=windows, at_least=at_least) == name


def said(status: Status, times: float | None) -> ColumnResult:
    return ColumnResult("drift", "numeric", status, times, {}, 500, 9000, 0.0, 0.0, None, DAY, None, "")


@given(st.floats(1, 100), st.sampled_from([Status.WARNING, Status.CRITICAL]))
def test_an_open_alert_beside_an_alarm_shows_the_worse_of_the_two(times: float, fires: Status) -> None:
    alarm = said(Status.WARNING, times)
    assert column_status(alarm, alarm, fires) is fires
    assert column_status(alarm, alarm, None) is Status.WARNING


@given(st.floats(0, 0.99), st.sampled_from([Status.HEALTHY, Status.WATCH]))
def test_an_open_alert_beside_a_quiet_window_is_a_watch(times: float, quiet: Status) -> None:
    newest = said(quiet, times)
    assert column_status(newest, newest, Status.CRITICAL) is Status.WATCH
    assert column_status(newest, newest, None) is quiet


def test_an_open_alert_stays_while_nothing_is_judged() -> None:
    thin = said(Status.LOW_DATA, None)
    assert column_status(thin, said(Status.WARNING, 3.0), Status.WARNING) is Status.WARNING
    assert column_status(thin, said(Status.HEALTHY, 0.2), None) is Status.LOW_DATA
