"""Frames that clients put straight into the database, taken in by the functions behind the HTTP routes.

One transaction a frame: it stores the batch and removes the frame. What cannot be read, or cannot be stored, goes to
quarantine with the reason; nothing is lost, and one bad frame stops no other.
"""

import hashlib
import logging
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select
from sqlalchemy.exc import SQLAlchemyError

from driftwatch.domain.instant import DAY
from driftwatch.errors import DriftwatchError, FrameError, StoreError
from driftwatch.service.batch import read_batch
from driftwatch.service.ingest import UNVERSIONED, IngestReply, hold_conflict, repeated, store_batch
from driftwatch.service.ingest_plan import plan_batch, profile_batch, read_registered
from driftwatch.service.outcome_ingest import store_outcomes
from driftwatch.storage import batch as receipts
from driftwatch.storage import inbox, partition, quarantine
from driftwatch.storage.inbox import InboxRow
from driftwatch.storage.schema import inbox as table
from driftwatch.storage.store import Store
from driftwatch.wire import Frame, decode, decode_outcomes, from_bytes, is_outcomes

__all__ = ["Drained", "drain_inbox", "hold_frame"]

_LOG = logging.getLogger("driftwatch.inbox")
_UNREADABLE = (FrameError, ValueError, KeyError, TypeError)


@dataclass(frozen=True, slots=True)
class Drained:
    """What came of draining the inbox.

    Attributes:
        frames: how many were taken.
        rows: rows that were stored.
        duplicates: rows that the store had.
        quarantined: frames that went to quarantine whole.
    """

    frames: int = 0
    rows: int = 0
    duplicates: int = 0
    quarantined: int = 0

    def plus(self, reply: IngestReply | None) -> "Drained":
        """With one more frame; None is one that went to quarantine."""
        if reply is None:
            return Drained(self.frames + 1, self.rows, self.duplicates, self.quarantined + 1)
        if reply.seen:
            return Drained(self.frames + 1, self.rows, self.duplicates, self.quarantined)
        duplicates = self.duplicates + reply.duplicates
        return Drained(self.frames + 1, self.rows + reply.accepted, duplicates, self.quarantined)


def drain_inbox(store: Store, *, limit: int | None = None) -> Drained:
    """Take frames in, the oldest first, until none waits or `limit` are taken.

    Safe to run in several processes at once: each frame is taken by one of them.

    Raises:
        StoreError: the database refuses; the frames that were not taken wait on.
    """
    drained = Drained()
    while limit is None or drained.frames < limit:
        done, reply = _take_one(store)
        if not done:
            break
        drained = drained.plus(reply)
    return drained


def _take_one(store: Store) -> tuple[bool, IngestReply | None]:
    _make_partitions(store)
    row: InboxRow | None = None
    try:
        with store.begin() as conn:
            row = next(iter(inbox.take(conn)), None)
            return (False, None) if row is None else (True, _ingest(conn, row, store.now(conn)))
    except StoreError:
        raise
    except (DriftwatchError, SQLAlchemyError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        if row is None:
            raise
        _LOG.exception("frame %s of the inbox cannot be stored", row.batch_id)
        _set_aside(store, row, error)
        return True, None


def _set_aside(store: Store, row: InboxRow, error: Exception) -> None:
    """The transaction was rolled back and the frame is back in its place: move it to quarantine instead."""
    with store.begin() as conn:
        if conn.execute(delete(table).where(table.c.batch_id == row.batch_id)).rowcount:
            reason = f"it cannot be stored: {error}"
            hold_frame(conn, row.frame, batch_id=row.batch_id, reason=reason, now=store.now(conn))


def _ingest(conn: Connection, row: InboxRow, now: int) -> IngestReply | None:
    content_hash = hashlib.sha256(row.frame).digest()
    try:
        frame = decode_outcomes(row.frame) if is_outcomes(row.frame) else decode(row.frame)
    except _UNREADABLE as error:
        hold_frame(conn, row.frame, batch_id=row.batch_id, reason=str(error), now=now)
        return None
    if not isinstance(frame, Frame):
        return store_outcomes(conn, frame, content_hash=content_hash, now=now, sent_at=row.received_at)
    frame.version = frame.version or UNVERSIONED
    batch = read_batch(frame, now=now, content_hash=content_hash)
    plan = profile_batch(plan_batch(batch, read_registered(conn, frame)))
    reply = store_batch(conn, plan, now=now, sent_at=row.received_at)
    if reply is not None:
        return reply
    known = receipts.find_receipt(conn, frame.batch_id)
    if known is not None and bytes(known.content_hash) == content_hash:
        return repeated(known)
    hold_conflict(conn, frame, now=now)
    return None


def hold_frame(
    conn: Connection, frame: bytes, *, batch_id: str, reason: str, now: int, model: str = "", environment: str = ""
) -> None:
    """Put bytes that cannot be read into quarantine; whose they are is unknown unless it is said."""
    held = quarantine.HeldRow(environment, model, None, batch_id, None, None, reason, frame, now)
    quarantine.hold(conn, [held])


def _make_partitions(store: Store) -> None:
    """PostgreSQL needs the months of the next frame before the transaction that stores it."""
    if store.dialect != "postgresql":
        return
    with store.read() as conn:
        first = conn.execute(select(table.c.frame).order_by(table.c.received_at, table.c.batch_id).limit(8)).scalars()
        frames = [bytes(frame) for frame in first]
        now = store.now(conn)
    days: set[int] = set()
    for frame in frames:
        try:
            days |= {at // DAY for at in from_bytes("q", decode(frame).at) if 0 <= at <= now + DAY}
        except _UNREADABLE:
            continue
    if days:
        partition.ensure(store, partition.months_of(day * DAY for day in sorted(days)))
