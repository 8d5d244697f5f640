"""Delivering what the outbox holds: at least once, in order within an incident, and nothing that is stale.

The rows were written together with the alerts; here they are claimed one at a time, looked at again, and sent outside
any transaction. A worker that dies in between sends one message twice at worst.
"""

import logging
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

from sqlalchemy import Connection

from driftwatch.alerting.book import IncidentBook
from driftwatch.alerting.dispatch import deliveries
from driftwatch.domain.instant import SECOND
from driftwatch.domain.notification import Message
from driftwatch.errors import DeliveryError, DriftwatchError
from driftwatch.notifiers.receiver import build_notifier, parse_receiver
from driftwatch.service.facts import facts_of
from driftwatch.service.routing import read_policy
from driftwatch.service.storm import gathered
from driftwatch.service.tick import new_owner
from driftwatch.storage import heartbeat, incident, notification, receiver, registration
from driftwatch.storage.notification import NotificationRow
from driftwatch.storage.receiver import ReceiverRow
from driftwatch.storage.store import Store

__all__ = ["Backoff", "Outbox", "OutboxReport", "TokenBucket"]

_LOG = logging.getLogger(__name__)

_LEASE_SECONDS = 300.0  # longer than any notifier's own deadline
_BEAT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """When to try again: twice as long each time, with jitter, never before the receiver's own Retry-After.

    Attributes:
        first_seconds: about how long after the first failure.
        longest_seconds: no wait grows beyond this.
        attempts: after so many a message is a dead letter (with the others as they are: after half a day).
    """

    first_seconds: float = 5.0
    longest_seconds: float = 1800.0
    attempts: int = 30

    def wait_seconds(self, attempt: int, *, retry_after_seconds: float | None, chance: float) -> float:
        """The wait after the failure of `attempt` (from 1); `chance` from 0 to 1 draws the jitter."""
        full = min(self.longest_seconds, self.first_seconds * 2.0 ** min(attempt - 1, 60))
        return max(full * (0.5 + 0.5 * chance), retry_after_seconds or 0.0)


@dataclass
class TokenBucket:
    """How fast one receiver may be written to: `burst` messages at once, then `per_second`.

    Attributes:
        per_second: tokens that come back in a second.
        burst: tokens that it holds at most.
    """

    per_second: float = 1.0
    burst: float = 3.0
    _tokens: float = field(default=-1.0, repr=False)
    _at: float = field(default=0.0, repr=False)

    def wait_seconds(self, at: float) -> float:
        """Take a token at the moment `at` (seconds on any steady clock); how long to wait before using it."""
        held = self.burst if self._tokens < 0 else min(self.burst, self._tokens + (at - self._at) * self.per_second)
        wait = max(0.0, (1.0 - held) / self.per_second)
        self._tokens, self._at = max(0.0, held - 1.0), at + wait
        return wait


@dataclass
class OutboxReport:
    """What one round did."""

    delivered: int = 0
    postponed: int = 0
    dropped: int = 0
    suppressed: int = 0
    gathered: int = 0
    dead: int = 0


