"""Storing what the state machine says: incidents, alerts, and its own memory."""

from collections.abc import Sequence

from sqlalchemy import Connection

from driftwatch.alerting.book import IncidentBook
from driftwatch.alerting.machine import Transition
from driftwatch.domain.incident import Incident
from driftwatch.storage import alert, audit, incident
from driftwatch.storage.alert import TransitionRow

__all__ = ["LostClaimError", "close", "record"]

_ACTOR = "driftwatch"
_ANEW = frozenset({"escalated", "reopened"})
"""What an acknowledgement does not speak of any more."""


class LostClaimError(Exception):
    """Another worker has taken the work over: roll back; it will do all of it again."""


def record(
    conn: Connection,
    model_id: int,
    transition: Transition,
    *,
    now: int,
    monitor_id: int | None = None,
    run_id: int | None = None,
) -> None:
    """Store what a transition changed, with the monitor and the run that found it where there are such."""
    told = transition.incident
    before = incident.find_incident(conn, told.id)
    incident.put_incident(conn, model_id, told, at=now)
    cleared = transition.kind in _ANEW and incident.clear_acknowledgement(conn, told.id)
    moves = alert.put_alerts(
        conn,
        model_id,
        transition.alerts,
        incident_id=told.id,
        at=transition.at,
        monitor_id=monitor_id,
        run_id=run_id,
        reason=transition.reason,
    )
    evidence = None if run_id is None else f"run/{run_id}"
    _note(conn, transition, before, moves, cleared=cleared, evidence=evidence, now=now)


def close(conn: Connection, model_id: int, book: IncidentBook, *, revision: int, now: int) -> None:
    """Store the memory made out of `revision`, and its open incident.

    Raises:
        LostClaimError: another transaction has moved the memory on.
    """
    if book.current is not None:
        incident.put_incident(conn, model_id, book.current, at=now)
        at = book.through or now
        alert.put_alerts(conn, model_id, book.current.alerts, incident_id=book.current.id, at=at)
    if not incident.write_book(conn, model_id, book.deployment, book.to_dict(), revision=revision, at=now):
        raise LostClaimError


def _note(
    conn: Connection,
    transition: Transition,
    before: Incident | None,
    moves: Sequence[TransitionRow],
    *,
    cleared: bool,
    evidence: str | None,
    now: int,
) -> None:
    """Put what moved on record: the incident, and alerts by fingerprint, since a segment's name holds a value."""
    told = transition.incident
    old, new = None if before is None else _standing(before), _standing(told)
    if old == new and not moves and not cleared:
        return
    keys = {each.fingerprint: each.key for each in transition.alerts}
    alerts = [
        {
            "alert": move.fingerprint,
            "signal": keys[move.fingerprint].signal.value,
            "column": keys[move.fingerprint].column,
            "from": move.from_state,
            "to": move.to_state,
            "severity": move.severity,
        }
        for move in moves
    ]
    audit.append_event(
        conn,
        at=now,
        actor=_ACTOR,
        verb=transition.kind,
        subject=f"incident/{told.id}",
        before=old,
        after={**new, "reason": transition.reason, "acknowledgement_cleared": cleared, "alerts": alerts},
        evidence_ref=evidence,
    )


def _standing(found: Incident) -> dict[str, str]:
    return {"state": "open" if found.is_open else "resolved", "severity": found.severity.value}
