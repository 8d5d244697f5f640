"""The bootstrap: rows are drawn again, by their cells or one by one, or whole tallies are."""

import operator
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from driftwatch.performance.interval import CONFIDENCE
from driftwatch.performance.result import Interval

__all__ = ["REPEATS", "bootstrap_counts", "bootstrap_parts", "bootstrap_rows", "percentile_interval"]

REPEATS = 400
"""How often the rows are drawn; the ends of the interval then waver by about a tenth of its width."""

_FEWEST_PARTS = 10
Counts = NDArray[np.int64]


def bootstrap_counts(
    statistic: Callable[[Counts], float | None],
    counts: Counts,
    rng: np.random.Generator | None,
    *,
    repeats: int = REPEATS,
    confidence: float = CONFIDENCE,
) -> Interval | None:
    """The percentile interval of a function of counts (Efron, 1979).

    Drawing n rows with replacement and counting them is one multinomial draw of the counts: exactly the bootstrap over
    rows, at the cost of the cells.

    Args:
        statistic: of counts of the same shape; None where it is not defined.
        counts: int64[...], rows by cell.
        rng: the source of chance; the same state gives the same interval. None: no draws, and no interval.
        repeats: how many draws.
        confidence: in (0, 1).

    Returns:
        None where fewer than nine tenths of the draws define the metric, or there are fewer than two rows.
    """
    n = int(counts.sum())
    if n < 2 or rng is None:
        return None
    occupied = np.flatnonzero(counts)
    shares = counts.reshape(-1)[occupied] / n
    drawn = np.zeros(counts.size, dtype=np.int64)
    found = []
    for _ in range(repeats):
        drawn[occupied] = rng.multinomial(n, shares)
        found.append(statistic(drawn.reshape(counts.shape)))
    return percentile_interval(found, confidence=confidence)


def bootstrap_rows(
    statistic: Callable[[NDArray[np.int64]], float | None],
    n: int,
    rng: np.random.Generator,
    *,
    repeats: int = REPEATS,
    confidence: float = CONFIDENCE,
) -> Interval | None:
    """The percentile interval of a function of rows, each draw given as the positions of n rows, some of them twice."""
    if n < 2:
        return None
    found = [statistic(rng.integers(0, n, n)) for _ in range(repeats)]
    return percentile_interval(found, confidence=confidence)


class _Adds(Protocol):
    def __add__(self, other: Self, /) -> Self: ...


T = TypeVar("T", bound=_Adds)


def bootstrap_parts(
    statistic: Callable[[T], float | None],
    parts: Sequence[T],
    rng: np.random.Generator,
    *,
    repeats: int = REPEATS,
    confidence: float = CONFIDENCE,
) -> Interval | None:
    """The percentile interval of a function of a sum of tallies, by drawing whole tallies again (a block bootstrap).

    With a tally for each bucket of time it holds although neighbouring rows depend on one another; it needs many
    buckets, and there is none below ten.
    """
    if len(parts) < _FEWEST_PARTS:
        return None
    found = []
    for _ in range(repeats):
        drawn = [parts[place] for place in rng.integers(0, len(parts), len(parts)).tolist()]
        found.append(statistic(reduce(operator.add, drawn)))
    return percentile_interval(found, confidence=confidence)


def percentile_interval(found: list[float | None], *, confidence: float = CONFIDENCE) -> Interval | None:
    """The middle `confidence` of what the draws gave; None where more than a tenth of them gave nothing."""
    values = np.array([value for value in found if value is not None], dtype=np.float64)
    values = values[np.isfinite(values)]
    if len(values) < 0.9 * len(found) or not len(values):
        return None
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high), "bootstrap")
