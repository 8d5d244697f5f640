"""What could not be used, with the reason, kept so that it can be looked at and tried again."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from driftwatch.storage.scalar import clean
from driftwatch.storage.schema import quarantine

__all__ = ["HeldRow", "count_held", "hold", "list_held"]


@dataclass(frozen=True, slots=True)
class HeldRow:
    """One thing that could not be used.

    Attributes:
        id: assigned by the store; 0 before.
        environment: as the client named it; the model need not exist.
        model: as the client named it.
        version: as the client named it, or None.
        batch_id: the batch.
        row_number: the row's place in the batch, or None for a whole batch or column.
        column: the column at fault, or None.
        reason: why, for people.
        payload: the bytes to try again, or None.
        state: ``"held"``, ``"retried"`` or ``"discarded"``.
        received_at: when it came, microseconds UTC.
    """

    environment: str
    model: str
    version: str | None
    batch_id: str
    row_number: int | None
    column: str | None
    reason: str
    payload: bytes | None
    received_at: int
    state: str = "held"
    id: int = 0


def hold(conn: Connection, rows: Sequence[HeldRow]) -> None:
    """Put rows in quarantine."""
    if rows:
        conn.execute(
            quarantine.insert(),
            [
                {
                    "environment": clean(row.environment),
                    "model": clean(row.model),
                    "version": clean(row.version),
                    "batch_id": clean(row.batch_id),
                    "row_number": row.row_number,
                    "column_name": clean(row.column),
                    "reason": clean(row.reason),
                    "payload": row.payload,
                    "received_at": row.received_at,
                    "state": row.state,
                }
                for row in rows
            ],
        )


def list_held(conn: Connection, environment: str, model: str, *, limit: int = 1000) -> list[HeldRow]:
    """What is held of one model, the newest first."""
    rows = conn.execute(
        select(quarantine)
        .where(quarantine.c.environment == environment, quarantine.c.model == model, quarantine.c.state == "held")
        .order_by(quarantine.c.received_at.desc(), quarantine.c.id.desc())
        .limit(limit)
    )
    return [
        HeldRow(
            environment=row.environment,
            model=row.model,
            version=row.version,
            batch_id=row.batch_id,
            row_number=row.row_number,
            column=row.column_name,
            reason=row.reason,
            payload=None if row.payload is None else bytes(row.payload),
            received_at=row.received_at,
            state=row.state,
            id=row.id,
        )
        for row in rows
    ]


def count_held(conn: Connection, environment: str, model: str, *, since: int = 0) -> dict[str, int]:
    """How much is held of one model since an instant, by reason."""
    rows = conn.execute(
        select(quarantine.c.reason, func.count())
        .where(
            quarantine.c.environment == environment,
            quarantine.c.model == model,
            quarantine.c.state == "held",
            quarantine.c.received_at >= since,
        )
        .group_by(quarantine.c.reason)
        .order_by(quarantine.c.reason)
    )
    return {reason: int(n) for reason, n in rows}
