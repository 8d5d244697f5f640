"""Receivers: where messages go. Secrets in a spec are references (``env:NAME``, ``file:/path``), never the secret."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from driftwatch.storage.schema import receivers
from driftwatch.storage.upsert import insert

__all__ = ["ReceiverRow", "find_receiver", "list_receivers", "put_receiver"]


@dataclass(frozen=True, slots=True)
class ReceiverRow:
    """One receiver."""

    id: int
    name: str
    kind: str
    spec: dict[str, Any]
    enabled: bool


_COLUMNS = tuple(receivers.c[name] for name in ReceiverRow.__dataclass_fields__)


def put_receiver(
    conn: Connection, name: str, kind: str, spec: Mapping[str, Any], *, at: int, enabled: bool = True
) -> int:
    """Make a receiver, or change the one of that name; returns its id."""
    values: dict[str, Any] = {"kind": kind, "spec": dict(spec), "enabled": enabled, "changed_at": at}
    statement = (
        insert(conn, receivers)
        .values(name=name, created_at=at, **values)
        .on_conflict_do_update(index_elements=["name"], set_=values)
        .returning(receivers.c.id)
    )
    return int(conn.execute(statement).scalar_one())


def find_receiver(conn: Connection, name: str) -> ReceiverRow | None:
    """The receiver of that name, or None."""
    row = conn.execute(select(*_COLUMNS).where(receivers.c.name == name)).one_or_none()
    return None if row is None else ReceiverRow(*row)


def list_receivers(conn: Connection, *, enabled: bool | None = None) -> list[ReceiverRow]:
    """Receivers by name, enabled, disabled or both."""
    statement = select(*_COLUMNS).order_by(receivers.c.name)
    if enabled is not None:
        statement = statement.where(receivers.c.enabled.is_(enabled))
    return [ReceiverRow(*row) for row in conn.execute(statement)]
