"""How near one column is to an alarm in each of its model's segments, window by window."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["JudgedSegments", "SegmentLine", "segment_lines"]


@dataclass(frozen=True, slots=True)
class JudgedSegments:
    """What one window said of the segments.

    Attributes:
        start: of the window, microseconds UTC.
        end: excluded.
        summary: by segment, its rows and by column the × threshold where it was judged.
    """

    start: int
    end: int
    summary: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class SegmentLine:
    """One segment over a span of time.

    Attributes:
        segment: such as ``country=PT``.
        rows: over all windows that were judged.
        newest: × threshold of the newest window in which it was judged.
        worst: the largest × threshold.
        worst_window: ``(start, end)`` of its window, microseconds UTC.
        over: windows at the threshold or beyond.
        points: start and × threshold of every window, oldest first.
    """

    segment: str
    rows: int
    newest: float
    worst: float
    worst_window: tuple[int, int]
    over: int
    points: tuple[tuple[int, float], ...]


def segment_lines(windows: Sequence[JudgedSegments], column: str) -> tuple[SegmentLine, ...]:
    """Every segment in which the column was judged, worst first.

    Args:
        windows: oldest first.
        column: as the model's declaration calls it.
    """
    judged: dict[str, list[tuple[JudgedSegments, float]]] = {}
    for window in windows:
        for segment, said in window.summary.items():
            times = said["times_threshold"].get(column)
            if times is not None:
                judged.setdefault(segment, []).append((window, float(times)))
    lines = [_line(segment, found) for segment, found in judged.items()]
    return tuple(sorted(lines, key=lambda line: (-line.worst, line.segment)))


def _line(segment: str, found: Sequence[tuple[JudgedSegments, float]]) -> SegmentLine:
    at, worst = max(found, key=lambda each: each[1])
    return SegmentLine(
        segment=segment,
        rows=sum(int(window.summary[segment]["rows"]) for window, _ in found),
        newest=found[-1][1],
        worst=worst,
        worst_window=(at.start, at.end),
        over=sum(times >= 1 for _, times in found),
        points=tuple((window.start, times) for window, times in found),
    )
