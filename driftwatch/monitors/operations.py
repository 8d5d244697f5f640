"""Latency and errors of a service as the reference shows them: slower, or failing more often.

Latency is judged as a numeric column is, in fixed bins, so that how heavy its tail is does not matter; where windows
have too few rows for that (one latency an hour), by its level. Errors are judged by their level: twice as many mean the
same whether they are many or few. What gets faster or fails less is on watch at most.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc

from driftwatch.domain.finding import Finding
from driftwatch.domain.signal import Severity, Signal
from driftwatch.drift.rule import Calendar, Judgement, Ladder
from driftwatch.monitors.history import History, NumericHistory
from driftwatch.monitors.latency import BIN_SECONDS, LATENCY, LATENCY_DAYS
from driftwatch.monitors.spec import ModelSpec
from driftwatch.monitors.verdict import Window, severity_of, times_threshold
from driftwatch.operations.latency import QUANTILES, at_like_load
from driftwatch.operations.level import UNIT, Level, LevelRule, fit_levels

__all__ = [
    "SERVICE_ALONE_SHARE",
    "SERVICE_SHARE",
    "OperationsBaseline",
    "ServiceVerdict",
    "fit_operations",
    "service_share",
]

SERVICE_SHARE = 0.1
"""Share of the model's false-alarm budget that latency and errors spend, half each."""

SERVICE_ALONE_SHARE = 0.9
"""The same of a service-metric model, which has nothing else to judge."""

_SPARSE_ROWS = 30
_LEAST_FAILED = 5
_ERROR_FLOOR = 0.001
_SLOWER = 1.10
_LEAST_P = 1e-300
_JUST_BELOW = 0.99
_TOLD = ("latency_p50", "latency_p95", "latency_p99")
_LEAST_BEYOND = 10  # rows above a quantile, without which it is not told


def service_share(spec: ModelSpec) -> float:
    """What latency may spend, and errors as much: half of the share, or all if only one of them is there to judge."""
    if not spec.is_service_metric:
        return SERVICE_SHARE / 2
    both = spec.columns.latency_seconds is not None and spec.columns.error is not None
    return SERVICE_ALONE_SHARE / 2 if both else SERVICE_ALONE_SHARE


@dataclass(frozen=True, slots=True)
class ServiceVerdict:
    """What is said of one signal in one window.

    Attributes:
        signal: latency or error.
        state: as of a column.
        summary: JSON-safe.
        finding: at watch or above, or None.
    """

    signal: Signal
    state: str
    summary: Mapping[str, Any] = field(default_factory=dict)
    finding: Finding | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Usual:
    """The reference's latencies.

    Attributes:
        bins: int64[k], the bins that it occupies.
        by_slot: int64[P, k], rows by slot of the week or day, with the neighbours that the rule takes.
        by_window: int64[R, k], rows of each window.
        rows: int64[R], calls of each window.
        median: seconds.
        levels: of windows with too few rows to compare distributions; None for all others.
    """

    bins: NDArray[np.int64]
    by_slot: NDArray[np.int64]
    by_window: NDArray[np.int64]
    rows: NDArray[np.int64]
    median: float
    levels: LevelRule | None


