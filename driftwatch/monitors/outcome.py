"""Whether the outcomes still agree with the model: its performance, its calibration, and the outcomes themselves.

Outcomes come late, and some kinds sooner than others. So every bucket is judged at one age, the reference's too: with
the outcomes that were known so long after it. Early labels may be biased, but then they were so in the reference.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.domain.finding import Finding
from driftwatch.domain.signal import RunStatus, Severity, Signal
from driftwatch.drift.moment_baseline import MomentSeries
from driftwatch.drift.moment_rule import MomentJudgement, MomentRule, fit_moments
from driftwatch.drift.rule import Calendar, FittedRule, categorical_series, fit
from driftwatch.estimation.calibration import CalibrationMap
from driftwatch.monitors.alignment import Alignment
from driftwatch.monitors.baseline import WindowResult
from driftwatch.monitors.history import CategoricalHistory, NumericHistory
from driftwatch.monitors.multivariate import times_threshold_of
from driftwatch.monitors.outcome_cells import (
    CellValues,
    LabelledCells,
    bin_values,
    calibrate,
    cells_of,
    expected_loss,
    in_score_bins,
    loss_values,
    residual_values,
    score_cells,
)
from driftwatch.monitors.spec import ModelSpec
from driftwatch.monitors.trailing import GroupTrail, HistorySource
from driftwatch.monitors.verdict import Window, finding_of, summary_of
from driftwatch.monitors.window_counts import WindowCounts
from driftwatch.performance.tally import Tally
from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.moments import sums_of_values

__all__ = [
    "OUTCOME",
    "OUTCOME_SHARE",
    "OutcomeBaseline",
    "OutcomeHistory",
    "OutcomeScalar",
    "OutcomeVerdicts",
    "due_outcomes",
    "fit_outcomes",
    "with_outcomes",
]

OUTCOME_SHARE = 0.08
"""Share of the model's false-alarm budget that outcomes, performance and concept drift spend."""

OUTCOME = "outcome"
"""What the outcome is called where the specification does not name its column."""

_GRAVE_EFFECT = 0.30  # three times the least effect that is an alarm
_LEAST_LABELLED = 200


