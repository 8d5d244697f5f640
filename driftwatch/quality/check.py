"""Demands on columns, counted over rows; each different value is looked at once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.profiles.bucket import CategoricalColumn, Column, NumericColumn
from driftwatch.profiles.check import CheckCounts, Value, sample_examples
from driftwatch.profiles.rows import Rows
from driftwatch.quality.demand import Demand, DemandKind, value_text
from driftwatch.quality.pattern import matches

__all__ = ["DemandCheck"]

_LONGEST_EXAMPLE = 80
_ROLES = ("id", "latency_seconds", "score", "prediction")


@dataclass(frozen=True, slots=True)
class DemandCheck:
    """Counts the rows that break one demand.

    Missing values (null and NaN) break `not_null` and nothing else: the other demands are on values. An infinity is a
    value, outside every range. A column that rows do not hold at all is missing in all of them. `unique` is counted
    within the rows that are profiled together (a batch, or a window of a log): a value that comes again in another
    batch is not seen, so its count is a lower bound.

    Attributes:
        demand: what is demanded.
        role: of the column, or None for a feature or tag. Only the id, latency, score and prediction are of rows.
        private: no value may be kept as an example.
        feature: the column is a feature, whatever it is kept as: a client that samples leaves it out of some rows.
    """

    demand: Demand
    role: str | None = None
    private: bool = False
    feature: bool = False

    @property
    def key(self) -> str:
        """That of the demand."""
        return self.demand.key

    def look_at(self, rows: Rows) -> "_Looked | None":
        """Check all rows; None where the column is not there and its absence breaks nothing."""
        column, sampled = self._find(rows)
        needed = np.ones(len(rows), dtype=np.bool_) if sampled is None else sampled
        kind = self.demand.kind
        if column is None:
            if kind is not DemandKind.NOT_NULL or not self._is_of_rows:
                return None
            return _Looked(None, needed, needed, unique=False)
        shown = None if self.private or kind is DemandKind.NOT_NULL else column
        present = needed & ~_missing(column)
        if kind is DemandKind.NOT_NULL:
            return _Looked(None, needed, needed & ~present, unique=False)
        if kind is DemandKind.UNIQUE:
            return _Looked(shown, present, np.zeros(len(rows), dtype=np.bool_), unique=True, codes=_codes(column))
        return _Looked(shown, present, present & ~self._allowed(column, present), unique=False)

    @property
    def _is_of_rows(self) -> bool:
        role = self.role
        return role is None or role in _ROLES or role.startswith("score.")

    def _find(self, rows: Rows) -> tuple[Column | None, NDArray[np.bool_] | None]:
        """The column, and the rows that can be expected to have it (None: all)."""
        name = self.demand.column
        if name in rows.features:
            return rows.features[name], rows.sampled
        column: Column | None = rows.tags.get(name)
        if column is None and self.role == "latency_seconds" and rows.latency_seconds is not None:
            column = NumericColumn(rows.latency_seconds)
        elif column is None and self.role == "id" and rows.ids is not None:
            column = _as_categories(rows.ids)
        elif column is None and self.role is not None:
            column = rows.outputs.get(self.role)
        is_feature = self.feature or (column is None and self.role is None)
        return column, rows.sampled if is_feature else None

    def _allowed(self, column: Column, present: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """bool[n]; says nothing of rows that are not present."""
        demand = self.demand
        if isinstance(column, NumericColumn) and demand.kind is DemandKind.BETWEEN:
            return _within(column.values, demand)
        if isinstance(column, NumericColumn):
            values, places = np.unique(column.values[present], return_inverse=True)
            texts = [value_text(value) for value in values.tolist()]
            allowed = np.zeros(len(column.values), dtype=np.bool_)
            allowed[present] = self._texts_allowed(texts)[places]
            return allowed
        used, places = np.unique(np.where(present, column.codes, -1), return_inverse=True)
        texts = ["" if code < 0 else column.dictionary[code] for code in used.tolist()]
        return self._texts_allowed(texts)[places]

    def _texts_allowed(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        demand = self.demand
        if demand.kind is DemandKind.IN:
            known = frozenset(demand.allowed)
            return np.array([text in known for text in texts], dtype=np.bool_)
        if demand.kind is DemandKind.REGEX:
            return matches(demand.pattern or "", texts)
        return _within(np.array([_number(text) for text in texts], dtype=np.float64), demand)


@dataclass(frozen=True, slots=True, eq=False)
class _Looked:
    """Rows that were checked.

    Attributes:
        shown: the column that examples come from, or None.
        checked: bool[n].
        violated: bool[n]; of a unique column that depends on which rows are counted.
        unique: whether values may occur once only.
        codes: int64[n], of a unique column: equal for equal values.
    """

    shown: Column | None
    checked: NDArray[np.bool_]
    violated: NDArray[np.bool_]
    unique: bool
    codes: NDArray[np.int64] | None = None

    def count(self, rows: NDArray[np.int64]) -> CheckCounts:
        """The counts of some of the rows."""
        checked = rows[self.checked[rows]]
        broken = _repeats(checked, self.codes) if self.codes is not None else checked[self.violated[checked]]
        examples = {} if self.shown is None or not len(broken) else _examples(self.shown, broken)
        return CheckCounts(len(checked), len(broken), examples)


def _repeats(rows: NDArray[np.int64], codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows whose value an earlier one of them has."""
    first = np.zeros(len(rows), dtype=np.bool_)
    first[np.unique(codes[rows], return_index=True)[1]] = True
    return rows[~first]


def _examples(column: Column, rows: NDArray[np.int64]) -> dict[Value, int]:
    if isinstance(column, NumericColumn):
        values, counts = np.unique(column.values[rows], return_counts=True)
        return sample_examples(values, counts.tolist())
    codes, counts = np.unique(column.codes[rows], return_counts=True)
    by_text: dict[str, int] = {}
    for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
        text = column.dictionary[code]
        text = text if len(text) <= _LONGEST_EXAMPLE else text[: _LONGEST_EXAMPLE - 1] + "…"
        by_text[text] = by_text.get(text, 0) + count
    return sample_examples(list(by_text), by_text.values())


def _missing(column: Column) -> NDArray[np.bool_]:
    if isinstance(column, CategoricalColumn):
        return np.asarray(column.codes < 0, dtype=np.bool_)
    nan = np.isnan(column.values)
    return nan if column.nulls is None else nan | column.nulls


def _codes(column: Column) -> NDArray[np.int64]:
    """int64[n], equal for equal values; of missing ones it says nothing."""
    if isinstance(column, NumericColumn):
        return np.unique(column.values, return_inverse=True)[1].astype(np.int64)
    used, inverse = np.unique(column.codes, return_inverse=True)
    places: dict[str, int] = {}
    same = [-1 if code < 0 else places.setdefault(column.dictionary[code], len(places)) for code in used.tolist()]
    return np.array(same, dtype=np.int64)[inverse]


def _as_categories(ids: Sequence[str]) -> CategoricalColumn:
    values, codes = np.unique(np.array(ids, dtype=object), return_inverse=True)
    return CategoricalColumn(values.tolist(), codes)


def _within(values: NDArray[np.float64], demand: Demand) -> NDArray[np.bool_]:
    """Infinities are within no range, and neither is NaN: the text that is no number."""
    low = -math.inf if demand.low is None else demand.low
    high = math.inf if demand.high is None else demand.high
    return np.isfinite(values) & (values >= low) & (values <= high)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
