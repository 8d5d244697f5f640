"""Rows back from the store: envelopes and features of a period together, at most so many, the same ones every time.

What is judged comes from profiles. Raw rows are read for what profiles cannot answer: explanations, the report of
another tool, examples.
"""

import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

import numpy as np
from sqlalchemy import Connection

from driftwatch.domain.signal import ColumnKind
from driftwatch.profiles.rows import Rows
from driftwatch.service.ingest_plan import read_spec
from driftwatch.service.output import read_outputs
from driftwatch.service.row_assembly import RowAssembly
from driftwatch.service.row_place import PlacedRow, RowPlaces
from driftwatch.storage import prediction_sample, registration
from driftwatch.storage.prediction_sample import SampledEnvelope
from driftwatch.storage.registration import ModelRow
from driftwatch.storage.store import Store

__all__ = ["PROFILED", "SampledRows", "read_rows"]

PROFILED = (ColumnKind.NUMERIC, ColumnKind.CATEGORICAL, ColumnKind.BOOLEAN)
"""The kinds of feature that are read."""


@dataclass(frozen=True, slots=True, eq=False)
class SampledRows:
    """Rows of one model from the store, ascending in time.

    Attributes:
        rows: with ids, the features of the profiled kinds, the outputs "score" and "prediction", and the tags. A
            feature that a row's batch did not send, or sent in another kind than is registered, is null.
        kinds: registered kind by feature, of the newest version that has it; features of other kinds too.
        total: how many rows of the period have features; `rows` is a sample of these.
        without_features: how many have none, since the client sampled, or sent none.
        unreadable: how many of the sample are not in `rows`, since the store cannot say which features are theirs: in
            a damaged block, or in a batch that crosses midnight and repeats an id.
    """

    rows: Rows
    kinds: Mapping[str, ColumnKind]
    total: int
    without_features: int = 0
    unreadable: int = 0


def read_rows(
    store: Store,
    model: ModelRow,
    start: int,
    end: int,
    *,
    limit: int = 100_000,
    seed: int = 0,
    columns: Collection[str] | None = None,
    exclude: Iterable[tuple[int, int]] = (),
) -> SampledRows:
    """Predictions made in [start, end) with their features, of all versions.

    Every row with features is as likely to be taken as any other; the same store, period, limit and seed give the
    same rows.

    Args:
        store: where they are.
        model: whose.
        start: microseconds UTC, included.
        end: excluded.
        limit: the most rows.
        seed: of the sample.
        columns: these features and tags only; all, if left out.
        exclude: periods, ``(start, end)`` each, whose rows are passed over.
    """
    spec = read_spec(model.spec)
    periods = tuple(exclude)
    sample = _Sample(limit, np.random.default_rng([seed, limit]))
    kinds: dict[str, ColumnKind] = {}
    with store.read() as conn:
        versions = [each.id for each in registration.list_versions(conn, model.id)]
        places = {}
        for version_id in versions:
            kinds |= _kinds(conn, version_id)
            places[version_id] = RowPlaces.read(conn, version_id, start, end)
            for part in prediction_sample.read_envelopes(conn, version_id, start, end):
                sample.add(places[version_id], [each for each in part if not _within(each.at, periods)])
        chosen = sample.rows()
        assembly = RowAssembly(len(chosen), _wanted(kinds, columns), columns)
        for version_id in versions:
            assembly.read(conn, version_id, places[version_id].locate(conn, chosen))
    rows = _rows([each.envelope for each in chosen], spec.task if spec else None, assembly)
    return SampledRows(rows, kinds, sample.seen, sample.without_features, len(chosen) - len(rows))


def _kinds(conn: Connection, version_id: int) -> dict[str, ColumnKind]:
    return {name: ColumnKind(row.kind) for name, row in registration.read_features(conn, version_id).items()}


def _wanted(kinds: Mapping[str, ColumnKind], columns: Collection[str] | None) -> dict[str, ColumnKind]:
    return {name: kind for name, kind in kinds.items() if kind in PROFILED and (columns is None or name in columns)}


def _within(at: int, periods: Sequence[tuple[int, int]]) -> bool:
    return any(start <= at < end for start, end in periods)


@dataclass(slots=True)
class _Sample:
    """The `limit` rows with the smallest random numbers, one number a row in the order of reading."""

    limit: int
    rng: np.random.Generator
    seen: int = 0
    without_features: int = 0
    _kept: list[tuple[float, PlacedRow]] = field(default_factory=list)

    def add(self, places: RowPlaces, part: Sequence[SampledEnvelope]) -> None:
        placed = [row for each in part if (row := places.find(each)) is not None]
        self.seen += len(placed)
        self.without_features += len(part) - len(placed)
        self._kept += zip(self.rng.random(len(placed)).tolist(), placed, strict=True)
        if len(self._kept) > 2 * self.limit:
            self._prune()

    def rows(self) -> list[PlacedRow]:
        """The rows that were drawn, ascending in time, versions in the order of reading."""
        self._prune()
        return sorted((row for _, row in self._kept), key=lambda row: (row.envelope.at, row.version_id, row.order))

    def _prune(self) -> None:
        if len(self._kept) > self.limit:
            self._kept = heapq.nsmallest(self.limit, self._kept, key=itemgetter(0))


def _rows(envelopes: Sequence[SampledEnvelope], task: str | None, assembly: RowAssembly) -> Rows:
    scores = np.array([each.score for each in envelopes], dtype=np.float64)
    predictions = [each.prediction for each in envelopes]
    seconds = np.array([each.latency_seconds for each in envelopes], dtype=np.float64)
    outputs = read_outputs(
        predictions if any(value is not None for value in predictions) else None,
        None if np.isnan(scores).all() else scores,
        task,
    )
    rows = Rows(
        at=np.array([each.at for each in envelopes], dtype=np.int64),
        features=assembly.features(),
        outputs=outputs,
        tags=assembly.tags(),
        failed=np.array([each.error is not None for each in envelopes], dtype=np.bool_),
        latency_seconds=None if np.isnan(seconds).all() else seconds,
        ids=[each.id for each in envelopes],
    )
    return rows if assembly.found.all() else rows.take(np.flatnonzero(assembly.found))
