"""What every type of receiver promises: one suite for all that are registered, those of other packages among them."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest
from acceptance.listener import Webhook
from mail_server import Mailbox, server
from parts import require
from slack_api import CHANNEL

from driftwatch import _registry
from driftwatch.domain.notification import Evidence, Message, Notifier, Receipt
from driftwatch.domain.signal import Severity
from driftwatch.errors import DeliveryError
from driftwatch.notifiers import receiver
from driftwatch.notifiers.endpoint import parse_webhook
from driftwatch.notifiers.receiver import build_notifier, parse_receiver
from driftwatch.notifiers.webhook import post_json

SECRETS = {
    "OPS_KEY": "0123456789abcdef0123456789ABCDEF",
    "OPS_SECRET": "whsec_YSBzZWNyZXQgb2YgdGhpcnR5IHR3byBieXRlcyAuLi4=",
    "OPS_TOKEN": "xoxb-1234567890-secret-part",
}
TAKEN = f'{{"ok": true, "channel": "{CHANNEL}", "ts": "1.2"}}'.encode()
"""An answer that every one of them takes for a yes."""

MESSAGE = Message(
    dedup_key="dw:production/flights/default:1",
    number=2,
    reason="first",
    severity=Severity.CRITICAL,
    title="Drift in flights",
    summary="2 columns of flights have drifted.",
    evidence=(Evidence("temp", "KS 0.53", "mean 51.1 to 68.4", 812, 80_000, (0.1, 0.5)), Evidence("dewp", "KS 0.41")),
    n_more=3,
    window="2013-07-01 00:00-01:00 UTC",
    next_action="Look at temp first.",
    link="http://127.0.0.1:8301/incidents?incident=flights-1",
)


@dataclass(frozen=True)
class Pigeon:
    """A notifier of another package, as its author would write it."""

    endpoint: Any
    timeout_seconds: float

    @classmethod
    def parse(cls, options: Mapping[str, Any]) -> "Pigeon":
        return cls(*parse_webhook(options, whose="the pigeon's owner"))

    def send(self, message: Message) -> Receipt:
        body = f"{message.title}\n{message.summary}\n{message.dedup_key}\n{message.link}"[:2_000]
        said = post_json(
            self.endpoint.read(), body.encode(), receiver="The pigeon", timeout_seconds=self.timeout_seconds
        )
        return Receipt(message.dedup_key, said[:80])


class PigeonPoint(EntryPoint):
    """Loads it without a package on disk."""

    def load(self) -> Any:
        return Pigeon.parse


@dataclass(frozen=True)
class Form:
    """How one type is declared and what it can tell.

    Attributes:
        options: of its document.
        scheme: of an address that leads to an HTTP server.
        has_words: whether the other side gets the message's words for a reason.
        is_for_people: it fits on a screen.
        tells_why: it tells for good from for now, and when to come back.
    """

    options: dict[str, Any]
    scheme: str = "http"
    has_words: Callable[[str], bool] = field(default=lambda _reason: True)
    is_for_people: bool = True
    tells_why: bool = True


FORMS = {
    "apprise": Form({"url": "env:OPS_URL"}, scheme="json", tells_why=False),
    "carrier_pigeon": Form({"webhook_url": "env:OPS_URL"}),
    "heartbeat": Form({"url": "env:OPS_URL"}, has_words=lambda _reason: False),
    "pagerduty": Form(
        {"routing_key": "env:OPS_KEY", "events_url": "env:OPS_URL"},
        has_words=lambda reason: reason not in {"resolved", "acknowledged"},
    ),
    "slack": Form({"webhook_url": "env:OPS_URL"}),
    "slack_bot": Form({"token": "env:OPS_TOKEN", "channel": CHANNEL, "api_url": "env:OPS_URL"}),
    "teams": Form({"webhook_url": "env:OPS_URL"}),
    "webhook": Form({"url": "env:OPS_URL", "secret": "env:OPS_SECRET"}, is_for_people=False),
}
TELLING = [name for name, form in FORMS.items() if form.tells_why]
REASONS = ("first", "new_alerts", "escalated", "flapping", "repeat", "acknowledged", "resolved")


@pytest.fixture(autouse=True)
def _plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry as it is where another package has installed its notifier."""
    registry: _registry.Registry[Callable[[Mapping[str, Any]], Notifier]] = _registry.Registry("notifier")
    for name in receiver.NOTIFIERS:  # which looks for the real plugins, once in a process: before ours is there
        registry.add(name, receiver.NOTIFIERS[name])
    point = PigeonPoint("carrier_pigeon", "elsewhere:pigeon", "driftwatch.notifier")
    monkeypatch.setattr(_registry, "entry_points", lambda group: EntryPoints([point] if group == point.group else []))
    monkeypatch.setattr(receiver, "NOTIFIERS", registry)


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    hook = Webhook()
    hook.answer = TAKEN
    yield hook
    hook.close()


