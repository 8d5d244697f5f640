"""What clients had to leave out, by their own count."""

from collections.abc import Mapping

from sqlalchemy import Connection, func, select

from driftwatch.storage.scalar import clean
from driftwatch.storage.schema import client_drops
from driftwatch.storage.upsert import insert

__all__ = ["count_drops", "insert_drops"]


def insert_drops(
    conn: Connection, model_id: int, batch_id: str, dropped: Mapping[str, int], *, at: int, version: str | None = None
) -> None:
    """Store the counts that came with a batch, by reason; the same batch counts once."""
    rows = [
        {
            "batch_id": batch_id,
            "reason": clean(reason),
            "model_id": model_id,
            "version": version,
            "n": n,
            "received_at": at,
        }
        for reason, n in sorted(dropped.items())
        if n > 0
    ]
    if rows:
        conn.execute(insert(conn, client_drops).on_conflict_do_nothing(), rows)


def count_drops(conn: Connection, model_id: int, *, since: int = 0) -> dict[str, int]:
    """Rows dropped by clients since an instant, by reason."""
    rows = conn.execute(
        select(client_drops.c.reason, func.sum(client_drops.c.n))
        .where(client_drops.c.model_id == model_id, client_drops.c.received_at >= since)
        .group_by(client_drops.c.reason)
        .order_by(client_drops.c.reason)
    )
    return {reason: int(n) for reason, n in rows}
