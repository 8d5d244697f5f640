"""Notifiers that post over HTTP against a real server on this machine: the form of each (see test_conformance.py)."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from acceptance.listener import Webhook
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from driftwatch.domain.notification import Evidence, Message, Notifier
from driftwatch.domain.signal import Severity
from driftwatch.errors import DeliveryError, SpecError
from driftwatch.notifiers.endpoint import Endpoint
from driftwatch.notifiers.receiver import build_notifier, parse_receiver

KEY = "0123456789abcdef0123456789ABCDEF"
SECRET = "whsec_" + base64.b64encode(b"a secret of thirty two bytes ...").decode()
FORMS: dict[str, dict[str, Any]] = {
    "slack": {"webhook_url": "env:OPS_URL"},
    "pagerduty": {"routing_key": "env:OPS_KEY", "events_url": "env:OPS_URL"},
    "teams": {"webhook_url": "env:OPS_URL"},
    "webhook": {"url": "env:OPS_URL", "secret": "env:OPS_SECRET"},
}
SECRETS = ("secret-part", KEY, SECRET)

MESSAGE = Message(
    dedup_key="dw:production/flights/default:1",
    number=2,
    reason="first",
    severity=Severity.CRITICAL,
    title="Drift in flights: [temp](x), dewp",
    summary="2 columns of flights have drifted.",
    evidence=(Evidence("temp", "KS 0.53", "mean 51.1 → 68.4", 812, 80_000, (0.1, 0.5)), Evidence("dewp", "KS 0.41")),
    n_more=3,
    window="2013-07-01 00:00–01:00 UTC",
    reference="2013-04-01 to 2013-04-15",
    next_action="Look at temp first.",
    link="http://127.0.0.1:8301/incidents?incident=flights-1",
)


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    hook = Webhook()
    monkeypatch.setenv("OPS_URL", hook.url)
    monkeypatch.setenv("OPS_KEY", KEY)
    monkeypatch.setenv("OPS_SECRET", SECRET)
    yield hook
    hook.close()


def notifier(form: str, **options: Any) -> Notifier:
    document = {"kind": "receiver", "name": "ops", "type": form, "timeout_seconds": 1, **FORMS[form], **options}
    return build_notifier(parse_receiver(document))


def sent(webhook: Webhook) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(webhook.bodies[-1])
    return body


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("reason", ["first", "resolved"])
def test_every_form_leads_with_the_title_and_carries_the_link_and_the_evidence(
    form: str, reason: str, webhook: Webhook
) -> None:
    notifier(form).send(replace(MESSAGE, reason=reason, title="Drift in flights"))
    text = webhook.bodies[0].decode()
    if form == "pagerduty" and reason == "resolved":
        assert sent(webhook) == {"routing_key": KEY, "event_action": "resolve", "dedup_key": MESSAGE.dedup_key}
        return
    assert all(part in text for part in ("Drift in flights", MESSAGE.link, "temp", "dewp", "51.1 → 68.4"))
    assert "Look at temp first." in text
    assert len(text) < 13_000


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("content", ["ftp://example.com", "http://example.com/hook", "hooks"])
def test_an_address_that_is_none_is_an_error_that_names_only_its_reference(
    form: str, content: str, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPS_URL", content)
    with pytest.raises(DeliveryError, match="env:OPS_URL does not hold an https") as caught:
        notifier(form).send(MESSAGE)
    assert f"'{content}'" not in str(caught.value)
    assert webhook.bodies == []


@pytest.mark.parametrize(
    ("form", "key", "value"),
    [
        ("pagerduty", "routing_key", KEY),
        ("teams", "webhook_url", "https://example.com/secret-part"),
        ("webhook", "url", "https://example.com/secret-part"),
        ("webhook", "secret", SECRET),
    ],
)
def test_a_secret_in_clear_is_refused_without_repeating_it(form: str, key: str, value: str) -> None:
    with pytest.raises(SpecError, match="must not stand here in clear") as caught:
        notifier(form, **{key: value})
    assert not any(secret in str(caught.value) for secret in SECRETS)


def test_pagerduty_gets_one_key_from_trigger_to_resolve(webhook: Webhook) -> None:
    pagerduty = notifier("pagerduty")
    actions = []
    for reason in ("first", "escalated", "repeat", "acknowledged", "resolved"):
        receipt = pagerduty.send(replace(MESSAGE, reason=reason))
        actions.append(sent(webhook)["event_action"])
        assert sent(webhook)["dedup_key"] == receipt.external_id == MESSAGE.dedup_key
    assert actions == ["trigger", "trigger", "trigger", "acknowledge", "resolve"]
    payload = json.loads(webhook.bodies[0])["payload"]
    assert (payload["severity"], payload["source"]) == ("critical", "dw:production/flights/default")
    assert payload["custom_details"]["evidence"][0] == {
        "column": "temp", "effect": "KS 0.53", "change": "mean 51.1 → 68.4", "n": 812, "n_reference": 80_000,
    }  # fmt: skip
    assert payload["custom_details"]["more_columns"] == 3


def test_a_wrong_integration_key_is_told_before_anything_is_sent(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPS_KEY", "too-short")
    with pytest.raises(DeliveryError, match="32 letters and digits") as caught:
        notifier("pagerduty").send(MESSAGE)
    assert "too-short" not in str(caught.value)
    assert webhook.bodies == []


def test_names_make_no_links_in_teams(webhook: Webhook) -> None:
    notifier("teams").send(MESSAGE)
    card = sent(webhook)["attachments"][0]["content"]
    assert card["body"][0]["text"] == "▲ Drift in flights: \\[temp\\]\\(x\\), dewp"
    assert card["actions"][0]["url"] == MESSAGE.link


def test_the_signature_is_that_of_standard_webhooks_and_the_id_repeats(webhook: Webhook) -> None:
    hook = notifier("webhook")
    first, second = hook.send(MESSAGE), hook.send(MESSAGE)
    assert first.external_id == second.external_id == "dw:production/flights/default:1:2"
    data = Verifier(SECRET).verify(webhook.bodies[0].decode(), webhook.received[0])
    assert data["type"] == "incident.first"
    assert Message.from_dict(data["data"]) == MESSAGE
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(webhook.bodies[0].decode().replace("temp", "dewp"), webhook.received[0])


def test_a_webhook_is_unsigned_only_when_asked(webhook: Webhook) -> None:
    document = {"kind": "receiver", "name": "ops", "type": "webhook", "url": "env:OPS_URL"}
    with pytest.raises(SpecError, match=r"^secret: missing"):
        parse_receiver(document)
    build_notifier(parse_receiver(document | {"unsigned": True})).send(MESSAGE)
    assert "webhook-signature" not in webhook.received[0]
    with pytest.raises(SpecError, match="either signed or unsigned"):
        parse_receiver(document | {"unsigned": True, "secret": "env:OPS_SECRET"})


@pytest.mark.parametrize("secret", ["short", "whsec_c2hvcnQ=", "whsec_not base64!"])
def test_a_signing_secret_that_is_none_is_told(secret: str, webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_SECRET", secret)
    with pytest.raises(DeliveryError, match="openssl rand") as caught:
        notifier("webhook").send(MESSAGE)
    assert secret not in str(caught.value)
    assert webhook.bodies == []


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]", "0.0.0.0"])  # noqa: S104
def test_link_local_addresses_are_refused_unless_allowed(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_URL", f"https://{host}/latest")
    with pytest.raises(DeliveryError, match="link-local"):
        Endpoint.parse("env:OPS_URL", "url", whose="anybody").read()
    assert Endpoint.parse("env:OPS_URL", "url", whose="anybody", any_host=True).read() == f"https://{host}/latest"
