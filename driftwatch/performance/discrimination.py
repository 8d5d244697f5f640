"""How well scores separate positives from negatives: ROC AUC, Gini, average precision, KS separation, lift.

Each is exact for a table of distinct scores. For a table of bins, :func:`roc_auc_error` and
:func:`average_precision_error` bound what the order within the bins, which is not known, may change.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from driftwatch.performance.bootstrap import bootstrap_counts
from driftwatch.performance.interval import CONFIDENCE, clopper_pearson
from driftwatch.performance.result import Interval
from driftwatch.performance.score_table import ScoreTable

__all__ = [
    "average_precision",
    "average_precision_error",
    "delong_interval",
    "delong_variance",
    "ks_separation",
    "lift",
    "resample_interval",
    "roc_auc",
    "roc_auc_error",
]


_RESAMPLED = 1024


def roc_auc(table: ScoreTable) -> float | None:
    """The probability that a positive scores above a negative, ties half; None without both."""
    if not table.is_mixed:
        return None
    below = np.cumsum(table.negatives) - table.negatives
    twice = int(np.sum(table.positives * (2 * below + table.negatives)))
    return twice / (2 * table.n_positive * table.n_negative)


def roc_auc_error(table: ScoreTable) -> float:
    """How far the AUC of the raw scores may be from that of the bins: the pairs within bins go either way."""
    if table.exact or not table.is_mixed:
        return 0.0
    return float(np.sum(table.positives * table.negatives)) / (2 * table.n_positive * table.n_negative)


def delong_variance(table: ScoreTable) -> float | None:
    """The variance of the AUC (DeLong, DeLong and Clarke-Pearson, 1988); None below two of either class.

    The structural components are those of the table's rows, so the cost is that of the table.
    """
    value = roc_auc(table)
    p, n = table.n_positive, table.n_negative
    if value is None or min(p, n) < 2:
        return None
    of_positive = (np.cumsum(table.negatives) - table.negatives / 2) / n
    of_negative = 1 - (np.cumsum(table.positives) - table.positives / 2) / p
    return _spread(of_positive, table.positives, value) / p + _spread(of_negative, table.negatives, value) / n


def _spread(components: NDArray[np.float64], counts: NDArray[np.int64], mean: float) -> float:
    return float(np.sum(counts * (components - mean) ** 2) / (counts.sum() - 1))


def delong_interval(table: ScoreTable, *, confidence: float = CONFIDENCE) -> Interval | None:
    """Of the AUC, on the logit scale, on which it stays within (0, 1) and covers better near its ends.

    Where positives and negatives are wholly separate the variance is 0 and says nothing: there the interval is that of
    a share with as many rows as the smaller class has.
    """
    value, variance = roc_auc(table), delong_variance(table)
    if value is None or variance is None:
        return None
    if not 0 < value < 1:
        smaller = min(table.n_positive, table.n_negative)
        return clopper_pearson(smaller if value >= 1 else 0, smaller, confidence=confidence)
    middle = math.log(value / (1 - value))
    half = -float(ndtri((1 - confidence) / 2)) * math.sqrt(variance) / (value * (1 - value))
    return Interval(_logistic(middle - half), _logistic(middle + half), "delong")


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def average_precision(table: ScoreTable) -> float | None:
    """Σ over scores from the highest: its share of the positives × the precision down to it; None without positives."""
    p = table.n_positive
    if not p:
        return None
    positives = table.positives[::-1]
    found, seen = np.cumsum(positives), np.cumsum(positives + table.negatives[::-1])
    precision = np.divide(found, seen, out=np.zeros(len(found)), where=seen > 0)
    return float(np.sum(positives * precision) / p)


def average_precision_error(table: ScoreTable) -> float:
    """How far the average precision of the raw scores may be from that of the bins.

    Within a bin the precision at a positive lies between that of the first positive below all the bin's negatives and
    that of the last one above them all.
    """
    p = table.n_positive
    if table.exact or not p:
        return 0.0
    positives, negatives = table.positives[::-1], table.negatives[::-1]
    before_p, before = np.cumsum(positives) - positives, np.cumsum(positives + negatives) - positives - negatives
    taken = (before_p + positives) / np.maximum(before + positives + negatives, 1)
    most = (before_p + positives) / np.maximum(before + positives, 1)
    least = (before_p + 1) / (before + negatives + 1)
    return float(np.sum(positives * np.maximum(most - taken, taken - least)) / p)


def ks_separation(table: ScoreTable) -> float | None:
    """The greatest distance of the score distributions of positives and negatives; None without both."""
    if not table.is_mixed:
        return None
    apart = np.cumsum(table.positives) / table.n_positive - np.cumsum(table.negatives) / table.n_negative
    return float(np.max(np.abs(apart)))


def lift(table: ScoreTable, share: float = 0.1) -> float | None:
    """Positives among the highest-scored `share` of rows, over what chance would find; None without positives.

    The rows of the score at the boundary count in proportion.
    """
    if not table.n_positive:
        return None
    rows = (table.positives + table.negatives)[::-1]
    wanted = share * table.n
    before = np.cumsum(rows) - rows
    taken = np.clip((wanted - before) / np.maximum(rows, 1), 0.0, 1.0)
    return float(np.sum(taken * table.positives[::-1]) / (share * table.n_positive))


def resample_interval(
    metric: Callable[[ScoreTable], float | None], table: ScoreTable, rng: np.random.Generator | None
) -> Interval | None:
    """Of any function of a table, by the bootstrap over rows.

    A table of more than 1,024 scores is binned to so many first, and the interval moved by what that moved the metric.
    """
    binned = table.coarse(_RESAMPLED)
    cells = np.stack([binned.positives, binned.negatives])
    found = bootstrap_counts(lambda drawn: metric(ScoreTable(drawn[0], drawn[1], binned.exact)), cells, rng)
    exactly, roughly = metric(table), metric(binned)
    if found is None or exactly is None or roughly is None:
        return None
    moved = exactly - roughly
    return Interval(found.low + moved, found.high + moved, found.method)
