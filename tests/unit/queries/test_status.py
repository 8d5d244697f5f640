"""One status, one order, one sign; events and points stay few; windows end where the data do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.domain.instant import DAY, HOUR, from_iso
from driftwatch.domain.signal import RunStatus, Severity
from driftwatch.queries.model import thinned
from driftwatch.queries.series import Event, EventKind, collapse
from driftwatch.queries.span import SPANS, span_of
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
