"""From the rule's judgement of one column to what people read: a finding, and a row of the summary."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from scipy.special import ndtr, ndtri

from driftwatch.domain.finding import Finding
from driftwatch.domain.signal import Severity, Signal
from driftwatch.drift.rule import Judgement
from driftwatch.monitors.history import ColumnKey
from driftwatch.monitors.spec import ModelSpec

__all__ = [
    "Window",
    "finding_of",
    "in_windows_of",
    "is_fading",
    "more_telling",
    "severity_of",
    "summary_of",
    "times_threshold",
]

_LEAST_P = 1e-300
_TAIL_P = 0.02  # the rule gives p-values below this one only
_FLOORS = {"kolmogorov_smirnov": 0.05, "total_variation_distance": 0.05, "jensen_shannon_distance": 0.05}
_MISSING_FLOOR = 0.02
_CRITICAL_FLOORS = 3
_MATERIAL = "material_shift"
_JUST_BELOW = 0.99


@dataclass(frozen=True, slots=True)
class Window:
    """One judged window: ``[start, end)`` in microseconds UTC, and when its verdict was known."""

    start: int
    end: int
    at: int


def times_threshold(judgement: Judgement) -> float:
    """How far the column is on its way to an alarm; 1 or more if and only if it alarms.

    For a surprise log p over log of the p-value that is an alarm, for a material shift the distance over its limit.
    Where nothing surprising was seen the rule gives p = 1; the score's normal tail stands in, no lower than the p-value
    from which the rule counts, so that the number grows with surprise without a jump. A longer window that would
    alarm, but whose newest part is back to normal, stays just below 1.
    """
    if judgement.component == _MATERIAL:
        distance, limit = _measured(judgement)
        return max(1.0, distance / limit)
    p_value = judgement.p_value
    if p_value >= 1.0:
        p_value = min(1.0, max(_TAIL_P, 2.0 * float(ndtr(-judgement.z))))
    times = math.log(max(p_value, _LEAST_P)) / math.log(judgement.threshold_p)
    return max(1.0, times) if judgement.alarm else max(0.0, min(times, _JUST_BELOW))


def is_fading(judgement: Judgement) -> bool:
    """Whether a longer window would alarm, were its newest part not back to normal."""
    judged = judgement.state == "judged" and not judgement.alarm
    return judged and judgement.p_value < judgement.threshold_p


def effects_of(judgement: Judgement) -> dict[str, float]:
    """The effect sizes that the judgement holds, by method key."""
    effects = {
        "kolmogorov_smirnov": judgement.kolmogorov_smirnov,
        "total_variation_distance": judgement.total_variation,
        "jensen_shannon_distance": judgement.jensen_shannon,
    }
    change = judgement.missing_share - judgement.reference_missing_share
    if change:
        effects["missing_share_change"] = change
    return {method: float(value) for method, value in effects.items() if value is not None}


def severity_of(judgement: Judgement) -> Severity:
    """An alarm is a warning; a minor one, and one that is fading, a watch."""
    if judgement.alarm:
        return Severity.WATCH if judgement.minor else Severity.WARNING
    return Severity.WATCH if is_fading(judgement) else Severity(judgement.severity)


def in_windows_of(findings: Sequence[Finding], window: Window) -> list[Finding]:
    """The same findings, told of a shorter window: what was true of the last hour that was over."""
    return [replace(each, window_start=window.start, window_end=window.end, at=window.at) for each in findings]


def more_telling(
    short: Sequence[tuple[ColumnKey, Signal, Judgement]],
    hours: Sequence[tuple[ColumnKey, Signal, Judgement]],
    *,
    longer: int,
) -> list[tuple[ColumnKey, Signal, Judgement]]:
    """Of each column, what the short window says or what the hours say, whichever is nearer to an alarm.

    Args:
        short: judgements of the window alone.
        hours: judgements as of the last hour that was over.
        longer: short windows in an hour; scales are told in short windows.
    """
    told = {
        key: (key, signal, replace(judgement, scale_buckets=judgement.scale_buckets * longer))
        for key, signal, judgement in hours
    }
    for key, signal, judgement in short:
        if key not in told or _telling(judgement) > _telling(told[key][2]):
            told[key] = (key, signal, judgement)
    return list(told.values())


def _telling(judgement: Judgement) -> tuple[bool, bool, float]:
    return judgement.state == "judged", judgement.alarm, times_threshold(judgement)


def summary_of(judgement: Judgement, signal: Signal, kind: str) -> dict[str, Any]:
    """One column of a window's summary, JSON-safe: effects of every column, judged or not."""
    return {
        "signal": signal.value,
        "kind": kind,
        "state": judgement.state,
        "severity": severity_of(judgement).value,
        "component": judgement.component,
        "scale_buckets": judgement.scale_buckets,
        "sign": judgement.sign,
        "z": _finite(judgement.z),
        "p_value": judgement.p_value,
        "times_threshold": times_threshold(judgement),
        "kolmogorov_smirnov": judgement.kolmogorov_smirnov,
        "total_variation_distance": judgement.total_variation,
        "jensen_shannon_distance": judgement.jensen_shannon,
        "n": judgement.n,
        "n_reference": judgement.n_reference,
        "missing_share": judgement.missing_share,
        "reference_missing_share": judgement.reference_missing_share,
        "uncalibrated": judgement.uncalibrated,
    }


