"""Somebody has an incident in hand: it is not repeated any more, until it gets worse."""

from sqlalchemy import Connection

from driftwatch.domain.incident import Incident
from driftwatch.errors import NotFoundError, UserError
from driftwatch.service.telling import last_told, numbered
from driftwatch.storage import audit, incident, notification, receiver, registration
from driftwatch.storage.registration import ModelRow
from driftwatch.storage.store import Store

__all__ = ["acknowledge", "take_back"]

_TAKERS = frozenset({"pagerduty", "slack_bot", "webhook"})
"""The receivers that show a state of their own, and are told that somebody has acknowledged it there too."""

_TRIES = 5


def acknowledge(store: Store, incident_id: str, *, actor: str) -> Incident:
    """Note that somebody has an open incident in hand, on record, and tell the receivers that keep a state.

    Raises:
        NotFoundError: there is no such incident.
        UserError: it is resolved, or acknowledged already.
    """
    for _ in range(_TRIES):
        with store.begin() as conn:
            now = store.now(conn)
            found, model = _open(conn, incident_id)
            known = incident.find_acknowledgement(conn, incident_id)
            if known is not None:
                raise UserError(f"{incident_id} is acknowledged already, by {known.by}.")
            told = numbered(conn, model, found, at=now)
            if told is None:  # a judging worker was faster
                continue
            incident.acknowledge(conn, incident_id, by=actor, at=now)
            audit.append_event(conn, at=now, actor=actor, verb="acknowledged", subject=f"incident/{incident_id}")
            _pass_on(conn, told, actor, now=now)
            return told
    raise UserError(f"{incident_id} is being judged at this very moment; try again.")


def take_back(store: Store, incident_id: str, *, actor: str) -> None:
    """Undo an acknowledgement, on record: the incident is repeated again.

    Raises:
        NotFoundError: there is no such incident.
        UserError: it is resolved, or not acknowledged.
    """
    with store.begin() as conn:
        _open(conn, incident_id)
        if not incident.clear_acknowledgement(conn, incident_id):
            raise UserError(f"{incident_id} is not acknowledged.")
        subject = f"incident/{incident_id}"
        audit.append_event(conn, at=store.now(conn), actor=actor, verb="acknowledgement taken back", subject=subject)


def _open(conn: Connection, incident_id: str) -> tuple[Incident, ModelRow]:
    found = incident.find_incident(conn, incident_id)
    model = None if found is None else registration.find_model(conn, found.environment, found.model)
    if found is None or model is None:
        raise NotFoundError(f"There is no incident {incident_id!r}. driftwatch incident list shows all.")
    if not found.is_open:
        raise UserError(f"{incident_id} is resolved already.")
    return found, model


def _pass_on(conn: Connection, told: Incident, actor: str, *, now: int) -> None:
    """Tell those that keep a state and know of the incident; the words of their newest message stay."""
    rows = last_told(notification.list_notifications(conn, told.id))
    for each in receiver.list_receivers(conn, enabled=True):
        row = rows.get(each.id)
        if each.kind not in _TAKERS or row is None or row.reason == "resolved":
            continue
        words = {"reason": "acknowledged", "number": told.messages, "summary": f"{actor} has it in hand."}
        notification.enqueue(
            conn,
            receiver_id=each.id,
            group_key=told.dedup_key,
            seq=told.messages,
            reason="acknowledged",
            payload={**row.payload, **words},
            incident_id=told.id,
            at=now,
        )
