"""Cells: the coarse bins that a column's windows are compared in, taken from the reference's histogram."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from driftwatch.drift.rule.constants import CATEGORIES, QUANTILE_CELLS, TAIL_EXPONENTS

__all__ = ["CategoryCells", "NumericCells", "category_cells", "numeric_cells", "reference_edges"]

_TAILS = len(TAIL_EXPONENTS)
_OFFSETS = 2.0 ** np.array(TAIL_EXPONENTS)
_TAIL_SCORES = 3.3 + np.minimum(np.append(_OFFSETS, 2 * _OFFSETS[-1]), 7.0)
_NORMAL_DECILES = 2.56
_FEW_VALUES = 20


@dataclass(frozen=True, slots=True, eq=False)
class NumericCells:
    """How the fine bins of a numeric column fall into cells.

    Attributes:
        bounds: int64[C-1], non-decreasing: cell c is the fine bins [bounds[c-1], bounds[c]); some tails may be empty.
        scores: float64[C], what a row of the cell counts in the location score: the normal quantile of the cell's
            mid-rank in the reference, and ever larger values in the eight tail cells a side.
        few_values: the reference has at most 20 distinct values, so that any other value is new.
        known: bool[B], the fine bins that the reference occupies (few values) or spans (many).
    """

    bounds: NDArray[np.int64]
    scores: NDArray[np.float64]
    few_values: bool
    known: NDArray[np.bool_]

    def coarse(self, fine: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64[T, C] from fine counts int64[T, B]."""
        running = np.zeros((len(fine), fine.shape[1] + 1), dtype=np.int64)
        np.cumsum(fine, axis=1, out=running[:, 1:])
        below = running[:, np.concatenate(([0], self.bounds, [fine.shape[1]]))]
        return np.asarray(below[:, 1:] - below[:, :-1], dtype=np.int64)

    def novel(self, fine: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64[T], rows whose value the reference never had (few values) or that lie outside its range (many)."""
        return np.asarray(fine @ ~self.known, dtype=np.int64)


def numeric_cells(edges: NDArray[np.float64], reference: NDArray[np.int64]) -> NumericCells:
    """Cells of a numeric column from its fine histogram in the reference.

    A cell for each value when there are at most 128 of them; otherwise cells end at the k/128 quantiles (inverted
    distribution function), every bin heavier than 1/128 stands alone, and the minimum has its own. Beyond minimum and
    maximum lie eight cells a side that end at s·2^j, j = -2 .. 4, with s = (q90 - q10)/2.56: taken to the nearest fine
    edge.

    Args:
        edges: float64[B-1], ascending; fine bin b is (edges[b-1], edges[b]], both ends open.
        reference: int64[B], counts of the whole reference.

    Returns:
        The cells; a single one when the reference holds no row.
    """
    occupied = np.flatnonzero(reference)
    if not len(occupied):
        return NumericCells(np.empty(0, np.int64), np.zeros(1), few_values=False, known=np.ones(len(reference), bool))
    few = len(occupied) <= _FEW_VALUES
    known = reference > 0
    if not few:
        known = np.zeros(len(reference), bool)
        known[occupied[0] : occupied[-1] + 1] = True
    with np.errstate(over="ignore"):  # of values near the largest float the outer tails end at infinity
        below, above = _tail_bounds(edges, reference, occupied)
    middle = _inner_bounds(reference, occupied)
    bounds = np.concatenate((below, [occupied[0]], middle, above)).astype(np.int64)
    return NumericCells(bounds, _scores(reference, bounds), few, known)


def _inner_bounds(reference: NDArray[np.int64], occupied: NDArray[np.int64]) -> NDArray[np.int64]:
    """One past the last fine bin of every cell between minimum and maximum."""
    if len(occupied) <= QUANTILE_CELLS:
        return occupied + 1
    running = np.cumsum(reference)
    total = int(running[-1])
    ranks = -(-np.arange(1, QUANTILE_CELLS + 1) * total // QUANTILE_CELLS)
    heavy = np.flatnonzero(reference * QUANTILE_CELLS > total)
    last = np.concatenate((np.searchsorted(running, ranks), heavy, heavy - 1, occupied[:1]))
    return np.unique(last[last >= occupied[0]]) + 1


def _tail_bounds(
    edges: NDArray[np.float64], reference: NDArray[np.int64], occupied: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Bounds of the cells below the minimum and above the maximum, ascending."""
    low, high = int(occupied[0]), int(occupied[-1])
    reach = _spread(edges, reference) * _OFFSETS
    below = np.zeros(_TAILS, np.int64)
    above = np.full(_TAILS, len(reference), np.int64)
    if low > 0:
        least = edges[min(low, len(edges) - 1)]
        below = np.minimum(_nearest(edges, least - reach[::-1]) + 1, low)
    if high < len(edges):
        above = np.maximum(_nearest(edges, edges[high] + reach) + 1, high + 1)
    return below, above


def _nearest(edges: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.int64]:
    """Index of the edge nearest to each target."""
    right = np.clip(np.searchsorted(edges, targets), 1, max(len(edges) - 1, 1))
    right = np.minimum(right, len(edges) - 1)
    left = np.maximum(right - 1, 0)
    closer_left = targets - edges[left] < edges[right] - targets
    return np.where(closer_left, left, right).astype(np.int64)


def _spread(edges: NDArray[np.float64], reference: NDArray[np.int64]) -> float:
    """(q90 - q10)/2.56 of the histogram; failing that its standard deviation, its |median|, or 1."""
    if not len(edges):
        return 1.0
    values = np.append(edges, edges[-1])
    running = np.cumsum(reference)
    q10, q50, q90 = values[np.searchsorted(running, np.array([0.1, 0.5, 0.9]) * running[-1])]
    share = reference / running[-1]
    unit = float(max(abs(values[0]), abs(values[-1]))) or 1.0  # squares of large values overflow
    scaled = values / unit
    deviation = unit * float(np.sqrt(share @ (scaled - share @ scaled) ** 2))
    return next((float(s) for s in (q90 / _NORMAL_DECILES - q10 / _NORMAL_DECILES, deviation, abs(q50)) if s > 0), 1.0)


def _scores(reference: NDArray[np.int64], bounds: NDArray[np.int64]) -> NDArray[np.float64]:
    """Normal scores of the cells' mid-ranks, and the fixed ones of the tails."""
    running = np.concatenate(([0], np.cumsum(reference)))
    at = running[np.concatenate(([0], bounds, [len(reference)]))]
    middle = (at[1:] + at[:-1]) / (2 * at[-1])
    scores = np.asarray(ndtri(np.clip(middle, 0.0005, 0.9995)), dtype=np.float64)
    scores[: _TAILS + 1] = -_TAIL_SCORES[::-1]
    scores[-_TAILS - 1 :] = _TAIL_SCORES
    return scores


def reference_edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fine edges straight from raw reference values: exactly the cells' own, for studies without a codec.

    Args:
        values: float64[n], finite.

    Returns:
        float64[B-1], strictly ascending.
    """
    distinct, counts = np.unique(values, return_counts=True)
    s = _spread(distinct[:-1], counts) if len(distinct) > 1 else (abs(float(distinct[0])) or 1.0)
    inner = distinct[_inner_bounds(counts, np.arange(len(distinct))) - 1]
    few = len(distinct) <= QUANTILE_CELLS
    alone = distinct if few else distinct[counts * QUANTILE_CELLS > counts.sum()]
    gaps = np.concatenate(([np.nextafter(distinct[0], -np.inf)], np.nextafter(alone, -np.inf)))
    tails = np.concatenate((distinct[0] - s * _OFFSETS, distinct[-1] + s * _OFFSETS))
    return np.unique(np.concatenate((inner, gaps, tails)))


@dataclass(frozen=True, slots=True, eq=False)
class CategoryCells:
    """Cells of a categorical column: its heaviest reference levels, and all others.

    A level that the reference never had is one of the others here: how many such rows there are, says `novel`. With
    a cell of their own, which the reference has empty by construction, a stationary column of thousands of levels
    would differ from its reference for ever. Of a column of up to 50 levels the others are the new ones.

    Attributes:
        cell_of_level: the cell of every level that the reference holds.
        size: number of cells, C; the last one is "others".
    """

    cell_of_level: Mapping[str, int]
    size: int

    def coarse(self, buckets: Sequence[Mapping[str, int]]) -> NDArray[np.int64]:
        """int64[T, C] from the level counts of each bucket."""
        counts = np.zeros((len(buckets), self.size), dtype=np.int64)
        others = self.size - 1
        for row, levels in zip(counts, buckets, strict=True):
            for level, count in levels.items():
                row[self.cell_of_level.get(level, others)] += count
        return counts

    def novel(self, buckets: Sequence[Mapping[str, int]]) -> NDArray[np.int64]:
        """int64[T], rows of each bucket with a level that the reference never had."""
        known = self.cell_of_level
        rows = [sum(count for level, count in levels.items() if level not in known) for levels in buckets]
        return np.array(rows, dtype=np.int64)


def category_cells(reference: Sequence[Mapping[str, int]]) -> CategoryCells:
    """Cells from the reference's buckets: its 50 heaviest levels (ties by name) and "others"."""
    totals: dict[str, int] = {}
    for levels in reference:
        for level, count in levels.items():
            totals[level] = totals.get(level, 0) + count
    ranked = sorted((level for level, count in totals.items() if count), key=lambda level: (-totals[level], level))
    own = min(len(ranked), CATEGORIES)
    return CategoryCells({level: min(place, own) for place, level in enumerate(ranked)}, own + 1)
