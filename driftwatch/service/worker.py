"""The recurring work of one process: a clock, and jobs that ask the database what is due.

The clock is APScheduler with its jobs in memory, and nothing more: what is due, and who does it, the database says.
"""

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from driftwatch.domain.instant import HOUR, MINUTE
from driftwatch.errors import StoreError
from driftwatch.service.codec_settling import CodecSettler
from driftwatch.service.compaction import compact_blocks
from driftwatch.service.fold import fold_profiles
from driftwatch.service.follow_up import follow_up
from driftwatch.service.frame_settling import FrameSettler
from driftwatch.service.inbox_drain import drain_inbox
from driftwatch.service.outbox import Outbox
from driftwatch.service.outcome_settling import OutcomeSettler
from driftwatch.service.pulse import Pulse
from driftwatch.service.row_settling import RowSettler
from driftwatch.service.sealing import Checkpoints, Sealer
from driftwatch.service.storm import watch_storms
from driftwatch.service.system_watch import SystemWatch
from driftwatch.service.tick import Ticker, new_owner
from driftwatch.service.weekly import send_summaries
from driftwatch.storage import heartbeat, partition, registration
from driftwatch.storage.registration import ModelRow
from driftwatch.storage.store import Store

__all__ = ["Worker"]

_LOG = logging.getLogger("driftwatch.worker")

_TICK_SECONDS = 2.0
_SEAL_SECONDS = 5.0
_FOLLOW_UP_SECONDS = 15.0
_MINUTE_SECONDS = 60.0
_GATHER_SECONDS = 10.0


class Settler(Protocol):
    """Brings what judging needs of one model up to date; called from one thread, again and again, and cheap then."""

    def settle(self, model: ModelRow) -> object:
        """Do what is due."""
        ...


class Worker:
    """Ticks, folds, delivers and drains until it is stopped.

    Args:
        store: where everything is.
        public_url: the dashboard's address, for links in messages.
        tick_seconds: between two looks at what is due.
        checkpoints: where the end of the sealed audit log is told.
    """

    def __init__(
        self,
        store: Store,
        *,
        public_url: str,
        tick_seconds: float = _TICK_SECONDS,
        checkpoints: Checkpoints | None = None,
    ) -> None:
        self._store = store
        self._public_url = public_url
        self._owner = new_owner()
        self._ticker = Ticker(store, public_url=public_url, owner=self._owner)
        self._outbox = Outbox(store, owner=self._owner, gather_seconds=_GATHER_SECONDS)
        self._system = SystemWatch(store, public_url=public_url)
        self._pulse = Pulse(store)
        self._sealer = Sealer(store, owner=self._owner, checkpoints=checkpoints)
        self._stop = threading.Event()
        outcomes = OutcomeSettler(store, should_stop=self._stop.is_set)
        rows = RowSettler(store, should_stop=self._stop.is_set)
        self._settlers: tuple[Settler, ...] = (FrameSettler(store), CodecSettler(store), outcomes, rows)
        self._tick_seconds = tick_seconds
        self._scheduler = BackgroundScheduler(executors={"default": ThreadPoolExecutor(8)}, timezone="UTC")

    def start(self) -> None:
        """Begin."""
        jobs: tuple[tuple[str, Callable[[], None], float], ...] = (
            ("tick", self._tick, self._tick_seconds),
            ("outbox", self._deliver, self._tick_seconds),
            ("follow-up", self._follow_up, _FOLLOW_UP_SECONDS),
            ("storms", self._watch_storms, _FOLLOW_UP_SECONDS),
            ("system", self._watch_system, _MINUTE_SECONDS),
            ("weekly", self._send_summaries, _MINUTE_SECONDS),
            ("pulse", self._call_heartbeats, _FOLLOW_UP_SECONDS),
            ("inbox", self._drain, self._tick_seconds),
            ("audit", self._seal, _SEAL_SECONDS),
            ("fold", self._fold, _MINUTE_SECONDS),
            ("compaction", self._compact, _MINUTE_SECONDS),
            ("partitions", self._partition, HOUR / 1e6),
        )
        for name, job, seconds in jobs:
            self._scheduler.add_job(
                _guarded,
                "interval",
                (name, job, self._stop),
                seconds=seconds,
                id=name,
                coalesce=True,
                max_instances=1,
                misfire_grace_time=None,
            )
        self._partition()
        self._scheduler.start()

    def stop(self) -> None:
        """Let what is running come to its next resting point, and end."""
        self._stop.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)

    def _tick(self) -> None:
        with self._store.read() as conn:
            models = registration.list_models(conn)
        for model in models:
            try:
                for settler in self._settlers:
                    settler.settle(model)
            except StoreError:
                raise
            except Exception:  # noqa: BLE001 - one model's fault stops no other
                _LOG.exception("bins and frames of model %s/%s cannot be settled", model.environment, model.name)
        self._ticker.tick(self._stop.is_set)

    def _deliver(self) -> None:
        self._outbox.deliver_due(self._stop.is_set)

    def _call_heartbeats(self) -> None:
        self._pulse.beat()

    def _follow_up(self) -> None:
        follow_up(self._store, public_url=self._public_url)

    def _seal(self) -> None:
        self._sealer.seal(self._stop.is_set)

    def _watch_storms(self) -> None:
        watch_storms(self._store, public_url=self._public_url)

    def _watch_system(self) -> None:
        self._system.look()

    def _send_summaries(self) -> None:
        send_summaries(self._store, public_url=self._public_url)

    def _drain(self) -> None:
        while not self._stop.is_set():
            drained = drain_inbox(self._store, limit=16)
            if drained.frames:
                _LOG.info(
                    "inbox drained: frames=%d rows=%d quarantined=%d", drained.frames, drained.rows, drained.quarantined
                )
            if drained.frames < 16:
                break

    def _fold(self) -> None:
        while not self._stop.is_set():
            folded = fold_profiles(self._store, limit=50)
            if not folded:
                break
        self._beat("folder")

    def _compact(self) -> None:
        while not self._stop.is_set() and compact_blocks(self._store, limit=1):
            pass

    def _partition(self) -> None:
        with self._store.read() as conn:
            now = self._store.now(conn)
        partition.ensure(self._store, partition.months_ahead(now))
        with self._store.begin() as conn:
            heartbeat.forget(conn, before=now - 60 * 24 * MINUTE)

    def _beat(self, component: str) -> None:
        with self._store.begin() as conn:
            heartbeat.beat(conn, component, self._owner, at=self._store.now(conn))


def _guarded(name: str, job: Callable[[], None], stop: threading.Event) -> None:
    """A job that fails is logged and comes again; it ends no other."""
    if stop.is_set():
        return
    try:
        job()
    except StoreError as error:
        _LOG.warning("%s: the store refuses and will be asked again: %s", name, error)
    except Exception:  # noqa: BLE001 - whatever it was, the next round must come
        _LOG.exception("%s failed and will run again", name)
