"""Predictions of a model's past: a bounded number of their values, or all envelopes of a period one after the other."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Row, func, select

from driftwatch.domain.instant import DAY
from driftwatch.storage.prediction import spell_key
from driftwatch.storage.scalar import Scalar, join
from driftwatch.storage.schema import predictions

__all__ = ["SampledEnvelope", "find_envelopes", "list_positions", "read_envelopes", "read_keys", "read_sample"]


class SampledEnvelope(NamedTuple):
    """One stored prediction without its features, and where they are found: by batch, day and position."""

    at: int
    day: int
    batch_id: str
    position: int
    key: bytes
    id: str
    score: float | None
    prediction: Scalar
    latency_seconds: float | None
    error: str | None
    request_id: str | None


_SLICES = 100
_COLUMNS = {"score": predictions.c.score, "prediction": predictions.c.prediction_number}


def read_sample(
    conn: Connection, version_ids: Sequence[int], role: str, *, limit: int
) -> Iterator[tuple[NDArray[np.float64], int, int]]:
    """Values of ``"score"`` or ``"prediction"`` from slices of time that cover the past evenly.

    Yields:
        Values, float64[k], and the first and last instant of their slice.
    """
    column = _COLUMNS[role]
    of_versions = predictions.c.version_id.in_(version_ids)
    first, last = conn.execute(
        select(func.min(predictions.c.predicted_at), func.max(predictions.c.predicted_at)).where(of_versions)
    ).one()
    if first is None:
        return
    width = (last - first) // _SLICES + 1
    for start in range(first, last + 1, width):
        values = conn.execute(
            select(column)
            .where(
                of_versions,
                predictions.c.predicted_at >= start,
                predictions.c.predicted_at < start + width,
                column.is_not(None),
            )
            .limit(limit // _SLICES)
        ).scalars()
        yield np.fromiter(values, dtype=np.float64), start, min(last, start + width - 1)


_CHUNK = 10_000


def read_keys(conn: Connection, version_id: int, start: int, end: int) -> Iterator[list[tuple[bytes, int]]]:
    """``(key, day)`` of all predictions made in [start, end), by time and then by key, in parts of 10,000.

    The index on time holds both, so no row is looked up.
    """
    rows = conn.execute(
        select(predictions.c.key, predictions.c.day)
        .where(*_made(version_id, start, end))
        .order_by(predictions.c.predicted_at, predictions.c.key)
        .execution_options(yield_per=_CHUNK)
    )
    return ([(key, day) for key, day in part] for part in rows.partitions())


def read_envelopes(conn: Connection, version_id: int, start: int, end: int) -> Iterator[SampledEnvelope]:
    """All predictions made in [start, end), by time and then by key."""
    rows = conn.execute(
        select(*_ENVELOPE)
        .where(*_made(version_id, start, end))
        .order_by(predictions.c.predicted_at, predictions.c.key)
        .execution_options(yield_per=_CHUNK)
    )
    return map(_envelope, rows)


def find_envelopes(conn: Connection, version_id: int, keys: Sequence[tuple[bytes, int]]) -> list[SampledEnvelope]:
    """The predictions of some ``(key, day)``, in no order."""
    wanted = {(bytes(key), day) for key, day in keys}
    found = []
    for first in range(0, len(keys), _KEYS):
        rows = conn.execute(
            select(*_ENVELOPE).where(
                predictions.c.version_id == version_id,
                predictions.c.key.in_([key for key, _ in keys[first : first + _KEYS]]),
            )
        )
        found += [_envelope(row) for row in rows if (bytes(row[4]), row[1]) in wanted]
    return found


_KEYS = 500  # values in one statement
_ENVELOPE = tuple(
    predictions.c[name]
    for name in (
        *("predicted_at", "day", "batch_id", "position", "key", "prediction_id", "score", "prediction_number"),
        *("prediction_text", "latency_seconds", "error", "request_id"),
    )
)


def _made(version_id: int, start: int, end: int) -> tuple[ColumnElement[bool], ...]:
    at = predictions.c.predicted_at
    return predictions.c.version_id == version_id, at >= start, at < end


def _envelope(row: Row[Any]) -> SampledEnvelope:
    at, day, batch_id, position, key, name, score, number, words, latency, error, request = tuple(row)
    return SampledEnvelope(
        at, day, batch_id, position, bytes(key), name or spell_key(bytes(key)), score, join(number, words), latency,
        error, request,
    )  # fmt: skip


def list_positions(conn: Connection, version_id: int, day: int, batch_ids: Sequence[str]) -> dict[str, list[int]]:
    """The stored positions of some batches on one UTC day, ascending, by batch."""
    found: dict[str, list[int]] = {name: [] for name in batch_ids}
    for first in range(0, len(batch_ids), 500):
        rows = conn.execute(
            select(predictions.c.batch_id, predictions.c.position)
            .where(
                predictions.c.version_id == version_id,
                predictions.c.predicted_at >= day * DAY,
                predictions.c.predicted_at < (day + 1) * DAY,
                predictions.c.batch_id.in_(batch_ids[first : first + 500]),
            )
            .order_by(predictions.c.batch_id, predictions.c.position)
        )
        for batch_id, position in rows:
            found[batch_id].append(position)
    return found