@pytest.fixture
def build(webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Notifier]:
    def made(name: str, *, timeout_seconds: float = 20, url: str = webhook.url) -> Notifier:
        if name == "apprise":
            require("apprise")
        monkeypatch.setenv("OPS_URL", url.replace("http://", f"{FORMS[name].scheme}://"))
        options = {**FORMS[name].options, "timeout_seconds": timeout_seconds}
        return build_notifier(parse_receiver({"kind": "receiver", "name": "ops", "type": name, **options}))

    return made


def test_every_type_is_held_to_this_suite() -> None:
    assert sorted([*FORMS, "email"]) == list(receiver.NOTIFIERS)


@pytest.mark.parametrize("name", FORMS)
def test_every_kind_of_message_is_handed_over(name: str, build: Callable[..., Notifier], webhook: Webhook) -> None:
    notifier = build(name)
    assert isinstance(notifier, Notifier)
    for reason in REASONS:
        receipt = notifier.send(replace(MESSAGE, reason=reason))
        assert receipt.detail
        text = webhook.bodies[-1].decode()
        assert MESSAGE.dedup_key in text
        assert (MESSAGE.title in text) is FORMS[name].has_words(reason)
        if FORMS[name].has_words(reason):
            assert MESSAGE.summary in text
            assert MESSAGE.link in text
    assert len(webhook.bodies) == len(REASONS)


@pytest.mark.parametrize("name", [name for name, form in FORMS.items() if form.is_for_people])
def test_no_message_is_longer_than_a_screen(name: str, build: Callable[..., Notifier], webhook: Webhook) -> None:
    long = "&*drift " * 10_000
    evidence = tuple(Evidence(long, long, long, 5, 6, (0.1,) * 500) for _ in range(50))
    build(name).send(replace(MESSAGE, title=long, summary=long, next_action=long, window=long, evidence=evidence))
    assert len(webhook.bodies[-1].decode()) < 13_000


