"""The baseline: what each slot of the week (or day) looked like in the reference, and windows set beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from driftwatch.drift.rule.constants import SLOT_ROWS
from driftwatch.drift.rule.ladder import Ladder
from driftwatch.drift.rule.width import narrowed

__all__ = ["Baseline", "Folds", "SlotTable", "Windows", "windows_of"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class SlotTable:
    """Counts and size of every slot.

    Attributes:
        counts: integer[P, C] of the narrowest width that holds them; q_i is a row of it over its size.
        sizes: float64[P], rows behind them, m_i.
        total: rows of the reference that the table was made of.
    """

    counts: NDArray[np.integer[Any]]
    sizes: Floats
    total: float

    @classmethod
    def of(cls, merged: Ints, total: Ints) -> "SlotTable":
        """From merged slot counts int64[P, C]; a slot with fewer than 20 rows takes the pooled counts int64[C]."""
        sizes = merged.sum(axis=1)
        few = sizes < SLOT_ROWS
        rows = int(total.sum())
        if few.any():
            merged = np.where(few[:, None], total, merged)
            sizes = np.where(few, rows, sizes)
        return cls(narrowed(merged), sizes.astype(np.float64), float(rows))


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Windows beside what their hours looked like in the reference, one window a row.

    Attributes:
        ends: int64[W], position of each window's last bucket.
        p: float64[W, C], proportions of the window.
        q: float64[W, C], proportions expected: Σ n_i q_slot(i) / n.
        n: float64[W], rows.
        m: float64[W], effective rows behind q: n² / Σ(n_i²/m_slot(i)) / overlap, at most the reference's rows.
    """

    ends: Ints
    p: Floats
    q: Floats
    n: Floats
    m: Floats

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_] | slice) -> "Windows":
        """Some of the windows."""
        return Windows(self.ends[rows], self.p[rows], self.q[rows], self.n[rows], self.m[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """What windows of one column are held against.

    Attributes:
        ladder: the rung.
        table: the reference by slot, all folds together.
    """

    ladder: Ladder
    table: SlotTable

    def window(self, counts: Ints, stop: int, scale: int) -> Windows:
        """The one window of `scale` buckets that ends before position `stop`, of counts int64[T, C]."""
        inside = counts[stop - scale : stop]
        sums = _expected(inside, self.ladder.slots(stop - scale, stop), self.table)
        return self.windows(np.array([stop - 1]), inside.sum(axis=0)[None], *sums, scale, self.table.total)

    def windows(
        self, ends: Ints, taken: Ints, expected: Floats, squares: Floats, scale: int, total: float | Floats
    ) -> Windows:
        """Proportions from window sums: taken int64[W, C], expected float64[W, C] and Σ n_i²/m_slot(i), float64[W]."""
        return windows_of(ends, taken, expected, squares, 1 if scale == 1 else self.ladder.overlap, total)


def windows_of(
    ends: Ints, taken: Ints, expected: Floats, squares: Floats, overlap: int | Ints, total: float | Floats
) -> Windows:
    """Proportions from window sums; `overlap` says how often the baseline uses each of its rows."""
    n = taken.sum(axis=1).astype(np.float64)
    safe = np.maximum(n, 1.0)
    m = np.minimum(n**2 / np.maximum(squares, 1e-300) / overlap, total)
    return Windows(ends, taken / safe[:, None], expected / safe[:, None], n, m)


@dataclass(frozen=True, slots=True, eq=False)
class Folds:
    """The reference of one column by slot and by fold: what it takes to compare the reference with itself.

    Attributes:
        baseline: of all folds together.
        by_fold: int64[folds, P, C], merged slot counts of each fold.
        all_folds: int64[P, C], their sum.
        fold_totals: int64[folds, C].
    """

    baseline: Baseline
    by_fold: Ints
    all_folds: Ints
    fold_totals: Ints

    @classmethod
    def of(cls, reference: Ints, ladder: Ladder) -> "Folds":
        """From the reference's counts int64[R, C]."""
        cycle = np.zeros((ladder.fold_count, ladder.slot_count, reference.shape[1]), dtype=np.int64)
        # A fold has a slot twice where clocks go back, and of buckets shorter than an hour.
        np.add.at(cycle, (ladder.folds(), ladder.slots(0, ladder.n_reference)), reference)
        totals = cycle.sum(axis=1)
        if ladder.pooled:
            merged = np.broadcast_to(totals[:, None, :], cycle.shape)
        elif ladder.overlap > 1:
            merged = np.roll(cycle, 1, axis=1) + cycle + np.roll(cycle, -1, axis=1)
        else:
            merged = cycle
        together = merged.sum(axis=0)
        return cls(Baseline(ladder, SlotTable.of(together, totals.sum(axis=0))), merged, together, totals)

    def without(self, folds: Sequence[int] | Ints) -> SlotTable:
        """The table of all other folds."""
        merged = self.all_folds - self.by_fold[folds].sum(axis=0)
        return SlotTable.of(merged, self.fold_totals.sum(axis=0) - self.fold_totals[folds].sum(axis=0))

    def reference_windows(self, reference: Ints, scales: Sequence[int]) -> list[Windows]:
        """The reference's own windows, each beside a baseline without the folds that it touches.

        Shorter than a cycle: one window at each bucket, every bucket beside the baseline without its own fold.
        Otherwise: ends a quarter of the window apart, beside the baseline without every fold touched.
        """
        period = self.baseline.ladder.period
        running = self._running(reference) if any(scale < period for scale in scales) else None
        return [
            self._long_windows(reference, scale) if running is None or scale >= period else running.windows(scale)
            for scale in scales
        ]

    def _running(self, reference: Ints) -> "_Running":
        """Sums over the reference, every bucket beside the baseline without its own fold."""
        ladder = self.baseline.ladder
        slots, folds = ladder.slots(0, len(reference)), ladder.folds()
        sizes = reference.sum(axis=1)
        expected = np.zeros(reference.shape)
        squares = np.zeros(len(reference))
        totals = np.zeros(len(reference))
        for fold in range(ladder.fold_count):
            table, at = self.without([fold]), np.flatnonzero(folds == fold)
            inside = slice(int(at[0]), int(at[-1]) + 1)  # a fold is a run of buckets
            weights = sizes[inside] / np.maximum(table.sizes[slots[inside]], 1.0)
            np.multiply(weights[:, None], table.counts[slots[inside]], out=expected[inside])
            squares[inside] = sizes[inside] * weights
            totals[inside] = table.total
        return _Running(self.baseline, reference, expected, squares, totals)

    def _long_windows(self, reference: Ints, scale: int) -> Windows:
        ladder = self.baseline.ladder
        folds = ladder.folds()
        ends = np.arange(scale - 1, len(reference), max(1, scale // 4))
        taken = np.zeros((len(ends), reference.shape[1]), dtype=np.int64)
        expected = np.zeros(taken.shape)
        squares, totals = np.zeros(len(ends)), np.zeros(len(ends))
        tables: dict[bytes, SlotTable] = {}
        for place, end in enumerate(ends.tolist()):
            inside = slice(end + 1 - scale, end + 1)
            touched = np.unique(folds[inside])
            table = tables.get(touched.tobytes())
            if table is None:
                table = tables[touched.tobytes()] = self.without(touched)
            counts = reference[inside]
            taken[place] = counts.sum(axis=0)
            [expected[place]], [squares[place]] = _expected(counts, ladder.slots(inside.start, inside.stop), table)
            totals[place] = table.total
        return self.baseline.windows(ends, taken, expected, squares, scale, totals)


class _Running:
    """Sums of everything before each bucket: of counts, expected counts, and squared rows over the baseline's."""

    def __init__(self, baseline: Baseline, counts: Ints, expected: Floats, squares: Floats, totals: Floats) -> None:
        self._baseline = baseline
        self._totals = totals
        self._counts = np.zeros((len(counts) + 1, counts.shape[1]), dtype=np.int64)
        self._expected = np.zeros(self._counts.shape)
        self._squares = np.concatenate(([0.0], np.cumsum(squares)))
        np.cumsum(counts, axis=0, out=self._counts[1:])
        np.cumsum(expected, axis=0, out=self._expected[1:])

    def windows(self, scale: int) -> Windows:
        """The windows of one scale at every bucket from which it reaches back to the first or later."""
        ends = np.arange(scale - 1, len(self._totals))
        taken = self._counts[scale:] - self._counts[:-scale]
        expected = self._expected[scale:] - self._expected[:-scale]
        squares = self._squares[scale:] - self._squares[:-scale]
        return self._baseline.windows(ends, taken, expected, squares, scale, self._totals[ends])


def _expected(counts: Ints, slots: Ints, table: SlotTable) -> tuple[Floats, Floats]:
    """Of one window, counts int64[w, C]: Σ n_i q_slot(i), float64[1, C], and Σ n_i²/m_slot(i), float64[1]."""
    sizes = counts.sum(axis=1)
    by_slot = np.bincount(slots, sizes, len(table.sizes)) / np.maximum(table.sizes, 1.0)
    squares = np.bincount(slots, sizes**2, len(table.sizes)) / np.maximum(table.sizes, 1.0)
    return (by_slot @ table.counts)[None], squares.sum()[None]
