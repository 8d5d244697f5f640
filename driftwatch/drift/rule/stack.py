"""Columns of one kind side by side, with sums over the windows that end at their newest bucket."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from driftwatch.drift.rule.baseline import SlotTable, Windows, windows_of
from driftwatch.drift.rule.fitting import ModelFit
from driftwatch.drift.rule.lanes import LaneFit, Lanes
from driftwatch.drift.rule.width import narrowed

__all__ = ["REMEMBERED", "ColumnSource", "Snapshots", "Spans", "Stack"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]

_CHUNK = 168
_SETTLED_DAYS = 28
REMEMBERED = 96
"""Buckets of which is kept what was added of them, so that late rows can be put right."""


class ColumnSource(Protocol):
    """Where a column's buckets come from."""

    def cells(self, positions: Ints) -> Ints:
        """int64[K, C + 2] of K positions of the axis: rows by cell, then missing rows, then rows with new values."""

    def rows(self, stop: int) -> Ints:
        """int64[stop], all rows of every bucket before position `stop`."""


@dataclass(frozen=True, slots=True)
class Spans:
    """The lengths of the windows that are summed.

    Attributes:
        scales: those that are judged.
        lagged: those whose window one length earlier is looked at too: of a week or more, below 28 days.
    """

    scales: tuple[int, ...]
    lagged: tuple[int, ...]

    @classmethod
    def of(cls, model: ModelFit) -> "Spans":
        """Of a fitted model."""
        calendar = model.ladder.calendar
        settled = _SETTLED_DAYS * calendar.per_day
        return cls(model.scales, tuple(each for each in model.scales if calendar.is_long(each) and each < settled))

    @property
    def lengths(self) -> tuple[int, ...]:
        """The scales, then twice each of the lagged: less the window itself it is the window before."""
        return (*self.scales, *(2 * scale for scale in self.lagged))


@dataclass(slots=True, eq=False)
class _Sums:
    """Trailing sums of F columns over windows of A lengths.

    Attributes:
        cells: int64[A, F, C + 2], rows by cell, missing rows, rows with new values.
        present: int64[A, F, P], non-missing rows by slot.
        present_squares: float64[A, F, P], the sums of the squares of each bucket's.
        rows: int64[A, F, P], all rows by slot.
        rows_squares: float64[A, F, P].
    """

    cells: Ints
    present: Ints
    present_squares: Floats
    rows: Ints
    rows_squares: Floats

    @classmethod
    def zeros(cls, lengths: int, columns: int, cells: int, slots: int) -> "_Sums":
        by_slot = (lengths, columns, slots)
        return cls(
            np.zeros((lengths, columns, cells), np.int64),
            np.zeros(by_slot, np.int64),
            np.zeros(by_slot),
            np.zeros(by_slot, np.int64),
            np.zeros(by_slot),
        )

    def copied(self) -> "_Sums":
        return _Sums(
            self.cells.copy(),
            self.present.copy(),
            self.present_squares.copy(),
            self.rows.copy(),
            self.rows_squares.copy(),
        )

    def move(self, slots: Ints, cells: Ints, present: Ints, rows: Ints) -> None:
        """Let one bucket enter all windows, and one leave each: its slot, int64[A + 1], and its sizes, int64[A + 1, F].

        The first is the one that enters, cells int64[A + 1, F, C + 2].
        """
        self.cells += cells[:1] - cells[1:]
        each = np.arange(len(self.cells))
        for total, squares, sizes in (
            (self.present, self.present_squares, present),
            (self.rows, self.rows_squares, rows),
        ):
            square = sizes.astype(np.float64) ** 2
            total[:, :, slots[0]] += sizes[0]
            total[each, :, slots[1:]] -= sizes[1:]
            squares[:, :, slots[0]] += square[0]
            squares[each, :, slots[1:]] -= square[1:]

    def add(self, length: int, slots: Ints, cells: Ints, sign: int) -> None:
        """Add K buckets, cells int64[K, F, C + 2], to the windows of one length, or take them away."""
        self.cells[length] += sign * cells.sum(axis=0)
        present, rows = _sizes(cells)
        for total, squares, sizes in (
            (self.present, self.present_squares, present),
            (self.rows, self.rows_squares, rows),
        ):
            np.add.at(total[length].T, slots, sign * sizes)
            np.add.at(squares[length].T, slots, sign * sizes.astype(np.float64) ** 2)