@pytest.mark.parametrize("name", FORMS)
def test_no_secret_is_in_a_log_an_error_a_receipt_or_a_repr(
    name: str, build: Callable[..., Notifier], webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    notifier = build(name)
    told = [repr(notifier), str(notifier.send(MESSAGE))]
    webhook.status = 400
    with pytest.raises(DeliveryError) as caught:
        notifier.send(MESSAGE)
    told += [caplog.text, str(caught.value), repr(caught.value)]
    assert not any(secret in text for text in told for secret in ("secret-part", *SECRETS.values()))


@pytest.mark.parametrize("name", FORMS)
def test_a_server_that_says_nothing_is_given_up(name: str, build: Callable[..., Notifier], webhook: Webhook) -> None:
    webhook.silence = 60
    with pytest.raises(DeliveryError, match="did not answer within 2 s") as caught:
        build(name, timeout_seconds=2).send(MESSAGE)
    assert caught.value.retryable


@pytest.mark.parametrize("name", FORMS)
def test_an_answer_that_drips_for_ever_is_cut(name: str, build: Callable[..., Notifier], webhook: Webhook) -> None:
    webhook.status, webhook.answer, webhook.drip = 500, b"x" * 600, 0.1
    with pytest.raises(DeliveryError) as caught:
        build(name, timeout_seconds=2).send(MESSAGE)
    assert caught.value.retryable


@pytest.mark.parametrize("name", TELLING)
def test_an_answer_without_end_is_read_to_a_cap(name: str, build: Callable[..., Notifier], webhook: Webhook) -> None:
    webhook.status, webhook.answer = 500, b"x" * 200_000
    with pytest.raises(DeliveryError) as caught:
        build(name).send(MESSAGE)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("name", FORMS)
def test_a_redirect_is_not_followed(name: str, build: Callable[..., Notifier], webhook: Webhook) -> None:
    webhook.status, webhook.headers = 302, {"Location": webhook.url}
    with pytest.raises(DeliveryError, match="302"):
        build(name).send(MESSAGE)
    assert len(webhook.bodies) == 1


@pytest.mark.parametrize("name", TELLING)
@pytest.mark.parametrize(
    ("status", "headers", "retryable", "wait"),
    [
        (429, {"Retry-After": "17"}, True, 17.0),
        (429, {"Retry-After": "999999999"}, True, 86_400.0),
        (503, {"Retry-After": "soon"}, True, None),
        (500, {}, True, None),
        (400, {}, False, None),
        (401, {}, False, None),
        (410, {}, False, None),
    ],
)
def test_a_refusal_says_whether_and_when_to_try_again(
    name: str,
    build: Callable[..., Notifier],
    webhook: Webhook,
    status: int,
    headers: dict[str, str],
    *,
    retryable: bool,
    wait: float | None,
) -> None:
    webhook.status, webhook.headers = status, headers
    with pytest.raises(DeliveryError, match=str(status)) as caught:
        build(name).send(MESSAGE)
    assert (caught.value.retryable, caught.value.retry_after_seconds) == (retryable, wait)


@pytest.mark.parametrize("name", FORMS)
def test_a_server_that_is_not_there_is_tried_again(name: str, build: Callable[..., Notifier]) -> None:
    with pytest.raises(DeliveryError) as caught:
        build(name, url="http://127.0.0.1:1/secret-part").send(MESSAGE)
    assert caught.value.retryable
    assert "secret-part" not in str(caught.value)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "0.0.0.0"])  # noqa: S104
def test_an_address_at_which_machines_keep_credentials_is_refused(
    name: str, host: str, build: Callable[..., Notifier]
) -> None:
    scheme = "http" if FORMS[name].scheme != "http" else "https"
    with pytest.raises(DeliveryError, match="link-local"):
        build(name, url=f"{scheme}://{host}/latest").send(MESSAGE)


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    """Mail is no HTTP: what it promises of these is asked of a mail server; the rest stands in test_email.py."""
    box = Mailbox()
    with ExitStack() as stack:
        port = stack.enter_context(server(box))
        monkeypatch.setenv("OPS_URL", f"smtp://127.0.0.1:{port}")
        yield box


@pytest.mark.parametrize("reason", REASONS)
def test_mail_hands_over_every_kind_of_message(reason: str, mailbox: Mailbox) -> None:
    options = {"smtp_url": "env:OPS_URL", "to": ["ops@example.com"], "from": "dw@example.com"}
    notifier = build_notifier(parse_receiver({"kind": "receiver", "name": "ops", "type": "email", **options}))
    notifier.send(replace(MESSAGE, reason=reason))
    letter = mailbox.letters[0]
    assert letter["X-Driftwatch-Incident"] == MESSAGE.dedup_key
    text = letter.get_body(("plain",))
    assert text is not None
    assert all(part in text.get_content() for part in (MESSAGE.summary, MESSAGE.link, "temp"))