def finding_of(judgement: Judgement, window: Window, signal: Signal, spec: ModelSpec, *, column: str) -> Finding | None:
    """The finding of a judgement at watch or above.

    Value and threshold are z scores of equal surprise (two-sided normal); of a material shift they are the distance and
    what it was held against. An alarm is a warning, a minor one a watch. It is critical when the effect is three times
    the floor or more on a feature in the top half of the importance that the user gave.
    """
    severity = severity_of(judgement)
    if severity is Severity.NONE:
        return None
    effect = effects_of(judgement)
    if severity is Severity.WARNING and _is_grave(effect) and _is_important(column, spec):
        severity = Severity.CRITICAL
    value, threshold = _measured(judgement)
    details = {
        "scale_buckets": judgement.scale_buckets,
        "sign": judgement.sign,
        "z": _finite(judgement.z),
        "p_value": judgement.p_value,
        "threshold_p": judgement.threshold_p,
        "times_threshold": times_threshold(judgement),
        "n_reference": judgement.n_reference,
        "missing_share": judgement.missing_share,
        "reference_missing_share": judgement.reference_missing_share,
        "minor": judgement.minor,
        "fading": is_fading(judgement),
        "uncalibrated": judgement.uncalibrated,
    }
    if column in spec.importance:
        details["importance"] = spec.importance[column]
    return Finding(
        window_start=window.start,
        window_end=window.end,
        at=window.at,
        signal=signal,
        column=column,
        severity=severity,
        kind=judgement.component or "effect",
        value=value,
        threshold=threshold,
        effect=effect,
        version=spec.version,
        n=judgement.n,
        details=details,
    )


def _measured(judgement: Judgement) -> tuple[float, float]:
    if judgement.component == _MATERIAL:
        if judgement.kolmogorov_smirnov is not None:
            return judgement.kolmogorov_smirnov, 0.20
        return judgement.total_variation or 0.0, 0.15
    if judgement.p_value < 1.0:
        return _score(judgement.p_value), _score(judgement.threshold_p)
    # A watch for its plain effect: nothing surprising, yet different from the reference.
    distances = (judgement.kolmogorov_smirnov, judgement.total_variation, judgement.jensen_shannon)
    return next((float(value) for value in distances if value is not None), 0.0), 0.05


def _score(p_value: float) -> float:
    return -float(ndtri(max(p_value, _LEAST_P) / 2.0))


def _is_grave(effect: dict[str, float]) -> bool:
    distances = any(effect.get(method, 0.0) >= _CRITICAL_FLOORS * floor for method, floor in _FLOORS.items())
    return distances or abs(effect.get("missing_share_change", 0.0)) >= _CRITICAL_FLOORS * _MISSING_FLOOR


def _is_important(column: str, spec: ModelSpec) -> bool:
    weights = sorted(spec.importance.values(), reverse=True)
    weight = spec.importance.get(column, 0.0)
    return weight > 0 and weight >= weights[(len(weights) - 1) // 2]


def _finite(value: float) -> float:
    return min(max(value, -1e300), 1e300) if not math.isnan(value) else 0.0
