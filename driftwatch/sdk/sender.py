"""The bounded queue between serving code and the transport, and the thread that empties it.

Nothing here makes the caller wait: the deque's operations are atomic, the size is a plain number that the sender
sets right whenever the queue is empty, and waking the thread is the release of a lock that only it acquires.
"""

import threading
from _thread import allocate_lock
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from random import random
from time import monotonic, sleep
from typing import Any

from driftwatch.errors import DeliveryError
from driftwatch.sdk import process
from driftwatch.sdk.stats import Counter, notice
from driftwatch.sdk.transport import OUTCOMES, Parcel, Transport

__all__ = ["Nowhere", "Sender"]

_FRAME_ROWS = 4096
_FRAME_BYTES = 1 << 20
_WAKE_BYTES = 1 << 19
_ROW_BYTES = 1 << 18
_SLOW_FACTOR = 5.0  # below one row a second a row may wait this many times the linger
_IDLE_SECONDS = 60.0
_BACKOFF_FIRST = 0.5
_BACKOFF_MOST = 60.0


class _Mark:
    """Stands in the queue where `flush` was called; the sender opens it when everything before it is done."""

    __slots__ = ("_gate",)

    def __init__(self) -> None:
        self._gate = allocate_lock()
        self._gate.acquire()

    def open(self) -> None:
        """Let everybody pass who waits here, or will."""
        with suppress(RuntimeError):  # it is open already
            self._gate.release()

    def wait(self, seconds: float) -> bool:
        """Wait until the mark is open; False if time ran out."""
        if not self._gate.acquire(timeout=max(0.0, seconds)):
            return False
        self.open()
        return True


def _never(_: object) -> None:
    """Nothing is queued where there is no address."""


