"""The predictions of a bucket by what their columns say of their outcomes: decided or not, of which query, scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from driftwatch.monitors.outcome_role import class_columns, decision_column, query_column, role_columns, roles_key
from driftwatch.monitors.spec import ModelSpec
from driftwatch.performance.query import QUERY_REACH, group_queries
from driftwatch.performance.tally import LabelledRows, as_class
from driftwatch.profiles.bucket import CategoricalColumn, Column
from driftwatch.service.arrow_column import is_true
from driftwatch.service.output import number_text
from driftwatch.service.row_columns import KeyedRows, read_columns
from driftwatch.storage.outcome import LabelledRow

__all__ = ["RoleRows", "labelled_rows", "read_role_rows", "roles_of", "span_of"]


@dataclass(frozen=True, slots=True, eq=False)
class RoleRows:
    """The predictions around a bucket, n of them.

    Attributes:
        span: ``(start, end)``, microseconds UTC: where they lie. It is wider than the bucket where the items of a query
            may lie in the next one.
        inside: bool[n], the rows of the bucket; of a ranking, those whose query was asked in it.
        decided: bool[n], the rows whose outcome can exist at all.
        queries: int64[n] of a ranking, -1 of no query; or None.
        class_scores: float64[n] by class.
        place: by key and time, which of the n.
    """

    span: tuple[int, int]
    inside: NDArray[np.bool_]
    decided: NDArray[np.bool_]
    queries: NDArray[np.int64] | None
    class_scores: Mapping[str, NDArray[np.float64]]
    place: Mapping[tuple[bytes, int], int]

    @property
    def counted(self) -> NDArray[np.bool_]:
        """The rows that are tallied in this bucket."""
        counted: NDArray[np.bool_] = self.inside & self.decided
        return counted

    def labelled(self, rows: Sequence[LabelledRow]) -> LabelledRows:
        """Those of `rows` that are tallied in this bucket, with their columns."""
        kept = self.kept(rows)
        places = np.array([self._find(row) for row in kept], dtype=np.int64)
        queries = None if self.queries is None else self.queries[places]
        return labelled_rows(kept, queries, {name: of[places] for name, of in self.class_scores.items()})

    def kept(self, rows: Sequence[LabelledRow]) -> list[LabelledRow]:
        """Those of `rows` that are tallied in this bucket."""
        counted = self.counted
        return [row for row in rows if (place := self._find(row)) is not None and counted[place]]

    def undecided(self, rows: Sequence[LabelledRow]) -> int:
        """How many of `rows` lie in this bucket and were not decided."""
        strays = self.inside & ~self.decided
        return sum(place is not None and bool(strays[place]) for place in map(self._find, rows))

    def _find(self, row: LabelledRow) -> int | None:
        return self.place.get((row.key, row.predicted_at))


def labelled_rows(
    rows: Sequence[LabelledRow],
    queries: NDArray[np.int64] | None = None,
    class_scores: Mapping[str, NDArray[np.float64]] | None = None,
) -> LabelledRows:
    """Stored rows as they are tallied."""
    return LabelledRows(
        [row.value for row in rows],
        [row.prediction for row in rows],
        np.array([np.nan if row.score is None else row.score for row in rows], dtype=np.float64),
        queries,
        class_scores or {},
    )


def read_role_rows(conn: Connection, spec: ModelSpec, version_id: int, start: int, end: int) -> RoleRows | None:
    """The predictions of the bucket [start, end), or None for a model whose outcomes are tallied by no column."""
    if not roles_key(spec):
        return None
    span = span_of(spec, (start, end))
    return roles_of(read_columns(conn, version_id, *span, role_columns(spec)), spec, span, (start, end))


def span_of(spec: ModelSpec, bucket: tuple[int, int]) -> tuple[int, int]:
    """Where the predictions lie that are counted in a bucket, ``(start, end)`` in microseconds UTC."""
    reach = QUERY_REACH if spec.task == "ranking" and spec.columns.query_id is not None else 0
    return bucket[0] - 2 * reach, bucket[1] + reach


def roles_of(keyed: KeyedRows, spec: ModelSpec, span: tuple[int, int], bucket: tuple[int, int]) -> RoleRows:
    """What the columns of all predictions in `span` say of those that are counted in `bucket`."""
    at = keyed.rows.at
    queries, counted_at = None, at
    if spec.task == "ranking" and spec.columns.query_id is not None:
        queries, counted_at = group_queries(at, _codes(_query_ids(keyed, spec)))
    scores = {name: _numbers(keyed.column(column), len(at)) for name, column in class_columns(spec).items()}
    return RoleRows(
        span,
        (counted_at >= bucket[0]) & (counted_at < bucket[1]),
        _decided(keyed, spec),
        queries,
        scores,
        keyed.place,
    )


def _decided(keyed: KeyedRows, spec: ModelSpec) -> NDArray[np.bool_]:
    if spec.columns.decision is None:
        return np.ones(len(keyed.envelopes), dtype=np.bool_)
    name = decision_column(spec)
    said = [as_class(each.prediction) for each in keyed.envelopes] if name is None else _texts(keyed, name)
    known = {text: text is not None and is_true(text) for text in {*said}}
    return np.array([known[text] for text in said], dtype=np.bool_)


def _query_ids(keyed: KeyedRows, spec: ModelSpec) -> Sequence[str | None]:
    name = query_column(spec)
    if name is not None:
        return _texts(keyed, name)
    if spec.columns.query_id == spec.columns.id:
        return [each.id for each in keyed.envelopes]
    return [each.request_id for each in keyed.envelopes]


def _texts(keyed: KeyedRows, name: str) -> Sequence[str | None]:
    column = keyed.column(name)
    if column is None:
        return [None] * len(keyed.envelopes)
    if isinstance(column, CategoricalColumn):
        return [column.dictionary[code] if code >= 0 else None for code in column.codes.tolist()]
    return [number_text(value) for value in column.with_nan.tolist()]


def _codes(texts: Sequence[str | None]) -> NDArray[np.int64]:
    places: dict[str, int] = {}
    return np.array([-1 if text is None else places.setdefault(text, len(places)) for text in texts], dtype=np.int64)


def _numbers(column: Column | None, n: int) -> NDArray[np.float64]:
    if column is None:
        return np.full(n, np.nan)
    if isinstance(column, CategoricalColumn):
        table = np.array([*map(_number, column.dictionary), np.nan])
        return np.asarray(table[column.codes], dtype=np.float64)
    return column.with_nan


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan
