"""Outcomes: what really happened, known later. Append-only; of several, the newest observed is current."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select, text

from driftwatch.storage.scalar import Scalar, clean, join, prediction_keys, split
from driftwatch.storage.schema import outcomes

__all__ = [
    "LabelledRow",
    "OutcomeColumns",
    "count_outcomes",
    "current_outcomes",
    "insert_outcomes",
    "newest_outcomes",
    "touched_buckets",
]


@dataclass(frozen=True, slots=True)
class OutcomeColumns:
    """The outcomes of one batch by column. Each row names its prediction by `ids` or, where that is None, by request.

    Attributes:
        model: name of the model, which the keys are made with.
        model_id: the model.
        batch_id: the batch; its receipt was inserted before.
        ids: prediction ids, a text or None a row.
        request_ids: a text or None a row; reaches every version that answered the request.
        values: a bool, number, text or None a row; None takes an earlier outcome back.
        observed_at: when it became known, microseconds UTC a row.
        received_at: when the batch came.
        positions: the row's place in the batch; None: 0, 1, 2 ...
    """

    model: str
    model_id: int
    batch_id: str
    ids: Sequence[str | None]
    request_ids: Sequence[str | None]
    values: Sequence[Any]
    observed_at: Sequence[int]
    received_at: int
    positions: Sequence[int] | None = None


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """A prediction with its current outcome."""

    key: bytes
    predicted_at: int
    score: float | None
    prediction: Scalar
    value: Scalar
    observed_at: int
    received_at: int


def insert_outcomes(conn: Connection, given: OutcomeColumns) -> int:
    """Append outcomes; returns how many. Their predictions may come later."""
    named = [identity for identity in given.ids if identity is not None]
    keys = iter(prediction_keys(given.model, named))
    numbers, texts = split(given.values)
    positions = range(len(given.values)) if given.positions is None else given.positions
    rows = [
        {
            "batch_id": given.batch_id,
            "position": position,
            "model_id": given.model_id,
            "key": None if identity is None else next(keys),
            "prediction_id": clean(identity),
            "request_id": clean(request),
            "observed_at": observed_at,
            "received_at": given.received_at,
            "value_number": number,
            "value_text": words,
        }
        for position, identity, request, observed_at, number, words in zip(
            positions, given.ids, given.request_ids, given.observed_at, numbers, texts, strict=True
        )
    ]
    if rows:
        conn.execute(outcomes.insert(), rows)
    return len(rows)


_FOR_EVER = 2**63 - 1

# SQLite takes the tables of a CROSS JOIN in the order in which they stand; without statistics it would walk all
# outcomes for each prediction, and so it would by their time of receipt, hence `+ 0`. PostgreSQL minds neither.
_CURRENT = text(
    """
    WITH said AS MATERIALIZED (
        SELECT p.key, p.day, p.predicted_at, p.score, p.prediction_number, p.prediction_text,
               o.value_number, o.value_text, o.observed_at, o.received_at, o.batch_id, o.position
        FROM predictions p CROSS JOIN outcomes o
        WHERE o.model_id = :model_id AND o.key = p.key
          AND p.version_id = :version_id AND p.predicted_at >= :starts AND p.predicted_at < :ends
          AND o.received_at + 0 < :known_by AND o.observed_at < :observed_by
        UNION ALL
        SELECT p.key, p.day, p.predicted_at, p.score, p.prediction_number, p.prediction_text,
               o.value_number, o.value_text, o.observed_at, o.received_at, o.batch_id, o.position
        FROM predictions p CROSS JOIN outcomes o
        WHERE o.model_id = :model_id AND o.key IS NULL AND o.request_id = p.request_id
          AND p.version_id = :version_id AND p.predicted_at >= :starts AND p.predicted_at < :ends
          AND p.request_id IS NOT NULL AND o.request_id IS NOT NULL
          AND o.received_at + 0 < :known_by AND o.observed_at < :observed_by
    ), ranked AS (
        SELECT *, row_number() OVER (
            PARTITION BY key, day ORDER BY observed_at DESC, received_at DESC, batch_id DESC, position DESC
        ) AS age
        FROM said
    )
    SELECT key, predicted_at, score, prediction_number, prediction_text, value_number, value_text, observed_at,
           received_at
    FROM ranked
    WHERE age = 1 AND (value_number IS NOT NULL OR value_text IS NOT NULL)
    ORDER BY predicted_at, key
    """
)


def current_outcomes(
    conn: Connection,
    model_id: int,
    version_id: int,
    start: int,
    end: int,
    *,
    known_by: int | None = None,
    observed_by: int | None = None,
) -> list[LabelledRow]:
    """The predictions made in [start, end) that have an outcome, each with its current one.

    Args:
        conn: a connection.
        model_id: the model.
        version_id: its version.
        start: microseconds UTC, included.
        end: excluded.
        known_by: only outcomes received before this instant, so that a verdict can be computed again.
        observed_by: only outcomes observed before this instant, so that windows are compared at one age.
    """
    bounds = {
        "model_id": model_id,
        "version_id": version_id,
        "starts": start,
        "ends": end,
        "known_by": _FOR_EVER if known_by is None else known_by,
        "observed_by": _FOR_EVER if observed_by is None else observed_by,
    }
    return [
        LabelledRow(
            bytes(row.key),
            row.predicted_at,
            row.score,
            join(row.prediction_number, row.prediction_text),
            join(row.value_number, row.value_text),
            row.observed_at,
            row.received_at,
        )
        for row in conn.execute(_CURRENT, bounds)
    ]


_TOUCHED = text(
    """
    SELECT p.version_id, p.predicted_at - p.predicted_at % :width AS bucket_at
    FROM outcomes o CROSS JOIN predictions p
    WHERE p.version_id IN (SELECT id FROM model_versions WHERE model_id = :model_id) AND p.key = o.key
      AND o.model_id = :model_id AND o.received_at >= :since AND o.received_at < :until AND o.key IS NOT NULL
    UNION
    SELECT p.version_id, p.predicted_at - p.predicted_at % :width
    FROM outcomes o CROSS JOIN predictions p
    WHERE p.version_id IN (SELECT id FROM model_versions WHERE model_id = :model_id) AND p.request_id = o.request_id
      AND o.model_id = :model_id AND o.received_at >= :since AND o.received_at < :until AND o.key IS NULL
    UNION
    SELECT p.version_id, p.predicted_at - p.predicted_at % :width
    FROM batches b CROSS JOIN predictions p
    WHERE p.version_id = b.version_id AND p.predicted_at >= b.first_at AND p.predicted_at <= b.last_at
      AND b.model_id = :model_id AND b.kind = 'predictions' AND b.received_at >= :since AND b.received_at < :until
      AND (EXISTS (SELECT 1 FROM outcomes o WHERE o.model_id = :model_id AND o.key = p.key)
           OR EXISTS (SELECT 1 FROM outcomes o WHERE o.model_id = :model_id AND o.key IS NULL
                      AND o.request_id = p.request_id))
    """
)


def touched_buckets(conn: Connection, model_id: int, since: int, until: int, *, width: int) -> list[tuple[int, int]]:
    """``(version_id, bucket_at)`` of every bucket whose labelled rows changed, ascending.

    A bucket changes by outcomes received in [since, until), and by predictions received then whose outcome is known.

    Args:
        conn: a connection.
        model_id: the model.
        since: microseconds UTC, included.
        until: excluded.
        width: of a bucket, microseconds.
    """
    bounds = {"model_id": model_id, "since": since, "until": until, "width": width}
    return sorted((int(version_id), int(bucket_at)) for version_id, bucket_at in conn.execute(_TOUCHED, bounds))


def newest_outcomes(conn: Connection, model_id: int, *, within: int) -> tuple[int, int] | None:
    """When a model's newest outcome was received, and how many were in the time up to then; None before the first.

    The two change with every outcome that can be seen since, also one that is dated a little earlier.

    Args:
        conn: a connection.
        model_id: the model.
        within: how long that time is, microseconds.
    """
    newest = conn.execute(select(func.max(outcomes.c.received_at)).where(outcomes.c.model_id == model_id)).scalar()
    if newest is None:
        return None
    near = select(func.count()).where(outcomes.c.model_id == model_id, outcomes.c.received_at > newest - within)
    return int(newest), int(conn.execute(near).scalar_one())


def count_outcomes(conn: Connection, model_id: int) -> int:
    """How many outcomes a model was told, repeats and corrections included."""
    return int(conn.execute(select(func.count()).where(outcomes.c.model_id == model_id)).scalar_one())
