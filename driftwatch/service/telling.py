"""Putting messages into the outbox, one for each receiver that an incident reaches, or keeping them back."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from driftwatch.alerting.book import IncidentBook
from driftwatch.alerting.dispatch import Delivery, Policy, deliveries
from driftwatch.alerting.inhibition import suppressed_by
from driftwatch.alerting.machine import Transition
from driftwatch.alerting.matching import Facts
from driftwatch.alerting.routing import Repeat
from driftwatch.domain.incident import Incident
from driftwatch.service.facts import facts_of
from driftwatch.service.routing import read_policy
from driftwatch.service.wording import Context, compose
from driftwatch.storage import incident, notification, receiver, registration, run
from driftwatch.storage.notification import NotificationRow
from driftwatch.storage.registration import ModelRow

__all__ = ["last_told", "numbered", "put", "suppressed_alerts", "tell", "trend_of"]

_TREND = 24
_DISTANCES = ("kolmogorov_smirnov", "total_variation_distance", "jensen_shannon_distance")
_TOLD = frozenset({"waiting", "sending", "delivered", "dead"})


def last_told(rows: Sequence[NotificationRow], *, gathered: bool = False) -> dict[int, NotificationRow]:
    """By receiver, the newest message of an incident that it has or will have; none that was kept back or dropped.

    With `gathered`, those count too that a storm's message tells of.
    """
    newest: dict[int, NotificationRow] = {}
    for row in rows:
        is_told = row.status in _TOLD or (gathered and row.status == "storm")
        if is_told and (row.receiver_id not in newest or row.seq > newest[row.receiver_id].seq):
            newest[row.receiver_id] = row
    return newest


def tell(conn: Connection, transition: Transition, context: Context, facts: Facts, *, now: int) -> bool:
    """Put the messages of a transition that notifies into the outbox.

    Its end is told to those, and only those, that know of the incident.

    Args:
        conn: a writing connection.
        transition: whose message has the number `transition.incident.messages`.
        context: for the words.
        facts: what is known of the model.
        now: the database's clock.

    Returns:
        False if everything that there was to tell of this incident has been kept back.
    """
    policy = read_policy(conn, at=now)
    ids = {each.name: each.id for each in receiver.list_receivers(conn)}
    told = transition.incident
    if transition.reason == "resolved":
        rows = notification.list_notifications(conn, told.id)
        known = {row.receiver_id for row in last_told(rows).values() if row.reason != "resolved"}
        found = _ends(told, facts, policy, [name for name, each in ids.items() if each in known], now=now)
        was_told = bool(known) or all(row.status != "suppressed" for row in rows)
    else:
        found = deliveries(told, told.firing, facts, policy, at=now)
        was_told = True
    for each in found:
        put(conn, replace(transition, incident=each.incident), each, ids[each.receiver], context, now=now)
    return was_told


def numbered(conn: Connection, model: ModelRow, found: Incident, *, at: int) -> Incident | None:
    """An open incident with the number of one more message, stored so that nobody else gives that number.

    Returns:
        None if it is not open any more, or if another transaction has moved it on meanwhile: look again later.
    """
    stored, revision = incident.read_book(conn, model.id, found.deployment)
    book = None if stored is None else IncidentBook.from_dict(stored)
    if book is None or book.current is None or book.current.id != found.id:
        return None
    told = replace(book.current, messages=book.current.messages + 1)
    moved = replace(book, current=told).to_dict()
    if not incident.write_book(conn, model.id, found.deployment, moved, revision=revision, at=at):
        return None
    incident.put_incident(conn, model.id, told, at=at)
    return told


def put(
    conn: Connection, transition: Transition, delivery: Delivery, receiver_id: int, context: Context, *, now: int
) -> None:
    """Put one message to one receiver into the outbox, or into the log alone if it is kept back."""
    told = delivery.incident
    notification.enqueue(
        conn,
        receiver_id=receiver_id,
        group_key=told.dedup_key,
        seq=told.messages,
        reason=transition.reason,
        payload=compose(transition, context).to_dict(),
        incident_id=told.id,
        at=now,
        suppressed=delivery.held,
    )


def _ends(ended: Incident, facts: Facts, policy: Policy, names: Sequence[str], *, now: int) -> Sequence[Delivery]:
    """The end of an incident for those that know of it, each with the alerts that reach it."""
    reached: Mapping[str, Delivery] = {
        each.receiver: each for each in deliveries(ended, ended.alerts, facts, policy, at=now)
    }
    whole = Delivery("", ended, Repeat())
    return [replace(reached.get(name, whole), receiver=name, held="") for name in sorted(names)]


def suppressed_alerts(conn: Connection, found: Incident) -> dict[str, str]:
    """By fingerprint, what alerts of an incident are suppressed by, in words; those alone that are."""
    model = registration.find_model(conn, found.environment, found.model)
    facts = Facts() if model is None else facts_of(conn, model, found.deployment)
    reasons = {each.fingerprint: suppressed_by(each, found.firing, facts) for each in found.firing}
    return {fingerprint: why for fingerprint, why in reasons.items() if why}


def trend_of(
    conn: Connection, model_id: int, columns: Sequence[str], *, width: int, until: int
) -> Mapping[str, Sequence[float]]:
    """By column, the size of the effect in the last windows before `until`, oldest first.

    Args:
        conn: a connection.
        model_id: whose.
        columns: which.
        width: of a window, microseconds.
        until: microseconds UTC.
    """
    trend: dict[str, list[float]] = {column: [] for column in columns}
    for past in run.list_results(conn, model_id, until - _TREND * width, until):
        if past.result is None:
            continue
        summary = run.decode_result(past.result)["summary"].get("columns", {})
        for column, sizes in trend.items():
            fields = summary.get(column, {})
            sizes.append(next((float(fields[each]) for each in _DISTANCES if fields.get(each) is not None), 0.0))
    return trend