class Outbox:
    """A worker that delivers. Call :meth:`deliver_due` every second or two, from one thread.

    Args:
        store: where the outbox is.
        owner: this worker's name; made up if left out.
        backoff: when to try again.
        pause: waits for so many seconds.
        gather_seconds: how long news waits for what comes with it, so that a storm is seen before it is told.
    """

    def __init__(
        self,
        store: Store,
        *,
        owner: str | None = None,
        backoff: Backoff | None = None,
        pause: Callable[[float], object] = time.sleep,
        gather_seconds: float = 0.0,
    ) -> None:
        self._store = store
        self._owner = owner or new_owner()
        self._backoff = backoff or Backoff()
        self._pause = pause
        self._gather_seconds = gather_seconds
        self._buckets: dict[int, TokenBucket] = {}
        self._resting: dict[int, tuple[int, str]] = {}
        self._beat_at = -_BEAT_SECONDS

    def deliver_due(self, should_stop: Callable[[], bool] = lambda: False) -> OutboxReport:
        """Send everything that may be sent now. A receiver that fails holds up no other, and stops nothing else.

        Raises:
            StoreError: the database cannot be used; call again.
        """
        report = OutboxReport()
        while not should_stop():
            with self._store.begin() as conn:
                now = self._store.now(conn)
                row = notification.claim(
                    conn, self._owner, now=now, lease_seconds=_LEASE_SECONDS, gather_seconds=self._gather_seconds
                )
                target = self._look_again(conn, report, row, now=now) if row is not None else None
            if row is None:
                break
            if target is not None:
                self._send(report, row, target)
            if time.monotonic() - self._beat_at >= _BEAT_SECONDS:  # a long round lives too
                self._beat(report)
        self._beat(report)
        return report

    def _look_again(
        self, conn: Connection, report: OutboxReport, row: NotificationRow, *, now: int
    ) -> ReceiverRow | None:
        """The receiver, if the message is still worth sending and the receiver is not resting from a failure."""
        target = next((each for each in receiver.list_receivers(conn) if each.id == row.receiver_id), None)
        stale = "the receiver is switched off" if target is None or not target.enabled else _stale(conn, row)
        if stale:
            notification.discard(conn, row, at=now, reason=stale)
            _owe_again(conn, row, now=now)
            report.dropped += 1
            return None
        held = _held(conn, row, target.name if target is not None else "", now=now)
        if held:
            notification.suppress(conn, row, at=now, reason=held)
            report.suppressed += 1
            return None
        if target is not None and gathered(conn, row, target, now=now):
            report.gathered += 1
            return None
        rest_until, why = self._resting.get(row.receiver_id, (0, ""))
        if now < rest_until:
            notification.postpone(conn, row, retry_at=rest_until, error=why)
            report.postponed += 1
            return None
        return target

    def _send(self, report: OutboxReport, row: NotificationRow, target: ReceiverRow) -> None:
        self._pause(self._buckets.setdefault(target.id, TokenBucket()).wait_seconds(time.monotonic()))
        with self._store.read() as conn:
            thread = notification.external_id(conn, row.receiver_id, row.group_key) or ""
        try:
            notifier = build_notifier(parse_receiver(target.spec))
            receipt = notifier.send(replace(Message.from_dict(row.payload), thread=thread))
        except DeliveryError as error:
            self._fail(report, row, target, error)
        except DriftwatchError as error:
            self._fail(report, row, target, DeliveryError(str(error), retryable=False))
        except Exception as error:  # noqa: BLE001 - a notifier may be anybody's code
            # Its words may hold an address, which may be a secret: only its kind is told.
            why = f"{target.kind} notifier failed with {type(error).__name__}"
            self._fail(report, row, target, DeliveryError(why, retryable=True))
        else:
            self._resting.pop(target.id, None)
            with self._store.begin() as conn:
                notification.deliver(conn, row, at=self._store.now(conn), external_id=receipt.external_id)
            report.delivered += 1

    def _fail(self, report: OutboxReport, row: NotificationRow, target: ReceiverRow, error: DeliveryError) -> None:
        wait = self._backoff.wait_seconds(
            row.attempts,
            retry_after_seconds=error.retry_after_seconds,
            chance=random.random(),  # noqa: S311 - jitter is no secret
        )
        with self._store.begin() as conn:
            now = self._store.now(conn)
            retry_at = now + int(wait * SECOND)
            if error.retryable and row.attempts < self._backoff.attempts:
                notification.postpone(conn, row, retry_at=retry_at, error=str(error))
                report.postponed += 1
                _LOG.warning("message %s to %s: %s Again in %.0f s.", row.id, target.name, error, wait)
            else:
                notification.bury(conn, row, at=now, error=str(error))
                report.dead += 1
                _LOG.error("message %s to %s is given up: %s", row.id, target.name, error)
        if error.retryable:
            self._resting[target.id] = (retry_at, str(error))

    def _beat(self, report: OutboxReport) -> None:
        if report == OutboxReport() and time.monotonic() - self._beat_at < _BEAT_SECONDS:
            return
        with self._store.begin() as conn:
            heartbeat.beat(conn, "outbox", self._owner, at=self._store.now(conn), details=asdict(report))
        self._beat_at = time.monotonic()


def _stale(conn: Connection, row: NotificationRow) -> str:
    """Why a message is not worth sending any more, or ""."""
    if row.incident_id is None:
        return ""
    if row.reason == "resolved":
        others = notification.list_notifications(conn, row.incident_id)
        told = any(each.receiver_id == row.receiver_id and each.status == "delivered" for each in others)
        return "" if told else "nothing of this incident was delivered here, so its end is no news"
    found = incident.find_incident(conn, row.incident_id)
    return "it was resolved before it could be sent" if found is not None and not found.is_open else ""


def _held(conn: Connection, row: NotificationRow, name: str, *, now: int) -> str:
    """Why a message is to be kept back although it was not when it was written, or "". An end is never kept back."""
    found = None if row.incident_id is None else incident.find_incident(conn, row.incident_id)
    model = None if found is None else registration.find_model(conn, found.environment, found.model)
    if found is None or model is None or row.reason in notification.ENDS:
        return ""
    facts = facts_of(conn, model, found.deployment)
    reached = deliveries(found, found.firing, facts, read_policy(conn, at=now), at=now)
    return next((each.held for each in reached if each.receiver == name), "")


def _owe_again(conn: Connection, row: NotificationRow, *, now: int) -> None:
    """If nobody was told of an incident, or will be, its opening is owed again: reopening it silently would hide it."""
    if row.incident_id is None or row.reason == "resolved":
        return
    news = [each for each in notification.list_notifications(conn, row.incident_id) if each.reason != "resolved"]
    found = incident.find_incident(conn, row.incident_id)
    model = None if found is None else registration.find_model(conn, found.environment, found.model)
    pending_or_told = any(each.status in {"waiting", "sending", "delivered", "storm"} for each in news)
    if found is None or model is None or pending_or_told:
        return
    written = False
    while not written:  # a judging worker may move the book on between the two statements
        stored, revision = incident.read_book(conn, model.id, found.deployment)
        if stored is None:
            return
        book = IncidentBook.from_dict(stored).with_opening_owed(row.incident_id).to_dict()
        written = incident.write_book(conn, model.id, found.deployment, book, revision=revision, at=now)
