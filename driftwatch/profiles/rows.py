"""Columns of rows on their way to being profiled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from driftwatch.profiles.bucket import CategoricalColumn, Column, NumericColumn

__all__ = ["Rows", "take"]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Some rows of one model, as columns.

    Attributes:
        at: int64[n], event times, microseconds UTC.
        features: by name.
        outputs: by role: "score" (or "score.<class>"), "prediction", "outcome".
        tags: columns that are no model inputs, by name; they only make segments.
        failed: bool[n], true where the serving call failed; None where nobody says.
        latency_seconds: float64[n], NaN where a row has none; or None.
        ids: n prediction ids, or None.
        vectors: embeddings by name, float32[n, d], NaN in rows without one.
        sampled: bool[n], the rows whose features were kept by a client that samples; None: all were.
    """

    at: NDArray[np.int64]
    features: Mapping[str, Column] = field(default_factory=dict)
    outputs: Mapping[str, Column] = field(default_factory=dict)
    tags: Mapping[str, CategoricalColumn] = field(default_factory=dict)
    failed: NDArray[np.bool_] | None = None
    latency_seconds: NDArray[np.float64] | None = None
    ids: Sequence[str] | None = None
    sampled: NDArray[np.bool_] | None = None
    vectors: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.at)

    def take(self, rows: NDArray[np.int64] | slice) -> Self:
        """Some of the rows."""
        if isinstance(rows, slice):
            ids = None if self.ids is None else self.ids[rows]
        else:
            ids = None if self.ids is None else [self.ids[row] for row in rows.tolist()]
        return replace(
            self,
            at=self.at[rows],
            features={name: take(column, rows) for name, column in self.features.items()},
            outputs={role: take(column, rows) for role, column in self.outputs.items()},
            tags={name: CategoricalColumn(column.dictionary, column.codes[rows]) for name, column in self.tags.items()},
            failed=None if self.failed is None else self.failed[rows],
            latency_seconds=None if self.latency_seconds is None else self.latency_seconds[rows],
            ids=ids,
            sampled=None if self.sampled is None else self.sampled[rows],
            vectors={name: values[rows] for name, values in self.vectors.items()},
        )

    def column(self, name: str) -> Column | None:
        """The feature or tag of that name; a feature if both are there."""
        return self.features.get(name) or self.tags.get(name)


def take(column: Column, rows: NDArray[np.int64] | slice) -> Column:
    """Some rows of a column."""
    if isinstance(column, CategoricalColumn):
        return CategoricalColumn(column.dictionary, column.codes[rows])
    return NumericColumn(column.values[rows], None if column.nulls is None else column.nulls[rows])
