"""The labels of a historical prediction log, and when each became known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from driftwatch.errors import DataError, SpecError
from driftwatch.monitors.spec import ModelSpec
from driftwatch.performance.tally import LabelledRows
from driftwatch.service.arrow_column import NO_TIME, read_categories, read_flags, read_numbers, read_times

__all__ = ["NEVER", "Labels", "read_labels"]

NEVER = np.iinfo(np.int64).max
"""When the label of a row becomes known that has none."""


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """What became of the rows of a log, n of each.

    Attributes:
        values: a number, flag or text a row; None without a label.
        known_at: int64[n], microseconds UTC, `NEVER` without a label.
        predictions: what the model said, likewise.
        scores: float64[n], NaN where a row has none.
        queries: int64[n] of a ranking, -1 without one; or None.
        decided: bool[n], the rows whose outcome can exist at all (`columns.decision`); None: all.
        class_scores: float64[n] by class.
    """

    values: Sequence[Any]
    known_at: NDArray[np.int64]
    predictions: Sequence[Any]
    scores: NDArray[np.float64]
    queries: NDArray[np.int64] | None = None
    decided: NDArray[np.bool_] | None = None
    class_scores: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def take(self, rows: NDArray[np.int64] | slice) -> "Labels":
        """Some of the rows."""
        places = np.arange(len(self.values))[rows].tolist()
        return Labels(
            [self.values[place] for place in places],
            self.known_at[rows],
            [self.predictions[place] for place in places],
            self.scores[rows],
            None if self.queries is None else self.queries[rows],
            None if self.decided is None else self.decided[rows],
            {name: values[rows] for name, values in self.class_scores.items()},
        )

    def known(self, rows: NDArray[np.int64]) -> LabelledRows:
        """The labelled rows among `rows`, all of which are labelled."""
        places = rows.tolist()
        return LabelledRows(
            [self.values[place] for place in places],
            [self.predictions[place] for place in places],
            self.scores[rows],
            None if self.queries is None else self.queries[rows],
            {name: values[rows] for name, values in self.class_scores.items()},
        )


def read_labels(table: pa.Table, spec: ModelSpec, at: NDArray[np.int64]) -> Labels | None:
    """The labels that the specification names, or None.

    Args:
        table: n rows.
        spec: the model's declaration.
        at: int64[n], when each row was predicted.

    Raises:
        SpecError: a column cannot be what it is said to be.
    """
    columns = spec.columns
    if columns.label is None or spec.task == "none":
        return None
    values = table.column(columns.label).to_pylist()
    values = [None if value != value else value for value in values]  # noqa: PLR0124 - NaN
    known_at = np.where(at == NO_TIME, 0, at)
    if columns.label_timestamp is not None:
        times = _role(table, columns.label_timestamp, "label_timestamp", lambda column: read_times(column, spec.zone))
        known_at = np.where(times == NO_TIME, known_at, np.maximum(times, known_at))
    known_at = np.where([value is None for value in values], NEVER, known_at)
    predictions: Sequence[Any] = [None] * len(values)
    if columns.prediction is not None:
        predictions = table.column(columns.prediction).to_pylist()
    score = columns.score
    by_class = {} if not isinstance(score, Mapping) else {name: _numbers(table, each) for name, each in score.items()}
    return Labels(
        values,
        known_at.astype(np.int64),
        predictions,
        _numbers(table, score) if isinstance(score, str) else np.full(len(values), np.nan),
        None if columns.query_id is None else read_categories(table.column(columns.query_id)).codes.astype(np.int64),
        None if columns.decision is None else _role(table, columns.decision, "decision", read_flags),
        by_class,
    )


def _numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    numbers, _ = _role(table, name, "score", read_numbers)
    values: NDArray[np.float64] = numbers.with_nan
    return values


def _role(table: pa.Table, name: str, role: str, read: Any) -> Any:
    try:
        return read(table.column(name))
    except DataError as error:
        raise SpecError(f"{name!r}: {error}", path=f"columns.{role}") from None
