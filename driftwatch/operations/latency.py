"""Latency quantiles with intervals that need no assumption, and latency at like load."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from driftwatch.performance.interval import CONFIDENCE
from driftwatch.profiles.latency import LatencyProfile, cell_seconds

__all__ = ["QUANTILES", "LatencyQuantile", "LoadComparison", "at_like_load", "latency_quantiles"]

QUANTILES: Mapping[str, float] = {
    "latency_p50": 0.5,
    "latency_p75": 0.75,
    "latency_p90": 0.9,
    "latency_p95": 0.95,
    "latency_p99": 0.99,
    "latency_p999": 0.999,
}
"""The reported quantiles by metric key."""

_BAND = 1.25
_LEAST_WINDOWS = 4


@dataclass(frozen=True, slots=True)
class LatencyQuantile:
    """One quantile of a window's latencies, within 0.8%.

    Attributes:
        metric: its key.
        q: 0 to 1.
        value: seconds.
        low: lower end of the interval, seconds; None where no order statistic can be one.
        high: upper end, likewise.
        n: rows with a latency.
        method: "order_statistics".
        unit: "s".
        direction: "higher_is_worse".
    """

    metric: str
    q: float
    value: float
    low: float | None
    high: float | None
    n: int
    method: str = "order_statistics"
    unit: str = "s"
    direction: str = "higher_is_worse"


def latency_quantiles(profile: LatencyProfile, *, confidence: float = CONFIDENCE) -> tuple[LatencyQuantile, ...]:
    """The quantiles of :data:`QUANTILES`; none without rows.

    The interval of the q quantile is [x_(l), x_(u)] with l and u from Bin(n, q): it covers at least as often as it
    says, whatever the distribution (Conover 1999, §3.2). With few rows an end may not exist: the largest of 100
    latencies is no upper bound of p99.9.

    Args:
        profile: of the window.
        confidence: in (0, 1).
    """
    if not profile.n:
        return ()
    seconds, running = cell_seconds(profile.cells), np.cumsum(profile.counts)

    def at_rank(rank: int) -> float:
        return float(seconds[np.searchsorted(running, rank)])

    found = []
    for metric, q in QUANTILES.items():
        low, high = order_ranks(profile.n, q, confidence)
        found.append(
            LatencyQuantile(
                metric,
                q,
                at_rank(max(1, int(np.ceil(q * profile.n)))),
                at_rank(low) if low >= 1 else None,
                at_rank(high) if high <= profile.n else None,
                profile.n,
            )
        )
    return tuple(found)


def order_ranks(n: int, q: float, confidence: float) -> tuple[int, int]:
    """Ranks l and u whose order statistics enclose the q quantile; 0 and n + 1 stand for "none".

    l is the largest rank with P(B < l) <= a/2 and u the smallest with P(B >= u) <= a/2, B ~ Bin(n, q).
    """
    tail = (1 - confidence) / 2
    return int(binom.ppf(tail, n, q)), int(binom.ppf(1 - tail, n, q)) + 1


@dataclass(frozen=True, slots=True)
class LoadComparison:
    """The reference's windows of a load like that of one window.

    Attributes:
        rows: calls in the window.
        windows: windows of the reference with between rows/1.25 and 1.25 rows calls.
        n: rows with a latency in them.
        quantiles: seconds by metric key, of those windows together.
    """

    rows: int
    windows: int
    n: int
    quantiles: Mapping[str, float]


def at_like_load(
    rows: int, reference_rows: NDArray[np.int64], counts: NDArray[np.int64], upper: NDArray[np.float64]
) -> LoadComparison | None:
    """What latency was when the load was the same: a service that gets slower under more calls is no slower service.

    Args:
        rows: calls in the window.
        reference_rows: int64[R], calls in each window of the reference.
        counts: int64[R, B], its latencies by bin.
        upper: float64[B], seconds, what each bin stands for.

    Returns:
        None where fewer than four windows of the reference had such a load.
    """
    like = (reference_rows * _BAND >= rows) & (reference_rows <= _BAND * rows)
    together = counts[like].sum(axis=0)
    n = int(together.sum())
    if like.sum() < _LEAST_WINDOWS or not n:
        return None
    running = np.cumsum(together)
    quantiles = {
        metric: float(upper[np.searchsorted(running, max(1, int(np.ceil(q * n))))]) for metric, q in QUANTILES.items()
    }
    return LoadComparison(rows, int(like.sum()), n, quantiles)
