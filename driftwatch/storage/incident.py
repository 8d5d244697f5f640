"""Incidents, and the memory of the state machine that opens and closes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from driftwatch.domain.incident import Incident
from driftwatch.storage.schema import incident_books, incidents
from driftwatch.storage.upsert import insert

__all__ = [
    "Acknowledgement",
    "acknowledge",
    "clear_acknowledgement",
    "find_acknowledgement",
    "find_incident",
    "list_incidents",
    "put_incident",
    "read_book",
    "write_book",
]


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody has an incident in hand.

    Attributes:
        at: since when, microseconds UTC.
        by: who.
    """

    at: int
    by: str


def put_incident(conn: Connection, model_id: int, incident: Incident, *, at: int) -> None:
    """Store an incident as it is now; acknowledgements stay."""
    values: dict[str, Any] = {
        "model_id": model_id,
        "deployment": incident.deployment,
        "seq": incident.sequence,
        "group_key": incident.dedup_key,
        "state": "open" if incident.is_open else "resolved",
        "severity": incident.severity.value,
        "title": incident.title,
        "signals": [signal.value for signal in incident.signals],
        "column_names": list(incident.columns),
        "opened_at": incident.opened_at,
        "changed_at": at,
        "resolved_at": incident.resolved_at,
        "reason": incident.why_resolved or None,
        "details": incident.to_dict(),
    }
    conn.execute(
        insert(conn, incidents)
        .values(id=incident.id, **values)
        .on_conflict_do_update(index_elements=["id"], set_=values)
    )


def acknowledge(conn: Connection, incident_id: str, *, by: str, at: int) -> None:
    """Note who has an incident in hand, and since when."""
    conn.execute(update(incidents).where(incidents.c.id == incident_id).values(acknowledged_at=at, acknowledged_by=by))


def clear_acknowledgement(conn: Connection, incident_id: str) -> bool:
    """Nobody has it in hand any more; False if nobody had."""
    statement = (
        update(incidents)
        .where(incidents.c.id == incident_id, incidents.c.acknowledged_at.is_not(None))
        .values(acknowledged_at=None, acknowledged_by=None)
    )
    return conn.execute(statement).rowcount == 1


def find_acknowledgement(conn: Connection, incident_id: str) -> Acknowledgement | None:
    """Who has an incident in hand, or None."""
    row = conn.execute(
        select(incidents.c.acknowledged_at, incidents.c.acknowledged_by).where(incidents.c.id == incident_id)
    ).one_or_none()
    return None if row is None or row.acknowledged_at is None else Acknowledgement(row.acknowledged_at, row[1] or "")


def find_incident(conn: Connection, incident_id: str) -> Incident | None:
    """The incident of that id, or None."""
    details = conn.execute(select(incidents.c.details).where(incidents.c.id == incident_id)).scalar()
    return None if details is None else Incident.from_dict(details)


def list_incidents(
    conn: Connection, *, model_id: int | None = None, is_open: bool | None = None, limit: int = 200
) -> list[Incident]:
    """Incidents of one model or of all, open, resolved or both; the newest first."""
    statement = select(incidents.c.details).order_by(incidents.c.opened_at.desc(), incidents.c.id).limit(limit)
    if model_id is not None:
        statement = statement.where(incidents.c.model_id == model_id)
    if is_open is not None:
        statement = statement.where(incidents.c.state == ("open" if is_open else "resolved"))
    return [Incident.from_dict(details) for (details,) in conn.execute(statement)]


def read_book(conn: Connection, model_id: int, deployment: str) -> tuple[dict[str, Any] | None, int]:
    """The state machine's memory and its revision; (None, 0) before the first window."""
    row = conn.execute(
        select(incident_books.c.book, incident_books.c.revision).where(
            incident_books.c.model_id == model_id, incident_books.c.deployment == deployment
        )
    ).one_or_none()
    return (None, 0) if row is None else (row.book, row.revision)


def write_book(
    conn: Connection, model_id: int, deployment: str, book: Mapping[str, Any], *, revision: int, at: int
) -> bool:
    """Store the memory that was made out of revision `revision`.

    Returns:
        False if another transaction has moved it on since: roll back and begin again.
    """
    values = {"book": dict(book), "revision": revision + 1, "changed_at": at}
    if revision == 0:
        made = conn.execute(
            insert(conn, incident_books)
            .values(model_id=model_id, deployment=deployment, **values)
            .on_conflict_do_nothing()
            .returning(incident_books.c.revision)
        )
        return made.scalar() is not None
    moved = conn.execute(
        update(incident_books)
        .where(
            incident_books.c.model_id == model_id,
            incident_books.c.deployment == deployment,
            incident_books.c.revision == revision,
        )
        .values(**values)
    )
    return moved.rowcount == 1
