"""Frames that clients put straight into the database, to be ingested like those that come over HTTP."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select

from driftwatch.storage.schema import inbox
from driftwatch.storage.upsert import insert

__all__ = ["InboxRow", "append", "count_inbox", "take"]


@dataclass(frozen=True, slots=True)
class InboxRow:
    """One frame that waits."""

    batch_id: str
    received_at: int
    frame: bytes


def append(conn: Connection, batch_id: str, received_at: int, frame: bytes) -> bool:
    """Put a frame in; False if a frame of that id waits already."""
    statement = (
        insert(conn, inbox)
        .values(batch_id=batch_id, received_at=received_at, frame=frame)
        .on_conflict_do_nothing()
        .returning(inbox.c.batch_id)
    )
    return conn.execute(statement).scalar() is not None


def take(conn: Connection, *, limit: int = 1) -> list[InboxRow]:
    """Remove the oldest frames and return them.

    They are gone when the caller's transaction commits, and back when it does not: ingest them in the same one.
    Several processes may take at once; each gets others.
    """
    oldest = (
        select(inbox.c.batch_id)
        .order_by(inbox.c.received_at, inbox.c.batch_id)
        .limit(limit)
        .with_for_update(skip_locked=True)  # SQLite leaves it out: its writers come one by one
        .cte("oldest")
    )
    gone = conn.execute(
        delete(inbox)
        .where(inbox.c.batch_id.in_(select(oldest.c.batch_id)))
        .returning(inbox.c.batch_id, inbox.c.received_at, inbox.c.frame)
    )
    rows = [InboxRow(batch_id, received_at, bytes(frame)) for batch_id, received_at, frame in gone]
    return sorted(rows, key=lambda row: (row.received_at, row.batch_id))


def count_inbox(conn: Connection) -> int:
    """How many frames wait."""
    return int(conn.execute(select(func.count()).select_from(inbox)).scalar_one())
