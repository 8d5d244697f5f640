"""Counts of what was sent and what was not, and the few lines of log that go with them."""

from _thread import RLock
from time import monotonic

__all__ = ["Counter", "Stats", "notice"]

_SILENCE_SECONDS = 60.0
_said: dict[str, float] = {}


def notice(topic: str, message: str) -> None:
    """One warning of the logger `driftwatch`; the same topic is silent for a minute.

    `logging` is loaded here, since its import costs more than the whole client's.
    """
    now = monotonic()
    if now - _said.get(topic, -_SILENCE_SECONDS) < _SILENCE_SECONDS:
        return
    _said[topic] = now
    import logging

    logging.getLogger("driftwatch").warning("%s", message)


class Stats:
    """A snapshot of a client's counts, since it was made or since the process forked.

    Attributes:
        sent: rows that the transport took.
        outcomes: outcomes that the transport took.
        frames: frames that the transport took.
        quarantined: rows or values that the service put in quarantine, by its replies.
        queued_rows: rows and outcomes that wait.
        queued_bytes: their size as they wait.
        dropped: rows and outcomes that were not sent, by reason.
        altered: values that were changed on the way, by reason: made text, cut, null in a column of another kind.
    """

    __slots__ = ("altered", "dropped", "frames", "outcomes", "quarantined", "queued_bytes", "queued_rows", "sent")

    def __init__(
        self,
        *,
        sent: int = 0,
        outcomes: int = 0,
        frames: int = 0,
        quarantined: int = 0,
        queued_rows: int = 0,
        queued_bytes: int = 0,
        dropped: dict[str, int] | None = None,
        altered: dict[str, int] | None = None,
    ) -> None:
        self.sent = sent
        self.outcomes = outcomes
        self.frames = frames
        self.quarantined = quarantined
        self.queued_rows = queued_rows
        self.queued_bytes = queued_bytes
        self.dropped = dropped or {}
        self.altered = altered or {}

    def __repr__(self) -> str:
        return f"Stats({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"


class Counter:
    """The live counts behind `Stats`. Drops are rare, so they may take a lock; it is reentrant for signal handlers."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start from nothing, with a lock of our own: a forked child must not wait for its parent's threads."""
        self._lock = RLock()
        self._dropped: dict[str, int] = {}
        self._reported: dict[str, int] = {}
        self._altered: dict[str, int] = {}
        self.sent = 0
        self.outcomes = 0
        self.frames = 0
        self.quarantined = 0

    def drop(self, reason: str, n: int = 1) -> None:
        """Count rows or outcomes that will never be sent."""
        with self._lock:
            self._dropped[reason] = self._dropped.get(reason, 0) + n

    def alter(self, reason: str, n: int = 1) -> None:
        """Count values that were changed on the way."""
        with self._lock:
            self._altered[reason] = self._altered.get(reason, 0) + n

    def take_unreported(self) -> dict[str, int]:
        """The drops that no frame has told the service yet; they count as told from here on."""
        if self._dropped == self._reported:
            return {}
        with self._lock:
            told = self._reported
            new = {reason: n - told.get(reason, 0) for reason, n in self._dropped.items()}
            self._reported = dict(self._dropped)
        return {reason: n for reason, n in new.items() if n}

    def give_back(self, drops: dict[str, int]) -> None:
        """The frame that carried these drops was not taken: the next one tells them."""
        with self._lock:
            for reason, n in drops.items():
                self._reported[reason] = self._reported.get(reason, 0) - n

    def snapshot(self, *, queued_rows: int, queued_bytes: int) -> Stats:
        """The counts as they stand."""
        with self._lock:
            return Stats(
                sent=self.sent,
                outcomes=self.outcomes,
                frames=self.frames,
                quarantined=self.quarantined,
                queued_rows=queued_rows,
                queued_bytes=queued_bytes,
                dropped=dict(self._dropped),
                altered=dict(self._altered),
            )
