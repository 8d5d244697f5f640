"""The outbox. A message is written in the transaction that changes the alert, and delivered at least once.

Messages of one group reach a receiver in the order of their numbers: none is handed out while an earlier one waits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, exists, func, or_, select, update

from driftwatch.domain.instant import SECOND
from driftwatch.storage.schema import notifications
from driftwatch.storage.upsert import insert

__all__ = [
    "ENDS",
    "NotificationRow",
    "bury",
    "claim",
    "count_groups",
    "count_statuses",
    "deliver",
    "discard",
    "enqueue",
    "external_id",
    "gather",
    "list_dead",
    "list_gathered",
    "list_notifications",
    "list_numbers",
    "newest_in_group",
    "newest_storm",
    "oldest_waiting_at",
    "postpone",
    "suppress",
]


@dataclass(frozen=True, slots=True)
class NotificationRow:
    """One message to one receiver.

    Attributes:
        id: assigned by the store.
        incident_id: what it is about, or None.
        receiver_id: to whom.
        group_key: stable from open to resolve; messages of it make one thread.
        seq: the message's number in its group.
        reason: first, new_alerts, escalated, flapping, repeat, acknowledged, resolved, checkpoint.
        payload: what to say, JSON-safe.
        status: waiting, sending, delivered, dead, dropped, suppressed or storm (told together with others).
        attempts: how often it was claimed.
        next_attempt_at: not to be claimed before.
        owner: of the newest claim.
        fence: of the newest claim.
        external_id: the receiver's own name for it, once delivered; of one with the status storm, the storm.
        last_error: why the last attempt failed, or why it was dropped or suppressed.
        created_at: microseconds UTC.
        finished_at: when it was delivered or given up, or None.
    """

    id: int
    incident_id: str | None
    receiver_id: int
    group_key: str
    seq: int
    reason: str
    payload: dict[str, Any]
    status: str
    attempts: int
    next_attempt_at: int
    owner: str | None
    fence: int
    external_id: str | None
    last_error: str | None
    created_at: int
    finished_at: int | None


ENDS = frozenset({"resolved", "acknowledged"})
"""The reasons of messages that ask nobody to do anything."""

_COLUMNS = tuple(notifications.c[name] for name in NotificationRow.__dataclass_fields__)


def enqueue(
    conn: Connection,
    *,
    receiver_id: int,
    group_key: str,
    seq: int,
    reason: str,
    payload: Mapping[str, Any],
    at: int,
    incident_id: str | None = None,
    send_at: int | None = None,
    suppressed: str = "",
) -> int | None:
    """Put a message in the outbox; returns its id, or None if this number of its group is there already.

    One that is `suppressed` is not sent: it stands in the log alone, with that reason.
    """
    kept_back = {"status": "suppressed", "last_error": suppressed, "finished_at": at} if suppressed else {}
    statement = (
        insert(conn, notifications)
        .values(
            incident_id=incident_id,
            receiver_id=receiver_id,
            group_key=group_key,
            seq=seq,
            reason=reason,
            payload=dict(payload),
            next_attempt_at=at if send_at is None else send_at,
            created_at=at,
            **kept_back,
        )
        .on_conflict_do_nothing(index_elements=["receiver_id", "group_key", "seq"])
        .returning(notifications.c.id)
    )
    return conn.execute(statement).scalar()


def claim(
    conn: Connection, owner: str, *, now: int, lease_seconds: float, gather_seconds: float = 0.0
) -> NotificationRow | None:
    """Take the next message that may be sent, or whose sender let its lease end.

    Args:
        conn: a writing connection; commit before sending.
        owner: who asks; unique among processes.
        now: the database's clock (`Store.now`).
        lease_seconds: how long the claim lasts.
        gather_seconds: a message that is no end is left alone for so long, so that those that come with it are seen.
    """
    earlier = notifications.alias("earlier")
    settled = or_(notifications.c.created_at <= now - int(gather_seconds * SECOND), notifications.c.reason.in_(ENDS))
    open_to_all = or_(
        and_(notifications.c.status == "waiting", notifications.c.next_attempt_at <= now, settled),
        and_(notifications.c.status == "sending", notifications.c.lease_until < now),
    )
    in_order = ~exists().where(
        earlier.c.receiver_id == notifications.c.receiver_id,
        earlier.c.group_key == notifications.c.group_key,
        earlier.c.seq < notifications.c.seq,
        earlier.c.status.in_(["waiting", "sending"]),
    )
    found = conn.execute(
        select(notifications.c.id)
        .where(open_to_all, in_order)
        .order_by(notifications.c.next_attempt_at, notifications.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).scalar()
    if found is None:
        return None
    row = conn.execute(
        update(notifications)
        .where(notifications.c.id == found)
        .values(
            status="sending",
            owner=owner,
            fence=notifications.c.fence + 1,
            attempts=notifications.c.attempts + 1,
            lease_until=now + int(lease_seconds * SECOND),
        )
        .returning(*_COLUMNS)
    ).one()
    return NotificationRow(*row)


def _end(conn: Connection, message: NotificationRow, **values: Any) -> bool:
    held = notifications.c
    ended = conn.execute(
        update(notifications)
        .where(
            held.id == message.id,
            held.owner == message.owner,
            held.fence == message.fence,
            held.status == "sending",
        )
        .values(lease_until=None, **values)
    )
    return ended.rowcount == 1


def deliver(conn: Connection, message: NotificationRow, *, at: int, external_id: str | None = None) -> bool:
    """The receiver has it. False if the claim was lost meanwhile (then it may come twice)."""
    return _end(conn, message, status="delivered", finished_at=at, external_id=external_id, last_error=None)


def postpone(conn: Connection, message: NotificationRow, *, retry_at: int, error: str) -> bool:
    """It failed, and may be tried again from `retry_at` on; False if the claim was lost."""
    return _end(conn, message, status="waiting", next_attempt_at=retry_at, last_error=error)


def bury(conn: Connection, message: NotificationRow, *, at: int, error: str) -> bool:
    """It failed for good: a dead letter, shown on the dashboard; False if the claim was lost."""
    return _end(conn, message, status="dead", finished_at=at, last_error=error)


def discard(conn: Connection, message: NotificationRow, *, at: int, reason: str) -> bool:
    """Nobody needs it any more (already resolved, switched off); False if the claim was lost."""
    return _end(conn, message, status="dropped", finished_at=at, last_error=reason)


def suppress(conn: Connection, message: NotificationRow, *, at: int, reason: str) -> bool:
    """It is kept back, by a silence for one; False if the claim was lost."""
    return _end(conn, message, status="suppressed", finished_at=at, last_error=reason)


def gather(conn: Connection, message: NotificationRow, *, at: int, storm: str, reason: str) -> bool:
    """It is told in one message with the others of a storm; False if the claim was lost."""
    return _end(conn, message, status="storm", finished_at=at, external_id=storm, last_error=reason)


def count_groups(conn: Connection, receiver_id: int, *, since: int, besides: str) -> int:
    """Of how many incidents a receiver has news since an instant, or will have: what waits, went out, or was gathered.

    Args:
        conn: a connection.
        receiver_id: whose.
        since: microseconds UTC.
        besides: groups whose key begins so do not count.
    """
    row = notifications.c
    lately = and_(row.status.in_(["delivered", "storm"]), row.finished_at > since)
    return int(
        conn.execute(
            select(func.count(row.group_key.distinct())).where(
                row.receiver_id == receiver_id,
                row.incident_id.is_not(None),
                row.reason.not_in(ENDS),
                or_(row.status.in_(["waiting", "sending"]), lately),
                ~row.group_key.startswith(besides, autoescape=True),
            )
        ).scalar_one()
    )


def newest_storm(conn: Connection, receiver_id: int, *, since: int) -> str | None:
    """The storm that a message to a receiver was gathered into last, if that was after an instant."""
    row = notifications.c
    return conn.execute(
        select(row.external_id)
        .where(row.receiver_id == receiver_id, row.status == "storm", row.finished_at > since)
        .order_by(row.finished_at.desc(), row.id.desc())
        .limit(1)
    ).scalar()


def list_gathered(conn: Connection, *, since: int) -> list[NotificationRow]:
    """Every message that was gathered into a storm since an instant, in order."""
    rows = conn.execute(
        select(*_COLUMNS)
        .where(notifications.c.status == "storm", notifications.c.finished_at > since)
        .order_by(notifications.c.finished_at, notifications.c.id)
    )
    return [NotificationRow(*row) for row in rows]


def list_notifications(conn: Connection, incident_id: str) -> list[NotificationRow]:
    """Every message about an incident, in order."""
    rows = conn.execute(
        select(*_COLUMNS)
        .where(notifications.c.incident_id == incident_id)
        .order_by(notifications.c.seq, notifications.c.receiver_id)
    )
    return [NotificationRow(*row) for row in rows]


def newest_in_group(conn: Connection, receiver_id: int, group_key: str) -> NotificationRow | None:
    """The message of a group with the highest number, whatever became of it; None if there is none."""
    row = conn.execute(
        select(*_COLUMNS)
        .where(notifications.c.receiver_id == receiver_id, notifications.c.group_key == group_key)
        .order_by(notifications.c.seq.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else NotificationRow(*row)


def list_dead(conn: Connection, *, limit: int = 100) -> list[NotificationRow]:
    """Messages that were given up, the newest first."""
    rows = conn.execute(
        select(*_COLUMNS)
        .where(notifications.c.status == "dead")
        .order_by(notifications.c.finished_at.desc(), notifications.c.id.desc())
        .limit(limit)
    )
    return [NotificationRow(*row) for row in rows]


def list_numbers(conn: Connection, group_key: str) -> dict[int, int]:
    """By receiver, the number of the newest message of a thread, in whatever state."""
    rows = conn.execute(
        select(notifications.c.receiver_id, func.max(notifications.c.seq))
        .where(notifications.c.group_key == group_key)
        .group_by(notifications.c.receiver_id)
    )
    return {receiver_id: int(number) for receiver_id, number in rows}


def external_id(conn: Connection, receiver_id: int, group_key: str) -> str | None:
    """The receiver's name for the first delivered message of a group: what later ones are threaded under."""
    return conn.execute(
        select(notifications.c.external_id)
        .where(
            notifications.c.receiver_id == receiver_id,
            notifications.c.group_key == group_key,
            notifications.c.status == "delivered",
            notifications.c.external_id.is_not(None),
        )
        .order_by(notifications.c.seq)
        .limit(1)
    ).scalar()


def count_statuses(conn: Connection) -> dict[str, int]:
    """How many messages wait, are being sent, were delivered, died, were dropped or suppressed."""
    rows = conn.execute(select(notifications.c.status, func.count()).group_by(notifications.c.status))
    return {status: int(n) for status, n in rows}


def oldest_waiting_at(conn: Connection) -> int | None:
    """When the oldest message that is not finished was written, or None."""
    return conn.execute(
        select(func.min(notifications.c.created_at)).where(notifications.c.status.in_(["waiting", "sending"]))
    ).scalar()