class Nowhere:
    """Stands for a sender where there is no address: every row is dropped and counted, with one line of log."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self.append = _never
        self.queued = 0
        self.threshold = -1
        self.transport = None

    def offer(self, item: "bytes | Parcel", size: int) -> bool:  # noqa: ARG002 - as Sender.offer
        """Count the loss."""
        notice("no_url", "driftwatch has no address, so rows are dropped: give Client(url=...) or DRIFTWATCH_URL")
        self._counter.drop("no_url", item.n if isinstance(item, Parcel) else 1)
        return False

    def flush(self, timeout: float) -> bool:  # noqa: ARG002 - as Sender.flush
        """Nothing waits."""
        return True

    close = flush

    def waiting(self) -> int:
        """Nothing waits."""
        return 0


class Sender:
    """Takes encoded rows, makes parcels of them, and delivers the parcels in order.

    Args:
        make_transport: makes the transport; called again in a forked child.
        assemble: parcels of encoded rows.
        counter: takes what was sent and what was lost.
        max_bytes: bound of the queue.
        linger_seconds: how long a row waits for others.
        shutdown_seconds: how long the end of the process may be held up.
        synchronous: no thread; every offer is delivered by the caller, one try each.

    Attributes:
        queued: bytes that wait. The caller adds to it after appending to the queue.
        shutdown_seconds: as given.
        threshold: above this many bytes the caller goes through `offer`, which refuses, or wakes the thread.
    """

    def __init__(
        self,
        *,
        make_transport: Callable[[], Transport],
        assemble: Callable[[Iterable[bytes]], list[Parcel]],
        counter: Counter,
        max_bytes: int,
        linger_seconds: float,
        shutdown_seconds: float,
        synchronous: bool,
    ) -> None:
        self._make_transport = make_transport
        self._assemble = assemble
        self._counter = counter
        self._max_bytes = max_bytes
        self._linger_seconds = linger_seconds
        self.shutdown_seconds = shutdown_seconds
        self._synchronous = synchronous
        self._abandoned: list[Any] = []
        self.transport = make_transport()
        self._start_clean()
        process.join(self)

    def _start_clean(self) -> None:
        self.queue: deque[Any] = deque()
        self.append = self.queue.append
        self.queued = 0
        self.threshold = -1
        self.closed = False
        self._urgent = False
        self._hurry = False
        self._attempt = 0
        self._not_before = 0.0
        self._frame_at = 0.0
        self._thread: threading.Thread | None = None
        self._starting = allocate_lock()
        self._bell = allocate_lock()
        self._bell.acquire()
        self._delivering = threading.RLock()

    def forget(self) -> None:
        """In a forked child: nothing of the parent's rows, thread or connection is touched again."""
        self._abandoned.append(self.transport)  # closing it would end the parent's connection
        self._counter.reset()
        self.transport = self._make_transport()
        self._start_clean()

    def offer(self, item: "bytes | Parcel", size: int) -> bool:
        """Queue a row or a parcel, unless the bound forbids it; starts or wakes the thread."""
        if self.closed:
            return self._refuse(item, "closed")
        if self.queued + size > self._max_bytes:
            notice("queue_full", "the queue of driftwatch is full; new rows are dropped and counted")
            return self._refuse(item, "queue_full")
        if size > _ROW_BYTES and type(item) is bytes:
            return self._refuse(item, "row_too_large")
        self.append(item)
        self.queued += size
        if self._synchronous:
            if self._drain() is not None:
                process.watch_end()
            return True
        self.threshold = self._max_bytes - _ROW_BYTES
        self._ensure_thread()
        self._ring()
        return True

    def flush(self, timeout: float) -> bool:
        """Wait until everything that was queued before is delivered or dropped; False if time ran out."""
        until = monotonic() + timeout
        if self.closed or (not self.queue and self._thread is None):
            return True
        if not self._synchronous:
            mark = self._mark()
            self._urgent = self._hurry = True
            self._ensure_thread()
            self._ring()
            if self._thread is not None:
                return mark.wait(timeout)
        return self._drain_until(until)

    def _mark(self) -> "_Mark":
        """A mark at the end of the queue; one that stands there already serves again, so that they stay few."""
        with suppress(IndexError):
            last = self.queue[-1]
            if isinstance(last, _Mark):
                return last
        mark = _Mark()
        self.append(mark)
        return mark

    def _drain_until(self, until: float) -> bool:
        """Deliver on the caller's thread, with the same waits between tries."""
        while (delay := self._drain()) is not None:
            if monotonic() + delay > until:
                return False
            sleep(delay)
        return True

    def close(self, timeout: float) -> bool:
        """Flush, then take nothing more; what could not be sent in time is dropped and counted."""
        if self.closed:
            return True
        done = self.flush(timeout)
        self.closed = True
        self.threshold = -1
        thread = self._thread
        self._ring()
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.1, min(timeout, 1.0)))
        self._finish(0.1)
        return done

    def _finish(self, timeout: float) -> None:
        """After the end: what is still there is lost, and counted. Left to the thread while it is sending."""
        if not self._delivering.acquire(timeout=timeout):
            return
        try:
            self.threshold = -1
            lost = self.waiting()
            self._drop_all("unsent_at_close")
            self._close_transport()
        finally:
            self._delivering.release()
        if lost:
            notice("unsent", f"driftwatch dropped {lost} rows that could not be sent before the end")

    def waiting(self) -> int:
        """Rows and outcomes in the queue."""
        items = tuple(self.queue)
        return sum(item.n if isinstance(item, Parcel) else type(item) is bytes for item in items)

    def _refuse(self, item: "bytes | Parcel", reason: str) -> bool:
        self._counter.drop(reason, item.n if isinstance(item, Parcel) else 1)
        return False

    def _ring(self) -> None:
        with suppress(RuntimeError):  # it has rung already
            self._bell.release()

    def _sleep(self, seconds: float) -> bool:
        """Sleep until the bell rings (True) or the time is over."""
        return self._bell.acquire(timeout=max(0.0, min(seconds, threading.TIMEOUT_MAX)))

    def _ensure_thread(self) -> None:
        if self._thread is not None or not self._starting.acquire(blocking=False):
            return
        try:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="driftwatch-sender", daemon=True)
                self._thread = thread
                thread.start()
                process.watch_end()
        except RuntimeError as error:  # no more threads, or the interpreter is ending
            self._thread = None
            notice("no_thread", f"driftwatch cannot start its thread ({error}); rows wait in the queue")
        finally:
            self._starting.release()

    def _run(self) -> None:
        while not self.closed:
            if not self.queue:
                if not self._idle():
                    return
                continue
            if type(self.queue[0]) is bytes:
                self._linger()
            self.threshold = self._max_bytes - _ROW_BYTES
            self._hurry = False
            delay = self._drain()
            if delay is not None:
                self._back_off(delay)
        self._finish(_IDLE_SECONDS)

    def _idle(self) -> bool:
        """Wait for a row; False when the thread should end because none comes."""
        self.threshold = -1
        # A caller may have read the old threshold just before: its row is found after the linger at the latest.
        for seconds in (self._linger_seconds, _IDLE_SECONDS):
            if self.queue:
                return True
            self._sleep(seconds)
            if self.queue or self.closed:
                return True
        self._close_transport()
        self._thread = None
        if self.queue and self._starting.acquire(blocking=False):
            try:
                if self._thread is None:
                    self._thread = threading.current_thread()
                    return True
            finally:
                self._starting.release()
        return False

    def _linger(self) -> None:
        """Let rows gather: until a frame is full, or the first has waited long enough."""
        start = monotonic()
        slow = 0.0 < self._frame_at < start - 1.0
        until = start + self._linger_seconds * (_SLOW_FACTOR if slow else 1.0)
        while not self._urgent and not self.closed and self.queued < _WAKE_BYTES:
            self.threshold = _WAKE_BYTES
            now = monotonic()
            if now >= until or (slow and now - start >= self._linger_seconds and len(self.queue) - 1 > now - start):
                break
            self._sleep(min(until - now, self._linger_seconds))

    def _back_off(self, delay: float) -> None:
        """Wait before the next try; a flush may cut a wait of our own choosing short, never the receiver's."""
        until = monotonic() + delay
        while not self.closed and (left := until - monotonic()) > 0:
            self._sleep(left)
            if self._hurry and monotonic() >= self._not_before:
                break

    def _drain(self) -> float | None:
        """Deliver what is queued. Returns None when nothing is left, else how long to wait before the next try."""
        with self._delivering:
            if self._synchronous and monotonic() < self._not_before:
                return self._not_before - monotonic()
            while self.queue:
                item = self.queue[0]
                if isinstance(item, _Mark):
                    self.queue.popleft().open()
                    continue
                if isinstance(item, Parcel):
                    delay = self._deliver(item)
                    if delay is not None:
                        return delay
                    self.queue.popleft()
                    self.queued -= len(item.body)
                    continue
                self._pack()
            self.queued = 0
            self._urgent = False
            return None

    def _pack(self) -> None:
        """Replace the rows at the head of the queue by their parcels."""
        rows: list[bytes] = []
        size = 0
        queue = self.queue
        while queue and len(rows) < _FRAME_ROWS and size < _FRAME_BYTES and type(queue[0]) is bytes:
            row = queue.popleft()
            rows.append(row)
            size += len(row)
        self._frame_at = monotonic()
        try:
            parcels = self._assemble(rows)
        except Exception as error:  # noqa: BLE001 - the host must never suffer from a fault of ours
            self.queued -= size
            self._counter.drop("internal_error", len(rows))
            notice("internal_error", f"driftwatch could not encode {len(rows)} rows: {error!r}")
            return
        queue.extendleft(reversed(parcels))
        self.queued += sum(len(parcel.body) for parcel in parcels) - size

    def _deliver(self, parcel: Parcel) -> float | None:
        """One try. None when the parcel is done with, delivered or dropped; else the wait before the next."""
        try:
            quarantined = self.transport.send(parcel)
        except DeliveryError as error:
            return self._failed(parcel, error)
        except Exception as error:  # noqa: BLE001 - a transport may be the user's
            return self._failed(parcel, DeliveryError(f"the transport failed: {error!r}", retryable=True))
        self._attempt = 0
        self._counter.frames += 1
        if parcel.kind == OUTCOMES:
            self._counter.outcomes += parcel.n
        else:
            self._counter.sent += parcel.n
        if quarantined:
            self._counter.quarantined += quarantined
            notice("quarantined", f"the service put {quarantined} rows or values of {parcel.n} rows in quarantine")
        return None

    def _failed(self, parcel: Parcel, error: DeliveryError) -> float | None:
        if not error.retryable:
            self._lose(parcel, getattr(error, "reason", "undeliverable"))
            notice("dropped", f"driftwatch dropped {parcel.n} rows: {error}")
            return None
        notice("retry", f"driftwatch will try again: {error}")
        jittered = random() * min(_BACKOFF_MOST, _BACKOFF_FIRST * 2.0 ** min(self._attempt, 10))  # noqa: S311
        self._attempt += 1
        delay = max(jittered, error.retry_after_seconds or 0.0)
        # Without a thread nobody sleeps the wait: later calls look at the clock instead.
        self._not_before = monotonic() + (delay if self._synchronous else error.retry_after_seconds or 0.0)
        return delay

    def _lose(self, parcel: Parcel, reason: str) -> None:
        self._counter.drop(reason, parcel.n)
        self._counter.give_back(parcel.dropped)

    def _drop_all(self, reason: str) -> None:
        while self.queue:
            item = self.queue.popleft()
            if isinstance(item, Parcel):
                self._lose(item, reason)
            elif isinstance(item, _Mark):
                item.open()
            else:
                self._counter.drop(reason)
        self.queued = 0

    def _close_transport(self) -> None:
        close = getattr(self.transport, "close", None)
        if close is not None:
            try:
                close()
            except Exception as error:  # noqa: BLE001 - as above
                notice("close", f"the transport of driftwatch could not be closed: {error!r}")
