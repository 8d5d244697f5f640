"""A history as what trails are carried on from, and the trails of all groups of series."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from driftwatch.drift.rule import CategoryCells, ColumnSource, FittedRule, Judgement, NumericCells, Trail
from driftwatch.monitors.history import UNLISTED, CategoricalHistory, ColumnKey, History, NumericHistory
from driftwatch.monitors.window_counts import WindowCounts

__all__ = ["GroupTrail", "HistorySource"]

_NEW, _UNLISTED = -1, -2  # in place of a cell


class HistorySource:
    """One column of a history, in the cells of its reference."""

    def __init__(
        self,
        name: str,
        column: NumericHistory | CategoricalHistory,
        rows: WindowCounts,
        rule: FittedRule,
        first: int,
        *,
        identifier: bool = False,
    ) -> None:
        """A column by the name that it was fitted under.

        Args:
            name: of it.
            column: its windows.
            rows: of the model, by window index.
            rule: the fitted rule.
            first: index of the reference's first window.
            identifier: only gaps of it are judged.
        """
        self._name = name
        self._column = column
        self._model_rows = rows
        self._fitted = rule.model.columns[name]
        self._first = first
        self._identifier = identifier
        self._renumbered = 0
        self._by_code = np.zeros(0, dtype=np.int64)

    def cells(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64[K, C + 2] of windows counted from the reference's first: by cell, missing, with new values.

        Raises:
            LookupError: the history has dropped one of them.
        """
        column, fitted = self._column, self._fitted
        places = positions + self._first
        indexes = places.tolist()
        result = np.zeros((len(indexes), fitted.n_cells + 2), dtype=np.int64)
        if isinstance(column, NumericHistory) and isinstance(fitted.cells, NumericCells):
            fine = column.counts_at(indexes)
            result[:, :-2], result[:, -1] = fitted.cells.coarse(fine), fitted.cells.novel(fine)
        elif isinstance(column, CategoricalHistory) and isinstance(fitted.cells, CategoryCells):
            places_of, codes, counts = column.coded_at(indexes)
            cells = self._cells_of_codes(column)[codes]
            others = fitted.n_cells - 1
            np.add.at(result, (places_of, np.where(cells < 0, others, cells)), counts)
            new = cells == _NEW
            np.add.at(result[:, -1], places_of[new], counts[new])
        carried, missing = column.rows.at(places), column.missing.at(places)
        result[:, -2] = missing if carried.all() else np.where(carried == 0, self._model_rows.at(places), missing)
        if (result[:, :-2].sum(axis=1) != carried - missing).any():
            raise LookupError(f"{self._name}: windows are asked for whose distributions were dropped")
        known = positions < len(fitted.novel)
        if known.any():
            result[known, -1] = fitted.novel[positions[known]]
        return result

    def _cells_of_codes(self, column: CategoricalHistory) -> NDArray[np.int64]:
        """The cell of every value that the column has had, by code; of those that have none, why."""
        if self._renumbered != column.renumbered:
            self._renumbered, self._by_code = column.renumbered, np.zeros(0, dtype=np.int64)
        fresh = column.values_from(len(self._by_code))
        if fresh and isinstance(self._fitted.cells, CategoryCells):
            known = self._fitted.cells.cell_of_level
            # Of an identifier all values are one; what a bucket did not list is among the others, but no news.
            cells = [
                0 if self._identifier else _UNLISTED if value == UNLISTED else known.get(value, _NEW) for value in fresh
            ]
            self._by_code = np.concatenate((self._by_code, np.array(cells, dtype=np.int64)))
        return self._by_code

    def rows(self, stop: int) -> NDArray[np.int64]:
        """int64[stop], all rows of every window."""
        indexes = range(self._first, self._first + stop)
        carried = self._column.rows.at(indexes)
        return carried if carried.all() else np.where(carried == 0, self._model_rows.at(indexes), carried)


class GroupTrail:
    """The trail of one group of series over one history.

    Attributes:
        rule: the group's.
    """

    def __init__(self, rule: FittedRule, sources: Mapping[ColumnKey, ColumnSource], first: int, end: int) -> None:
        """Sum the windows from index `first` to `end`, which is not included."""
        self.rule = rule
        self._first = first
        self._keys: Mapping[str, ColumnKey] = {key[1]: key for key in sources}
        self._sources = {key[1]: source for key, source in sources.items()}
        self._trail = Trail(rule.model, self._sources, end - first)

    @classmethod
    def of(
        cls,
        history: History,
        rule: FittedRule,
        keys: Sequence[ColumnKey],
        identifiers: frozenset[ColumnKey],
        first: int,
        end: int,
    ) -> "GroupTrail":
        """Some columns of a history, with the windows from index `first` to `end`, which is not included."""
        sources = {
            key: HistorySource(key[1], history.columns[key], history.rows, rule, first, identifier=key in identifiers)
            for key in keys
        }
        return cls(rule, sources, first, end)

    def judge(
        self, start: int, stop: int, *, budget: float, n_series: int | None = None
    ) -> Iterator[tuple[int, ColumnKey, Judgement]]:
        """The judgements of windows by index, from `start` to `stop`, which is not included.

        Args:
            start: index of the first.
            stop: one past the last.
            budget: false alarms allowed in 30 days over `n_series` series.
            n_series: how many series share the budget; those of the group, if left out.
        """
        start, stop = start - self._first, stop - self._first
        trail = self._trail if start >= self._trail.end else self._trail.back_at(self._sources, start)
        found = self.rule.follow(trail, self._sources, start, stop, budget=budget, n_series=n_series or len(self._keys))
        for judgement in found:
            yield self._first + judgement.bucket, self._keys[judgement.column], judgement

    @property
    def end(self) -> int:
        """Index of the window after the last one that is summed."""
        return self._first + self._trail.end

    def wants(self, start: int, stop: int) -> set[int]:
        """Indexes of the windows that must be in the history to judge those from `start` to `stop`."""
        return {self._first + each for each in self._trail.wants(start - self._first, stop - self._first)}

    def revise(self, indexes: Sequence[int]) -> bool:
        """Take note that windows have changed in the history; False if the trail cannot be put right."""
        return self._trail.revise(self._sources, [index - self._first for index in indexes])
