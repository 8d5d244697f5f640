"""Requests that were refused, on record: the first of each kind, and then once a minute how many more there were."""

import logging
import threading
import time
from collections.abc import Callable

from driftwatch.errors import StoreError
from driftwatch.storage import audit
from driftwatch.storage.store import Store

__all__ = ["Denials"]

_LOG = logging.getLogger("driftwatch.api")
_QUIET_SECONDS = 60.0


class Denials:
    """Notes denials in the audit log without letting whoever knocks fill it. Thread-safe.

    Args:
        store: where the audit log is.
        clock: seconds on any steady clock.
    """

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._noted: dict[tuple[str, str, int], tuple[float, int]] = {}
        self._lock = threading.Lock()

    def note(self, actor: str, scope: str, status: int, *, address: str) -> None:
        """Note that a request was refused. A store that refuses too is logged: the answer is the same.

        Args:
            actor: ``key:<prefix>``, or who is not known.
            scope: what was asked for.
            status: that it was answered with.
            address: where the request came from.
        """
        kind, now = (actor, scope, status), self._clock()
        with self._lock:
            noted_at, unsaid = self._noted.get(kind, (-_QUIET_SECONDS, 0))
            if now - noted_at < _QUIET_SECONDS:
                self._noted[kind] = (noted_at, unsaid + 1)
                return
            self._noted[kind] = (now, 0)
        try:
            with self._store.begin() as conn:
                audit.append_event(
                    conn,
                    at=self._store.now(conn),
                    actor=actor,
                    verb="denied",
                    subject=f"api/{scope}",
                    after={"status": status, "address": address, "more_before": unsaid},
                )
        except StoreError as error:
            _LOG.warning("a denial is not on record: actor=%s scope=%s status=%d why=%s", actor, scope, status, error)
