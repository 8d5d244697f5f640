"""The email notifier against real SMTP servers on this machine: plain, STARTTLS, TLS, hanging, refusing, away."""

import socket
import ssl
import subprocess
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from mail_server import Mailbox, free_port, server
from parts import require

from driftwatch.domain.notification import Evidence, Message, Notifier
from driftwatch.domain.signal import Severity
from driftwatch.errors import DeliveryError, SpecError
from driftwatch.notifiers.email import EmailNotifier, email_message

ADDRESSES = {"to": ["ops@example.com", "lead@example.com"], "from": "driftwatch <dw@example.com>"}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    require("openssl")
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)),
        ],
        check=True,
        capture_output=True,
    )
    return key, cert


@pytest.fixture
def tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    key, cert = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


def message(**changes: Any) -> Message:
    fields: dict[str, Any] = {
        "dedup_key": "dw:production/flights/default:1",
        "number": 1,
        "reason": "first",
        "severity": Severity.WARNING,
        "title": "Drift in flights: temp",
        "summary": "temp of flights has drifted since 2013-07-01 00:00 UTC.",
        "evidence": (Evidence("temp", "KS 0.53", "mean 51.1 → 68.4", n=812, n_reference=80_000, trend=(0.1, 0.2)),),
        "window": "2013-07-01 00:00–01:00 UTC",
        "next_action": "Look at temp first.",
        "link": "http://127.0.0.1:8301/incidents?incident=flights-1",
    }
    return Message(**(fields | changes))


def notifier(url: str, **options: Any) -> EmailNotifier:
    return EmailNotifier.parse({"smtp_url": url, **ADDRESSES, **options})


def test_a_message_arrives_as_text_and_html() -> None:
    mailbox = Mailbox()
    with server(mailbox) as port:
        email = notifier(f"smtp://127.0.0.1:{port}")
        assert isinstance(email, Notifier)
        receipt = email.send(message())
    letter = mailbox.letters[0]
    assert letter["To"] == "ops@example.com, lead@example.com"
    assert letter["Subject"] == "[Warning] Drift in flights: temp"
    assert receipt.external_id == letter["Message-ID"]
    text, page = letter.get_body(("plain",)), letter.get_body(("html",))
    assert text is not None
    assert page is not None
    for part in (text.get_content(), page.get_content()):
        for words in ("temp of flights has drifted", "KS 0.53", "mean 51.1 → 68.4", "n 812, reference 80,000", "Next:"):
            assert words in part
    assert "http://127.0.0.1:8301/incidents?incident=flights-1" in text.get_content()


def test_starttls_is_used_and_the_certificate_verified(certificate: tuple[Path, Path], tls: ssl.SSLContext) -> None:
    mailbox = Mailbox()
    with server(mailbox, tls_context=tls, require_starttls=True) as port:
        url = f"smtp://localhost:{port}"
        with pytest.raises(DeliveryError, match="certificate that is not trusted") as caught:
            notifier(url, starttls="always").send(message())
        assert caught.value.retryable
        assert mailbox.letters == []
        notifier(url, starttls="always", ca_file=str(certificate[1])).send(message())
    assert mailbox.encrypted == [True]


