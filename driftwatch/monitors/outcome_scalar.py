"""One number of labelled rows under the calibrated rule: what its mean does in the reference, and since then."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.domain.finding import Finding
from driftwatch.domain.signal import Severity, Signal
from driftwatch.drift.moment_baseline import MomentSeries
from driftwatch.drift.moment_rule import MomentJudgement, MomentRule, fit_moments
from driftwatch.drift.rule import Calendar
from driftwatch.monitors.multivariate import times_threshold_of
from driftwatch.monitors.outcome_cells import CellValues, LabelledCells
from driftwatch.monitors.outcome_history import OutcomeHistory
from driftwatch.monitors.verdict import Window
from driftwatch.profiles.moments import sums_of_values

__all__ = ["LEAST_LABELLED", "OutcomeScalar", "ScalarVerdict", "fit_scalar"]

LEAST_LABELLED = 200
"""Labelled rows of a reference below which nothing is learned from it."""

_GRAVE_EFFECT = 0.30  # three times the least effect that is an alarm

ScalarVerdict = tuple[int, dict[str, Any], Finding | None]
"""Index of a window, JSON-safe facts, and the finding if there is one."""


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

    def judge(
        self,
        history: OutcomeHistory,
        first: int,
        windows: Mapping[int, Window],
        *,
        budget: float,
        version: str | None,
    ) -> Iterator[ScalarVerdict]:
        """What is said of each window.

        Args:
            history: the reference and everything up to the last window.
            first: index of the reference's first window.
            windows: by index, all of them after the reference; at least one.
            budget: false alarms a month that this number may cost.
            version: of the model, for the findings.
        """
        series = self.series(history, first, min(windows), max(windows) + 1)
        ends = np.array(sorted(windows), dtype=np.int64) - first
        threshold = budget / self.rule.ladder.calendar.per_month
        for judgement in self.rule.judge(series, ends, threshold=threshold):
            index = first + judgement.bucket
            yield index, *self._verdict(series, judgement, windows[index], version)

    def _verdict(
        self, series: MomentSeries, judgement: MomentJudgement, window: Window, version: str | None
    ) -> tuple[dict[str, Any], Finding | None]:
        pair = self.rule.windows(series, judgement.bucket, judgement.scale_buckets)
        now, expected = (self.centre + self.scale * float(side[0, 0]) for side in (pair.p, pair.q))
        better = self.only_higher and now < expected
        alarm, fading = judgement.alarm and not better, judgement.fading and not better
        severity = Severity.WATCH if fading else Severity.NONE
        if alarm:
            grave = self.signal is Signal.PERFORMANCE and judgement.effect >= _GRAVE_EFFECT
            severity = Severity.CRITICAL if grave else Severity.WARNING
        summary = {
            "signal": self.signal.value,
            "kind": self.of.name,
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
            return summary, None
        finding = Finding(
            window_start=window.start,
            window_end=window.end,
            at=window.at,
            signal=self.signal,
            column=None,
            severity=severity,
            kind=self.of.name,
            value=now,
            threshold=expected,
            effect={"standard_deviations": judgement.effect},
            version=version,
            n=judgement.n,
            details={key: summary[key] for key in ("scale_buckets", "times_threshold", "p_value", "n_reference")}
            | {"expected": expected, "fading": fading, "minor": False, "uncalibrated": judgement.uncalibrated},
        )
        return summary, finding


def fit_scalar(
    signal: Signal, of: CellValues, windows: Sequence[LabelledCells | None], calendar: Calendar
) -> OutcomeScalar | None:
    """Learn from the windows of the reference; None below 200 rows, or where the number does not vary."""
    total = np.zeros(len(of.values), dtype=np.int64)
    for cells in windows:
        if cells is not None and _fits(cells, of):
            total[cells.places] += cells.counts
    labelled = int(total.sum())
    if labelled < LEAST_LABELLED:
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