def _sizes(cells: Ints) -> tuple[Ints, Ints]:
    """Non-missing rows and all rows of buckets, int64[..., C + 2]."""
    present = cells[..., :-2].sum(axis=-1)
    return present, present + cells[..., -2]


@dataclass(frozen=True, slots=True, eq=False)
class Snapshots:
    """Trailing sums at N buckets that follow one another.

    Attributes:
        ends: int64[N], their positions.
        cells: int64[A, N, F, C + 2].
        before: the sums before the first of them; with one bucket, the sums at it.
        slots: int64[A + 1, N], the slot of the bucket that enters, and of the one that leaves each length.
        present: int64[A + 1, N, F], their non-missing rows.
        rows: int64[A + 1, N, F], all their rows.
    """

    ends: Ints
    cells: Ints
    before: _Sums
    slots: Ints
    present: Ints
    rows: Ints


class Stack:
    """Columns of one kind, padded to the same number of cells.

    Attributes:
        names: of the columns.
    """

    def __init__(self, names: Sequence[str], model: ModelFit) -> None:
        self.names = tuple(names)
        self._model = model
        self._spans = Spans.of(model)
        self._columns = [model.columns[name] for name in names]
        self._width = max(column.n_cells for column in self._columns)
        n_lengths, n_slots = len(self._spans.lengths), model.ladder.slot_count
        self._sums = _Sums.zeros(n_lengths, len(self.names), self._width + 2, n_slots)
        self._remembered: dict[int, NDArray[np.integer[Any]]] = {}
        self._lane_fits: dict[int, LaneFit] = {}

    def copied(self) -> "Stack":
        """Another one in the same state."""
        stack = copy.copy(self)
        stack._sums = self._sums.copied()  # noqa: SLF001 - its own kind
        stack._remembered = dict(self._remembered)  # noqa: SLF001
        return stack

    def remembers(self, position: int) -> bool:
        """Whether what was added of a bucket is known, so that it can be put right."""
        return position in self._remembered

    def start(self, sources: Mapping[str, ColumnSource], end: int) -> None:
        """Sum afresh the windows that end before position `end`."""
        lengths = self._spans.lengths
        for first in range(max(0, end - max(lengths)), end, _CHUNK):
            positions = np.arange(first, min(first + _CHUNK, end))
            cells, slots = self._read(sources, positions), self._slots(positions)
            for place, length in enumerate(lengths):
                inside = positions >= end - length
                if inside.any():
                    self._sums.add(place, slots[inside], cells[inside], 1)
            self._remember(positions[-REMEMBERED:], cells[-REMEMBERED:])

    def advance(self, sources: Mapping[str, ColumnSource], ends: Ints) -> Snapshots:
        """Carry the sums on over the buckets that follow, and keep them as they were at each."""
        leaving = ends[None] - np.array(self._spans.lengths)[:, None]
        moving = np.concatenate((ends[None], leaving))
        wanted, where = np.unique(moving, return_inverse=True)
        cells = self._recall(sources, wanted)[where.reshape(moving.shape)]
        slots, (present, rows) = self._slots(moving), _sizes(cells)
        before = self._sums if len(ends) == 1 else self._sums.copied()
        course = np.cumsum(cells[:1] - cells[1:], axis=1) + self._sums.cells[:, None]
        if len(ends) == 1:
            self._sums.move(slots[:, 0], cells[:, 0], present[:, 0], rows[:, 0])
        else:
            for place in range(len(leaving)):
                self._sums.add(place, slots[0], cells[0], 1)
                self._sums.add(place, slots[place + 1], cells[place + 1], -1)
        self._remember(ends, cells[0])
        return Snapshots(ends, course, before, slots, present, rows)

    def go_back(self, sources: Mapping[str, ColumnSource], positions: Ints) -> None:
        """Undo the last buckets, at `positions`."""
        cells, slots = self._read(sources, positions), self._slots(positions)
        for place, length in enumerate(self._spans.lengths):
            leaving = positions - length
            self._sums.add(place, slots, cells, -1)
            self._sums.add(place, self._slots(leaving), self._read(sources, leaving), 1)
        for position in positions.tolist():
            self._remembered.pop(position, None)

    def revise(self, sources: Mapping[str, ColumnSource], positions: Ints, end: int) -> None:
        """Put buckets in their new state in place of the remembered one; the windows end before position `end`."""
        cells, slots = self._read(sources, positions), self._slots(positions)
        before = np.stack([self._remembered[position] for position in positions.tolist()]).astype(np.int64)
        for place, length in enumerate(self._spans.lengths):
            inside = positions >= end - length
            self._sums.add(place, slots[inside], before[inside], -1)
            self._sums.add(place, slots[inside], cells[inside], 1)
        self._remember(positions, cells)

    def lanes(self, course: Snapshots, columns: slice, rows: Ints, low: Bools) -> Lanes:
        """Some columns at N buckets as lanes, bucket by bucket.

        Args:
            course: what :meth:`advance` gave.
            columns: which.
            rows: int64[F, N], all rows of the newest buckets, F the columns asked for.
            low: bool[F, S, N].
        """
        some, (scales, lagged) = self._columns[columns], (self._spans.scales, self._spans.lagged)
        cells, before = course.cells[:, :, columns], course.before
        taken = cells[..., :-2]
        presence = np.stack((cells[..., -2], taken.sum(axis=-1)), axis=-1)
        values = self._windows(
            course,
            taken,
            (before.present[:, columns], before.present_squares[:, columns], course.present[:, :, columns]),
            [column.values.table for column in some],
        )
        missing = self._windows(
            course,
            presence,
            (before.rows[:, columns], before.rows_squares[:, columns], course.rows[:, :, columns]),
            [column.missing.table for column in some],
        )
        n_scales, at = len(scales), np.repeat(course.ends, len(some))
        here = slice(0, n_scales * len(at))
        complete = at[None] + 1 >= np.array(scales)[:, None]
        late = [slice(place * len(at), (place + 1) * len(at)) for place in range(n_scales, n_scales + len(lagged))]
        return Lanes(
            self._model,
            self._lane_fit(columns, len(course.ends)),
            at,
            rows.T.reshape(-1),
            values.take(here),
            missing.take(here),
            cells[:n_scales, ..., -1].reshape(complete.shape) * complete,
            low.transpose(1, 2, 0).reshape(complete.shape),
            {scale: values.take(where) for scale, where in zip(lagged, late, strict=True)},
        )

    def _windows(
        self, course: Snapshots, taken: Ints, sizes: tuple[Ints, Floats, Ints], tables: Sequence[SlotTable]
    ) -> Windows:
        """Windows of A lengths, N buckets and F columns; those of twice a length are those before it.

        Args:
            course: the buckets.
            taken: int64[A, N, F, C], rows by cell.
            sizes: rows by slot and their squares before the first bucket, and the rows that enter and leave.
            tables: of the F columns.
        """
        scales, lagged = self._spans.scales, self._spans.lagged
        expected, squares = _expected(course, sizes, tables, taken.shape[-1])
        own = np.array([scales.index(scale) for scale in lagged], dtype=np.intp)
        taken, expected, squares = (_less_own(of, len(scales), own) for of in (taken, expected, squares))
        ends = np.concatenate((np.tile(course.ends, (len(scales), 1)), *(course.ends[None] - each for each in lagged)))
        ends = np.repeat(ends.reshape(-1), len(tables))
        lengths = np.repeat((*scales, *lagged), len(course.ends) * len(tables))
        complete = ends + 1 >= lengths
        if not complete.all():  # windows that begin before the axis are empty
            where = complete.reshape(squares.shape)
            taken, expected, squares = taken * where[..., None], expected * where[..., None], squares * where
        return windows_of(
            ends,
            taken.reshape(len(ends), -1),
            expected.reshape(len(ends), -1),
            squares.reshape(-1),
            np.where(lengths == 1, 1, self._model.ladder.overlap),
            np.tile([table.total for table in tables], len(ends) // len(tables)),
        )

    def _read(self, sources: Mapping[str, ColumnSource], positions: Ints) -> Ints:
        """int64[K, F, C + 2]; nothing before the axis."""
        result = np.zeros((len(positions), len(self.names), self._width + 2), np.int64)
        known = np.flatnonzero(positions >= 0)
        if not len(known):
            return result
        for place, (name, column) in enumerate(zip(self.names, self._columns, strict=True)):
            cells = sources[name].cells(positions[known])
            result[known, place, : column.n_cells] = cells[:, :-2]
            result[known, place, -2:] = cells[:, -2:]
        return result

    def _lane_fit(self, columns: slice, repeats: int) -> LaneFit:
        """What the reference says of some columns; that of one bucket at a time is kept."""
        known = self._lane_fits.get(columns.start) if repeats == 1 else None
        if known is None:
            known = LaneFit.of(self._columns[columns], self._width, repeats)
            if repeats == 1:
                self._lane_fits[columns.start] = known
        return known

    def _recall(self, sources: Mapping[str, ColumnSource], positions: Ints) -> Ints:
        """As :meth:`_read`, of the buckets that are remembered as they are."""
        known = np.array([position in self._remembered for position in positions.tolist()])
        if not known.any():
            return self._read(sources, positions)
        result = np.zeros((len(positions), len(self.names), self._width + 2), np.int64)
        result[~known] = self._read(sources, positions[~known])
        for place in np.flatnonzero(known).tolist():
            result[place] = self._remembered[int(positions[place])]
        return result

    def _slots(self, positions: Ints) -> Ints:
        """The slot of each position."""
        first = int(positions.min())
        return self._model.ladder.slots(first, int(positions.max()) + 1)[positions - first]

    def _remember(self, positions: Ints, cells: Ints) -> None:
        for position, of in zip(positions.tolist(), cells, strict=True):
            self._remembered[position] = narrowed(of)
        if len(self._remembered) > REMEMBERED:
            for old in sorted(self._remembered)[:-REMEMBERED]:
                del self._remembered[old]


def _less_own(sums: NDArray[Any], n_scales: int, own: NDArray[np.intp]) -> NDArray[Any]:
    """Of windows of twice a length, what is not in the window of that length."""
    return np.concatenate((sums[:n_scales], np.maximum(sums[n_scales:] - sums[own], 0))) if len(own) else sums


def _expected(
    course: Snapshots, sizes: tuple[Ints, Floats, Ints], tables: Sequence[SlotTable], width: int
) -> tuple[Floats, Floats]:
    """Σ n_i q_slot(i), float64[A, N, F, C], and Σ n_i²/m_slot(i), float64[A, N, F], over the windows.

    Of one bucket from the sums by slot; of several, from those before the first, and from what entered and left since.
    """
    by_slot, squares, moved = sizes
    size = np.stack([np.maximum(table.sizes, 1.0) for table in tables])
    shares = by_slot / size
    expected = np.zeros((len(shares), 1, len(tables), width))
    for place, table in enumerate(tables):  # one table at a time stays in the processor's cache
        expected[:, 0, place, : table.counts.shape[1]] = shares[:, place] @ table.counts
    square = (squares / size).sum(axis=-1)[:, None]
    if len(course.ends) == 1:
        return expected, square
    counts = np.zeros((*size.shape, width))
    for place, table in enumerate(tables):
        counts[place, :, : table.counts.shape[1]] = table.counts
    columns = np.arange(len(tables))
    weights = moved / size[columns, course.slots[..., None]]
    change = weights[..., None] * counts[columns, course.slots[..., None]]
    change_square = weights * moved
    # What is left of nothing by rounding must not be less than nothing.
    return (
        np.maximum(expected + np.cumsum(change[:1] - change[1:], axis=1), 0.0),
        np.maximum(square + np.cumsum(change_square[:1] - change_square[1:], axis=1), 0.0),
    )
