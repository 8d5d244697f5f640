"""The audit log: who did what to what. Append-only, written in the transaction of the deed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, or_, select

from driftwatch.storage.schema import audit_events

__all__ = ["AuditRow", "append_event", "list_events"]


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One deed; `seal_number` is its place in the chain, None until it is sealed."""

    id: int
    happened_at: int
    actor: str
    verb: str
    subject: str
    state_before: dict[str, Any] | None
    state_after: dict[str, Any] | None
    evidence_ref: str | None
    seal_number: int | None


_COLUMNS = tuple(audit_events.c[name] for name in AuditRow.__dataclass_fields__)


def append_event(
    conn: Connection,
    *,
    at: int,
    actor: str,
    verb: str,
    subject: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    evidence_ref: str | None = None,
) -> None:
    """Note a deed; no feature values go in here."""
    conn.execute(
        audit_events.insert().values(
            happened_at=at,
            actor=actor,
            verb=verb,
            subject=subject,
            state_before=None if before is None else dict(before),
            state_after=None if after is None else dict(after),
            evidence_ref=evidence_ref,
        )
    )


def list_events(
    conn: Connection,
    *,
    subject: str | None = None,
    actor: str | None = None,
    verb: str | None = None,
    since: int | None = None,
    limit: int = 200,
) -> list[AuditRow]:
    """The newest deeds first.

    Args:
        conn: a connection.
        subject: on this one (``silence/3``), or on all below it (``silence``).
        actor: by this one.
        verb: of this kind.
        since: not before this instant, microseconds UTC.
        limit: at most so many.
    """
    statement = select(*_COLUMNS).order_by(audit_events.c.id.desc()).limit(limit)
    if subject is not None:
        below = audit_events.c.subject.startswith(f"{subject}/", autoescape=True)
        statement = statement.where(or_(audit_events.c.subject == subject, below))
    if actor is not None:
        statement = statement.where(audit_events.c.actor == actor)
    if verb is not None:
        statement = statement.where(audit_events.c.verb == verb)
    if since is not None:
        statement = statement.where(audit_events.c.happened_at >= since)
    return [AuditRow(*row) for row in conn.execute(statement)]
