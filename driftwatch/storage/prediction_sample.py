"""Predictions of a model's past: a bounded number of their values, or all envelopes of a period one after the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from driftwatch.domain.instant import DAY
from driftwatch.storage.prediction import spell_key
from driftwatch.storage.scalar import Scalar, join
from driftwatch.storage.schema import predictions

__all__ = ["SampledEnvelope", "list_positions", "read_envelopes", "read_sample"]


@dataclass(frozen=True, slots=True)
class SampledEnvelope:
    """One stored prediction without its features, and where they are found: by batch, day and position."""

    at: int
    day: int
    batch_id: str
    position: int
    id: str
    score: float | None
    prediction: Scalar
    latency_seconds: float | None
    error: str | None


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


def read_envelopes(conn: Connection, version_id: int, start: int, end: int) -> Iterator[list[SampledEnvelope]]:
    """All predictions made in [start, end), by time and then by key, in parts of 10,000."""
    names = (
        *("predicted_at", "day", "batch_id", "position", "key", "prediction_id", "score", "prediction_number"),
        *("prediction_text", "latency_seconds", "error"),
    )
    rows = conn.execute(
        select(*(predictions.c[name] for name in names))
        .where(
            predictions.c.version_id == version_id,
            predictions.c.predicted_at >= start,
            predictions.c.predicted_at < end,
        )
        .order_by(predictions.c.predicted_at, predictions.c.key)
        .execution_options(yield_per=_CHUNK)
    )
    for part in rows.partitions():
        yield [
            SampledEnvelope(
                at, day, batch_id, position, name or spell_key(bytes(key)), score, join(number, words), latency, error
            )
            for at, day, batch_id, position, key, name, score, number, words, latency, error in part
        ]


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
