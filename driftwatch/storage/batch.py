"""Receipts: which batches came in. A known id with the same content is answered again, with other content refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from driftwatch.storage.schema import batches
from driftwatch.storage.upsert import insert

__all__ = ["Receipt", "find_receipt", "insert_receipt", "newest_at", "update_receipt"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is known of a batch.

    Attributes:
        id: the batch id, chosen by the client.
        kind: ``"predictions"`` or ``"outcomes"``.
        model_id: whose.
        content_hash: tells a repeat from an id that is used twice.
        n: rows in the batch; of them accepted, duplicates (an id seen before) and quarantined.
        n_dropped: rows that the client refused since its batch before.
        first_at: oldest event time, microseconds UTC; None if no row was accepted.
        last_at: newest event time.
        received_at: when it came.
        reply: what the client was answered.
    """

    id: str
    kind: str
    model_id: int
    content_hash: bytes
    n: int
    received_at: int
    version_id: int | None = None
    deployment: str = "default"
    n_accepted: int = 0
    n_duplicates: int = 0
    n_quarantined: int = 0
    n_dropped: int = 0
    sample_rate: float = 1.0
    sdk: str | None = None
    first_at: int | None = None
    last_at: int | None = None
    sent_at: int | None = None
    reply: Mapping[str, Any] | None = None


_COLUMNS = tuple(Receipt.__dataclass_fields__)


def find_receipt(conn: Connection, batch_id: str) -> Receipt | None:
    """The receipt of a batch that came before, or None."""
    row = conn.execute(select(*(batches.c[name] for name in _COLUMNS)).where(batches.c.id == batch_id)).one_or_none()
    return None if row is None else Receipt(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name


def insert_receipt(conn: Connection, receipt: Receipt) -> bool:
    """Store a receipt, before anything else of its batch.

    Returns:
        False if another transaction was faster with the same id: then nothing of this batch may be stored; read the
        winner's receipt and answer with it. On PostgreSQL this waits for a rival that is still writing.
    """
    values = {name: getattr(receipt, name) for name in _COLUMNS}
    statement = insert(conn, batches).values(**values).on_conflict_do_nothing().returning(batches.c.id)
    return conn.execute(statement).scalar() is not None


def update_receipt(conn: Connection, receipt: Receipt) -> None:
    """Store what became of the batch: counts, event times and the reply."""
    values = {name: getattr(receipt, name) for name in _COLUMNS if name != "id"}
    conn.execute(batches.update().where(batches.c.id == receipt.id).values(**values))


def newest_at(conn: Connection, model_id: int) -> int | None:
    """The newest event time of a model's predictions, or None before the first: its watermark."""
    return conn.execute(
        select(func.max(batches.c.last_at)).where(batches.c.model_id == model_id, batches.c.kind == "predictions")
    ).scalar()