@dataclass
class OutcomeHistory:
    """The labelled rows of a model by window, each window at the same age; only the cells that hold rows are kept.

    Attributes:
        score_codec: bins of the score, or None.
        error_codec: bins of a regression's error, or None.
        windows: by window index.
        outcomes: the rows by outcome, where outcomes are classes.
    """

    score_codec: NumericCodec | None = None
    error_codec: NumericCodec | None = None
    windows: dict[int, LabelledCells] = field(default_factory=dict)
    outcomes: CategoricalHistory = field(default_factory=CategoricalHistory)

    def add(self, index: int, tally: Tally) -> None:
        """Add a bucket to its window, in the bins of the score's codec: those that calibration and judging know.

        Raises:
            ValueError: it is of another kind, or in other bins.
        """
        cells, known = cells_of(in_score_bins(tally, self.score_codec)), self.windows.get(index)
        self.windows[index] = cells if known is None else known.add(cells)
        self.outcomes.add_rows(index, cells.levels or {})

    def forget(self, index: int) -> None:
        """Take one window out again."""
        self.windows.pop(index, None)
        self.outcomes.forget(index)

    def follow(self, column: NumericHistory, indexes: Iterable[int]) -> None:
        """Hold the scores of some windows, whether they are labelled or not: a history of its own."""
        for index in indexes:
            counts = column.bins.get(index)
            self.forget(index)
            if counts is not None:
                self.windows[index] = score_cells(counts)

    def between(self, first: int, stop: int) -> list[LabelledCells | None]:
        """The windows of a range; None where nothing is labelled."""
        return [self.windows.get(index) for index in range(first, stop)]

    def labelled(self, first: int, stop: int) -> NDArray[np.int64]:
        """int64[stop - first], labelled rows."""
        return np.array([0 if cells is None else cells.n for cells in self.between(first, stop)], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class OutcomeVerdicts:
    """What is said of one window.

    Attributes:
        findings: at watch or above.
        summary: JSON-safe, by what was judged.
        states: by what was judged, as of a column.
    """

    findings: tuple[Finding, ...] = ()
    summary: Mapping[str, Any] = field(default_factory=dict)
    states: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class OutcomeScalar:
    """One number of rows: how it is made standard, and what its mean does in the reference.

    Attributes:
        signal: what it speaks for.
        of: the number of each cell.
        sums: int64[C, 6], what a row of each cell adds to the sums of its standardised number.
        centre: its mean in the reference.
        scale: its standard deviation there.
        only_higher: whether only more of it is worse.
        rule: of its mean.
    """

    signal: Signal
    of: CellValues
    sums: NDArray[np.int64]
    centre: float
    scale: float
    only_higher: bool
    rule: MomentRule
    _known: dict[int, tuple[LabelledCells, NDArray[np.int64], int]] = field(default_factory=dict)

    def series(self, history: OutcomeHistory, first: int, start: int, stop: int) -> MomentSeries:
        """Its sums by window from index `first` to `stop`, with what it takes to judge those from `start` on.

        They are taken once of every window, and kept for as long as the window stays as it is.
        """
        sums = np.zeros((stop - first, self.sums.shape[1]), dtype=np.int64)
        n = np.zeros(stop - first, dtype=np.int64)
        for index in range(max(first, start - self.rule.volume.reach), stop):
            cells = history.windows.get(index)
            if cells is None:
                continue
            known = self._known.get(index)
            if known is None or known[0] is not cells:
                known = self._known[index] = (cells, *_sums_of_window(cells, self.of, self.sums))
            _, sums[index - first], n[index - first] = known
        return MomentSeries(1, n, sums, n)


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
        expected: of the loss that scores let expect; None without a calibration or the reference's scores.
    """

    spec: ModelSpec
    first: int
    stop: int
    calibration: CalibrationMap | None
    labelled: int
    scalars: tuple[OutcomeScalar, ...]
    levels: FittedRule | None
    expected: OutcomeScalar | None = None

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
        found: dict[int, list[tuple[str, dict[str, Any], Finding | None]]] = {index: [] for index in windows}
        if windows:
            for scalar in self.scalars:
                self._judge_scalar(scalar, history, windows, found)
            trail = trail or self.trail(history, min(windows))
            if trail is not None:
                self._judge_levels(trail, windows, found)
        return _told(found)

    def judge_scores(self, scores: OutcomeHistory, windows: Mapping[int, Window]) -> dict[int, OutcomeVerdicts]:
        """What the scores of windows let expect, without any label of theirs and as soon as they are over.

        Args:
            scores: of the reference and everything up to the last window.
            windows: by index, all of them after the reference.
        """
        found: dict[int, list[tuple[str, dict[str, Any], Finding | None]]] = {index: [] for index in windows}
        if windows and self.expected is not None:
            self._judge_scalar(self.expected, scores, windows, found)
        return _told(found)

    @property
    def _outcome(self) -> str:
        return self.spec.columns.label or OUTCOME

    @property
    def _series_count(self) -> int:
        return len(self.scalars) + (self.levels is not None) + (self.expected is not None)

    def _judge_scalar(
        self,
        scalar: OutcomeScalar,
        history: OutcomeHistory,
        windows: Mapping[int, Window],
        found: dict[int, list[tuple[str, dict[str, Any], Finding | None]]],
    ) -> None:
        series = scalar.series(history, self.first, min(windows), max(windows) + 1)
        ends = np.array(sorted(windows), dtype=np.int64) - self.first
        budget = OUTCOME_SHARE * self.spec.false_alarms_per_month
        threshold = budget / (scalar.rule.ladder.calendar.per_month * self._series_count)
        for judgement in scalar.rule.judge(series, ends, threshold=threshold):
            index = self.first + judgement.bucket
            found[index].append(self._scalar_verdict(scalar, series, judgement, windows[index]))

    def _scalar_verdict(
        self, scalar: OutcomeScalar, series: MomentSeries, judgement: MomentJudgement, window: Window
    ) -> tuple[str, dict[str, Any], Finding | None]:
        pair = scalar.rule.windows(series, judgement.bucket, judgement.scale_buckets)
        now, expected = (scalar.centre + scalar.scale * float(side[0, 0]) for side in (pair.p, pair.q))
        better = scalar.only_higher and now < expected
        alarm, fading = judgement.alarm and not better, judgement.fading and not better
        severity = Severity.WATCH if fading else Severity.NONE
        if alarm:
            grave = scalar.signal is Signal.PERFORMANCE and judgement.effect >= _GRAVE_EFFECT
            severity = Severity.CRITICAL if grave else Severity.WARNING
        summary = {
            "signal": scalar.signal.value,
            "kind": scalar.of.name,
            "state": judgement.state,
            "severity": severity.value,
            "value": now if judgement.state == "judged" else None,
            "expected": expected if judgement.state == "judged" else None,
            "scale_buckets": judgement.scale_buckets,
            "times_threshold": 0.0 if better else times_threshold_of(judgement),
            "p_value": judgement.p_value,
            "effect_sd": judgement.effect,
            "n": judgement.n,
            "n_reference": judgement.n_reference,
            "uncalibrated": judgement.uncalibrated,
        }
        if severity is Severity.NONE:
            return scalar.signal.value, summary, None
        finding = Finding(
            window_start=window.start,
            window_end=window.end,
            at=window.at,
            signal=scalar.signal,
            column=None,
            severity=severity,
            kind=scalar.of.name,
            value=now,
            threshold=expected,
            effect={"standard_deviations": judgement.effect},
            version=self.spec.version,
            n=judgement.n,
            details={key: summary[key] for key in ("scale_buckets", "times_threshold", "p_value", "n_reference")}
            | {"expected": expected, "fading": fading, "minor": False, "uncalibrated": judgement.uncalibrated},
        )
        return scalar.signal.value, summary, finding

    def _judge_levels(
        self,
        trail: GroupTrail,
        windows: Mapping[int, Window],
        found: dict[int, list[tuple[str, dict[str, Any], Finding | None]]],
    ) -> None:
        name = self._outcome
        bounds = (min(windows), max(windows) + 1)
        budget = OUTCOME_SHARE * self.spec.false_alarms_per_month
        for index, _, judgement in trail.judge(*bounds, budget=budget, n_series=self._series_count):
            if index in windows:
                finding = finding_of(judgement, windows[index], Signal.OUTCOME_DRIFT, self.spec, column=name)
                found[index].append((name, summary_of(judgement, Signal.OUTCOME_DRIFT, "categorical"), finding))


def _told(found: Mapping[int, list[tuple[str, dict[str, Any], Finding | None]]]) -> dict[int, OutcomeVerdicts]:
    return {
        index: OutcomeVerdicts(
            tuple(finding for _, _, finding in verdicts if finding is not None),
            {name: summary for name, summary, _ in verdicts},
            {name: str(summary["state"]) for name, summary, _ in verdicts},
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
        (*result.findings, *told), key=lambda each: (-each.severity.rank, each.signal.value, each.column or "")
    )
    states = {name: state for each in verdicts for name, state in each.states.items()}
    summary = {**result.summary, "outcomes": dict(verdicts[-1].summary)}
    worst = max((finding.severity for finding in findings), key=lambda each: each.rank, default=Severity.NONE)
    status = RunStatus(worst.value) if worst.rank >= Severity.WARNING.rank else result.status
    return replace(result, status=status, findings=tuple(findings), judged={**result.judged, **states}, summary=summary)


def fit_outcomes(
    history: OutcomeHistory,
    spec: ModelSpec,
    calendar: Calendar,
    bounds: tuple[int, int],
    *,
    scores: OutcomeHistory | None = None,
) -> OutcomeBaseline | None:
    """Learn from the windows ``[first, stop)``; None where fewer than 200 of their rows are labelled.

    Args:
        history: the labelled rows of the reference, and maybe more.
        spec: the model's declaration.
        calendar: whose first bucket is `first`.
        bounds: ``(first, stop)``.
        scores: of every window of the reference, labelled or not.
    """
    first, stop = bounds
    labelled = int(history.labelled(first, stop).sum())
    if labelled < _LEAST_LABELLED:
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
        scalar = None if values is None else _fit_scalar(signal, values, windows, calendar)
        if scalar is not None:
            scalars.append(scalar)
    rule = None
    if known[0].levels is not None:
        missing = np.zeros(len(windows), dtype=np.int64)
        name = spec.columns.label or OUTCOME
        series = categorical_series(name, _levels(windows), missing, n_reference=len(windows), calendar=calendar)
        rule = fit([series], calendar, len(windows))
    expected = None
    if calibration is not None and scores is not None:
        loss = expected_loss(calibration, bin_values(history.score_codec))
        expected = _fit_scalar(Signal.ESTIMATED_PERFORMANCE, loss, scores.between(first, stop), calendar)
    return OutcomeBaseline(spec, first, stop, calibration, labelled, tuple(scalars), rule, expected)


def _levels(windows: Sequence[LabelledCells | None]) -> list[Mapping[str, int]]:
    return [{} if cells is None or cells.levels is None else cells.levels for cells in windows]


def _fit_scalar(
    signal: Signal, of: CellValues, windows: Sequence[LabelledCells | None], calendar: Calendar
) -> OutcomeScalar | None:
    total = np.zeros(len(of.values), dtype=np.int64)
    for cells in windows:
        if cells is not None and _fits(cells, of):
            total[cells.places] += cells.counts
    labelled = int(total.sum())
    if labelled < _LEAST_LABELLED:
        return None
    centre = float(total @ of.values) / labelled
    scale = float(np.sqrt(total @ (of.values - centre) ** 2 / labelled))
    if scale <= 0:
        return None
    by_cell = sums_of_values((of.values - centre) / scale)
    sums = np.zeros((len(windows), by_cell.shape[1]), dtype=np.int64)
    n = np.zeros(len(windows), dtype=np.int64)
    for place, cells in enumerate(windows):
        if cells is not None:
            sums[place], n[place] = _sums_of_window(cells, of, by_cell)
    rule = fit_moments(MomentSeries(1, n, sums, n), calendar, len(windows), components=("means",))
    if rule is None:
        return None
    return OutcomeScalar(signal, of, by_cell, centre, scale, signal is not Signal.CONCEPT_DRIFT, rule)


def _sums_of_window(cells: LabelledCells, of: CellValues, by_cell: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """int64[6] and the rows that they are of; none where the cells are others."""
    if not _fits(cells, of):
        return np.zeros(by_cell.shape[1], dtype=np.int64), 0
    return cells.counts @ by_cell[cells.places], int(cells.counts.sum())


def _fits(cells: LabelledCells, of: CellValues) -> bool:
    return cells.kind == of.kind and cells.size == len(of.values)
