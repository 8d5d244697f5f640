"""Points in time as pages draw them: at most a few thousand, aggregated here."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from driftwatch.queries.status import Status

__all__ = ["MOST_POINTS", "DriftPoint", "Event", "EventKind", "TrafficPoint", "collapse"]

MOST_POINTS = 2000
_MOST_EVENTS = 12


@dataclass(frozen=True, slots=True)
class TrafficPoint:
    """What was served in one bucket.

    Attributes:
        at: the bucket's start, microseconds UTC.
        until: its end.
        n: rows.
        errors: rows whose call failed.
        p50: median latency in seconds, None where no row carried one.
        p95: its 95th percentile.
    """

    at: int
    until: int
    n: int
    errors: int
    p50: float | None
    p95: float | None

    @property
    def error_rate(self) -> float | None:
        """Share of rows that failed, None without rows."""
        return self.errors / self.n if self.n else None


@dataclass(frozen=True, slots=True)
class DriftPoint:
    """What one run said of one column in one window.

    Attributes:
        start: the window's start, microseconds UTC.
        end: its end.
        value: the distance that is drawn, None where nothing was judged.
        times_threshold: how many times the alarm threshold, None where nothing was judged.
        status: healthy, watch, warning, critical, low_data, no_data, run_error.
        n: rows in the window.
        column: whose it is; "" where nothing was judged.
    """

    start: int
    end: int
    value: float | None
    times_threshold: float | None
    status: Status
    n: int
    column: str = ""


class EventKind(StrEnum):
    """What happened to a model."""

    INCIDENT = "incident"
    RESOLVED = "resolved"
    DEPLOYMENT = "deployment"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, drawn as a thin line through the charts.

    Attributes:
        at: microseconds UTC.
        kind: what happened.
        status: the severity of an incident; healthy for anything else.
        text: a few words.
        count: how many events this one stands for.
        incident_id: what to link to, or None.
    """

    at: int
    kind: EventKind
    status: Status
    text: str
    count: int = 1
    incident_id: str | None = None


def collapse(events: Sequence[Event], width: int) -> tuple[Event, ...]:
    """At most twelve events, oldest first; more of one kind close together become one with a count.

    Args:
        events: any number, any order.
        width: microseconds of the window that is drawn.
    """
    ordered = sorted(events, key=lambda event: event.at)
    reach = 3_600_000_000
    while len(ordered) > _MOST_EVENTS and reach < 2 * width:
        ordered = _merge_near(ordered, reach)
        reach *= 2
    return tuple(ordered[-_MOST_EVENTS:])


def _merge_near(events: Sequence[Event], reach: int) -> list[Event]:
    merged: list[Event] = []
    for event in events:
        last = merged[-1] if merged else None
        if last is None or (last.kind, last.status) != (event.kind, event.status) or event.at - last.at > reach:
            merged.append(event)
            continue
        count = last.count + event.count
        merged[-1] = Event(last.at, last.kind, last.status, f"{count} {last.kind.value} events from here", count)
    return merged
