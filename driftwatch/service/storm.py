"""The storm guard: of much at once a receiver gets one message with a table, and one more when it is over.

Nothing of it is a state of its own. The outbox marks what it keeps back with the storm that tells of it; a storm is an
incident of the service (deployment ``storm-...``) that is judged from these marks again and again, so a worker that
dies in between loses nothing.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from driftwatch.alerting.storm import STORM_PACE, StormLimit, judge_storm
from driftwatch.domain.instant import DAY, MINUTE, SECOND
from driftwatch.domain.system import SYSTEM, SYSTEM_GROUPS
from driftwatch.notifiers.receiver import parse_receiver
from driftwatch.queries import format as written
from driftwatch.service.system_watch import judge_system
from driftwatch.service.system_wording import STORM_OVER
from driftwatch.storage import incident, notification, receiver, registration
from driftwatch.storage.notification import NotificationRow
from driftwatch.storage.receiver import ReceiverRow
from driftwatch.storage.store import Store

__all__ = ["gathered", "watch_storms"]

_LONGEST = 60 * DAY


def gathered(conn: Connection, row: NotificationRow, target: ReceiverRow, *, now: int) -> bool:
    """Keep a claimed message back if its receiver has more news than it bears; a storm's message tells of it then."""
    limit = parse_receiver(target.spec).storm
    is_news = row.incident_id is not None and row.reason not in notification.ENDS
    if limit is None or not is_news or row.group_key.startswith(SYSTEM_GROUPS):
        return False
    since = now - limit.within
    n = notification.count_groups(conn, target.id, since=since, besides=SYSTEM_GROUPS)
    if n <= limit.incidents:
        return False
    storm = notification.newest_storm(conn, target.id, since=since) or f"storm-{target.id}-{now // SECOND}"
    why = f"suppressed by a storm: {n} incidents within {written.age(limit.within)} are told in one message"
    return notification.gather(conn, row, at=now, storm=storm, reason=why)


def watch_storms(store: Store, *, public_url: str) -> int:
    """Judge every storm that is not over; returns how many messages were due.

    Raises:
        StoreError: the database cannot be used; call again.
    """
    with store.read() as conn:
        now = store.now(conn)
        storms = _storms(conn, now=now)
    told = 0
    for storm, rows in storms.items():
        with store.begin() as conn:
            told += _judge(conn, storm, rows, now=store.now(conn), public_url=public_url)
    return told


def _storms(conn: Connection, *, now: int) -> Mapping[str, Sequence[NotificationRow]]:
    """What was gathered, by storm; those that have ended are left out."""
    found: dict[str, list[NotificationRow]] = defaultdict(list)
    for row in notification.list_gathered(conn, since=now - _LONGEST):
        found[row.external_id or ""].append(row)
    if not found:
        return {}
    model = registration.find_model(conn, *SYSTEM)
    ended = [] if model is None else incident.list_incidents(conn, model_id=model.id, is_open=False, limit=1_000)
    for each in ended:
        found.pop(each.deployment, None)
    return found


def _judge(conn: Connection, storm: str, rows: Sequence[NotificationRow], *, now: int, public_url: str) -> int:
    target = next((each for each in receiver.list_receivers(conn) if each.id == rows[0].receiver_id), None)
    if target is None:
        return 0
    limit = parse_receiver(target.spec).storm or StormLimit()
    newest = max(row.finished_at or 0 for row in rows)
    ids = dict.fromkeys(row.incident_id for row in rows if row.incident_id is not None)
    members = [member for each in ids if (member := incident.find_incident(conn, each)) is not None]
    rages = now - newest < limit.within
    found = judge_storm(target.name, members, since=now - MINUTE, now=now, rages=rages)
    return judge_system(
        conn,
        storm,
        [] if found is None else [found],
        pace=STORM_PACE,
        now=now,
        public_url=public_url,
        over="" if rages or _said_over(conn, storm) else STORM_OVER,
    )


def _said_over(conn: Connection, storm: str) -> bool:
    model = registration.find_model(conn, *SYSTEM)
    opened = [] if model is None else incident.list_incidents(conn, model_id=model.id, is_open=True)
    return any(
        row.reason == STORM_OVER
        for each in opened
        if each.deployment == storm
        for row in notification.list_notifications(conn, each.id)
    )
