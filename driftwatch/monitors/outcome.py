"""Whether the outcomes still agree with the model: its performance, its calibration, and the outcomes themselves.

Outcomes come late, and some kinds sooner than others. So every bucket is judged at one age, the reference's too: with
the outcomes that were known so long after it. Early labels may be biased, but then they were so in the reference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.domain.finding import Finding
from driftwatch.domain.signal import Severity, Signal
from driftwatch.drift.moment_baseline import MomentSeries
from driftwatch.drift.moment_rule import MomentJudgement, MomentRule, fit_moments
from driftwatch.drift.rule import Calendar, FittedRule, categorical_series, fit
from driftwatch.estimation.calibration import CalibrationMap, fit_calibration
from driftwatch.monitors.multivariate import times_threshold_of
from driftwatch.monitors.outcome_cells import Cells, bin_values, loss_cells, outcome_levels, residual_cells
from driftwatch.monitors.spec import ModelSpec
from driftwatch.monitors.verdict import Window, finding_of, summary_of
from driftwatch.performance.binary import BinaryTally
from driftwatch.performance.tally import Tally, add_tallies
from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.moments import sums_of_values

__all__ = ["OUTCOME", "OUTCOME_SHARE", "OutcomeBaseline", "OutcomeHistory", "OutcomeVerdicts", "fit_outcomes"]

OUTCOME_SHARE = 0.08
"""Share of the model's false-alarm budget that outcomes, performance and concept drift spend."""

OUTCOME = "outcome"
"""What the outcome is called where the specification does not name its column."""

_GRAVE_EFFECT = 0.30  # three times the least effect that is an alarm
_LEAST_LABELLED = 200


