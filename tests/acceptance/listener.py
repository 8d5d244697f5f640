"""A real HTTP server on this machine that answers as a test tells it to."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Webhook"]


class Webhook:
    """Answers what the test tells it to."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.paths: list[str] = []
        self.received: list[dict[str, str]] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        self.answer = b"ok"
        self.drip = 0.0
        self.silence = 0.0
        self.released = threading.Event()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.paths.append(self.path)
                hook.received.append({name.lower(): value for name, value in self.headers.items()})
                hook.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                hook.released.wait(hook.silence)
                self.send_response(hook.status)
                for name, value in hook.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                for byte in hook.answer:
                    if hook.drip and hook.released.wait(hook.drip):
                        return
                    try:
                        self.wfile.write(bytes([byte]))
                    except OSError:
                        return

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/services/T0/B0/secret-part"

    def close(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
