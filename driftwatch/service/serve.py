"""`driftwatch serve`: API, scheduler, outbox and dashboard as one process that starts whole or not at all.

Ports and the store are taken before anything runs, so that a mistake is one line and leaves nothing behind. The end is
orderly: no new requests, those under way are answered, jobs rest, the dashboard ends, the store closes.
"""

import logging
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

import uvicorn
from sqlalchemy import make_url

from driftwatch.config import Settings
from driftwatch.errors import UserError
from driftwatch.service.access import Gate
from driftwatch.service.api import Api, create_app
from driftwatch.service.dashboard_process import DashboardProcess
from driftwatch.service.listener import bind, is_loopback
from driftwatch.service.sealing import Checkpoints
from driftwatch.service.worker import Worker
from driftwatch.storage.store import Store

__all__ = ["ROLES", "Serving", "absolute_store", "serve"]

_LOG = logging.getLogger("driftwatch.serve")

ROLES = ("api", "worker", "dashboard")
_DRAIN_SECONDS = 15
_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Serving:
    """What runs.

    Attributes:
        store: where the data is, without a password.
        roles: the parts that this process plays.
        api_url: of the API, or None.
        dashboard_url: of the dashboard, or None.
        open: whether no key is needed.
    """

    store: str
    roles: tuple[str, ...]
    api_url: str | None
    dashboard_url: str | None
    open: bool


def serve(
    settings: Settings, *, roles: Sequence[str] = ROLES, announce: Callable[[Serving], None] = lambda _: None
) -> None:
    """Run until SIGTERM or SIGINT. Call it from the main thread.

    Args:
        settings: of the service.
        roles: any of :data:`ROLES`.
        announce: called once, when everything listens.

    Raises:
        UserError: a role that does not exist, a taken port, an address that needs a key, a file for checkpoints that
            cannot be written.
        MissingPartError: the dashboard is not installed.
        StoreError: the store cannot be opened.
    """
    for role in roles:
        if role not in ROLES:
            raise UserError(f"there is no role {role!r}; known: {', '.join(ROLES)}")
    settings = replace(settings, store_url=absolute_store(settings.store_url))
    checkpoints = Checkpoints.parse(settings.audit_checkpoints)
    stop = threading.Event()
    with ExitStack() as stack:
        store = stack.enter_context(Store.open(settings.store_url))
        listener = stack.enter_context(bind(settings.host, settings.port)) if "api" in roles else None
        _check_access(store, settings, roles)
        dashboard = None
        if "dashboard" in roles:
            dashboard = DashboardProcess(settings.store_url, host=settings.host, port=settings.dashboard_port)
            dashboard.check()
        _listen_for_signals(stack, stop)
        if dashboard is not None:
            # Before any thread is started: a fork among threads may hang.
            stack.callback(dashboard.stop)
            dashboard.start()
        if "worker" in roles:
            worker = Worker(store, public_url=settings.public_url, checkpoints=checkpoints)
            stack.callback(worker.stop)
            worker.start()
        if listener is not None:
            server = _Server(store, settings)
            stack.callback(server.stop)
            server.start(listener)
        announce(_serving(store, settings, roles, dashboard))
        _wait(stop, dashboard, server if listener is not None else None)
        _LOG.info("stopping: requests under way are answered, jobs come to rest")
    _LOG.info("stopped")


def absolute_store(url: str) -> str:
    """The address of a SQLite file as it is from any folder; others unchanged."""
    parsed = make_url(url) if url.startswith("sqlite") else None
    if parsed is None or not parsed.database or parsed.database.startswith((":", "file:")):
        return url
    return f"sqlite:///{Path(parsed.database).absolute()}"


class _Server:
    """uvicorn in a thread, so that the main thread is free for signals."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._app = create_app(store, settings)
        config = uvicorn.Config(
            self._app,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=_DRAIN_SECONDS,
            server_header=False,
        )
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    def start(self, listener: "object") -> None:
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="driftwatch-api", daemon=True
        )
        self._thread.start()
        while self._thread.is_alive() and not self._server.started:
            self._thread.join(0.01)

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        api: Api = self._app.state.api
        api.draining = True
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(_DRAIN_SECONDS + 5)


def _check_access(store: Store, settings: Settings, roles: Sequence[str]) -> None:
    if "api" not in roles or is_loopback(settings.host) or Gate(store, host=settings.host).has_keys():
        return
    raise UserError(
        f"{settings.host} can be reached from other machines, and no API key exists. "
        "Make one with: driftwatch key create, or listen on 127.0.0.1"
    )


def _listen_for_signals(stack: ExitStack, stop: threading.Event) -> None:
    def end(number: int, _: FrameType | None) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt  # asked twice: do not wait
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.signal(number, end)
        stack.callback(signal.signal, number, before)


def _serving(store: Store, settings: Settings, roles: Sequence[str], dashboard: DashboardProcess | None) -> Serving:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return Serving(
        store=str(store),
        roles=tuple(role for role in ROLES if role in roles),
        api_url=f"http://{host}:{settings.port}" if "api" in roles else None,
        dashboard_url=dashboard.url if dashboard is not None else None,
        open=not Gate(store, host=settings.host).has_keys(),
    )


def _wait(stop: threading.Event, dashboard: DashboardProcess | None, server: _Server | None) -> None:
    """Until a signal comes, or the API is gone. A dashboard that ends is reported once; the data still come in."""
    reported = False
    while not stop.wait(_LOOK_SECONDS):
        code = dashboard.ended() if dashboard is not None else None
        if code is not None and not reported:
            _LOG.error("the dashboard ended by itself: exit_code=%d; everything else goes on", code)
            reported = True
        if server is not None and not server.alive:
            _LOG.error("the API ended by itself; see the log above")
            return