@dataclass(frozen=True, slots=True, eq=False)
class OperationsBaseline:
    """What the reference says of a service.

    Attributes:
        spec: the model's declaration.
        ladder: the rung of the reference.
        first: index of its first window.
        latency: None where the reference has none.
        error_rate: failed calls of the reference as a share.
        error_scale: what error rates are counted in; above 0 without any failure too.
        errors: their level; None where the reference is too short.
    """

    spec: ModelSpec
    ladder: Ladder
    first: int
    latency: _Usual | None
    error_rate: float
    error_scale: float
    errors: LevelRule | None

    @property
    def threshold(self) -> float:
        """The p-value that is an alarm of one signal."""
        return service_share(self.spec) * self.spec.false_alarms_per_month / self.ladder.calendar.per_month

    def errors_of(self, history: History, windows: Mapping[int, Window]) -> dict[int, ServiceVerdict]:
        """The verdicts on errors of windows by index."""
        if self.errors is None or not windows:
            return {}
        levels, first = _error_levels(history, windows, self.error_scale)
        judged = self.errors.judge(levels, first % self.errors.per_day)
        return {index: self._errors(history, index, window, judged[index - first]) for index, window in windows.items()}

    def _errors(self, history: History, index: int, window: Window, level: Level | None) -> ServiceVerdict:
        rows = history.rows.get(index, 0)
        if level is None:
            return ServiceVerdict(Signal.ERROR, "no_data", {"state": "no_data", "n": rows})
        low = index + 1 - level.span
        failed, n = (int(history.vector(of, low, index + 1).sum()) for of in (history.errors, history.rows))
        share, expected = failed / max(n, 1), max(self.error_rate, math.expm1(level.expected) * self.error_scale)
        chance = float(bdtrc(failed - 1, n, max(expected, self.error_scale))) if failed else 1.0
        p_value = max(level.p_value, chance)
        alarm = p_value < self.threshold and failed >= _LEAST_FAILED and share - expected >= _ERROR_FLOOR
        summary = {
            "state": "judged",
            "severity": (Severity.WARNING if alarm else Severity.NONE).value,
            "value": share,
            "expected": expected,
            "failed": failed,
            "n": n,
            "scale_buckets": level.span,
            "p_value": p_value,
            "times_threshold": math.log(max(p_value, _LEAST_P)) / math.log(self.threshold),
        }
        if not alarm:
            return ServiceVerdict(Signal.ERROR, "judged", summary)
        effect = {"error_rate_change": share - expected}
        finding = self._finding(
            Signal.ERROR, window, "error_rate", Severity.WARNING, (share, expected), n, effect, summary
        )
        return ServiceVerdict(Signal.ERROR, "judged", summary, finding)

    def levels_of(self, history: History, windows: Mapping[int, Window]) -> dict[int, Level | None]:
        """The level of latency in windows by index; empty unless they have too few rows for the rule."""
        if self.latency is None or self.latency.levels is None or not windows:
            return {}
        per_day = history.alignment.per_day
        first, stop = min(windows) + 1 - per_day, max(windows) + 1
        mean = self.spec.is_service_metric
        levels = _latency_levels(history, range(first, stop), self.latency.median, mean=mean)
        judged = self.latency.levels.judge(levels, first % per_day)
        return {index: judged[index - first] for index in windows}

    def latency_of(
        self, history: History, index: int, window: Window, judgement: Judgement, scale: int, level: Level | None = None
    ) -> ServiceVerdict:
        """The verdict on latency in one window.

        Args:
            history: that the judgement was made in: of hours, or of shorter windows.
            index: of the window in that history.
            window: to tell it of.
            judgement: the rule's.
            scale: windows of that history that it speaks of.
            level: where windows have few rows.
        """
        severity = severity_of(judgement)
        if judgement.component == "missing_share" and severity is not Severity.NONE:
            severity = Severity.WATCH
        if level is not None:
            return self._latency_level(history, index, window, judgement, level)
        facts = self._compared(history, index, scale) if severity is not Severity.NONE else {}
        summary = {
            "state": judgement.state,
            "severity": severity.value,
            "scale_buckets": judgement.scale_buckets,
            "p_value": judgement.p_value,
            "times_threshold": times_threshold(judgement),
            "component": judgement.component,
            "uncalibrated": judgement.uncalibrated,
            **facts,
        }
        if severity is Severity.NONE or facts.get("value") is None:
            return ServiceVerdict(Signal.LATENCY, judgement.state, summary)
        now, expected = float(facts["value"]), float(facts["expected"])
        if now < _SLOWER * expected:
            severity = Severity.WATCH
            summary |= {
                "severity": severity.value,
                "times_threshold": min(_JUST_BELOW, float(summary["times_threshold"])),
            }
        effect = {"latency_change": (now - expected) / max(now, expected)}
        kind = str(facts["metric"])
        finding = self._finding(
            Signal.LATENCY, window, kind, severity, (now, expected), int(facts["n"]), effect, summary
        )
        return ServiceVerdict(Signal.LATENCY, judgement.state, summary, finding)

    def _latency_level(
        self, history: History, index: int, window: Window, judgement: Judgement, level: Level
    ) -> ServiceVerdict:
        """Of windows with few rows: they cannot say of a longer one that it is over, so the level says all."""
        median = 0.0 if self.latency is None else self.latency.median
        now, expected = (median * math.expm1(of) for of in (level.expected + level.excess, level.expected))
        alarm = level.p_value < self.threshold and now >= _SLOWER * expected
        severity = Severity.WARNING if alarm else Severity.NONE
        times = math.log(max(level.p_value, _LEAST_P)) / math.log(self.threshold)
        column = history.columns[LATENCY]
        low = index + 1 - level.span
        n = int((history.vector(column.rows, low, index + 1) - history.vector(column.missing, low, index + 1)).sum())
        summary = {
            "state": judgement.state,
            "severity": severity.value,
            "value": now,
            "expected": expected,
            "n": n,
            "scale_buckets": level.span,
            "p_value": level.p_value,
            "times_threshold": times if alarm else min(times, _JUST_BELOW),
            "uncalibrated": judgement.uncalibrated,
        }
        if not alarm:
            return ServiceVerdict(Signal.LATENCY, judgement.state, summary)
        effect = {"latency_change": (now - expected) / now}
        finding = self._finding(Signal.LATENCY, window, "latency_level", severity, (now, expected), n, effect, summary)
        return ServiceVerdict(Signal.LATENCY, judgement.state, summary, finding)

    def _compared(self, history: History, index: int, scale: int) -> dict[str, Any]:
        """The quantile that moved most, now and as expected at the same hours, in a window of `scale` buckets.

        Of windows longer than a week, the last week: older distributions may not be at hand.
        """
        column, usual = history.columns.get(LATENCY), self.latency
        if not isinstance(column, NumericHistory) or usual is None:
            return {}
        scale = min(scale, LATENCY_DAYS * history.alignment.per_day)
        counts = column.counts_at(range(index + 1 - scale, index + 1))
        here = np.flatnonzero(counts.any(axis=1))
        n = int(counts.sum())
        if not n:
            return {"n": 0}
        now = _quantiles(counts.sum(axis=0), BIN_SECONDS)
        expected = self._expected(history, index + 1 - scale + here, counts[here].sum(axis=1))
        told = [key for key in _TOLD if key == _TOLD[0] or n * (1 - QUANTILES[key]) >= _LEAST_BEYOND]
        metric = max(told, key=lambda key: abs(math.log(now[key] / expected[key])))
        load = at_like_load(
            round(float(history.vector(history.rows, index + 1 - scale, index + 1).mean())),
            usual.rows,
            usual.by_window,
            BIN_SECONDS[usual.bins],
        )
        return {
            "metric": metric,
            "value": now[metric],
            "expected": expected[metric],
            "n": n,
            "quantiles": {key: now[key] for key in told},
            "at_like_load": None if load is None else load.quantiles[metric],
        }

    def _expected(self, history: History, indexes: NDArray[np.int64], rows: NDArray[np.int64]) -> dict[str, float]:
        usual = self.latency
        if usual is None:
            return {}
        width = self.ladder.calendar.bucket_seconds
        ratio = width * 1_000_000 // history.alignment.width
        places = indexes // max(1, ratio) - self.first  # of the hour that a shorter window lies in
        start = int(places[0])
        table = usual.by_slot[self.ladder.slots(start, int(places[-1]) + 1)[places - start]]
        shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
        return _quantiles(rows @ shares, BIN_SECONDS[usual.bins])

    def _finding(
        self,
        signal: Signal,
        window: Window,
        kind: str,
        severity: Severity,
        measured: tuple[float, float],
        n: int,
        effect: dict[str, float],
        summary: Mapping[str, Any],
    ) -> Finding:
        now, expected = measured
        return Finding(
            window_start=window.start,
            window_end=window.end,
            at=window.at,
            signal=signal,
            column=None,
            severity=severity,
            kind=kind,
            value=now,
            threshold=expected,
            effect=effect,
            version=self.spec.version,
            n=n,
            details={**summary, "minor": False},
        )


