"""driftwatch watches itself: its signs of life are judged every minute, and its incidents go the way of all others.

What it finds is told by the outbox, which may be what is broken: a failing receiver is told of by the others, and when
nobody can be told any more the dead man's switch is no longer called (`service.pulse`). The dashboard and
``driftwatch doctor`` read the same facts from the store.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from driftwatch.alerting.book import IncidentBook, JudgedWindow, Pace
from driftwatch.alerting.machine import Transition, advance
from driftwatch.alerting.matching import Facts
from driftwatch.alerting.vital import DeliveryVital, IntakeVital, Vitals, judge_vitals, pace_after
from driftwatch.domain.finding import Finding
from driftwatch.domain.instant import DAY, HOUR, MINUTE
from driftwatch.domain.system import SYSTEM
from driftwatch.notifiers.heartbeat import HEARTBEAT
from driftwatch.service.recording import close, record
from driftwatch.service.telling import tell
from driftwatch.service.wording import Context
from driftwatch.storage import heartbeat, incident, receiver, registration, vital
from driftwatch.storage.store import Store

__all__ = ["SystemWatch", "judge_system", "read_vitals", "watch_system"]

_DEPLOYMENT = "default"
_GRACE_SECONDS = 300.0
_AGAIN = MINUTE // 2
_STEP = 5 * MINUTE


class SystemWatch:
    """Call :meth:`look` every minute.

    Args:
        store: where everything is.
        public_url: the dashboard's address, for links in messages.
        clock: seconds on any steady clock. A process that has just begun is given some minutes to catch up with what
            waits from before it.
    """

    def __init__(self, store: Store, *, public_url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._public_url = public_url
        self._clock = clock
        self._began_at = clock()

    def look(self) -> int:
        """Judge how the service is; returns how many times readers were told.

        Raises:
            StoreError: the database cannot be used; look again.
        """
        if self._clock() - self._began_at < _GRACE_SECONDS:
            return 0
        return watch_system(self._store, public_url=self._public_url)


def watch_system(store: Store, *, public_url: str) -> int:
    """Judge how the service is now; returns how many times readers were told.

    Raises:
        StoreError: the database cannot be used; look again.
    """
    with store.read() as conn:
        now = store.now(conn)
        found = judge_vitals(read_vitals(conn, now=now), since=now - MINUTE)
        model = registration.find_model(conn, *SYSTEM)
        opened = () if model is None else incident.list_incidents(conn, model_id=model.id, is_open=True)
        if not found and all(each.deployment != _DEPLOYMENT for each in opened):
            return 0
    with store.begin() as conn:
        now = store.now(conn)
        model = registration.find_model(conn, *SYSTEM)
        ended = () if model is None else incident.list_incidents(conn, model_id=model.id, is_open=False, limit=50)
        lately = sum(
            each.deployment == _DEPLOYMENT and each.resolved_at is not None and now - each.resolved_at < DAY
            for each in ended
        )
        found = judge_vitals(read_vitals(conn, now=now), since=now - MINUTE)
        return judge_system(conn, _DEPLOYMENT, found, pace=pace_after(lately), now=now, public_url=public_url)


def read_vitals(conn: Connection, *, now: int) -> Vitals:
    """The service's signs of life, from the store."""
    beats: dict[str, int] = {}
    for beat in heartbeat.list_heartbeats(conn):
        beats[beat.component] = max(beat.beat_at, beats.get(beat.component, 0))
    known = {each.id: each for each in receiver.list_receivers(conn, enabled=True) if each.kind != HEARTBEAT}
    sent = {row.receiver_id: row for row in vital.list_deliveries(conn, since=now - 7 * DAY)}
    return Vitals(
        now=now,
        beats=beats,
        deliveries=tuple(
            DeliveryVital(each.name, row.waiting, row.oldest_at, row.dead, row.dead_at, row.delivered_at, row.error)
            if (row := sent.get(receiver_id)) is not None
            else DeliveryVital(each.name)
            for receiver_id, each in known.items()
        ),
        failing=vital.list_failing(conn, "production", since=now - 3 * DAY),
        intake=tuple(
            IntakeVital(row.model, row.rows, row.refused)
            for row in vital.list_intake(conn, since=now - HOUR)
            if row.environment == "production"
        ),
    )


def judge_system(
    conn: Connection,
    deployment: str,
    found: Sequence[Finding],
    *,
    pace: Pace,
    now: int,
    public_url: str,
    over: str = "",
) -> int:
    """Take one look's findings into one book of the service.

    Args:
        conn: a writing connection.
        deployment: which book.
        found: what is wrong now.
        pace: how soon an incident of it lets go.
        now: the database's clock.
        public_url: for the links in messages.
        over: the reason of one more message about what still fires, unless this look tells of something else; or "".

    Returns:
        How many times readers were told.
    """
    model_id = registration.ensure_model(conn, *SYSTEM, at=now)
    stored, revision = incident.read_book(conn, model_id, deployment)
    book = IncidentBook(*SYSTEM, deployment) if stored is None else IncidentBook.from_dict(stored)
    before = book.through
    if before is not None and now - before < _AGAIN:  # another worker has just looked
        return 0
    start = before if before is not None and now - before <= _STEP else now - MINUTE
    columns = [*(each.column or "" for each in found), *(book.current.columns if book.current is not None else ())]
    window = JudgedWindow(start, now, now, tuple(found), dict.fromkeys(columns, "judged"), pace=pace)
    book, transitions = advance(book, window)
    told = [each for each in transitions if each.notify]
    if over and not told and book.current is not None and book.current.announced:
        current = replace(book.current, messages=book.current.messages + 1)
        book = replace(book, current=current)
        told = [Transition("updated", current, notify=True, reason=over, alerts=(), at=now)]
    for transition in transitions:
        record(conn, model_id, transition, now=now)
    for transition in told:
        if not tell(conn, transition, Context(public_url), Facts(), now=now):
            book = book.with_opening_owed(transition.incident.id)
    close(conn, model_id, book, revision=revision, now=now)
    return len(told)
