"""Calling the dead man's switch as long as windows are judged and people can be told of them.

It stops with either, whatever the cause.
"""

import logging
import time
from collections.abc import Callable

from driftwatch.alerting.vital import can_tell
from driftwatch.domain.instant import MINUTE
from driftwatch.domain.notification import Message
from driftwatch.domain.signal import Severity
from driftwatch.errors import DriftwatchError
from driftwatch.notifiers.heartbeat import HEARTBEAT, HeartbeatNotifier
from driftwatch.notifiers.receiver import build_notifier, parse_receiver
from driftwatch.service.system_watch import read_vitals
from driftwatch.storage import receiver
from driftwatch.storage.receiver import ReceiverRow
from driftwatch.storage.store import Store

__all__ = ["Pulse"]

_LOG = logging.getLogger(__name__)

_FRESH = 5 * MINUTE


class Pulse:
    """Call :meth:`beat` every few seconds, from one thread that may wait for the other side.

    Args:
        store: where receivers and signs of life are.
        clock: seconds on any steady clock.
    """

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._called_at: dict[int, float] = {}

    def beat(self) -> int:
        """Call every receiver of type heartbeat whose time has come, if a round of judging ended in the last minutes.

        Nor are they called when nobody else can be told any more: the outbox stands still, or every receiver fails.

        One that does not answer is logged, and called again next time.

        Returns:
            How many took the call.

        Raises:
            StoreError: the database cannot be used: nobody is called, which is the point.
        """
        with self._store.read() as conn:
            now = self._store.now(conn)
            receivers = [each for each in receiver.list_receivers(conn, enabled=True) if each.kind == HEARTBEAT]
            vitals = read_vitals(conn, now=now) if receivers else None
        if vitals is None or now - vitals.beats.get("tick", 0) > _FRESH or not can_tell(vitals):
            return 0
        return sum(self._call(each) for each in receivers)

    def _call(self, each: ReceiverRow) -> bool:
        at = self._clock()
        try:
            notifier = build_notifier(parse_receiver(each.spec))
            every = notifier.every_seconds if isinstance(notifier, HeartbeatNotifier) else 0.0
            if at - self._called_at.get(each.id, at - every) < every:
                return False
            notifier.send(_ALIVE)
        except DriftwatchError as error:
            _LOG.warning("heartbeat %s: %s", each.name, error)
            return False
        self._called_at[each.id] = at
        return True


_ALIVE = Message("driftwatch", 1, "alive", Severity.NONE, "driftwatch judges windows", "")
