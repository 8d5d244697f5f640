"""The real HTTP server in a thread of the test, and a client that knows its application."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn

from driftwatch.config import Settings
from driftwatch.service.api import Api, create_app
from driftwatch.service.intake import Limits
from driftwatch.service.listener import bind
from driftwatch.storage.store import Store

__all__ = ["ApiClient", "serving"]


class ApiClient(httpx.Client):
    """A client of one running service; `api` is its state."""

    api: Api


@contextmanager
def serving(store: Store, *, host: str = "127.0.0.1", limits: Limits | None = None) -> Iterator[ApiClient]:
    """Serve `store` on a free port, as if it listened on `host`."""
    app = create_app(store, Settings(host=host), limits=limits)
    listener = bind("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.005)
        port = listener.getsockname()[1]
        with ApiClient(base_url=f"http://127.0.0.1:{port}", timeout=60.0) as client:
            client.api = app.state.api
            yield client
    finally:
        server.should_exit = True
        thread.join(10)
