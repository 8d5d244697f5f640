"""Conditions that make segments: a value of a category, a band of a number, a gap; and the cells they are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.profiles.bucket import CategoricalColumn, Column, NumericColumn

__all__ = ["Condition", "Split", "cell_codes", "missing_rows", "split_column"]

Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Condition:
    """What a row must meet in one column.

    Attributes:
        column: the column.
        level: the value, of a category; else None.
        low: of a number: above this, or None.
        high: of a number: up to and with this, or None.
        is_missing: the value is missing; then the three above are None.
        is_private: its values are never shown.
    """

    column: str
    level: str | None = None
    low: float | None = None
    high: float | None = None
    is_missing: bool = False
    is_private: bool = False

    @property
    def words(self) -> str:
        """For people: "distance in 200 … 733", "country is PT"."""
        if self.is_missing:
            return f"{self.column} is missing"
        if self.is_private:
            return f"{self.column} is {'a private value' if self.level is not None else 'in a private band'}"
        if self.level is not None:
            return f"{self.column} is {self.level}"
        if self.low is None:
            return f"{self.column} ≤ {self.high:.4g}"
        return f"{self.column} > {self.low:.4g}" if self.high is None else self._between()

    def _between(self) -> str:
        return f"{self.column} in {self.low:.4g} … {self.high:.4g}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; of a private column without its values."""
        shown = not self.is_private
        return {
            "column": self.column,
            "level": self.level if shown else None,
            "low": self.low if shown else None,
            "high": self.high if shown else None,
            "is_missing": self.is_missing,
            "is_private": self.is_private,
        }

    def holds(self, column: Column) -> NDArray[np.bool_]:
        """bool[n]: the rows that meet it. A category that has not the value has no row that does."""
        gaps = missing_rows(column)
        if self.is_missing:
            return gaps
        if isinstance(column, CategoricalColumn):
            places = [place for place, level in enumerate(column.dictionary) if level == self.level]
            return np.isin(column.codes, places)
        with np.errstate(invalid="ignore"):
            above = True if self.low is None else column.values > self.low
            below = True if self.high is None else column.values <= self.high
        return ~gaps & above & below


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """One column cut into cells on both sides, and the conditions that are unions of them.

    Attributes:
        column: its name.
        codes: int64[n_reference + n_current], the cell of each row, reference first.
        cells: how many cells.
        conditions: C of them.
        members: float64[C, cells], 1 where the cell belongs to the condition.
    """

    column: str
    codes: Codes
    cells: int
    conditions: tuple[Condition, ...]
    members: NDArray[np.float64]


def split_column(
    name: str, reference: Column, current: Column, *, bands: int = 4, levels: int = 20, is_private: bool = False
) -> Split | None:
    """The conditions of one column: its most frequent values; every run of bands between reference quantiles; gaps.

    Args:
        name: the column.
        reference: n rows.
        current: m rows.
        bands: how many a number is cut into, by quantiles of the reference.
        levels: how many values of a category make conditions, the most frequent on both sides together.
        is_private: no condition may show a value.

    Returns:
        None if it is a number on one side and a category on the other, or makes no condition.
    """
    if isinstance(reference, NumericColumn) and isinstance(current, NumericColumn):
        edges = _edges(reference, bands)
        codes = np.concatenate([_number_codes(side, edges) for side in (reference, current)])
        found = _bands(name, edges, is_private=is_private)
        cells = len(edges) + 2
    elif isinstance(reference, CategoricalColumn) and isinstance(current, CategoricalColumn):
        kept = _frequent(reference, current, levels)
        codes = np.concatenate([_level_codes(side, kept) for side in (reference, current)])
        found = [(Condition(name, level=level, is_private=is_private), [place]) for place, level in enumerate(kept)]
        cells = len(kept) + 2
    else:
        return None
    found.append((Condition(name, is_missing=True, is_private=is_private), [cells - 1]))
    members = np.zeros((len(found), cells))
    for row, (_, places) in enumerate(found):
        members[row, places] = 1.0
    return Split(name, codes, cells, tuple(condition for condition, _ in found), members)


def cell_codes(reference: Column, current: Column, *, cells: int = 10) -> tuple[Codes, Codes, int] | None:
    """Both sides of a column in common cells: bands between reference quantiles, or the most frequent values.

    Returns:
        int64[n], int64[m] and the number of cells (one more for the other values, one for gaps); None if the two are
        of different kinds.
    """
    if isinstance(reference, NumericColumn) and isinstance(current, NumericColumn):
        edges = _edges(reference, cells)
        return _number_codes(reference, edges), _number_codes(current, edges), len(edges) + 2
    if isinstance(reference, CategoricalColumn) and isinstance(current, CategoricalColumn):
        kept = _frequent(reference, current, cells)
        return _level_codes(reference, kept), _level_codes(current, kept), len(kept) + 2
    return None


def missing_rows(column: Column) -> NDArray[np.bool_]:
    """bool[n]: null, NaN or infinite."""
    if isinstance(column, CategoricalColumn):
        return np.asarray(column.codes < 0)
    gaps = ~np.isfinite(column.values)
    return gaps if column.nulls is None else gaps | column.nulls


def _edges(reference: NumericColumn, bands: int) -> NDArray[np.float64]:
    values = reference.values[~missing_rows(reference)]
    if not len(values):
        return np.empty(0)
    return np.unique(np.quantile(values, np.arange(1, bands) / bands, method="inverted_cdf"))


def _number_codes(column: NumericColumn, edges: NDArray[np.float64]) -> Codes:
    codes = np.searchsorted(edges, column.values, side="left")
    return np.where(missing_rows(column), len(edges) + 1, codes).astype(np.int64)


def _bands(name: str, edges: NDArray[np.float64], *, is_private: bool) -> list[tuple[Condition, list[int]]]:
    """Every run of neighbouring bands but the whole line."""
    n = len(edges)
    found = []
    for first in range(n + 1):
        for last in range(first, n + 1):
            if (first, last) != (0, n):
                low = float(edges[first - 1]) if first else None
                high = float(edges[last]) if last < n else None
                condition = Condition(name, low=low, high=high, is_private=is_private)
                found.append((condition, list(range(first, last + 1))))
    return found


def _frequent(reference: CategoricalColumn, current: CategoricalColumn, most: int) -> list[str]:
    rows: dict[str, int] = {}
    for side in (reference, current):
        counts = np.bincount(side.codes[side.codes >= 0], minlength=len(side.dictionary))
        for level, count in zip(side.dictionary, counts.tolist(), strict=True):
            if count:
                rows[level] = rows.get(level, 0) + count
    return sorted(rows, key=lambda level: (-rows[level], level))[:most]


def _level_codes(column: CategoricalColumn, kept: list[str]) -> Codes:
    places: Mapping[str, int] = {level: place for place, level in enumerate(kept)}
    table = np.array([*(places.get(level, len(kept)) for level in column.dictionary), len(kept) + 1], dtype=np.int64)
    return np.asarray(table[column.codes])
