"""Signs of life of the service's parts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, select

from driftwatch.storage.schema import heartbeats
from driftwatch.storage.upsert import insert

__all__ = ["HeartbeatRow", "beat", "forget", "list_heartbeats"]


@dataclass(frozen=True, slots=True)
class HeartbeatRow:
    """The newest sign of life of one part in one process."""

    component: str
    owner: str
    beat_at: int
    details: dict[str, Any] | None


def beat(conn: Connection, component: str, owner: str, *, at: int, details: Mapping[str, Any] | None = None) -> None:
    """Note that a part (``"tick"``, ``"outbox"`` ...) has just done its round."""
    values: dict[str, Any] = {"beat_at": at, "details": None if details is None else dict(details)}
    conn.execute(
        insert(conn, heartbeats)
        .values(component=component, owner=owner, **values)
        .on_conflict_do_update(index_elements=["component", "owner"], set_=values)
    )


def list_heartbeats(conn: Connection) -> list[HeartbeatRow]:
    """All signs of life, by component, the newest first."""
    rows = conn.execute(select(heartbeats).order_by(heartbeats.c.component, heartbeats.c.beat_at.desc()))
    return [HeartbeatRow(row.component, row.owner, row.beat_at, row.details) for row in rows]


def forget(conn: Connection, *, before: int) -> int:
    """Remove processes that have not been heard of since; returns how many."""
    return conn.execute(delete(heartbeats).where(heartbeats.c.beat_at < before)).rowcount