@dataclass
class OutcomeHistory:
    """The labelled rows of a model by window, each window at the same age.

    Attributes:
        score_codec: bins of the score, or None.
        error_codec: bins of a regression's error, or None.
        tallies: by window index.
        rows: by window index, predictions.
    """

    score_codec: NumericCodec | None = None
    error_codec: NumericCodec | None = None
    tallies: dict[int, Tally] = field(default_factory=dict)
    rows: dict[int, int] = field(default_factory=dict)

    def add(self, index: int, tally: Tally, rows: int) -> None:
        """Add a bucket to its window."""
        known = self.tallies.get(index)
        both = [tally] if known is None else [known, tally]
        total = add_tallies(both)
        if total is not None:
            self.tallies[index] = total
        self.rows[index] = self.rows.get(index, 0) + rows

    def forget(self, index: int) -> None:
        """Take one window out again."""
        self.tallies.pop(index, None)
        self.rows.pop(index, None)

    def between(self, first: int, stop: int) -> list[Tally | None]:
        """The tallies of a range of windows."""
        return [self.tallies.get(index) for index in range(first, stop)]

    def labelled(self, first: int, stop: int) -> NDArray[np.int64]:
        """int64[stop - first], labelled rows."""
        return np.array([0 if tally is None else tally.n for tally in self.between(first, stop)], dtype=np.int64)


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
class _Scalar:
    """One number of labelled rows: how it is made standard, and what its mean does in the reference."""

    signal: Signal
    name: str
    centre: float
    scale: float
    only_higher: bool
    rule: MomentRule

    def series(self, cells: Cells) -> MomentSeries:
        return _series(cells, self.centre, self.scale)


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
    """

    spec: ModelSpec
    first: int
    stop: int
    calibration: CalibrationMap | None
    labelled: int
    scalars: tuple[_Scalar, ...]
    levels: FittedRule | None

    def judge(self, history: OutcomeHistory, windows: Mapping[int, Window]) -> dict[int, OutcomeVerdicts]:
        """The verdicts on windows by index, all of them after the reference.

        Args:
            history: the reference and everything up to the last window.
            windows: by index.
        """
        found: dict[int, list[tuple[str, dict[str, Any], Finding | None]]] = {index: [] for index in windows}
        if windows:
            for scalar in self.scalars:
                self._judge_scalar(scalar, history, windows, found)
            if self.levels is not None:
                self._judge_levels(self.levels, history, windows, found)
        return {
            index: OutcomeVerdicts(
                tuple(finding for _, _, finding in verdicts if finding is not None),
                {name: summary for name, summary, _ in verdicts},
                {name: str(summary["state"]) for name, summary, _ in verdicts},
            )
            for index, verdicts in found.items()
        }

    @property
    def _series_count(self) -> int:
        return len(self.scalars) + (self.levels is not None)

    def _judge_scalar(
        self,
        scalar: _Scalar,
        history: OutcomeHistory,
        windows: Mapping[int, Window],
        found: dict[int, list[tuple[str, dict[str, Any], Finding | None]]],
    ) -> None:
        cells = _cells(scalar.signal, history, self.calibration, self.first, max(windows) + 1)
        if cells is None or cells.name != scalar.name:
            return
        series = scalar.series(cells)
        ends = np.array(sorted(windows), dtype=np.int64) - self.first
        budget = OUTCOME_SHARE * self.spec.false_alarms_per_month
        threshold = budget / (scalar.rule.ladder.calendar.per_month * self._series_count)
        for judgement in scalar.rule.judge(series, ends, threshold=threshold):
            index = self.first + judgement.bucket
            found[index].append(self._scalar_verdict(scalar, series, judgement, windows[index]))

    def _scalar_verdict(
        self, scalar: _Scalar, series: MomentSeries, judgement: MomentJudgement, window: Window
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
            "kind": scalar.name,
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
            kind=scalar.name,
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
        rule: FittedRule,
        history: OutcomeHistory,
        windows: Mapping[int, Window],
        found: dict[int, list[tuple[str, dict[str, Any], Finding | None]]],
    ) -> None:
        stop = max(windows) + 1
        levels = outcome_levels(history.between(self.first, stop))
        if levels is None:
            return
        name = self.spec.columns.label or OUTCOME
        n_reference = self.stop - self.first
        series = categorical_series(
            name, levels, np.zeros(len(levels), dtype=np.int64), n_reference=n_reference, calendar=rule.calendar
        )
        start = min(windows) - self.first
        budget = OUTCOME_SHARE * self.spec.false_alarms_per_month
        for judgement in rule.judge([series], start, stop - self.first, budget=budget, n_series=self._series_count):
            index = self.first + judgement.bucket
            if index in windows:
                finding = finding_of(judgement, windows[index], Signal.OUTCOME_DRIFT, self.spec, column=name)
                found[index].append((name, summary_of(judgement, Signal.OUTCOME_DRIFT, "categorical"), finding))


def fit_outcomes(
    history: OutcomeHistory, spec: ModelSpec, calendar: Calendar, bounds: tuple[int, int]
) -> OutcomeBaseline | None:
    """Learn from the windows ``[first, stop)``; None where fewer than 200 of their rows are labelled.

    Args:
        history: the labelled rows of the reference, and maybe more.
        spec: the model's declaration.
        calendar: whose first bucket is `first`.
        bounds: ``(first, stop)``.
    """
    first, stop = bounds
    labelled = int(history.labelled(first, stop).sum())
    if labelled < _LEAST_LABELLED:
        return None
    tallies = history.between(first, stop)
    calibration = _calibration([tally for tally in tallies if tally is not None])
    scalars = []
    for signal in (Signal.PERFORMANCE, Signal.CONCEPT_DRIFT):
        cells = _cells(signal, history, calibration, first, stop)
        scalar = None if cells is None else _fit_scalar(signal, cells, calendar, stop - first)
        if scalar is not None:
            scalars.append(scalar)
    levels = outcome_levels(tallies)
    rule = None
    if levels is not None:
        missing = np.zeros(len(levels), dtype=np.int64)
        name = spec.columns.label or OUTCOME
        series = categorical_series(name, levels, missing, n_reference=stop - first, calendar=calendar)
        rule = fit([series], calendar, stop - first)
    return OutcomeBaseline(spec, first, stop, calibration, labelled, tuple(scalars), rule)


def _calibration(tallies: Sequence[Tally]) -> CalibrationMap | None:
    total = add_tallies(tallies)
    if not isinstance(total, BinaryTally) or len(total.counts) < 2:
        return None
    table = total.table()
    rows = table.positives + table.negatives
    return fit_calibration(rows, table.positives) if rows.any() else None


def _cells(
    signal: Signal, history: OutcomeHistory, calibration: CalibrationMap | None, first: int, stop: int
) -> Cells | None:
    tallies = history.between(first, stop)
    errors = bin_values(history.error_codec)
    if signal is Signal.PERFORMANCE:
        return loss_cells(tallies, bin_values(history.score_codec), errors)
    return residual_cells(tallies, calibration, errors)


def _fit_scalar(signal: Signal, cells: Cells, calendar: Calendar, n_reference: int) -> _Scalar | None:
    counts = cells.counts[:n_reference].sum(axis=0)
    n = int(counts.sum())
    if n < _LEAST_LABELLED:
        return None
    centre = float(counts @ cells.values) / n
    scale = float(np.sqrt(counts @ (cells.values - centre) ** 2 / n))
    if scale <= 0:
        return None
    series = _series(cells, centre, scale)
    rule = fit_moments(series, calendar, n_reference, components=("means",))
    if rule is None:
        return None
    return _Scalar(signal, cells.name, centre, scale, signal is Signal.PERFORMANCE, rule)


def _series(cells: Cells, centre: float, scale: float) -> MomentSeries:
    n = cells.counts.sum(axis=1)
    return MomentSeries(1, n, cells.counts @ sums_of_values((cells.values - centre) / scale), n)