def fit_operations(history: History, spec: ModelSpec, calendar: Calendar, first: int, stop: int) -> OperationsBaseline:
    """Learn from the windows ``[first, stop)``, hours or longer."""
    ladder = Ladder.of(calendar, stop - first)
    rows = history.vector(history.rows, first, stop)
    failed, n = int(history.vector(history.errors, first, stop).sum()), int(rows.sum())
    scale = (failed + 0.5) / (n + 1)
    per_day = history.alignment.per_day
    errors = fit_levels(_levels(history, range(first, stop), scale), per_day, first % per_day)
    latency = _fit_latency(history, ladder, first, stop, mean=spec.is_service_metric)
    return OperationsBaseline(spec, ladder, first, latency, failed / max(n, 1), scale, errors)


def _fit_latency(history: History, ladder: Ladder, first: int, stop: int, *, mean: bool) -> _Usual | None:
    column = history.columns.get(LATENCY)
    if not isinstance(column, NumericHistory):
        return None
    counts = column.counts_at(range(first, stop))
    bins = np.flatnonzero(counts.any(axis=0))
    if not len(bins):
        return None
    by_window = counts[:, bins]
    by_slot = np.zeros((ladder.slot_count, len(bins)), dtype=np.int64)
    np.add.at(by_slot, ladder.slots(0, stop - first), by_window)
    if ladder.overlap > 1 and not ladder.pooled:
        by_slot = np.roll(by_slot, 1, axis=0) + by_slot + np.roll(by_slot, -1, axis=0)
    few = by_slot.sum(axis=1) < _SPARSE_ROWS
    by_slot[few | ladder.pooled] = by_window.sum(axis=0)
    timed = by_window.sum(axis=1)
    median = _quantiles(by_window.sum(axis=0), BIN_SECONDS[bins])["latency_p50"]
    levels = None
    if np.median(timed[timed > 0]) < _SPARSE_ROWS and median > BIN_SECONDS[0]:
        per_day = history.alignment.per_day
        own = _latency_levels(history, range(first, stop), median, mean=mean)
        levels = fit_levels(own, per_day, first % per_day)
    return _Usual(bins, by_slot, by_window, history.vector(history.rows, first, stop), median, levels)


