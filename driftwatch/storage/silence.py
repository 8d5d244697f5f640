"""Silences, with their conditions as they were declared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from driftwatch.storage.schema import silences
from driftwatch.storage.upsert import insert

__all__ = ["SilenceRow", "end_silence", "find_silence", "list_silences", "put_silence"]


@dataclass(frozen=True, slots=True)
class SilenceRow:
    """One silence; times in microseconds UTC."""

    id: int
    name: str | None
    matchers: dict[str, Any]
    start_at: int
    end_at: int
    author: str
    note: str


_COLUMNS = tuple(silences.c[name] for name in SilenceRow.__dataclass_fields__)


def put_silence(
    conn: Connection,
    matchers: Mapping[str, Any],
    *,
    start: int,
    end: int,
    author: str,
    note: str,
    at: int,
    name: str | None = None,
) -> int:
    """Make a silence, or change the one of that name; returns its id."""
    values: dict[str, Any] = {
        "matchers": dict(matchers),
        "start_at": start,
        "end_at": end,
        "author": author,
        "note": note,
    }
    statement = (
        insert(conn, silences)
        .values(name=name, created_at=at, **values)
        .on_conflict_do_update(index_elements=["name"], set_=values)
        .returning(silences.c.id)
    )
    return int(conn.execute(statement).scalar_one())


def find_silence(conn: Connection, name: str) -> SilenceRow | None:
    """The declared silence of that name, or None."""
    row = conn.execute(select(*_COLUMNS).where(silences.c.name == name)).one_or_none()
    return None if row is None else SilenceRow(*row)


def list_silences(conn: Connection, *, ending_after: int | None = None, limit: int = 1_000) -> list[SilenceRow]:
    """Silences, the newest first: all, or those that end after an instant."""
    statement = select(*_COLUMNS).order_by(silences.c.id.desc()).limit(limit)
    if ending_after is not None:
        statement = statement.where(silences.c.end_at > ending_after)
    return [SilenceRow(*row) for row in conn.execute(statement)]


def end_silence(conn: Connection, silence_id: int, *, at: int) -> bool:
    """End a silence now; False if there is none of that id, or it has ended already."""
    statement = update(silences).where(silences.c.id == silence_id, silences.c.end_at > at).values(end_at=at)
    return conn.execute(statement).rowcount == 1
