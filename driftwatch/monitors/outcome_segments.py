"""Performance of segments: the calibrated rule on the mean loss of each, beside that of all rows.

All segments together spend what one number of all rows spends, each an equal share of it. What alarms for all rows in
the same window is only noted for a segment; what is merely on watch in a segment is no finding.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from driftwatch.domain.finding import Finding
from driftwatch.domain.signal import Severity, Signal
from driftwatch.drift.rule import Calendar
from driftwatch.monitors.outcome_cells import CellValues
from driftwatch.monitors.outcome_history import OutcomeHistory
from driftwatch.monitors.outcome_scalar import LEAST_LABELLED, OutcomeScalar, fit_scalar
from driftwatch.monitors.segment_history import MOST_JUDGED
from driftwatch.monitors.verdict import Window

__all__ = ["OutcomeSegments", "SegmentVerdict", "fit_outcome_segments"]

_MODEL = "model"

SegmentVerdict = tuple[str, dict[str, Any], Finding | None]
"""Segment, JSON-safe facts, and the finding if there is one."""


@dataclass(frozen=True, slots=True, eq=False)
class OutcomeSegments:
    """What the labelled reference says of each segment.

    Attributes:
        scalars: the loss of the judged segments, by name.
    """

    scalars: Mapping[str, OutcomeScalar]

    def judge(
        self,
        history: OutcomeHistory,
        first: int,
        windows: Mapping[int, Window],
        alarming: Collection[int],
        *,
        budget: float,
        version: str | None,
    ) -> dict[int, list[SegmentVerdict]]:
        """What is said of the segments in each window, by index.

        Args:
            history: of all rows, the reference and everything up to the last window.
            first: index of the reference's first window.
            windows: by index, all of them after the reference.
            alarming: the windows in which the performance of all rows alarms.
            budget: false alarms a month that all segments together may cost.
            version: of the model, for the findings.
        """
        found: dict[int, list[SegmentVerdict]] = {index: [] for index in windows}
        for name, scalar in self.scalars.items() if windows else ():
            part = history.segments[name]
            share = budget / len(self.scalars)
            for index, summary, finding in scalar.judge(part, first, windows, budget=share, version=version):
                told = None
                if finding is not None and finding.severity.rank >= Severity.WARNING.rank:
                    told = _of_segment(finding, name, noted=index in alarming)
                found[index].append((name, summary, told))
        return found


def fit_outcome_segments(
    history: OutcomeHistory, loss: CellValues, calendar: Calendar, bounds: tuple[int, int]
) -> OutcomeSegments:
    """Learn from the windows ``[first, stop)``: the 50 segments with the most labelled rows, none below 200.

    Args:
        history: of all rows, with its segments.
        loss: what a row lost, by cell.
        calendar: whose first bucket is `first`.
        bounds: ``(first, stop)``.
    """
    rows = {name: int(part.labelled(*bounds).sum()) for name, part in history.segments.items()}
    ranked = sorted((name for name, n in rows.items() if n >= LEAST_LABELLED), key=lambda name: (-rows[name], name))
    scalars = {}
    for name in ranked[:MOST_JUDGED]:
        scalar = fit_scalar(Signal.PERFORMANCE, loss, history.segments[name].between(*bounds), calendar)
        if scalar is not None:
            scalars[name] = scalar
    return OutcomeSegments(scalars)


def _of_segment(finding: Finding, name: str, *, noted: bool) -> Finding:
    """A finding as one of a segment; where all rows alarm too, it is only noted."""
    if not noted:
        return replace(finding, segment=name)
    details = {**finding.details, "suppressed_by": _MODEL}
    return replace(finding, segment=name, severity=Severity.WATCH, details=details)
