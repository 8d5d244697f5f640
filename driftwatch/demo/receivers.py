"""Receivers on this machine: what Slack and a mail server would get, kept for the terminal to show."""

import json
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from driftwatch._optional import require

__all__ = ["MailReceiver", "SlackReceiver"]

_LARGEST_BODY = 1 << 20


class SlackReceiver:
    """An HTTP server that takes what an incoming webhook of Slack takes.

    Attributes:
        messages: the JSON bodies received, in order.
        url: the webhook's address.
    """

    def __init__(self, port: int) -> None:
        self.messages: list[dict[str, Any]] = []
        messages = self.messages

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = min(int(self.headers.get("Content-Length", 0)), _LARGEST_BODY)
                messages.append(json.loads(self.rfile.read(length)))
                self.send_response(200)
                self.send_header("Content-Type", "text/plain")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name is the base class's)
                """Say nothing: the terminal belongs to the demo."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/services/demo"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class MailReceiver:
    """An SMTP server that keeps what it is sent.

    Attributes:
        messages: the emails received, in order.
        url: ``smtp://`` address of the server.
    """

    def __init__(self, port: int) -> None:
        controller: Any = require("aiosmtpd.controller", extra="demo", purpose="The demo's mail receiver")
        self.messages: list[EmailMessage] = []
        self._controller = controller.Controller(self, hostname="127.0.0.1", port=port)
        self.url = f"smtp://127.0.0.1:{port}"
        self._controller.start()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 (aiosmtpd's name)
        """Keep one message."""
        message = message_from_bytes(envelope.content, _class=EmailMessage, policy=policy.default)
        self.messages.append(message)
        return "250 kept"

    def close(self) -> None:
        """Stop listening."""
        self._controller.stop()
