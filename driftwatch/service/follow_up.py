"""Looking again at open incidents: what was kept back, and may be told now, is told.

A silence or the hours of a route have ended, a route has changed, an alert has joined that reaches somebody else: none
of these is an event of the state machine, so the state is looked at instead, again and again.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from driftwatch.alerting.dispatch import Delivery, Policy, deliveries
from driftwatch.alerting.machine import Transition
from driftwatch.alerting.reminder import Told, due
from driftwatch.domain.finding import Finding
from driftwatch.domain.incident import Incident
from driftwatch.domain.signal import Severity
from driftwatch.service.facts import facts_of
from driftwatch.service.judging import spec_of
from driftwatch.service.routing import read_policy
from driftwatch.service.telling import last_told, numbered, put, trend_of
from driftwatch.service.wording import Context
from driftwatch.storage import incident, notification, receiver, reference, registration
from driftwatch.storage.notification import NotificationRow
from driftwatch.storage.registration import ModelRow
from driftwatch.storage.store import Store

__all__ = ["follow_up"]

_MOST = 10_000

_Due = list[tuple[Delivery, str]]


def follow_up(store: Store, *, public_url: str) -> int:
    """Tell what is due of every open incident.

    Args:
        store: where they are.
        public_url: the dashboard's address, for links in messages.

    Returns:
        How many messages were put into the outbox.

    Raises:
        StoreError: the database cannot be used; call again.
    """
    with store.read() as conn:
        now = store.now(conn)
        policy = read_policy(conn, at=now)
        waiting = [
            (model, each)
            for each in incident.list_incidents(conn, is_open=True, limit=_MOST)
            if each.announced
            and (model := registration.find_model(conn, each.environment, each.model)) is not None
            and _due(conn, model, each, policy, now=now)
        ]
    made = 0
    for model, each in waiting:
        with store.begin() as conn:
            made += _tell(conn, model, each, now=store.now(conn), public_url=public_url)
    return made


def _due(conn: Connection, model: ModelRow, found: Incident, policy: Policy, *, now: int) -> _Due:
    rows = last_told(notification.list_notifications(conn, found.id), gathered=True)
    told = {each.name: _told(rows[each.id]) for each in receiver.list_receivers(conn) if each.id in rows}
    reached = deliveries(found, found.firing, facts_of(conn, model, found.deployment), policy, at=now)
    # A replay has no present in which anything could still be going on.
    is_quiet = spec_of(model).clock == "replay" or incident.find_acknowledgement(conn, found.id) is not None
    reasons = [(each, due(each, told.get(each.receiver), acknowledged=is_quiet, at=now)) for each in reached]
    return [(each, reason) for each, reason in reasons if reason is not None]


def _told(row: NotificationRow) -> Told:
    return Told(
        reason=row.reason,
        severity=Severity(row.payload["severity"]),
        at=row.finished_at or row.created_at,
        waits=row.status in {"waiting", "sending", "storm"},  # the storm's own incident is repeated
    )


def _tell(conn: Connection, model: ModelRow, found: Incident, *, now: int, public_url: str) -> int:
    """Look once more, now that nobody else can write, and tell; the message gets the incident's next number."""
    policy = read_policy(conn, at=now)
    latest = incident.find_incident(conn, found.id)
    if latest is None or not latest.announced or not _due(conn, model, latest, policy, now=now):
        return 0
    told = numbered(conn, model, latest, at=now)
    ready = [] if told is None else _due(conn, model, told, policy, now=now)
    if told is None or not ready:
        return 0
    ids = {each.name: each.id for each in receiver.list_receivers(conn)}
    context = _context(conn, model, told, public_url, until=told.last_alarm_at)
    for each, reason in ready:
        transition = Transition("updated", each.incident, notify=True, reason=reason, alerts=(), at=now)
        put(conn, transition, each, ids[each.receiver], context, now=now)
    return len(ready)


def _context(conn: Connection, model: ModelRow, told: Incident, public_url: str, *, until: int) -> Context:
    """For the words. What changed about a column is as an earlier message of the incident had it."""
    period = reference.get_reference(conn, model.id, "operating")
    start, end = (None, None) if period is None else (period.start, period.end)
    before = _changes(notification.list_notifications(conn, told.id))

    def change(finding: Finding) -> str:
        return before.get(finding.column or "", "")

    return Context(
        public_url=public_url,
        reference=None if start is None or end is None else (start, end),
        change=change,
        trend=trend_of(conn, model.id, told.columns, width=spec_of(model).bucket, until=until),
    )


def _changes(rows: Sequence[NotificationRow]) -> Mapping[str, str]:
    lines = [line for row in rows for line in row.payload.get("evidence", ())]
    return {line["column"]: line["change"] for line in lines if line.get("change")}
