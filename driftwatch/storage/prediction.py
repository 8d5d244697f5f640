"""The envelope: one row a prediction, without its features."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from sqlalchemy import Connection, func, select

from driftwatch.domain.instant import DAY
from driftwatch.storage.scalar import Scalar, clean, finite, join, prediction_keys, split
from driftwatch.storage.schema import model_versions, models, predictions

__all__ = ["Envelope", "PredictionRow", "count_predictions", "find_prediction", "insert_predictions", "spell_key"]


@dataclass(frozen=True, slots=True)
class Envelope:
    """The rows of one batch by column; a column that is None is unknown for every row.

    Attributes:
        model: name of the model, which the keys are made with.
        version_id: its version.
        batch_id: the batch.
        deployment: where the model runs.
        ids: a text a row.
        predicted_at: microseconds UTC a row.
        positions: the row's place in the batch; None: 0, 1, 2 ...
        prediction: a bool, number, text or None a row.
    """

    model: str
    version_id: int
    batch_id: str
    deployment: str
    ids: Sequence[str]
    predicted_at: Sequence[int]
    positions: Sequence[int] | None = None
    prediction: Sequence[Any] | None = None
    score: Sequence[float | None] | None = None
    latency_seconds: Sequence[float | None] | None = None
    error: Sequence[str | None] | None = None
    request_id: Sequence[str | None] | None = None
    entity: Sequence[str | None] | None = None


@dataclass(frozen=True, slots=True)
class PredictionRow:
    """One stored prediction."""

    version_id: int
    version: str
    id: str
    predicted_at: int
    score: float | None
    prediction: Scalar
    latency_seconds: float | None
    error: str | None
    request_id: str | None
    entity: str | None
    deployment: str
    batch_id: str
    position: int


_COLUMNS = (
    "version_id",
    "key",
    "day",
    "prediction_id",
    "predicted_at",
    "score",
    "prediction_number",
    "prediction_text",
    "latency_seconds",
    "error",
    "request_id",
    "entity",
    "deployment",
    "batch_id",
    "position",
)
_TYPES = (
    *("int8", "bytea", "int4", "text", "int8", "float8", "float8", "text", "float8"),
    *("text", "text", "text", "text", "text", "int4"),
)


def insert_predictions(conn: Connection, envelope: Envelope) -> set[int]:
    """Store the rows whose id is new to this version and day.

    Two rows of one id in one batch: the first is stored. On PostgreSQL the months of `predicted_at` must have their
    partitions (`partition.ensure`).

    Returns:
        The places in `envelope` (0 ... n-1) of the duplicates, which were not stored.
    """
    keys = prediction_keys(envelope.model, envelope.ids)
    rows = _rows(envelope, keys)
    if not rows:
        return set()
    if conn.dialect.name == "postgresql":
        return _insert_postgresql(conn, rows)
    return _insert_sqlite(conn, rows)


def _rows(envelope: Envelope, keys: list[bytes]) -> list[tuple[Any, ...]]:
    n = len(keys)
    numbers, texts = split(envelope.prediction) if envelope.prediction is not None else (repeat(None), repeat(None))
    return list(
        zip(
            repeat(envelope.version_id, n),
            keys,
            [at // DAY for at in envelope.predicted_at],
            [_named(text, key) for text, key in zip(envelope.ids, keys, strict=True)],
            envelope.predicted_at,
            repeat(None) if envelope.score is None else finite(envelope.score),
            numbers,
            texts,
            repeat(None) if envelope.latency_seconds is None else finite(envelope.latency_seconds),
            _texts(envelope.error),
            _texts(envelope.request_id),
            _texts(envelope.entity),
            repeat(envelope.deployment),
            repeat(envelope.batch_id),
            range(n) if envelope.positions is None else envelope.positions,
            strict=False,  # repeat() has no end
        )
    )


def _texts(column: Sequence[str | None] | None) -> Any:
    return repeat(None) if column is None else [clean(text) for text in column]


def _named(text: str, key: bytes) -> str | None:
    return None if spell_key(key) == text else clean(text)


def spell_key(key: bytes) -> str:
    """The UUID that a key is, which is the id of a row that names no other."""
    digits = key.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _insert_sqlite(conn: Connection, rows: list[tuple[Any, ...]]) -> set[int]:
    places = ", ".join("?" * len(_COLUMNS))
    statement = f"INSERT INTO predictions ({', '.join(_COLUMNS)}) VALUES ({places}) ON CONFLICT DO NOTHING"
    stored = conn.exec_driver_sql(statement, rows).rowcount
    if stored == len(rows):
        return set()
    # Some were known. Which ones: those whose stored row is not the one of this batch and position.
    version_id, batch_id = rows[0][0], rows[0][13]
    ours = {
        (key, day, position)
        for chunk in range(0, len(rows), 500)
        for key, day, position in conn.execute(
            select(predictions.c.key, predictions.c.day, predictions.c.position).where(
                predictions.c.version_id == version_id,
                predictions.c.key.in_([row[1] for row in rows[chunk : chunk + 500]]),
                predictions.c.batch_id == batch_id,
            )
        )
    }
    return {place for place, row in enumerate(rows) if (row[1], row[2], row[14]) not in ours}


def _insert_postgresql(conn: Connection, rows: list[tuple[Any, ...]]) -> set[int]:
    # Sorted by key, so that two batches with the same ids never wait for one another crosswise.
    order = sorted(range(len(rows)), key=lambda place: rows[place][1])
    if len(rows) >= _COPY_FROM and _copy(conn, [rows[place] for place in order]):
        return set()
    return _insert_arrays(conn, rows, order)


_COPY_FROM = 64  # rows; below, two more round trips cost more than they save


def _copy(conn: Connection, rows: list[tuple[Any, ...]]) -> bool:
    """Binary COPY, at half the cost of an INSERT; False if it failed, most likely at a duplicate, and left nothing."""
    import psycopg

    raw = conn.connection.driver_connection
    try:
        with (
            conn.begin_nested(),
            raw.cursor() as cursor,  # type: ignore[union-attr]
            cursor.copy(f"COPY predictions ({', '.join(_COLUMNS)}) FROM STDIN (FORMAT BINARY)") as copy,
        ):
            copy.set_types(_TYPES)
            for row in rows:
                copy.write_row(row)
    except psycopg.Error:
        return False
    return True


def _insert_arrays(conn: Connection, rows: list[tuple[Any, ...]], order: list[int]) -> set[int]:
    """One statement with an array a column, which says what it stored."""
    arrays = ", ".join(f"%b::{kind}[]" for kind in _TYPES)
    returned = conn.exec_driver_sql(
        f"INSERT INTO predictions ({', '.join(_COLUMNS)}) SELECT * FROM unnest({arrays}) "
        "ON CONFLICT DO NOTHING RETURNING position",
        tuple(list(column) for column in zip(*(rows[place] for place in order), strict=True)),
    )
    stored = {position for (position,) in returned}
    return {place for place, row in enumerate(rows) if row[14] not in stored}


def count_predictions(conn: Connection, version_id: int, start: int, end: int) -> int:
    """How many predictions were made in [start, end)."""
    return int(
        conn.execute(
            select(func.count()).where(
                predictions.c.version_id == version_id,
                predictions.c.predicted_at >= start,
                predictions.c.predicted_at < end,
            )
        ).scalar_one()
    )


def find_prediction(conn: Connection, model_id: int, prediction_id: str) -> list[PredictionRow]:
    """Every stored prediction of that id: of each version and day that saw it, the newest first."""
    model = conn.execute(select(models.c.name).where(models.c.id == model_id)).scalar()
    if model is None:
        return []
    (key,) = prediction_keys(model, [prediction_id])
    rows = conn.execute(
        select(predictions, model_versions.c.version)
        .join_from(model_versions, predictions, predictions.c.version_id == model_versions.c.id)
        .where(model_versions.c.model_id == model_id, predictions.c.key == key)
        .order_by(predictions.c.predicted_at.desc())
    )
    return [
        PredictionRow(
            version_id=row.version_id,
            version=row.version,
            id=row.prediction_id or spell_key(bytes(row.key)),
            predicted_at=row.predicted_at,
            score=row.score,
            prediction=join(row.prediction_number, row.prediction_text),
            latency_seconds=row.latency_seconds,
            error=row.error,
            request_id=row.request_id,
            entity=row.entity,
            deployment=row.deployment,
            batch_id=row.batch_id,
            position=row.position,
        )
        for row in rows
    ]
