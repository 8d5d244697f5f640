"""The chain over the audit log: each sealed event holds the hash of itself and of the one that was sealed before it.

Events commit in another order than that of their ids, so that the chain has numbers of its own, in the order in which
the sealer found them. A chain is as good as the last hash that somebody else knows: see checkpoints in
:mod:`driftwatch.service.sealing`.
"""

import hashlib
import json
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select, update

from driftwatch.storage.audit import AuditRow
from driftwatch.storage.schema import audit_events

__all__ = ["FIRST", "Head", "SealedRow", "count_unsealed", "read_head", "read_sealed", "seal_hash", "seal_next"]

FIRST = bytes(32)
"""What the first event of a chain follows."""

_FORM = "driftwatch-audit-1"


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain.

    Attributes:
        count: sealed events.
        hash: of the last one; :data:`FIRST` while there is none.
    """

    count: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class SealedRow:
    """A sealed event, with what its seal says."""

    event: AuditRow
    previous_hash: bytes
    seal_hash: bytes


_EVENT = tuple(audit_events.c[name] for name in AuditRow.__dataclass_fields__)


def seal_hash(event: AuditRow, number: int, previous: bytes) -> bytes:
    """SHA-256 of the canonical form of an event in its place: 32 bytes.

    The form is the JSON list of a name for it, the number, the previous hash in hex, and the event's fields in the
    order of :class:`AuditRow`, in ASCII without blanks, the keys of maps sorted. It is the same on every database.
    """
    fields = (
        event.id,
        event.happened_at,
        event.actor,
        event.verb,
        event.subject,
        event.state_before,
        event.state_after,
        event.evidence_ref,
    )
    text = json.dumps([_FORM, number, previous.hex(), *fields], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).digest()


def read_head(conn: Connection) -> Head:
    """The newest sealed event."""
    row = conn.execute(
        select(audit_events.c.seal_number, audit_events.c.seal_hash)
        .where(audit_events.c.seal_number.is_not(None))
        .order_by(audit_events.c.seal_number.desc())
        .limit(1)
    ).one_or_none()
    return Head(0, FIRST) if row is None else Head(row.seal_number, bytes(row.seal_hash or b""))


def seal_next(conn: Connection, *, limit: int = 1_000) -> Head | None:
    """Seal committed events, by id, at most `limit`; the new end of the chain, or None if there was none to seal.

    Call it under the sealer's lease, taken in the same transaction: two that seal at once are stopped by the unique
    number, and the second one's transaction fails.
    """
    waiting = conn.execute(
        select(*_EVENT).where(audit_events.c.seal_number.is_(None)).order_by(audit_events.c.id).limit(limit)
    ).all()
    if not waiting:
        return None
    head = read_head(conn)
    seals = []
    for row in waiting:
        event = AuditRow(*row)
        made = Head(head.count + 1, seal_hash(event, head.count + 1, head.hash))
        seals.append({"this": event.id, "number": made.count, "before": head.hash, "own": made.hash})
        head = made
    conn.execute(
        update(audit_events)
        .where(audit_events.c.id == bindparam("this"))
        .values(seal_number=bindparam("number"), previous_hash=bindparam("before"), seal_hash=bindparam("own")),
        seals,
    )
    return head


def read_sealed(conn: Connection, *, after: tuple[int, int] | None = None, limit: int = 1_000) -> list[SealedRow]:
    """Sealed events in the order of the chain.

    Args:
        conn: a connection.
        after: ``(seal_number, id)`` of the last one that was read; from the start if left out.
        limit: at most so many.
    """
    number, event_id = audit_events.c.seal_number, audit_events.c.id
    statement = select(*_EVENT, audit_events.c.previous_hash, audit_events.c.seal_hash).where(number.is_not(None))
    if after is not None:
        # The first condition is what an index can be asked for.
        statement = statement.where(number >= after[0], (number > after[0]) | (event_id > after[1]))
    rows = conn.execute(statement.order_by(number, event_id).limit(limit))
    return [SealedRow(AuditRow(*row[:-2]), bytes(row[-2] or b""), bytes(row[-1] or b"")) for row in rows]


def count_unsealed(conn: Connection) -> int:
    """Events that wait to be sealed."""
    waiting = select(func.count()).select_from(audit_events).where(audit_events.c.seal_number.is_(None))
    return conn.execute(waiting).scalar_one()
