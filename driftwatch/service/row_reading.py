"""Rows back from the store: envelopes and features of a period together, at most so many, the same ones every time.

What is judged comes from profiles. Raw rows are read for what profiles cannot answer: explanations, the report of
another tool, examples.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from driftwatch.domain.signal import ColumnKind
from driftwatch.profiles.rows import Rows
from driftwatch.service.ingest_plan import read_spec
from driftwatch.service.output import read_outputs
from driftwatch.service.row_assembly import RowAssembly
from driftwatch.service.row_place import RowPlaces
from driftwatch.storage import prediction, prediction_sample, registration
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
        total: how many rows the period has; at most `limit` of them were drawn.
        without_features: how many of those are not in `rows` since they have none: the client sampled, or sent none.
        unreadable: how many are not, since the store cannot say which features are theirs: in a damaged block, or in a
            batch that crosses midnight and repeats an id.
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

    Every row is as likely to be drawn as any other; the same store, period, limit and seed give the same rows.

    Args:
        store: where they are.
        model: whose.
        start: microseconds UTC, included.
        end: excluded.
        limit: the most rows that are drawn.
        seed: of the sample.
        columns: these features and tags only; all, if left out.
        exclude: periods, ``(start, end)`` each, whose rows are passed over.
    """
    spec = read_spec(model.spec)
    spans = _spans(start, end, exclude)
    with store.read() as conn:
        versions = [each.id for each in registration.list_versions(conn, model.id)]
        kinds = {name: kind for version_id in versions for name, kind in _kinds(conn, version_id).items()}
        places = {version_id: RowPlaces.read(conn, version_id, start, end) for version_id in versions}
        drawn, total = _draw(conn, versions, spans, limit, np.random.default_rng([seed, limit]))
        placed = [row for version_id, each in drawn if (row := places[version_id].find(each)) is not None]
        chosen = sorted(placed, key=lambda row: (row.envelope.at, row.version_id, row.order))
        assembly = RowAssembly(len(chosen), _wanted(kinds, columns), columns)
        for version_id in versions:
            assembly.read(conn, version_id, places[version_id].locate(conn, chosen))
    rows = _rows([each.envelope for each in chosen], spec.task if spec else None, assembly)
    return SampledRows(rows, kinds, total, len(drawn) - len(chosen), len(chosen) - len(rows))


_Span = tuple[int, int]


def _spans(start: int, end: int, exclude: Iterable[_Span]) -> list[_Span]:
    """What is left of [start, end), ascending.

    >>> _spans(0, 10, [(8, 12), (2, 4), (3, 5)])
    [(0, 2), (5, 8)]
    """
    spans = []
    for first, stop in sorted(exclude):
        if first > start:
            spans.append((start, min(first, end)))
        start = max(start, stop)
    return [(first, stop) for first, stop in [*spans, (start, end)] if first < stop]


def _draw(
    conn: Connection, versions: Sequence[int], spans: Sequence[_Span], limit: int, rng: np.random.Generator
) -> tuple[list[tuple[int, SampledEnvelope]], int]:
    """Version and envelope of at most `limit` rows, each as likely as any other; and how many there are."""
    counts = {
        (version_id, span): prediction.count_predictions(conn, version_id, *span)
        for version_id in versions
        for span in spans
    }
    total = sum(counts.values())
    if total <= limit:
        everything = (
            (version_id, each)
            for version_id, span in counts
            for each in prediction_sample.read_envelopes(conn, version_id, *span)
        )
        return list(everything), total
    ranks = np.sort(rng.choice(total, limit, replace=False, shuffle=False))
    drawn: list[tuple[int, SampledEnvelope]] = []
    before = 0
    for (version_id, span), count in counts.items():
        first, stop = np.searchsorted(ranks, (before, before + count))
        keys = _keys(conn, version_id, span, (ranks[first:stop] - before).tolist())
        drawn += [(version_id, each) for each in prediction_sample.find_envelopes(conn, version_id, keys)]
        before += count
    return drawn, total


def _keys(conn: Connection, version_id: int, span: _Span, ranks: Sequence[int]) -> list[tuple[bytes, int]]:
    """The keys at some ascending places in the order of time."""
    found: list[tuple[bytes, int]] = []
    before = 0
    for part in prediction_sample.read_keys(conn, version_id, *span):
        taken = bisect_left(ranks, before + len(part), len(found))
        found += [part[rank - before] for rank in ranks[len(found) : taken]]
        before += len(part)
    return found


def _kinds(conn: Connection, version_id: int) -> dict[str, ColumnKind]:
    return {name: ColumnKind(row.kind) for name, row in registration.read_features(conn, version_id).items()}


def _wanted(kinds: Mapping[str, ColumnKind], columns: Collection[str] | None) -> dict[str, ColumnKind]:
    return {name: kind for name, kind in kinds.items() if kind in PROFILED and (columns is None or name in columns)}


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
