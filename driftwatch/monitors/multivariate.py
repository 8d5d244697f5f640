"""Drift of several numbers at once: all numeric features together, and each embedding.

It is found where every column by itself looks as it always did: a correlation that broke, or a small shift of many
columns. The numeric features together are a series of the outputs' part of the budget, with the signal
``multivariate_drift`` and no column; an embedding is a feature, with the signal ``drift`` and its own name. What a
column says by itself is told there: the numeric features together then are on watch.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from driftwatch.domain.finding import Finding
from driftwatch.domain.signal import Severity, Signal
from driftwatch.drift.moment_baseline import MomentSeries
from driftwatch.drift.moment_rule import MomentJudgement, MomentRule, fit_moments
from driftwatch.drift.moments import MomentWindows, covariances
from driftwatch.drift.rule import Calendar
from driftwatch.monitors.history import History
from driftwatch.monitors.spec import ModelSpec
from driftwatch.monitors.verdict import Window
from driftwatch.profiles.moments import NUMERIC_TOGETHER

__all__ = ["TOGETHER", "JointVerdict", "MultivariateBaseline", "explained", "fit_multivariate"]

TOGETHER = "multivariate"
"""What the numeric features together are called in a window's summary."""

_SHOWN = 5
_LEAST_P = 1e-300
_JUST_BELOW = 0.99
_LARGEST_CORRELATION = 0.999
_TAIL_P = 0.02
_SPREAD = 0.2  # a standard deviation off by a fifth or more


@dataclass(frozen=True, slots=True)
class JointVerdict:
    """What is said of one window.

    Attributes:
        column: the embedding, or None for the numeric features together.
        summary: JSON-safe.
        finding: at watch or above, or None.
    """

    column: str | None
    summary: Mapping[str, Any]
    finding: Finding | None


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    key: str
    rule: MomentRule
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class MultivariateBaseline:
    """What the reference says of them.

    Attributes:
        spec: the model's declaration.
        first: index of the reference's first window.
        stop: index of the first window after it.
        fitted: the rules.
    """

    spec: ModelSpec
    first: int
    stop: int
    fitted: tuple[_Fitted, ...]

    def count(self, signal: Signal) -> int:
        """How many series share the budget of a signal's group: of ``drift`` or of ``prediction_drift``."""
        together = sum(one.key == NUMERIC_TOGETHER for one in self.fitted)
        counts = {Signal.DRIFT: len(self.fitted) - together, Signal.PREDICTION_DRIFT: together}
        return counts.get(signal, 0)

    def judge(
        self, history: History, windows: Mapping[int, Window], *, thresholds: Mapping[Signal, float]
    ) -> dict[int, list[JointVerdict]]:
        """The verdicts on windows by index, all of them after the reference.

        Args:
            history: the reference and everything up to the last window.
            windows: by index.
            thresholds: the p-value below which a series of each group alarms, by the group's signal.
        """
        found: dict[int, list[JointVerdict]] = {index: [] for index in windows}
        if not windows:
            return found
        ends = np.array(sorted(windows), dtype=np.int64) - self.first
        for one in self.fitted:
            since = min(windows) + 1 - one.rule.longest
            series = history.moments[one.key].series(self.first, max(windows) + 1, history.rows, since=since)
            group = Signal.PREDICTION_DRIFT if one.key == NUMERIC_TOGETHER else Signal.DRIFT
            for judgement in one.rule.judge(series, ends, threshold=thresholds[group]):
                index = self.first + judgement.bucket
                found[index].append(self._verdict(one, series, judgement, windows[index]))
        return found

    def _verdict(self, one: _Fitted, series: MomentSeries, judgement: MomentJudgement, window: Window) -> JointVerdict:
        column = one.key or None
        severity = Severity.WARNING if judgement.alarm else Severity.WATCH if judgement.fading else Severity.NONE
        signal = Signal.MULTIVARIATE_DRIFT if column is None else Signal.DRIFT
        summary = {
            "signal": signal.value,
            "kind": "multivariate" if column is None else "embedding",
            "state": judgement.state,
            "severity": severity.value,
            "component": judgement.component,
            "scale_buckets": judgement.scale_buckets,
            "z": judgement.z,
            "p_value": judgement.p_value,
            "times_threshold": times_threshold_of(judgement),
            "hotelling_distance": judgement.effect,
            "n": judgement.n,
            "n_reference": judgement.n_reference,
            "uncalibrated": judgement.uncalibrated,
        }
        if severity is Severity.NONE:
            return JointVerdict(column, summary, None)
        details = {
            **{key: summary[key] for key in ("scale_buckets", "z", "p_value", "times_threshold", "n_reference")},
            "threshold_p": judgement.threshold_p,
            "uncalibrated": judgement.uncalibrated,
            "fading": judgement.fading,
            "minor": False,
            "dimensions": len(one.rule.metric.used),
            **_movers(one, series, judgement),
        }
        finding = Finding(
            window_start=window.start,
            window_end=window.end,
            at=window.at,
            signal=signal,
            column=column,
            severity=severity,
            kind=judgement.component or "means",
            value=_score(judgement.p_value),
            threshold=_score(judgement.threshold_p),
            effect={"hotelling_distance": judgement.effect},
            version=self.spec.version,
            n=judgement.n,
            details=details,
        )
        return JointVerdict(column, summary, finding)


