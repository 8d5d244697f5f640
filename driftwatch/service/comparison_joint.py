"""The columns of two tables together: the same rows of each, for the method that judges them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from driftwatch.drift.joint import JointSample, MultivariateMethod
from driftwatch.drift.multivariate import MultivariateResult
from driftwatch.profiles.bucket import CategoricalColumn, Column, NumericColumn
from driftwatch.service.comparison_column import ReadColumn

__all__ = ["ColumnSample", "Rows", "judge_together", "pick_rows", "sample_column"]

Rows: TypeAlias = NDArray[np.int64] | None

_ROWS = 50_000
_CATEGORIES = 50


@dataclass(frozen=True, slots=True, eq=False)
class ColumnSample:
    """Some rows of one column.

    Attributes:
        name: the column.
        reference: float64[n], NaN for missing.
        current: float64[m].
        categorical: the numbers are codes.
    """

    name: str
    reference: NDArray[np.float64]
    current: NDArray[np.float64]
    categorical: bool


def pick_rows(rows: int, times: NDArray[np.int64] | None = None) -> Rows:
    """At most 50,000 rows, spread evenly; in the order of time where there is one. None for all as they stand."""
    if times is None and rows <= _ROWS:
        return None
    places = np.linspace(0, rows - 1, min(rows, _ROWS)).astype(np.int64)
    return places if times is None else np.argsort(times, kind="stable")[places]


def sample_column(column: ReadColumn, picked: tuple[Rows, Rows], *, categories: bool) -> ColumnSample | None:
    """The picked rows of a column, or None where it has nothing to say to the others."""
    if not column.comparable or column.identifier:
        return None
    before, after = column.reference, column.current
    if isinstance(before, NumericColumn) and isinstance(after, NumericColumn):
        values = (_numbers(before, picked[0]), _numbers(after, picked[1]))
        return ColumnSample(column.name, *values, categorical=False)
    if categories and isinstance(before, CategoricalColumn) and isinstance(after, CategoricalColumn):
        totals = {value: count + column.counts[0].get(value, 0) for value, count in column.counts[1].items()}
        totals = {**column.counts[0], **totals}
        heaviest = sorted(totals, key=lambda value: (-totals[value], value))[:_CATEGORIES]
        levels = {value: float(place) for place, value in enumerate(heaviest)}
        codes = (_codes(before, picked[0], levels), _codes(after, picked[1], levels))
        return ColumnSample(column.name, *codes, categorical=True)
    return None


def judge_together(samples: Sequence[ColumnSample], method: MultivariateMethod, key: str) -> MultivariateResult:
    """All columns by one method."""
    used = [sample for sample in samples if method.categories or not sample.categorical]
    if not used:
        reason = "no columns" if method.categories else "no numeric columns"
        return MultivariateResult(None, None, drifted=False, columns=0, reason=reason, method=key)
    sample = JointSample(
        tuple(sample.name for sample in used),
        np.column_stack([sample.reference for sample in used]),
        np.column_stack([sample.current for sample in used]),
        np.array([sample.categorical for sample in used]),
    )
    return method.judge(sample)


def _numbers(column: NumericColumn, rows: Rows) -> NDArray[np.float64]:
    values = column.values if rows is None else column.values[rows]
    if column.nulls is None:
        return values
    return np.where(column.nulls if rows is None else column.nulls[rows], np.nan, values)


def _codes(column: Column, rows: Rows, levels: dict[str, float]) -> NDArray[np.float64]:
    if not isinstance(column, CategoricalColumn):
        return np.zeros(0)
    others = float(len(levels))
    by_code = np.array([*(levels.get(value, others) for value in column.dictionary), np.nan])
    return np.asarray(by_code[column.codes if rows is None else column.codes[rows]])
