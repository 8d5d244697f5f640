"""A surrogate of the served model: gradient-boosted trees from logged features to logged scores, of the reference."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.explanation.condition import missing_rows
from driftwatch.profiles.bucket import CategoricalColumn, Column

__all__ = ["LEAST_ROWS", "Encoding", "Surrogate", "fit_surrogate"]

LEAST_ROWS = 200
"""Rows with a target that a surrogate needs."""

_MOST_ROWS = 50_000
_LEVELS = 250  # the trees take 255 values of a category at most
_REPEATS = 3
_SHUFFLED_ROWS = 4000
_HELD_OUT = 0.25


@dataclass(frozen=True, slots=True)
class Encoding:
    """Columns as one matrix of numbers, in the order of their names.

    Attributes:
        levels: by feature, the values of a category in the order of their codes; None for a number.
    """

    levels: Mapping[str, tuple[str, ...] | None]

    @classmethod
    def of(cls, features: Mapping[str, Column]) -> "Encoding":
        """Learned from the reference: its 250 most frequent values of each category, all others together."""
        return cls({name: _levels(features[name]) for name in sorted(features)})

    @property
    def features(self) -> tuple[str, ...]:
        """Names in the order of the matrix's columns."""
        return tuple(self.levels)

    @property
    def categorical(self) -> list[bool]:
        """By column of the matrix."""
        return [levels is not None for levels in self.levels.values()]

    def matrix(self, features: Mapping[str, Column], n: int) -> NDArray[np.float64]:
        """float64[n, F]; NaN where a value is missing, or the column absent or of another kind."""
        columns = [_numbers(features.get(name), levels, n) for name, levels in self.levels.items()]
        return np.column_stack(columns) if columns else np.empty((n, 0))


@dataclass(frozen=True, slots=True, eq=False)
class Surrogate:
    """Trees that answer like the served model did.

    Attributes:
        encoding: of its features.
        model: the fitted trees.
        r_squared: on a quarter of the rows, held out: 1 is perfect, 0 no better than the mean.
        importance: by feature, how much R² falls on 4,000 held-out rows at most when its values are shuffled (3 times,
            the mean; Breiman, 2001); 0 at least.
        n: rows that it was fitted to.
    """

    encoding: Encoding
    model: Any
    r_squared: float
    importance: Mapping[str, float]
    n: int

    def predict(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[n], in the unit of the target."""
        with _one_thread():
            return np.asarray(self.model.predict(matrix), dtype=np.float64)


def fit_surrogate(features: Mapping[str, Column], target: NDArray[np.float64], *, seed: int) -> Surrogate | None:
    """Fit a surrogate to the reference's rows.

    Args:
        features: columns of n rows.
        target: float64[n], the logged score or prediction, NaN where there is none.
        seed: of the split and of the shuffling; the same seed gives the same surrogate.

    Returns:
        None with fewer than 200 rows that have a target, without features, or where the target never changes.
    """
    rng = np.random.default_rng(seed)
    rows = rng.permutation(np.flatnonzero(np.isfinite(target)))[:_MOST_ROWS]
    if len(rows) < LEAST_ROWS or not features or float(np.ptp(target[rows])) == 0.0:
        return None
    from sklearn.ensemble import HistGradientBoostingRegressor

    encoding = Encoding.of(features)
    model = HistGradientBoostingRegressor(
        categorical_features=encoding.categorical, early_stopping=False, random_state=seed
    )
    with _one_thread():
        return _fit(encoding, model, encoding.matrix(features, len(target))[rows], target[rows], rng)


def _fit(
    encoding: Encoding, model: Any, matrix: NDArray[np.float64], values: NDArray[np.float64], rng: np.random.Generator
) -> Surrogate:
    cut = int(len(values) * _HELD_OUT)
    model.fit(matrix[cut:], values[cut:])
    held, truth = matrix[:cut], values[:cut]
    r_squared = _r_squared(truth, model.predict(held))
    held, truth = held[:_SHUFFLED_ROWS], truth[:_SHUFFLED_ROWS]
    base = _r_squared(truth, model.predict(held))
    return Surrogate(
        encoding=encoding,
        model=model,
        r_squared=r_squared,
        importance={
            name: _importance(model, held, truth, place, base, rng) for place, name in enumerate(encoding.features)
        },
        n=len(values) - cut,
    )


def _one_thread() -> AbstractContextManager[Any]:
    """Beside a serving process the trees' threads would wait for one another, at up to a hundred times the time."""
    limited: AbstractContextManager[Any] = _thread_pools().limit(limits=1, user_api="openmp")
    return limited


@cache
def _thread_pools() -> Any:
    import sklearn.ensemble  # noqa: F401 - loads the libraries that are limited
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _importance(
    model: Any,
    held: NDArray[np.float64],
    truth: NDArray[np.float64],
    place: int,
    r_squared: float,
    rng: np.random.Generator,
) -> float:
    falls = []
    for _ in range(_REPEATS):
        shuffled = held.copy()
        shuffled[:, place] = rng.permutation(held[:, place])
        falls.append(r_squared - _r_squared(truth, model.predict(shuffled)))
    return max(0.0, float(np.mean(falls)))


def _r_squared(truth: NDArray[np.float64], predicted: NDArray[np.float64]) -> float:
    spread = float(np.var(truth))
    return 1.0 - float(np.mean((truth - predicted) ** 2)) / spread if spread > 0 else 0.0


def _levels(column: Column) -> tuple[str, ...] | None:
    if not isinstance(column, CategoricalColumn):
        return None
    counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.dictionary)).tolist()
    ranked = sorted(zip(column.dictionary, counts, strict=True), key=lambda pair: (-pair[1], pair[0]))
    return tuple(level for level, count in ranked[:_LEVELS] if count)


def _numbers(column: Column | None, levels: tuple[str, ...] | None, n: int) -> NDArray[np.float64]:
    if column is None or isinstance(column, CategoricalColumn) != (levels is not None):
        return np.full(n, np.nan)
    if levels is None or not isinstance(column, CategoricalColumn):
        values = getattr(column, "values", np.empty(0))
        return np.where(missing_rows(column), np.nan, values)
    places = {level: float(place) for place, level in enumerate(levels)}
    table = np.array([*(places.get(level, float(len(levels))) for level in column.dictionary), np.nan])
    return np.asarray(table[column.codes])
