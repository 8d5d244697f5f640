"""Whether the outcomes still agree with the model: its performance, its calibration, and the outcomes themselves.

Outcomes come late, and some kinds sooner than others. So every bucket is judged at one age, the reference's too: with
the outcomes that were known so long after it. Early labels may be biased, but then they were so in the reference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from driftwatch.domain.alert import segment_state_key
from driftwatch.domain.finding import Finding
from driftwatch.domain.signal import RunStatus, Severity, Signal
from driftwatch.drift.rule import Calendar, FittedRule, categorical_series, fit
from driftwatch.estimation.calibration import CalibrationMap
from driftwatch.monitors.alignment import Alignment
from driftwatch.monitors.baseline import WindowResult
from driftwatch.monitors.outcome_cells import (
    CellValues,
    LabelledCells,
    bin_values,
    calibrate,
    expected_loss,
    loss_values,
    residual_values,
)
from driftwatch.monitors.outcome_history import OutcomeHistory
from driftwatch.monitors.outcome_scalar import LEAST_LABELLED, OutcomeScalar, fit_scalar
from driftwatch.monitors.outcome_segments import OutcomeSegments, SegmentVerdict, fit_outcome_segments
from driftwatch.monitors.spec import ModelSpec
from driftwatch.monitors.trailing import GroupTrail, HistorySource
from driftwatch.monitors.verdict import Window, finding_of, summary_of
from driftwatch.monitors.window_counts import WindowCounts

__all__ = [
    "OUTCOME",
    "OUTCOME_SHARE",
    "OutcomeBaseline",
    "OutcomeVerdicts",
    "due_outcomes",
    "fit_outcomes",
    "with_outcomes",
]

OUTCOME_SHARE = 0.08
"""Share of the model's false-alarm budget that outcomes, performance and concept drift spend."""

OUTCOME = "outcome"
"""What the outcome is called where the specification does not name its column."""

_Verdict = tuple[str, dict[str, Any], Finding | None]
_Found = dict[int, list[_Verdict]]


@dataclass(frozen=True, slots=True)
class OutcomeVerdicts:
    """What is said of one window.

    Attributes:
        findings: at watch or above.
        summary: JSON-safe, by what was judged.
        states: by what was judged, as of a column.
        segments: JSON-safe, by segment.
    """

    findings: tuple[Finding, ...] = ()
    summary: Mapping[str, Any] = field(default_factory=dict)
    states: Mapping[str, str] = field(default_factory=dict)
    segments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class OutcomeBaseline:
    """What the labelled reference says.

    Attributes:
        spec: the model's declaration.
        first: index of the reference's first window.
        stop: index of the first window after it.
        calibration: from score bins to probabilities; None for a model without such scores.
        labelled: labelled rows of the reference.
        scalars: performance and concept drift.
        levels: of the outcomes' own distribution; None where they are no classes.
        expected: of the loss that rows let expect; None without a calibration, an error model or the reference's rows.
        segments: performance of each segment.
    """

    spec: ModelSpec
    first: int
    stop: int
    calibration: CalibrationMap | None
    labelled: int
    scalars: tuple[OutcomeScalar, ...]
    levels: FittedRule | None
    expected: OutcomeScalar | None = None
    segments: OutcomeSegments = field(default_factory=lambda: OutcomeSegments({}))

    def trail(self, history: OutcomeHistory, start: int) -> GroupTrail | None:
        """Where the outcomes stand before the window of index `start`; None where they are no classes.

        Whoever judges again and again keeps it.
        """
        if self.levels is None:
            return None
        source = HistorySource(self._outcome, history.outcomes, WindowCounts(), self.levels, self.first)
        return GroupTrail(self.levels, {("outcome", self._outcome): source}, self.first, max(self.stop, start))

    def judge(
        self, history: OutcomeHistory, windows: Mapping[int, Window], *, trail: GroupTrail | None = None
    ) -> dict[int, OutcomeVerdicts]:
        """The verdicts on windows by index, all of them after the reference.

        Args:
            history: the reference and everything up to the last window.
            windows: by index.
            trail: of this history, from :meth:`trail`; made afresh if left out.
        """
        found = _nothing(windows)
        if not windows:
            return {}
        for scalar in self.scalars:
            self._judge_scalar(scalar, history, windows, found)
        trail = trail or self.trail(history, min(windows))
        if trail is not None:
            self._judge_levels(trail, windows, found)
        alarming = {index for index, verdicts in found.items() if any(_alarms(each) for _, _, each in verdicts)}
        segments = self.segments.judge(
            history, self.first, windows, alarming, budget=self._budget, version=self.spec.version
        )
        return _told(found, segments)

    def judge_scores(self, scores: OutcomeHistory, windows: Mapping[int, Window]) -> dict[int, OutcomeVerdicts]:
        """What the scores of windows let expect, without any label of theirs and as soon as they are over.

        Args:
            scores: of the reference and everything up to the last window.
            windows: by index, all of them after the reference.
        """
        found = _nothing(windows)
        if windows and self.expected is not None:
            self._judge_scalar(self.expected, scores, windows, found)
        return _told(found)

    @property
    def _outcome(self) -> str:
        return self.spec.columns.label or OUTCOME

    @property
    def _series_count(self) -> int:
        """What shares the budget: each number of all rows, and all segments together."""
        others = (self.levels is not None, self.expected is not None, bool(self.segments.scalars))
        return len(self.scalars) + sum(others)

    @property
    def _budget(self) -> float:
        """False alarms a month that each of them may cost."""
        return OUTCOME_SHARE * self.spec.false_alarms_per_month / self._series_count

    def _judge_scalar(
        self, scalar: OutcomeScalar, history: OutcomeHistory, windows: Mapping[int, Window], found: _Found
    ) -> None:
        verdicts = scalar.judge(history, self.first, windows, budget=self._budget, version=self.spec.version)
        for index, summary, finding in verdicts:
            found[index].append((scalar.signal.value, summary, finding))

    def _judge_levels(
        self,
        trail: GroupTrail,
        windows: Mapping[int, Window],
        found: _Found,
    ) -> None:
        name = self._outcome
        bounds = (min(windows), max(windows) + 1)
        budget = OUTCOME_SHARE * self.spec.false_alarms_per_month
        for index, _, judgement in trail.judge(*bounds, budget=budget, n_series=self._series_count):
            if index in windows:
                finding = finding_of(judgement, windows[index], Signal.OUTCOME_DRIFT, self.spec, column=name)
                found[index].append((name, summary_of(judgement, Signal.OUTCOME_DRIFT, "categorical"), finding))


