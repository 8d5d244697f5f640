"""One column's buckets as the rule takes them in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.drift.rule.calendar import Calendar
from driftwatch.drift.rule.cells import CategoryCells, NumericCells, category_cells, numeric_cells
from driftwatch.drift.rule.ladder import Ladder

__all__ = ["LevelCounts", "Series", "SeriesSource", "categorical_series", "coded_series", "numeric_series"]


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """A column's counts per bucket and cell, the reference first.

    Attributes:
        name: the column.
        kind: ``"numeric"`` or ``"categorical"``.
        counts: int64[T, C], non-missing rows.
        present: int64[T], non-missing rows: the sums of `counts`.
        missing: int64[T], missing rows.
        novel: int64[T], rows with a value that the reference never had. For the reference's own buckets: that no
            *other* fold of the reference had.
        cells: how further buckets fall into cells.
    """

    name: str
    kind: str
    counts: NDArray[np.int64]
    present: NDArray[np.int64]
    missing: NDArray[np.int64]
    novel: NDArray[np.int64]
    cells: NumericCells | CategoryCells

    @property
    def scores(self) -> NDArray[np.float64] | None:
        """float64[C], the cells' scores; None for a categorical column."""
        return self.cells.scores if isinstance(self.cells, NumericCells) else None

    @property
    def length(self) -> int:
        """Buckets, T."""
        return len(self.missing)


