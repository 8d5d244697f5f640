"""What each slot of the week (or day) looked like in the reference, for several numbers at once.

As in the alarm rule (:mod:`driftwatch.drift.rule.baseline`) each bucket of a window is set beside its own hour of the
week; means of z and of zzᵀ are sums over rows as counts are, so that a window's expectation is Σ n_i q_slot(i) / n.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from driftwatch.drift.moments import MomentWindows
from driftwatch.drift.rule.constants import SLOT_ROWS
from driftwatch.drift.rule.ladder import Ladder
from driftwatch.profiles.moments import RADIUS_UNIT, UNIT

__all__ = ["MomentBaseline", "MomentSeries"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class MomentSeries:
    """Sums per bucket, the reference first.

    Attributes:
        dimensions: k.
        n: int64[T], rows that were summed.
        sums: int64[T, 4k + k(k+1)/2 + 1], as :class:`driftwatch.profiles.moments.MomentsProfile` has them.
        rows: int64[T], all rows of the model.
    """

    dimensions: int
    n: Ints
    sums: Ints
    rows: Ints

    @property
    def width(self) -> int:
        """Sums of z and of zzᵀ."""
        return self.dimensions + self.dimensions * (self.dimensions + 1) // 2

    @property
    def units(self) -> Floats:
        """float64[width], what the sums of z and of zzᵀ count in."""
        return np.concatenate((np.full(self.dimensions, UNIT), np.full(self.width - self.dimensions, UNIT**2)))


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Mean of every slot float64[P, K], the rows behind it float64[P], and all rows of the table."""

    means: Floats
    sizes: Floats
    total: float