def _nothing(windows: Mapping[int, Window]) -> _Found:
    return {index: [] for index in windows}


def _alarms(finding: Finding | None) -> bool:
    """Whether the performance of all rows alarms."""
    if finding is None or finding.signal is not Signal.PERFORMANCE:
        return False
    return finding.severity.rank >= Severity.WARNING.rank


def _told(found: _Found, segments: Mapping[int, list[SegmentVerdict]] | None = None) -> dict[int, OutcomeVerdicts]:
    parts = segments or {}
    return {
        index: OutcomeVerdicts(
            tuple(each for _, _, each in (*verdicts, *parts.get(index, ())) if each is not None),
            {name: summary for name, summary, _ in verdicts},
            {name: str(summary["state"]) for name, summary, _ in verdicts}
            | {segment_state_key(name): str(summary["state"]) for name, summary, _ in parts.get(index, ())},
            {name: summary for name, summary, _ in parts.get(index, ())},
        )
        for index, verdicts in found.items()
    }


def due_outcomes(alignment: Alignment, start: int, end: int, age: int) -> range:
    """The windows whose outcomes are judged with the run ``[start, end)``: those that reach their age in it."""
    return range(alignment.index(start - age), alignment.index(end - age))


def with_outcomes(result: WindowResult, verdicts: Sequence[OutcomeVerdicts]) -> WindowResult:
    """A run's result with the verdicts on outcomes that became due in it, the newest last."""
    if not verdicts:
        return result
    told = [replace(finding, at=result.window_end) for each in verdicts for finding in each.findings]
    findings = sorted(
        (*result.findings, *told),
        key=lambda each: (-each.severity.rank, each.signal.value, each.column or "", each.segment or ""),
    )
    states = {name: state for each in verdicts for name, state in each.states.items()}
    summary = {**result.summary, "outcomes": dict(verdicts[-1].summary)}
    if verdicts[-1].segments:
        summary["outcome_segments"] = dict(verdicts[-1].segments)
    # A segment may be judged for drift too: whether it has rows now is what that says of it.
    worst = max((finding.severity for finding in findings), key=lambda each: each.rank, default=Severity.NONE)
    status = RunStatus(worst.value) if worst.rank >= Severity.WARNING.rank else result.status
    return replace(result, status=status, findings=tuple(findings), judged={**states, **result.judged}, summary=summary)


def fit_outcomes(
    history: OutcomeHistory,
    spec: ModelSpec,
    calendar: Calendar,
    bounds: tuple[int, int],
    *,
    scores: OutcomeHistory | None = None,
    loss: CellValues | None = None,
) -> OutcomeBaseline | None:
    """Learn from the windows ``[first, stop)``; None where fewer than 200 of their rows are labelled.

    Args:
        history: the labelled rows of the reference, and maybe more.
        spec: the model's declaration.
        calendar: whose first bucket is `first`.
        bounds: ``(first, stop)``.
        scores: of every window of the reference, labelled or not.
        loss: what a row of each of their cells lets expect to lose; None: what the calibration says of scores.
    """
    first, stop = bounds
    labelled = int(history.labelled(first, stop).sum())
    if labelled < LEAST_LABELLED:
        return None
    windows = history.between(first, stop)
    known = [cells for cells in windows if cells is not None]
    calibration = calibrate(known)
    errors = bin_values(history.error_codec)
    scalars = []
    for signal, values in (
        (Signal.PERFORMANCE, loss_values(known[0], bin_values(history.score_codec), errors)),
        (Signal.CONCEPT_DRIFT, residual_values(known[0], calibration, errors)),
    ):
        scalar = None if values is None else fit_scalar(signal, values, windows, calendar)
        if scalar is not None:
            scalars.append(scalar)
    segments = OutcomeSegments({})
    lost = next((scalar.of for scalar in scalars if scalar.signal is Signal.PERFORMANCE), None)
    if lost is not None:
        segments = fit_outcome_segments(history, lost, calendar, bounds)
    rule = None
    if known[0].levels is not None:
        missing = np.zeros(len(windows), dtype=np.int64)
        name = spec.columns.label or OUTCOME
        series = categorical_series(name, _levels(windows), missing, n_reference=len(windows), calendar=calendar)
        rule = fit([series], calendar, len(windows))
    expected = None
    if loss is None and calibration is not None:
        loss = expected_loss(calibration, bin_values(history.score_codec))
    if loss is not None and scores is not None:
        expected = fit_scalar(Signal.ESTIMATED_PERFORMANCE, loss, scores.between(first, stop), calendar)
    return OutcomeBaseline(spec, first, stop, calibration, labelled, tuple(scalars), rule, expected, segments)


def _levels(windows: Sequence[LabelledCells | None]) -> list[Mapping[str, int]]:
    return [{} if cells is None or cells.levels is None else cells.levels for cells in windows]
