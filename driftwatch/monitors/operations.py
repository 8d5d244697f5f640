"""Latency and errors of a service as the reference shows them: slower, or failing more often.

Latency is judged as a numeric column is, in fixed bins, so that how heavy its tail is does not matter; where windows
have too few rows for that (one latency an hour), by its level. Errors are judged by their level: twice as many mean the
same whether they are many or few. What gets faster or fails less is on watch at most.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc

from driftwatch.domain.finding import Finding
from driftwatch.domain.instant import HOUR
from driftwatch.domain.signal import Severity, Signal
from driftwatch.drift.rule import Calendar, Judgement, Ladder
from driftwatch.monitors.history import History, NumericHistory
from driftwatch.monitors.latency import BIN_SECONDS, LATENCY, LATENCY_DAYS
from driftwatch.monitors.service_usual import (
    SPARSE_ROWS,
    LatencyUsual,
    error_levels,
    fit_latency,
    latency_levels,
    quantiles_of,
    usual_errors,
)
from driftwatch.monitors.spec import ModelSpec
from driftwatch.monitors.verdict import Window, severity_of, times_threshold
from driftwatch.operations.latency import QUANTILES, at_like_load
from driftwatch.operations.level import Level, LevelRule, fit_levels
from driftwatch.quality.excess import ShareBaseline

__all__ = [
    "SERVICE_ALONE_SHARE",
    "SERVICE_SHARE",
    "OperationsBaseline",
    "QuickVerdicts",
    "ServiceVerdict",
    "fit_operations",
    "service_share",
]

SERVICE_SHARE = 0.1
"""Share of the model's false-alarm budget that latency and errors spend, half each."""

SERVICE_ALONE_SHARE = 0.9
"""The same of a service-metric model, which has nothing else to judge."""

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
        short_latency: level of latency in windows shorter than an hour; None where there are none, or calls enough.
        short_errors: level of errors in them.
        usual_errors: the largest error rate of the reference's windows.
        short_usual: likewise, of windows shorter than an hour.
    """

    spec: ModelSpec
    ladder: Ladder
    first: int
    latency: LatencyUsual | None
    error_rate: float
    error_scale: float
    errors: LevelRule | None
    short_latency: LevelRule | None = None
    short_errors: LevelRule | None = None
    usual_errors: ShareBaseline | None = None
    short_usual: ShareBaseline | None = None

    @property
    def threshold(self) -> float:
        """The p-value that is an alarm of one signal; windows shorter than an hour have half of the budget."""
        budget = service_share(self.spec) * self.spec.false_alarms_per_month
        has_short = self.spec.bucket < HOUR and HOUR % self.spec.bucket == 0
        return budget / self.ladder.calendar.per_month / (2 if has_short else 1)

    def errors_of(self, history: History, windows: Mapping[int, Window]) -> dict[int, ServiceVerdict]:
        """The verdicts on errors of windows by index: of hours or longer, or of the shorter ones."""
        rule = self.errors if history.reach is None else self.short_errors
        if rule is None or not windows:
            return {}
        first = min(windows) + 1 - max(7, rule.per_day)
        levels = error_levels(history, range(first, max(windows) + 1), self.error_scale)
        judged = rule.judge(levels, first % rule.per_day)
        return {
            index: self._errors(history, index, window, _among(history, judged[index - first]))
            for index, window in windows.items()
        }

    def _errors(self, history: History, index: int, window: Window, level: Level | None) -> ServiceVerdict:
        rows = history.rows.get(index, 0)
        if level is None:
            return ServiceVerdict(Signal.ERROR, "no_data", {"state": "no_data", "n": rows})
        sudden = self._sudden(history, index)
        span = level.span if sudden is None else 1
        failed, n = (
            int(history.vector(of, index + 1 - span, index + 1).sum()) for of in (history.errors, history.rows)
        )
        share, expected = failed / max(n, 1), max(self.error_rate, math.expm1(level.expected) * self.error_scale)
        chance = float(bdtrc(failed - 1, n, max(expected, self.error_scale))) if failed else 1.0
        p_value = max(level.p_value, chance) if sudden is None else min(sudden, max(level.p_value, chance))
        alarm = p_value < self.threshold and failed >= _LEAST_FAILED and share - expected >= _ERROR_FLOOR
        times = math.log(max(p_value, _LEAST_P)) / math.log(self.threshold)
        summary = {
            "state": "judged",
            "severity": (Severity.WARNING if alarm else Severity.NONE).value,
            "value": share,
            "expected": expected,
            "failed": failed,
            "n": n,
            "scale_buckets": span,
            "p_value": p_value,
            "times_threshold": times if alarm else min(times, _JUST_BELOW),
        }
        if not alarm:
            return ServiceVerdict(Signal.ERROR, "judged", summary)
        effect = {"error_rate_change": share - expected}
        finding = self._finding(
            Signal.ERROR, window, "error_rate", Severity.WARNING, (share, expected), n, effect, summary
        )
        return ServiceVerdict(Signal.ERROR, "judged", summary, finding)

    def _sudden(self, history: History, index: int) -> float | None:
        """The p-value of one window whose error rate is far above the largest that the reference had, or None.

        So large a step needs no tail: the level's is as wide as counts of a few errors are.
        """
        usual = self.usual_errors if history.reach is None else self.short_usual
        failed, n = history.errors.get(index, 0), history.rows.get(index, 0)
        if usual is None or n < SPARSE_ROWS or failed <= usual.limit(_ERROR_FLOOR) * n:
            return None
        p_value = usual.p_value(failed, n) * (1 if history.reach is None else history.reach.per_hour)
        return p_value if p_value < self.threshold else None

    def levels_of(self, history: History, windows: Mapping[int, Window]) -> dict[int, Level | None]:
        """The level of latency in windows by index; empty unless they have too few rows for the rule."""
        if self.latency is None or not windows:
            return {}
        rule = self.latency.levels if history.reach is None else self.short_latency
        if rule is None:
            return {}
        first, stop = min(windows) + 1 - rule.per_day, max(windows) + 1
        mean = self.spec.is_service_metric
        levels = latency_levels(history, range(first, stop), self.latency.median, mean=mean)
        judged = rule.judge(levels, first % rule.per_day)
        return {index: _among(history, judged[index - first]) for index in windows}

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
        now = quantiles_of(counts.sum(axis=0), BIN_SECONDS)
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
        return quantiles_of(rows @ shares, BIN_SECONDS[usual.bins])

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


@dataclass(frozen=True, slots=True, eq=False)
class QuickVerdicts:
    """What windows shorter than an hour say by themselves; nothing where there are none.

    Attributes:
        errors: by index.
        levels: of latency, by index.
    """

    errors: Mapping[int, ServiceVerdict]
    levels: Mapping[int, Level | None]

    @classmethod
    def of(cls, baseline: OperationsBaseline, short: History | None, windows: Mapping[int, Window]) -> "QuickVerdicts":
        """Judge windows by index."""
        if short is None:
            return cls({}, {})
        return cls(baseline.errors_of(short, windows), baseline.levels_of(short, windows))

    def errors_beside(self, index: int, hour: ServiceVerdict | None) -> list[ServiceVerdict]:
        """The window's own verdict on errors if it alarms, or there is no other; else that of the hours."""
        own = self.errors.get(index)
        told = own if own is not None and (own.finding is not None or hour is None) else hour
        return [] if told is None else [told]


