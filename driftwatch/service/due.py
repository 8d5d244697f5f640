"""Which windows of a model are due: the clocks, the reference, and what nobody is to be told of any more."""

from dataclasses import dataclass

from driftwatch.domain.instant import DAY, MINUTE
from driftwatch.monitors.alignment import Alignment
from driftwatch.monitors.spec import ModelSpec

__all__ = ["AHEAD", "Due", "due_windows", "horizon", "is_backfill"]

AHEAD = 5 * MINUTE
"""How far event times may be ahead of the database's clock."""

_READINESS = 2 * MINUTE
_SILENCE_SEEN = 7 * DAY


@dataclass(frozen=True, slots=True)
class Due:
    """One window that nobody has judged yet.

    Attributes:
        start: microseconds UTC, included.
        end: excluded.
        backfill: so late that nobody is told of it.
    """

    start: int
    end: int
    backfill: bool


def horizon(spec: ModelSpec, *, watermark: int, now: int, width: int) -> int:
    """The instant up to which windows are over, rows that straggle included.

    A replay is over up to one window before its newest row. A live model follows the database's clock, so that silence
    is seen; after a week without a row it is taken to be gone, and no more windows of it are made up.

    Args:
        spec: says which clock.
        watermark: the newest event time, microseconds UTC.
        now: the database's clock.
        width: of a window.
    """
    seen = min(watermark, now + AHEAD)
    if spec.clock == "replay":
        return seen - width
    return min(now, seen + _SILENCE_SEEN) - _READINESS


def due_windows(
    spec: ModelSpec, alignment: Alignment, *, after: int, until: int, now: int, limit: int = 2_000
) -> list[Due]:
    """The windows that begin at `after` or later and end by `until`, oldest first, at most `limit`."""
    first = alignment.index(after)
    if alignment.start(first) < after:
        first += 1
    stop = min(alignment.index(until), first + limit)
    return [
        Due(start, end, is_backfill(spec, end, now=now, width=alignment.width))
        for index in range(first, stop)
        for start, end in [(alignment.start(index), alignment.start(index + 1))]
        if start < end  # a local day that the zone left out
    ]


def is_backfill(spec: ModelSpec, end: int, *, now: int, width: int) -> bool:
    """Whether a window that ended at `end` and is judged `now` is drawn only. A replay may always notify."""
    return spec.clock != "replay" and now - end > max(DAY, 3 * width)