def fit_multivariate(
    history: History, spec: ModelSpec, calendar: Calendar, bounds: tuple[int, int]
) -> MultivariateBaseline:
    """Learn from the windows ``[first, stop)``; what has no moments in them is not judged."""
    first, stop = bounds
    declared = spec.features.names
    fitted = []
    for key in sorted(history.moments):
        if key != NUMERIC_TOGETHER and declared and key not in declared:
            continue
        series = history.moments[key].series(first, stop, history.rows)
        rule = fit_moments(series, calendar, stop - first)
        if rule is not None:
            frame = history.frames.get(key)
            known = frame is not None and frame.digest == history.moments[key].frame and not frame.is_projected
            names = frame.names if frame is not None and known and key == NUMERIC_TOGETHER else ()
            fitted.append(_Fitted(key, rule, names))
    return MultivariateBaseline(spec, first, stop, tuple(fitted))


def explained(verdicts: Sequence[JointVerdict], told_of: Collection[str]) -> list[JointVerdict]:
    """The verdicts, where an alarm of the numeric features together only repeats what a column says by itself: a watch.

    That is so when the feature or the pair that moved most is, or has in it, a column of which something is told in the
    same window, be it a watch.

    Args:
        verdicts: of one window.
        told_of: the columns that have findings in it.
    """
    told = []
    for verdict in verdicts:
        finding = verdict.finding
        if finding is not None and finding.severity is Severity.WARNING and verdict.column is None:
            moved = _moved_most(finding.details)
            causes = sorted(moved & set(told_of)) if moved is not None else sorted(told_of)
            if causes:
                finding = replace(finding, severity=Severity.WATCH, details={**finding.details, "explained_by": causes})
                summary = {**verdict.summary, "severity": Severity.WATCH.value, "explained_by": causes}
                verdict = JointVerdict(None, summary, finding)  # noqa: PLW2901 - the same verdict, told otherwise
        told.append(verdict)
    return told


def _moved_most(details: Mapping[str, Any]) -> set[str] | None:
    """The feature or the pair that moved most; None where nobody can tell."""
    if "features" in details:
        return {each["feature"] for each in details["features"][:1]}
    if "pairs" not in details:
        return None
    return {name for each in details["pairs"][:1] for name in each["features"]} | {
        each["feature"] for each in details["spreads"] if abs(math.log(max(each["ratio"], 1e-9))) > _SPREAD
    }


def _movers(one: _Fitted, series: MomentSeries, judgement: MomentJudgement) -> dict[str, Any]:
    """Which features moved most, and which pairs; nothing where the dimensions are mixtures."""
    if not one.names:
        return {}
    windows = one.rule.windows(series, judgement.bucket, judgement.scale_buckets)
    if judgement.component == "means":
        return {"features": _shifts(one, windows)}
    return {"pairs": _pairs(one, windows), "spreads": _spreads(one, windows)}


def _shifts(one: _Fitted, windows: MomentWindows) -> list[dict[str, Any]]:
    """The features whose mean moved most, in standard deviations."""
    metric = one.rule.metric
    shift = (windows.p - windows.q)[0, metric.used] / metric.sd
    order = np.argsort(-np.abs(shift), kind="stable")[:_SHOWN].tolist()
    return [{"feature": one.names[metric.used[place]], "shift_sd": float(shift[place])} for place in order]


def _pairs(one: _Fitted, windows: MomentWindows) -> list[dict[str, Any]]:
    """The pairs whose correlation changed most, by Fisher's z."""
    now, before = (_correlations(side[0]) for side in covariances(windows, one.rule.metric))
    row, column = np.triu_indices(len(now), 1)
    change = np.abs(np.arctanh(now[row, column]) - np.arctanh(before[row, column]))
    order = np.argsort(-change, kind="stable")[:_SHOWN].tolist()
    names = [one.names[place] for place in one.rule.metric.used.tolist()]
    return [
        {
            "features": [names[row[place]], names[column[place]]],
            "correlation_reference": float(before[row[place], column[place]]),
            "correlation": float(now[row[place], column[place]]),
        }
        for place in order
    ]


def _spreads(one: _Fitted, windows: MomentWindows) -> list[dict[str, Any]]:
    """The features whose standard deviation changed most."""
    now, before = (np.sqrt(np.maximum(np.diag(side[0]), 0)) for side in covariances(windows, one.rule.metric))
    ratio = now / np.where(before > 0, before, 1.0)
    order = np.argsort(-np.abs(np.log(np.maximum(ratio, 1e-9))), kind="stable")[:_SHOWN].tolist()
    names = [one.names[place] for place in one.rule.metric.used.tolist()]
    return [{"feature": names[place], "ratio": float(ratio[place])} for place in order]


def _correlations(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    sd = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    limit = _LARGEST_CORRELATION
    correlations: NDArray[np.float64] = np.clip(covariance / np.outer(sd, sd), -limit, limit)
    return correlations


def times_threshold_of(judgement: MomentJudgement) -> float:
    """Log p over log of the p-value that is an alarm; below 1 unless it is one."""
    p_value = judgement.p_value
    if p_value >= 1.0:  # nothing surprising: no lower than where the rule begins to count
        p_value = max(_TAIL_P, math.erfc(judgement.z / math.sqrt(2)))
    times = math.log(max(p_value, _LEAST_P)) / math.log(judgement.threshold_p)
    return max(1.0, times) if judgement.alarm else max(0.0, min(times, _JUST_BELOW))


def _score(p_value: float) -> float:
    """The two-sided normal score of a p-value."""
    return -float(ndtri(min(max(p_value, _LEAST_P), 1.0) / 2.0))
