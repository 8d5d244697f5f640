"""Confidence-based performance estimation: a binary classifier's metrics from its scores alone.

With the probability m_b of the positive class in each score bin (learned from the labelled reference), N_b rows hold
P_b = N_b m_b expected positives. Every metric is a function of these; no row is looked at. The assumption is that the
relation of score and label is still that of the reference: no concept drift.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from driftwatch.estimation.calibration import CalibrationMap
from driftwatch.estimation.result import Estimate

__all__ = ["BINARY_METRICS", "estimate_binary"]

_Z = 1.959963984540054  # two-sided 95%
_LEAST_PROBABILITY = 1e-15


@dataclass(frozen=True, slots=True, eq=False)
class _Expected:
    """The window, bin by bin: n rows, p expected positives, q expected negatives, s mean score, above the threshold."""

    n: NDArray[np.float64]
    p: NDArray[np.float64]
    q: NDArray[np.float64]
    s: NDArray[np.float64]
    above: NDArray[np.float64]


_Metric = Callable[[_Expected], tuple[float, NDArray[np.float64]]]
"""Value, and by bin its change when one row's label turns from negative to positive; NaN where undefined."""


def estimate_binary(
    counts: NDArray[np.int64],
    calibration: CalibrationMap,
    scores: NDArray[np.float64],
    first_positive: int,
) -> dict[str, Estimate]:
    """Expected metrics of a window.

    Args:
        counts: int64[B], rows by score bin.
        calibration: of the same bins.
        scores: float64[B], the score that stands for each bin, in [0, 1].
        first_positive: the first bin whose rows are predicted positive; B if none is.

    Returns:
        By metric key, those that the window defines. The band holds the metric with probability 95% when the assumption
        holds: the variance of the unknown labels (Poisson-binomial, delta method) and that of the estimated
        probabilities (a binomial share in each block of the map) add up.

    Raises:
        ValueError: the shapes differ.

    Source: NannyML's documentation of CBPE for the idea; the histogram form and its band are derived here.
    """
    if not len(counts) == calibration.bins == len(scores):
        raise ValueError(f"{len(counts)} counts, {calibration.bins} probabilities and {len(scores)} scores differ")
    total = int(counts.sum())
    if not total:
        return {}
    n, m = counts.astype(np.float64), calibration.probability
    expected = _Expected(n, n * m, n * (1 - m), scores, (np.arange(len(n)) >= first_positive).astype(np.float64))
    found = {}
    for key, metric in BINARY_METRICS.items():
        with np.errstate(divide="ignore", invalid="ignore"):
            value, change = metric(expected)
        if np.isfinite(value):
            half = _Z * float(np.sqrt(_variance(n, m, change, calibration)))
            low, high = value - half, value + half
            if key not in {"log_loss", "calibration_bias"}:
                low, high = max(low, 0.0), min(high, 1.0)
            found[key] = Estimate(key, value, low, high, total, "cbpe")
    return found


def _variance(
    n: NDArray[np.float64], m: NDArray[np.float64], change: NDArray[np.float64], calibration: CalibrationMap
) -> float:
    change = np.where(n > 0, change, 0.0)
    labels = float(np.sum(n * m * (1 - m) * change * change))
    moved = np.bincount(calibration.block, weights=n * change, minlength=len(calibration.rows))
    share = np.zeros(len(calibration.rows))
    share[calibration.block] = m
    estimates = float(np.sum(moved * moved * share * (1 - share) / np.maximum(calibration.rows, 1)))
    return labels + estimates


def _roc_auc(e: _Expected) -> tuple[float, NDArray[np.float64]]:
    positives, negatives = e.p.sum(), e.q.sum()
    below_q, below_p = np.cumsum(e.q) - e.q, np.cumsum(e.p) - e.p
    value = float(np.sum(e.p * (below_q + e.q / 2)) / (positives * negatives))
    rank_q, rank_p = (below_q + e.q / 2) / negatives, (below_p + e.p / 2) / positives
    return value, (rank_q - value) / positives - (1 - rank_p - value) / negatives


def _average_precision(e: _Expected) -> tuple[float, NDArray[np.float64]]:
    """Σ over bins, from the highest, of the bin's share of positives × the precision down to it."""
    p, n = e.p[::-1], e.n[::-1]
    positives, above_p, above_n = p.sum(), np.cumsum(p), np.cumsum(n)
    precision = np.where(above_n > 0, above_p / np.maximum(above_n, 1), 0.0)
    value = float(np.sum(p * precision) / positives)
    # dAP/dp_b = (precision_b + Σ_{c >= b, further down} p_c / above_n_c - AP) / positives
    tail = np.cumsum(np.where(above_n > 0, p / np.maximum(above_n, 1), 0.0)[::-1])[::-1]
    return value, ((precision + tail - value) / positives)[::-1]


def _accuracy(e: _Expected) -> tuple[float, NDArray[np.float64]]:
    total = e.n.sum()
    return float(np.sum(np.where(e.above > 0, e.p, e.q)) / total), np.where(e.above > 0, 1.0, -1.0) / total


def _precision(e: _Expected) -> tuple[float, NDArray[np.float64]]:
    predicted = np.sum(e.n * e.above)
    return float(np.sum(e.p * e.above) / predicted), e.above / predicted


def _recall(e: _Expected) -> tuple[float, NDArray[np.float64]]:
    positives = e.p.sum()
    value = float(np.sum(e.p * e.above) / positives)
    return value, (e.above - value) / positives


def _f1(e: _Expected) -> tuple[float, NDArray[np.float64]]:
    both = np.sum(e.n * e.above) + e.p.sum()
    value = float(2 * np.sum(e.p * e.above) / both)
    return value, (2 * e.above - value) / both


def _specificity(e: _Expected) -> tuple[float, NDArray[np.float64]]:
    negatives = e.q.sum()
    value = float(np.sum(e.q * (1 - e.above)) / negatives)
    return value, (value - (1 - e.above)) / negatives


def _brier_score(e: _Expected) -> tuple[float, NDArray[np.float64]]:
    total = e.n.sum()
    return float(np.sum(e.p * (1 - e.s) ** 2 + e.q * e.s**2) / total), (1 - 2 * e.s) / total


def _log_loss(e: _Expected) -> tuple[float, NDArray[np.float64]]:
    total = e.n.sum()
    s = np.clip(e.s, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
    return float(-np.sum(e.p * np.log(s) + e.q * np.log1p(-s)) / total), (np.log1p(-s) - np.log(s)) / total


def _calibration_bias(e: _Expected) -> tuple[float, NDArray[np.float64]]:
    total = e.n.sum()
    return float(np.sum(e.n * e.s - e.p) / total), np.full(len(e.n), -1.0 / total)


BINARY_METRICS: Mapping[str, _Metric] = MappingProxyType(
    {
        "roc_auc": _roc_auc,
        "average_precision": _average_precision,
        "accuracy": _accuracy,
        "precision": _precision,
        "recall": _recall,
        "f1": _f1,
        "specificity": _specificity,
        "brier_score": _brier_score,
        "log_loss": _log_loss,
        "calibration_bias": _calibration_bias,
    }
)
"""The metrics that are estimated."""
