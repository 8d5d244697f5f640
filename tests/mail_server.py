"""A real SMTP server on this machine that keeps or refuses as a test tells it to."""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

__all__ = ["Mailbox", "free_port", "server"]


class Mailbox:
    """An SMTP handler that keeps what it gets, or refuses."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.encrypted: list[bool] = []
        self.logins: list[tuple[bytes, bytes]] = []
        self.refused: dict[str, str] = {}
        self.answer = "250 kept"

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.answer.startswith("2"):
            self.letters.append(message_from_bytes(envelope.content, _class=EmailMessage, policy=policy.default))
            self.encrypted.append(session.ssl is not None)
        return self.answer

    def login(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"p@ss/word", handled=False)


class ServerController(Controller):
    def __init__(self, handler: Any, factory: Callable[[], SMTP], **options: Any) -> None:
        self._factory = factory
        super().__init__(handler, hostname="127.0.0.1", port=free_port(), **options)

    def factory(self) -> SMTP:
        return self._factory()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(mailbox: Mailbox, *, tls: ssl.SSLContext | None = None, **options: Any) -> Iterator[int]:
    controller = ServerController(mailbox, lambda: SMTP(mailbox, **options), ssl_context=tls)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()
