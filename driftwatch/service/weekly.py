"""The week of a route's models, told once to its receivers.

The number of a message is that of its day, and the outbox takes each number of a thread once: a process that dies, two
that run at the same time and one that was away for a month make one message.
"""

import logging
from collections.abc import Sequence

from sqlalchemy import Connection

from driftwatch.alerting.matching import labels_of_model
from driftwatch.alerting.routing import is_about
from driftwatch.alerting.summary import SummaryTime
from driftwatch.domain.instant import DAY
from driftwatch.domain.notification import Message
from driftwatch.domain.signal import Severity
from driftwatch.errors import StoreError
from driftwatch.notifiers.face import SUMMARY
from driftwatch.notifiers.receiver import PAGERS
from driftwatch.queries import format as written
from driftwatch.queries.catalogue import KnownModel, find_model
from driftwatch.queries.span import Span
from driftwatch.queries.week import Week, performance_words, read_week
from driftwatch.service.facts import facts_of
from driftwatch.service.routing import list_routes
from driftwatch.service.routing_document import RouteSpec
from driftwatch.storage import notification, receiver, registration, route
from driftwatch.storage.store import Store

__all__ = ["send_summaries"]

_LOG = logging.getLogger(__name__)

_LONGEST = 35 * DAY
_ROWS = 30
_HEAD = ("", "Model", "Incidents", "Drift", "Performance", "Traffic")
_SIGNS = {Severity.CRITICAL: "▲", Severity.WARNING: "◆"}


def send_summaries(store: Store, *, public_url: str) -> int:
    """Put into the outbox what is due; returns how many messages that is.

    Raises:
        StoreError: the database cannot be used; call again.
    """
    with store.read() as conn:
        now = store.now(conn)
        due = [each for each in list_routes(conn) if each.summary is not None and _receivers(conn, each, now=now)]
    return sum(_send(store, each, each.summary, public_url=public_url) for each in due if each.summary is not None)


def _receivers(conn: Connection, spec: RouteSpec, *, now: int) -> list[int]:
    """Those that the newest week is still to be told to."""
    when = spec.summary
    if when is None or when.at(when.newest(now)) < (route.changed_at(conn, spec.name) or now):
        return []  # it was not asked for then
    known = notification.list_numbers(conn, _thread(spec))
    return [
        each.id
        for each in receiver.list_receivers(conn, enabled=True)
        if each.name in spec.route.receivers and each.kind not in PAGERS and known.get(each.id, 0) < when.newest(now)
    ]


def _thread(spec: RouteSpec) -> str:
    return f"dw:summary:{spec.name}"


def _send(store: Store, spec: RouteSpec, when: SummaryTime, *, public_url: str) -> int:
    with store.read() as conn:
        now = store.now(conn)
        number = when.newest(now)
        before = max(notification.list_numbers(conn, _thread(spec)).values(), default=number - 7)
        span = Span(max(when.at(before), when.at(number) - _LONGEST), when.at(number))
        if span.width <= 0:  # another receiver has it already
            span = Span(when.at(number - 7), when.at(number))
        weeks = [read_week(conn, model, span) for model in _models(conn, spec)]
    weeks.sort(key=lambda each: (-each.worst.rank, bool(each.rows), -len(each.incidents), each.model.name))
    message = _message(store, spec, weeks, span, number, public_url)
    with store.begin() as conn:
        at = store.now(conn)
        made = [
            notification.enqueue(
                conn,
                receiver_id=receiver_id,
                group_key=message.dedup_key,
                seq=number,
                reason=SUMMARY,
                payload=message.to_dict(),
                at=at,
            )
            for receiver_id in _receivers(conn, spec, now=now)
        ]
    return sum(each is not None for each in made)


def _models(conn: Connection, spec: RouteSpec) -> list[KnownModel]:
    """The models whose alerts the route is about; a replay has no week."""
    found = []
    for row in registration.list_models(conn):
        model = find_model(conn, row.name, row.environment)
        labels = labels_of_model(row.environment, row.name, facts_of(conn, row))
        if model is not None and not model.replay and is_about(spec.route, labels):
            found.append(model)
    return found


def _message(store: Store, spec: RouteSpec, weeks: Sequence[Week], span: Span, number: int, public_url: str) -> Message:
    n_open = sum(each.is_open for week in weeks for each in week.incidents)
    silent = [week.model.name for week in weeks if not week.rows]
    models = written.plural(len(weeks), "model")
    parts = [
        f"{written.plural(sum(week.n_opened for week in weeks), 'incident')} began, {n_open} open now.",
        f"Without data: {', '.join(silent[:5])}{' ...' if len(silent) > 5 else ''}." if silent else "",
    ]
    rows = tuple(_row(store, week, span) for week in weeks[:_ROWS])
    return Message(
        dedup_key=_thread(spec),
        number=number,
        reason=SUMMARY,
        severity=Severity.NONE,
        title=f"Week of {models} ({spec.name})",
        summary=" ".join(part for part in parts if part),
        n_more=max(0, len(weeks) - _ROWS),
        window=written.window(span.start, span.end),
        next_action="Nothing, if that is how it should be." if not n_open else "Look at what is still open.",
        link=public_url.rstrip("/") + ("/incidents" if n_open else ""),
        table=(_HEAD, *rows) if rows else (),
    )


def _row(store: Store, week: Week, span: Span) -> tuple[str, ...]:
    try:
        performance = performance_words(store, week.model, span)
    except StoreError:
        raise
    except Exception:  # noqa: BLE001 - whatever is wrong with one model must stop no other
        _LOG.exception("the week's performance of %s cannot be read", week.model.name)
        performance = "performance cannot be read"
    sign = _SIGNS.get(week.worst, "●" if week.rows else "○")
    return sign, week.model.name, week.incident_words, week.drift_words, performance, week.traffic_words
