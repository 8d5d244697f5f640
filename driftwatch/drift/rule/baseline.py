"""The baseline: what each slot of the week (or day) looked like in the reference, and windows set beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from driftwatch.drift.rule.constants import SLOT_ROWS
from driftwatch.drift.rule.ladder import Ladder

__all__ = ["Baseline", "SlotTable", "WindowSums", "Windows"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class SlotTable:
    """Proportions and size of every slot.

    Attributes:
        proportions: float64[P, C], q_i.
        sizes: float64[P], rows behind them, m_i.
        total: rows of the reference that the table was made of.
    """

    proportions: Floats
    sizes: Floats
    total: float

    @classmethod
    def of(cls, merged: Ints, total: Ints) -> "SlotTable":
        """From merged slot counts int64[P, C]; a slot with fewer than 20 rows takes the pooled counts int64[C]."""
        sizes = merged.sum(axis=1)
        counts = np.where((sizes < SLOT_ROWS)[:, None], total, merged)
        sizes = counts.sum(axis=1).astype(np.float64)
        return cls(counts / np.maximum(sizes, 1.0)[:, None], sizes, float(total.sum()))


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

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "Windows":
        """Some of the windows."""
        return Windows(self.ends[rows], self.p[rows], self.q[rows], self.n[rows], self.m[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """The reference of one column by slot and by fold.

    Attributes:
        ladder: the rung.
        by_fold: int64[folds, P, C], merged slot counts of each fold.
        fold_totals: int64[folds, C].
        table: all folds together.
    """

    ladder: Ladder
    by_fold: Ints
    fold_totals: Ints
    table: SlotTable

    @classmethod
    def of(cls, reference: Ints, ladder: Ladder) -> "Baseline":
        """From the reference's counts int64[R, C]."""
        cycle = np.zeros((ladder.fold_count, ladder.slot_count, reference.shape[1]), dtype=np.int64)
        # A fold has a slot twice where clocks go back, on holidays, and of buckets shorter than an hour.
        np.add.at(cycle, (ladder.folds(), ladder.slots(0, ladder.n_reference)), reference)
        totals = cycle.sum(axis=1)
        if ladder.pooled:
            merged = np.broadcast_to(totals[:, None, :], cycle.shape)
        elif ladder.overlap > 1:
            merged = np.roll(cycle, 1, axis=1) + cycle + np.roll(cycle, -1, axis=1)
        else:
            merged = cycle
        return cls(ladder, merged, totals, SlotTable.of(merged.sum(axis=0), totals.sum(axis=0)))

    def without(self, folds: Sequence[int] | Ints) -> SlotTable:
        """The table of all other folds."""
        merged = self.by_fold.sum(axis=0) - self.by_fold[folds].sum(axis=0)
        return SlotTable.of(merged, self.fold_totals.sum(axis=0) - self.fold_totals[folds].sum(axis=0))

    def sums(self, counts: Ints, start: int, stop: int, longest: int, sizes: Ints | None = None) -> "WindowSums":
        """Ready to sum windows of up to `longest` buckets that end at positions [start, stop).

        Args:
            counts: int64[T, C].
            start: first position.
            stop: one past the last.
            longest: buckets.
            sizes: int64[T], the sums of `counts` over cells, where they are known.
        """
        low = max(0, start + 1 - longest)
        inside = counts[low:stop]
        rows = inside.sum(axis=1) if sizes is None else sizes[low:stop]
        return WindowSums(self, inside, rows, low, stop - start)

    def reference_windows(self, reference: Ints, scale: int) -> Windows:
        """The reference's own windows, each beside a baseline without the folds that it touches.

        Shorter than a cycle: one window at each bucket, every bucket beside the baseline without its own fold.
        Otherwise: ends a quarter of the window apart, beside the baseline without every fold touched.
        """
        if scale < self.ladder.period:
            return self._short_reference_windows(reference, scale)
        return self._long_reference_windows(reference, scale)

    def _short_reference_windows(self, reference: Ints, scale: int) -> Windows:
        slots, folds = self.ladder.slots(0, len(reference)), self.ladder.folds()
        sizes = reference.sum(axis=1)
        expected = np.zeros(reference.shape)
        squares = np.zeros(len(reference))
        totals = np.zeros(len(reference))
        for fold in range(self.ladder.fold_count):
            table, at = self.without([fold]), folds == fold
            expected[at] = sizes[at, None] * table.proportions[slots[at]]
            squares[at] = sizes[at] ** 2 / np.maximum(table.sizes[slots[at]], 1.0)
            totals[at] = table.total
        ends = np.arange(scale - 1, len(reference))
        sums = _Running(reference, expected, squares).between(ends, scale)
        return self.windows(ends, *sums, scale, totals[ends])

    def _long_reference_windows(self, reference: Ints, scale: int) -> Windows:
        folds = self.ladder.folds()
        ends = np.arange(scale - 1, len(reference), max(1, scale // 4))
        parts = []
        for end in ends:
            inside = slice(int(end) + 1 - scale, int(end) + 1)
            table = self.without(np.unique(folds[inside]))
            counts = reference[inside]
            slots = self.ladder.slots(inside.start, inside.stop)
            [sums] = _direct(counts, counts.sum(axis=1), slots, table, np.array([scale - 1]), [scale])
            parts.append(self.windows(np.array([end]), *sums, scale, table.total))
        return Windows(
            ends,
            np.concatenate([part.p for part in parts]),
            np.concatenate([part.q for part in parts]),
            np.concatenate([part.n for part in parts]),
            np.concatenate([part.m for part in parts]),
        )

    def windows(
        self, ends: Ints, taken: Ints, expected: Floats, squares: Floats, scale: int, total: float | Floats
    ) -> Windows:
        """Proportions from window sums: taken int64[W, C], expected float64[W, C] and Σ n_i²/m_slot(i), float64[W]."""
        n = taken.sum(axis=1).astype(np.float64)
        safe = np.maximum(n, 1.0)
        overlap = 1 if scale == 1 else self.ladder.overlap
        m = np.minimum(n**2 / np.maximum(squares, 1e-300) / overlap, total)
        return Windows(ends, taken / safe[:, None], expected / safe[:, None], n, m)


class WindowSums:
    """Sums over trailing windows of one column.

    A few windows are summed one by one, each scale adding only the buckets that the shorter ones lack; many share
    running sums. Counts are integers, so that they come out the same either way.
    """

    def __init__(self, baseline: Baseline, counts: Ints, sizes: Ints, low: int, ends: int) -> None:
        self._baseline = baseline
        self._low = low
        self._counts = counts
        self._sizes = sizes
        self._slots = baseline.ladder.slots(low, low + len(sizes))
        self._running: _Running | None = None
        if ends > _FEW:
            table = baseline.table
            expected = self._sizes[:, None] * table.proportions[self._slots]
            squares = self._sizes**2 / np.maximum(table.sizes[self._slots], 1.0)
            self._running = _Running(self._counts, expected, squares)

    def windows(self, ends: Ints, scales: Sequence[int]) -> list[Windows]:
        """Windows of each scale ending at `ends` int64[N]; those that begin before the axis have no rows."""
        table = self._baseline.table
        if self._running is None:
            sums = _direct(self._counts, self._sizes, self._slots, table, ends - self._low, scales)
        else:
            sums = [self._running.between(ends - self._low, scale) for scale in scales]
        return [
            self._baseline.windows(ends, *taken, scale, table.total) for scale, taken in zip(scales, sums, strict=True)
        ]


_FEW = 4
"""Up to so many windows are summed one by one."""

_Sums: TypeAlias = tuple[Ints, Floats, Floats]


class _Running:
    """Sums of everything before each bucket: of counts, expected counts, and squared rows over the baseline's."""

    def __init__(self, counts: Ints, expected: Floats, squares: Floats) -> None:
        self._counts = np.zeros((len(counts) + 1, counts.shape[1]), dtype=np.int64)
        self._expected = np.zeros(self._counts.shape)
        self._squares = np.concatenate(([0.0], np.cumsum(squares)))
        np.cumsum(counts, axis=0, out=self._counts[1:])
        np.cumsum(expected, axis=0, out=self._expected[1:])

    def between(self, ends: Ints, scale: int) -> _Sums:
        """The sums over the windows of one scale ending at `ends`; zero for those that begin before the first row."""
        complete = ends + 1 >= scale
        stops, starts = np.where(complete, ends + 1, 0), np.where(complete, ends + 1 - scale, 0)
        return (
            self._counts[stops] - self._counts[starts],
            self._expected[stops] - self._expected[starts],
            self._squares[stops] - self._squares[starts],
        )


def _direct(counts: Ints, sizes: Ints, slots: Ints, table: SlotTable, ends: Ints, scales: Sequence[int]) -> list[_Sums]:
    """Window sums of a few windows: each scale adds only the buckets that the shorter ones lack."""
    shape = (len(scales), len(ends))
    taken = np.zeros((*shape, counts.shape[1]), dtype=np.int64)
    by_slot = np.zeros((*shape, len(table.sizes)))
    by_slot_squared = np.zeros_like(by_slot)
    for column, end in enumerate(ends):
        reach = int(end) + 1
        for row, scale in enumerate(scales):
            start = int(end) + 1 - scale
            if start < 0:
                break
            if row:
                for total in (taken, by_slot, by_slot_squared):
                    total[row, column] = total[row - 1, column]
            part = slice(start, reach)
            taken[row, column] += counts[part].sum(axis=0)
            by_slot[row, column] += np.bincount(slots[part], sizes[part], len(table.sizes))
            by_slot_squared[row, column] += np.bincount(slots[part], sizes[part] ** 2, len(table.sizes))
            reach = start
    expected = by_slot @ table.proportions
    squares = by_slot_squared @ (1.0 / np.maximum(table.sizes, 1.0))
    return [(taken[row], expected[row], squares[row]) for row in range(len(scales))]
