import json
import threading
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from driftwatch import Client
from driftwatch.sdk import stats
from driftwatch.wire import Frame, decode


class Service:
    """A real HTTP server on loopback that keeps what it receives and answers as it is told.

    `answers` holds (status, headers) for the next requests; "close" breaks the connection without an answer.
    When it is empty the answer is 202.
    """

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str]] | str] = []
        self.requests: list[dict[str, Any]] = []
        self.reply: dict[str, Any] = {"accepted": 1, "duplicates": 0, "quarantined": [], "idempotent": True}
        self.connections = 0
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                service.connections += 1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.requests.append({"path": self.path, "headers": dict(self.headers), "body": body})
                answer = service.answers.pop(0) if service.answers else (202, {})
                if isinstance(answer, str):
                    self.close_connection = True
                    return
                status, headers = answer
                reply = json.dumps(service.reply).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def bodies(self) -> list[bytes]:
        return [zlib.decompress(request["body"]) for request in self.requests]

    def frames(self) -> list[Frame]:
        return [decode(body) for body in self.bodies()]

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def service() -> Iterator[Service]:
    running = Service()
    yield running
    running.stop()


@pytest.fixture
def new_client() -> Iterator[Callable[..., Client]]:
    """Makes clients that are closed at the end of the test."""
    made: list[Client] = []

    def make(url: str | None = "memory:", **arguments: Any) -> Client:
        made.append(Client(url, **{"model": "flights", "version": "1", "linger_seconds": 0.02, **arguments}))
        return made[-1]

    yield make
    for client in made:
        client.close(0.2)


@pytest.fixture(autouse=True)
def _fresh_notices() -> None:
    """Every test sees the first line of each topic."""
    stats._said.clear()


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DRIFTWATCH_URL", "DRIFTWATCH_API_KEY", "DRIFTWATCH_HASH_KEY"):
        monkeypatch.delenv(name, raising=False)