def _latency_levels(history: History, indexes: range, median: float, *, mean: bool) -> NDArray[np.float64]:
    """float64[n], log(1 + latency/median) of the window's middle latency, or its mean; NaN in windows without any.

    One slow call of ten is no slow service. But what a service-metric model logs may be the mean of many calls itself.
    """
    column = history.columns.get(LATENCY)
    if not isinstance(column, NumericHistory):
        return np.full(len(indexes), np.nan)
    counts = column.counts_at(indexes)
    n = counts.sum(axis=1)
    by_bin = np.rint(np.log1p(BIN_SECONDS / median) / UNIT).astype(np.int64)
    middle = by_bin[np.argmax(2 * np.cumsum(counts, axis=1) >= n[:, None], axis=1)]
    levels = counts @ by_bin / np.maximum(n, 1) if mean else middle
    return np.asarray(np.where(n > 0, levels * UNIT, np.nan), dtype=np.float64)


def _levels(history: History, indexes: range, scale: float) -> NDArray[np.float64]:
    """float64[n], log(1 + error rate/scale); NaN in windows without calls."""
    failed, n = (history.vector_at(of, indexes) for of in (history.errors, history.rows))
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(n > 0, np.log1p(failed / n / scale), np.nan), dtype=np.float64)


def _error_levels(history: History, windows: Mapping[int, Window], scale: float) -> tuple[NDArray[np.float64], int]:
    first = min(windows) + 1 - max(7, history.alignment.per_day)
    return _levels(history, range(first, max(windows) + 1), scale), first


def _quantiles(counts: NDArray[np.int64] | NDArray[np.float64], seconds: NDArray[np.float64]) -> dict[str, float]:
    """Seconds by metric key, of counts by bin."""
    running = np.cumsum(counts)
    ranks = np.minimum([q * running[-1] for q in QUANTILES.values()], running[-1])
    places = np.searchsorted(running, ranks * (1 - 1e-12))
    return dict(zip(QUANTILES, seconds[np.minimum(places, len(seconds) - 1)].tolist(), strict=True))