class SeriesSource:
    """A series as what a trail is carried on from."""

    def __init__(self, series: Series) -> None:
        self._cells = np.concatenate((series.counts, series.missing[:, None], series.novel[:, None]), axis=1)
        self._rows = series.present + series.missing

    def cells(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64[K, C + 2], rows by cell, then missing ones, then those with new values."""
        return np.asarray(self._cells[positions], dtype=np.int64)

    def rows(self, stop: int) -> NDArray[np.int64]:
        """int64[stop], all rows of every bucket."""
        return np.asarray(self._rows[:stop], dtype=np.int64)


def numeric_series(
    name: str,
    edges: NDArray[np.float64],
    counts: NDArray[np.int64],
    missing: NDArray[np.int64],
    *,
    n_reference: int,
    calendar: Calendar,
) -> Series:
    """A numeric column from its fine histogram per bucket.

    Args:
        name: the column.
        edges: float64[B-1], ascending: a codec's edges.
        counts: int64[T, B], non-missing rows per bucket and fine bin; buckets without rows are zeros.
        missing: int64[T], missing rows per bucket.
        n_reference: how many of the first buckets are the reference.
        calendar: the time axis, which says what a fold of the reference is.

    Raises:
        ValueError: the shapes do not fit one another.
    """
    fine = np.asarray(counts, dtype=np.int64)
    if fine.ndim != 2 or fine.shape != (len(missing), len(edges) + 1) or not 0 < n_reference <= len(missing):
        message = (
            f"{name}: {fine.shape} counts, {len(missing)} missing counts, {len(edges)} edges and a reference of "
            f"{n_reference} buckets do not fit together"
        )
        raise ValueError(message)
    cells = numeric_cells(edges, fine[:n_reference].sum(axis=0))
    folds = Ladder.of(calendar, n_reference).folds()
    novel = cells.novel(fine)
    novel[:n_reference] = _numeric_novelty(fine[:n_reference], folds, few_values=cells.few_values)
    present = fine.sum(axis=1)
    return Series(name, "numeric", cells.coarse(fine), present, np.asarray(missing, dtype=np.int64), novel, cells)


def _numeric_novelty(fine: NDArray[np.int64], folds: NDArray[np.int64], *, few_values: bool) -> NDArray[np.int64]:
    """int64[R], rows of each reference bucket whose value no other fold had, or that lie outside their range."""
    novel = np.zeros(len(fine), dtype=np.int64)
    total = fine.sum(axis=0)
    for fold in np.unique(folds).tolist():
        inside = slice(*np.searchsorted(folds, (fold, fold + 1)).tolist())  # a fold is a run of buckets
        seen = total - fine[inside].sum(axis=0) > 0
        if seen.any() and not few_values:
            spanned = np.flatnonzero(seen)
            seen[spanned[0] : spanned[-1] + 1] = True
        novel[inside] = fine[inside] @ ~seen
    return novel


def categorical_series(
    name: str,
    buckets: Sequence[Mapping[str, int]],
    missing: NDArray[np.int64],
    *,
    n_reference: int,
    calendar: Calendar,
    other: NDArray[np.int64] | None = None,
) -> Series:
    """A categorical column from its level counts per bucket.

    Args:
        name: the column.
        buckets: rows by level, one mapping for each of T buckets (empty for a bucket without rows).
        missing: int64[T], missing rows per bucket.
        n_reference: how many of the first buckets are the reference.
        calendar: the time axis, which says what a fold of the reference is.
        other: int64[T], rows whose level was not kept; they count as "other known".

    Raises:
        ValueError: the shapes do not fit one another.
    """
    if len(buckets) != len(missing) or not 0 < n_reference <= len(missing):
        message = (
            f"{name}: {len(buckets)} buckets, {len(missing)} missing counts and a reference of {n_reference} buckets "
            f"do not fit together"
        )
        raise ValueError(message)
    codes: dict[str, int] = {}
    listed = LevelCounts(
        np.repeat(np.arange(len(buckets)), [len(levels) for levels in buckets]),
        np.array([codes.setdefault(level, len(codes)) for levels in buckets for level in levels], dtype=np.int64),
        np.array([count for levels in buckets for count in levels.values()], dtype=np.int64),
        list(codes),
    )
    return coded_series(name, listed, missing, n_reference=n_reference, calendar=calendar, other=other)


@dataclass(frozen=True, slots=True, eq=False)
class LevelCounts:
    """Rows by bucket and level, K of them in any order, each pair once.

    Attributes:
        buckets: int64[K], positions.
        codes: int64[K], places of the levels in `levels`.
        rows: int64[K].
        levels: the levels.
    """

    buckets: NDArray[np.int64]
    codes: NDArray[np.int64]
    rows: NDArray[np.int64]
    levels: Sequence[str]


def coded_series(
    name: str,
    listed: LevelCounts,
    missing: NDArray[np.int64],
    *,
    n_reference: int,
    calendar: Calendar,
    other: NDArray[np.int64] | None = None,
) -> Series:
    """:func:`categorical_series` of levels that have numbers."""
    buckets, codes, rows = listed.buckets, listed.codes, listed.rows
    inside = buckets < n_reference
    totals = np.zeros(len(listed.levels), dtype=np.int64)
    np.add.at(totals, codes[inside], rows[inside])
    cells = category_cells([dict(zip(listed.levels, totals.tolist(), strict=True))])
    cell_of_code = np.array([cells.cell_of_level.get(level, -1) for level in listed.levels], dtype=np.int64)
    at = cell_of_code[codes]
    counts = np.zeros((len(missing), cells.size), dtype=np.int64)
    np.add.at(counts, (buckets, np.where(at < 0, cells.size - 1, at)), rows)
    if other is not None:
        counts[:, -1] += other
    folds = Ladder.of(calendar, n_reference).folds()
    homes = np.zeros((len(listed.levels), int(folds[-1]) + 1), dtype=np.bool_)
    known = inside & (rows != 0)
    homes[codes[known], folds[buckets[known]]] = True
    alone = homes.sum(axis=1) == 1  # in one fold of the reference: no other one had the level
    new = np.where(inside, alone[codes], at < 0)
    novel = np.zeros(len(missing), dtype=np.int64)
    np.add.at(novel, buckets[new], rows[new])
    present = counts.sum(axis=1)
    return Series(name, "categorical", counts, present, np.asarray(missing, dtype=np.int64), novel, cells)
