"""What was usual of a service's calls in the reference: latencies by hour of the week, their level, the error rates."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.drift.rule import Ladder
from driftwatch.monitors.history import History, NumericHistory
from driftwatch.monitors.latency import BIN_SECONDS, LATENCY
from driftwatch.operations.latency import QUANTILES
from driftwatch.operations.level import UNIT, LevelRule, fit_levels
from driftwatch.quality.excess import ShareBaseline, fit_share

__all__ = [
    "SPARSE_ROWS",
    "LatencyUsual",
    "error_levels",
    "fit_latency",
    "latency_levels",
    "quantiles_of",
    "usual_errors",
]

SPARSE_ROWS = 30
"""Calls in a window below which distributions are not compared."""


@dataclass(frozen=True, slots=True, eq=False)
class LatencyUsual:
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


def fit_latency(history: History, ladder: Ladder, first: int, stop: int, *, mean: bool) -> LatencyUsual | None:
    """Learn from the windows ``[first, stop)``; None without a latency."""
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
    few = by_slot.sum(axis=1) < SPARSE_ROWS
    by_slot[few | ladder.pooled] = by_window.sum(axis=0)
    timed = by_window.sum(axis=1)
    median = quantiles_of(by_window.sum(axis=0), BIN_SECONDS[bins])["latency_p50"]
    levels = None
    if np.median(timed[timed > 0]) < SPARSE_ROWS and median > BIN_SECONDS[0]:
        per_day = history.alignment.per_day
        own = latency_levels(history, range(first, stop), median, mean=mean)
        levels = fit_levels(own, per_day, first % per_day)
    return LatencyUsual(bins, by_slot, by_window, history.vector(history.rows, first, stop), median, levels)


def latency_levels(history: History, indexes: range, median: float, *, mean: bool) -> NDArray[np.float64]:
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


def error_levels(history: History, indexes: range, scale: float) -> NDArray[np.float64]:
    """float64[n], log(1 + error rate/scale); NaN in windows without calls."""
    failed, n = (history.vector_at(of, indexes) for of in (history.errors, history.rows))
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(n > 0, np.log1p(failed / n / scale), np.nan), dtype=np.float64)


def usual_errors(history: History, indexes: range, folds: int) -> ShareBaseline:
    """The error rate of some windows, and the largest of one with calls enough."""
    failed, n = (history.vector_at(of, indexes) for of in (history.errors, history.rows))
    return fit_share(failed, n, least_rows=SPARSE_ROWS, folds=folds)


def quantiles_of(counts: NDArray[np.int64] | NDArray[np.float64], seconds: NDArray[np.float64]) -> dict[str, float]:
    """Seconds by metric key, of counts by bin."""
    running = np.cumsum(counts)
    ranks = np.minimum([q * running[-1] for q in QUANTILES.values()], running[-1])
    places = np.searchsorted(running, ranks * (1 - 1e-12))
    return dict(zip(QUANTILES, seconds[np.minimum(places, len(seconds) - 1)].tolist(), strict=True))