def fit_operations(history: History, spec: ModelSpec, calendar: Calendar, first: int, stop: int) -> OperationsBaseline:
    """Learn from the windows ``[first, stop)``, hours or longer."""
    ladder = Ladder.of(calendar, stop - first)
    rows = history.vector(history.rows, first, stop)
    failed, n = int(history.vector(history.errors, first, stop).sum()), int(rows.sum())
    scale = (failed + 0.5) / (n + 1)
    per_day = history.alignment.per_day
    errors = fit_levels(error_levels(history, range(first, stop), scale), per_day, first % per_day)
    latency = fit_latency(history, ladder, first, stop, mean=spec.is_service_metric)
    quick_latency, quick_errors = _fit_short(history, spec, latency, scale)
    usual = usual_errors(history, range(first, stop), ladder.fold_count)
    short = history.short
    quick_usual = None
    if short is not None and short.reach is not None:
        quick_usual = usual_errors(short, short.reach.sample, ladder.fold_count)
    return OperationsBaseline(
        spec, ladder, first, latency, failed / max(n, 1), scale, errors, quick_latency, quick_errors, usual, quick_usual
    )


def _fit_short(
    history: History, spec: ModelSpec, latency: LatencyUsual | None, scale: float
) -> tuple[LevelRule | None, LevelRule | None]:
    """The levels of latency, where calls are few, and of errors in windows shorter than an hour."""
    short = history.short
    if short is None or short.reach is None:
        return None, None
    sample = short.reach.sample
    errors = fit_levels(error_levels(short, sample, scale), 1, 0, alone=True)
    column = short.columns.get(LATENCY)
    if latency is None or not isinstance(column, NumericHistory) or latency.median <= BIN_SECONDS[0]:
        return None, errors
    timed = column.counts_at(sample).sum(axis=1)
    if not timed.any() or np.median(timed[timed > 0]) >= SPARSE_ROWS:
        return None, errors
    own = latency_levels(short, sample, latency.median, mean=spec.is_service_metric)
    return fit_levels(own, 1, 0, alone=True), errors


def _among(history: History, level: Level | None) -> Level | None:
    """A level of one of the many short windows, as improbable as one of the few hours would have to be."""
    if level is None or history.reach is None:
        return level
    return replace(level, p_value=min(1.0, level.p_value * history.reach.per_hour))