def test_a_certificate_of_another_host_is_refused(
    certificate: tuple[Path, Path], tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = socket.create_connection
    monkeypatch.setattr(socket, "create_connection", lambda address, *rest: connect(("127.0.0.1", address[1]), *rest))
    with (
        server(Mailbox(), tls_context=tls) as port,
        pytest.raises(DeliveryError, match=r"not trusted \(Hostname mismatch"),
    ):
        notifier(f"smtp://mail.example.com:{port}", ca_file=str(certificate[1])).send(message())


def test_without_starttls_nothing_is_sent_in_clear() -> None:
    mailbox = Mailbox()
    with server(mailbox) as port, pytest.raises(DeliveryError, match="offers no STARTTLS"):
        notifier(f"smtp://127.0.0.1:{port}", starttls="always").send(message())
    assert mailbox.letters == []


def test_tls_from_the_first_byte_and_a_login(
    certificate: tuple[Path, Path], tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox = Mailbox()
    with server(mailbox, tls=tls, authenticator=mailbox.login, auth_require_tls=False) as port:
        monkeypatch.setenv("OPS_SMTP", f"smtps://dw%40example.com:p%40ss%2Fword@localhost:{port}")
        notifier("env:OPS_SMTP", ca_file=str(certificate[1])).send(message())
        assert mailbox.logins == [(b"dw@example.com", b"p@ss/word")]
        monkeypatch.setenv("OPS_SMTP", f"smtps://dw:wrong-secret@localhost:{port}")
        with pytest.raises(DeliveryError, match="refused the login") as caught:
            notifier("env:OPS_SMTP", ca_file=str(certificate[1])).send(message())
    assert "wrong-secret" not in str(caught.value)
    assert len(mailbox.letters) == 1


def test_a_password_is_never_sent_in_clear_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_SMTP", "smtp://dw:hidden@mail.example.com")
    with pytest.raises(DeliveryError, match="not sent in clear") as caught:
        notifier("env:OPS_SMTP", starttls="never").send(message())
    assert "hidden" not in str(caught.value)


def test_a_server_that_hangs_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(DeliveryError, match="did not answer within 1 s") as caught:
            notifier(f"smtp://127.0.0.1:{silent.getsockname()[1]}", timeout_seconds=1).send(message())
        assert caught.value.retryable


def test_a_server_that_hangs_after_its_greeting_is_given_up() -> None:
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"220 hello\r\n")
                done.wait(20)

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(DeliveryError, match="did not answer within 1 s"):
            notifier(f"smtp://127.0.0.1:{listener.getsockname()[1]}", timeout_seconds=1).send(message())
        done.set()
        thread.join()


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(DeliveryError, match=r"cannot be reached: .*refused") as caught:
        notifier(f"smtp://127.0.0.1:{free_port()}").send(message())
    assert caught.value.retryable


@pytest.mark.parametrize(("answer", "retryable"), [("451 later", True), ("554 spam", False)])
def test_a_refused_message_says_whether_to_try_again(answer: str, *, retryable: bool) -> None:
    mailbox = Mailbox()
    mailbox.answer = answer
    with server(mailbox) as port, pytest.raises(DeliveryError, match=answer) as caught:
        notifier(f"smtp://127.0.0.1:{port}").send(message())
    assert caught.value.retryable is retryable


def test_one_refused_address_stops_no_other_and_is_reported() -> None:
    mailbox = Mailbox()
    mailbox.refused = {"ops@example.com": "550 nobody here"}
    with server(mailbox) as port:
        receipt = notifier(f"smtp://127.0.0.1:{port}").send(message())
        assert "ops@example.com refused: 550 nobody here" in receipt.detail
        mailbox.refused["lead@example.com"] = "550 nobody here"
        with pytest.raises(DeliveryError, match="refused every address") as caught:
            notifier(f"smtp://127.0.0.1:{port}").send(message())
    assert not caught.value.retryable
    assert len(mailbox.letters) == 1


def test_messages_of_one_incident_form_a_thread_and_a_repeat_has_the_same_id() -> None:
    def ids(sent: Message) -> tuple[str, str | None]:
        letter = email_message(sent, to=("a@example.com",), sender="dw@example.com")
        return letter["Message-ID"], letter["References"]

    first, no_reference = ids(message())
    assert no_reference is None
    assert ids(message(title="said again")) == (first, None)
    end, reference = ids(message(number=3, reason="resolved"))
    assert reference == first
    assert end != first
    assert ids(message(dedup_key="dw:production/flights/default:2"))[0] != first


def test_names_cannot_add_headers_or_markup() -> None:
    evil = "x\r\nBcc: all@example.com <script>alert(1)</script> & “ü”"
    letter = email_message(
        message(title=evil, summary=evil, evidence=(Evidence(evil, evil, evil),), link=evil, next_action=evil),
        to=("a@example.com",),
        sender="dw@example.com",
    )
    again = message_from_bytes(letter.as_bytes(), _class=EmailMessage, policy=policy.default)
    assert again["Bcc"] is None
    page = again.get_body(("html",))
    assert page is not None
    assert "<script" not in page.get_content()


class Tags(HTMLParser):
    """Checks that tags nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: Any) -> None:  # noqa: ARG002
        self.names.add(tag)
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_html_is_well_formed_and_needs_nothing_from_outside() -> None:
    letter = email_message(message(n_more=3), to=("a@example.com",), sender="dw@example.com")
    page = letter.get_body(("html",))
    assert page is not None
    tags = Tags()
    tags.feed(page.get_content())
    assert tags.open == []
    assert tags.names.isdisjoint({"img", "script", "link", "style", "iframe"})
    assert "and 3 more on the page" in page.get_content()


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"smtp_url": "smtp://dw:hidden@mail.example.com"}, "smtp_url"),
        ({"smtp_url": "http://mail.example.com"}, "smtp_url"),
        ({"to": []}, "to"),
        ({"to": ["nobody"]}, r"to\[0\]"),
        ({"to": ["a@example.com\nBcc: b@example.com"]}, r"to\[0\]"),
        ({"from": None}, "from"),
        ({"starttls": "sometimes"}, "starttls"),
        ({"ca_file": "/no/such/file"}, "ca_file"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"subject": "x"}, "subject"),
    ],
)
def test_a_wrong_document_is_refused_by_key_without_repeating_a_secret(options: dict[str, Any], path: str) -> None:
    with pytest.raises(SpecError, match=f"^{path}: ") as caught:
        EmailNotifier.parse({"smtp_url": "smtp://127.0.0.1:25", **ADDRESSES, **options})
    assert "hidden" not in str(caught.value)