@dataclass(frozen=True, slots=True, eq=False)
class MomentBaseline:
    """The reference by fold and slot.

    Attributes:
        ladder: the rung.
        n: int64[folds, P], rows.
        sums: int64[folds, P, K], of z and zzᵀ.
        units: float64[K].
        table: all folds together.
        higher: float64[3k + 1], means of z³, z⁴, ‖z‖²z and ‖z‖⁴ over the whole reference.
    """

    ladder: Ladder
    n: Ints
    sums: Ints
    units: Floats
    table: _Table
    higher: Floats

    @classmethod
    def of(cls, series: MomentSeries, ladder: Ladder) -> "MomentBaseline":
        """From the first buckets of a series, as many as the ladder's reference has."""
        size, width = ladder.n_reference, series.width
        folds, slots = ladder.folds(), ladder.slots(0, size)
        n = np.zeros((ladder.fold_count, ladder.slot_count), dtype=np.int64)
        sums = np.zeros((*n.shape, width), dtype=np.int64)
        np.add.at(n, (folds, slots), series.n[:size])  # an hour that comes twice shares its slot
        np.add.at(sums, (folds, slots), series.sums[:size, :width])
        total = max(int(n.sum()), 1)
        k = series.dimensions
        units = np.repeat([RADIUS_UNIT * UNIT, RADIUS_UNIT**2, RADIUS_UNIT * UNIT, RADIUS_UNIT**2], [k, k, k, 1])
        higher = series.sums[:size, width:].sum(axis=0) / total * units
        table = _table(ladder, n.sum(axis=0), sums.sum(axis=0), series.units)
        return cls(ladder, n, sums, series.units, table, higher)

    @property
    def pooled(self) -> Floats:
        """float64[K], means of the whole reference."""
        totals: Floats = self.sums.sum(axis=(0, 1))
        return totals * self.units / max(int(self.n.sum()), 1)

    def between(self, dimensions: int) -> Floats:
        """float64[k, k], covariance of the slots' means, weighted by their rows."""
        rows = self.n.sum(axis=0).astype(np.float64)
        means = self.table.means[:, :dimensions]
        weights = rows / max(float(rows.sum()), 1.0)
        centred = means - weights @ means
        return np.asarray((centred * weights[:, None]).T @ centred, dtype=np.float64)

    def without(self, folds: Sequence[int] | Ints) -> _Table:
        """The table of all other folds."""
        n = self.n.sum(axis=0) - self.n[folds].sum(axis=0)
        sums = self.sums.sum(axis=0) - self.sums[folds].sum(axis=0)
        return _table(self.ladder, n, sums, self.units)

    def windows(self, series: MomentSeries, ends: Ints, scale: int) -> MomentWindows:
        """Windows of one scale that end at `ends`, ascending, beside the whole reference.

        Those that begin before the axis have no rows.
        """
        low = max(0, int(ends[0]) + 1 - scale)
        part = slice(low, int(ends[-1]) + 1)
        slots = self.ladder.slots(part.start, part.stop)
        return self._set(series, part, slots, self.table, ends, scale)

    def reference_windows(self, series: MomentSeries, scale: int) -> MomentWindows:
        """The reference's own windows, each beside a baseline without the folds that it touches.

        Shorter than a cycle: one at each bucket, every bucket beside the baseline without its own fold. Otherwise a
        quarter of the window apart.
        """
        size = self.ladder.n_reference
        folds, slots = self.ladder.folds(), self.ladder.slots(0, size)
        if scale < self.ladder.period:
            return self._short_windows(series, folds, slots, scale)
        parts = []
        for end in range(scale - 1, size, max(1, scale // 4)):
            part = slice(end + 1 - scale, end + 1)
            table = self.without(np.unique(folds[part]))
            parts.append(self._set(series, part, slots[part], table, np.array([end]), scale))
        return _joined(parts)

    def _short_windows(self, series: MomentSeries, folds: Ints, slots: Ints, scale: int) -> MomentWindows:
        size = len(folds)
        n = series.n[:size].astype(np.float64)
        expected, squares, totals = np.zeros((size, series.width)), np.zeros(size), np.zeros(size)
        for fold in range(self.ladder.fold_count):
            table, at = self.without([fold]), folds == fold
            expected[at] = n[at, None] * table.means[slots[at]]
            squares[at] = n[at] ** 2 / np.maximum(table.sizes[slots[at]], 1.0)
            totals[at] = table.total
        ends = np.arange(scale - 1, size)
        taken = _trailing(series.sums[:size, : series.width], ends, scale) * self.units
        expected, squares = _trailing(expected, ends, scale), _trailing(squares[:, None], ends, scale)[:, 0]
        rows = _trailing(n[:, None], ends, scale)[:, 0]
        return self._windows(ends, taken, expected, rows, squares, totals[ends], scale)

    def _set(
        self, series: MomentSeries, part: slice, slots: Ints, table: _Table, ends: Ints, scale: int
    ) -> MomentWindows:
        n = series.n[part].astype(np.float64)
        places = ends - part.start
        rows, squared = (_trailing_by_slot(of, slots, len(table.sizes), places, scale) for of in (n, n**2))
        taken = _trailing(series.sums[part, : series.width], places, scale) * self.units
        squares = squared @ (1.0 / np.maximum(table.sizes, 1.0))
        return self._windows(ends, taken, rows @ table.means, rows.sum(axis=1), squares, table.total, scale)

    def _windows(
        self,
        ends: Ints,
        taken: Floats,
        expected: Floats,
        n: Floats,
        squares: Floats,
        total: float | Floats,
        scale: int,
    ) -> MomentWindows:
        overlap = 1 if scale == 1 else self.ladder.overlap
        m = np.minimum(n**2 / np.maximum(squares, 1e-300) / overlap, total)
        safe = np.maximum(n, 1.0)[:, None]
        return MomentWindows(ends, taken / safe, expected / safe, n, m)


def _table(ladder: Ladder, n: Ints, sums: Ints, units: Floats) -> _Table:
    """Each slot merged with its neighbours as the rung wants; one with fewer than 20 rows takes all of them."""
    total, everything = int(n.sum()), sums.sum(axis=0)
    if ladder.pooled:
        n, sums = np.full_like(n, total), np.broadcast_to(everything, sums.shape)
    elif ladder.overlap > 1:
        n, sums = (np.roll(of, 1, axis=0) + of + np.roll(of, -1, axis=0) for of in (n, sums))
    thin = n < SLOT_ROWS
    sizes = np.where(thin, total, n).astype(np.float64)
    means = np.where(thin[:, None], everything, sums) * units / np.maximum(sizes, 1.0)[:, None]
    return _Table(means, sizes, float(total))


def _trailing(values: NDArray[np.float64] | Ints, places: Ints, scale: int) -> NDArray[np.float64]:
    """Sums over the `scale` values that end at each place, float64[N, ...]; 0 where there are not so many."""
    complete = places + 1 >= scale
    if len(places) == 1:
        last = int(places[0]) + 1
        inside = values[last - scale : last] if complete[0] else values[:0]
        return np.asarray(inside.sum(axis=0)[None], dtype=np.float64)
    running = np.zeros((len(values) + 1, *values.shape[1:]), dtype=values.dtype)
    np.cumsum(values, axis=0, out=running[1:])
    stops, starts = np.where(complete, places + 1, 0), np.where(complete, places + 1 - scale, 0)
    return np.asarray(running[stops] - running[starts], dtype=np.float64)


def _trailing_by_slot(values: Floats, slots: Ints, slot_count: int, places: Ints, scale: int) -> Floats:
    """As :func:`_trailing` of float64[T], the sums of each slot by itself: float64[N, P]."""
    if len(places) == 1:
        inside = slice(int(places[0]) + 1 - scale, int(places[0]) + 1)
        known = inside if inside.start >= 0 else slice(0)
        return np.asarray(np.bincount(slots[known], values[known], slot_count)[None], dtype=np.float64)
    by_slot = np.zeros((len(values), slot_count))
    by_slot[np.arange(len(values)), slots] = values
    return _trailing(by_slot, places, scale)


def _joined(parts: Sequence[MomentWindows]) -> MomentWindows:
    return MomentWindows(
        *(np.concatenate([getattr(part, key) for part in parts]) for key in ("ends", "p", "q", "n", "m"))
    )
