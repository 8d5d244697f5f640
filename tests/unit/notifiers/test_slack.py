"""The Slack notifier against a real HTTP server on this machine, and the shape of what it sends."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from acceptance.listener import Webhook
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.domain.notification import Evidence, Message, Notifier
from driftwatch.domain.signal import Severity
from driftwatch.errors import DeliveryError, SpecError
from driftwatch.notifiers.slack import SlackNotifier, slack_body


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    hook = Webhook()
    yield hook
    hook.close()


@pytest.fixture
def slack(webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> SlackNotifier:
    monkeypatch.setenv("OPS_WEBHOOK", webhook.url)
    return SlackNotifier.parse({"webhook_url": "env:OPS_WEBHOOK", "timeout_seconds": 1})


def message(**changes: Any) -> Message:
    fields: dict[str, Any] = {
        "dedup_key": "dw:production/flights/default:1",
        "number": 1,
        "reason": "first",
        "severity": Severity.WARNING,
        "title": "Drift in flights: temp, dewp",
        "summary": "2 columns of flights have drifted since 2013-07-01 00:00 UTC.",
        "evidence": (
            Evidence("temp", "KS 0.53", "mean 51.1 → 68.4", n=812, n_reference=80_000, trend=(0.1, 0.2, 0.53)),
            Evidence("dewp", "KS 0.41", n=812),
        ),
        "window": "2013-07-01 00:00–01:00 UTC",
        "reference": "2013-04-01 to 2013-04-15",
        "next_action": "Look at temp first.",
        "link": "http://127.0.0.1:8301/incidents?incident=flights-1",
    }
    return Message(**(fields | changes))


def blocks_of(sent: Message) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = json.loads(slack_body(sent))["blocks"]
    return blocks


def test_it_is_a_notifier(slack: SlackNotifier) -> None:
    assert isinstance(slack, Notifier)


def test_a_message_arrives_with_its_evidence_in_order(slack: SlackNotifier, webhook: Webhook) -> None:
    receipt = slack.send(message())
    assert "ok" in receipt.detail
    body = json.loads(webhook.bodies[0])
    assert webhook.paths == ["/services/T0/B0/secret-part"]
    assert body["text"] == "◆ Drift in flights: temp, dewp"
    assert body["blocks"][0] == {
        "type": "header",
        "text": {"type": "plain_text", "text": "◆ Drift in flights: temp, dewp"},
    }
    assert body["blocks"][2]["text"]["text"] == (
        "*temp* · KS 0.53 · mean 51.1 → 68.4 · n 812, reference 80,000\n`▂▄█`\n*dewp* · KS 0.41 · n 812"
    )
    assert "<http://127.0.0.1:8301/incidents?incident=flights-1|Open the incident>" in webhook.bodies[0].decode()


def test_retry_after_may_be_a_date(slack: SlackNotifier, webhook: Webhook) -> None:
    webhook.status, webhook.headers = 429, {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}
    with pytest.raises(DeliveryError) as caught:
        slack.send(message())
    assert caught.value.retry_after_seconds == 0.0


@pytest.mark.parametrize("status", [200, 500])
def test_a_body_that_drips_for_ever_is_cut(slack: SlackNotifier, webhook: Webhook, status: int) -> None:
    webhook.status, webhook.answer, webhook.drip = status, b"x" * 200, 0.1
    started = time.monotonic()
    if status == 200:
        slack.send(message())
    else:
        with pytest.raises(DeliveryError, match="answered 500"):
            slack.send(message())
    assert time.monotonic() - started < 10  # the drip alone would take 20 s


def test_an_endless_body_is_read_to_its_cap_only(slack: SlackNotifier, webhook: Webhook) -> None:
    webhook.answer = b"y" * 100_000
    assert len(slack.send(message()).detail) < 200


def test_a_literal_address_is_refused_without_repeating_it() -> None:
    with pytest.raises(SpecError, match="env:DRIFTWATCH_WEBHOOK_URL") as caught:
        SlackNotifier.parse({"webhook_url": "https://hooks.slack.com/services/T0/B0/secret-part"})
    assert "secret-part" not in str(caught.value)
    with pytest.raises(SpecError, match="Did you mean 'webhook_url'") as caught:
        SlackNotifier.parse({"webhook_ulr": "https://hooks.slack.com/services/T0/B0/secret-part"})
    assert "secret-part" not in str(caught.value)


@pytest.mark.parametrize("value", [None, "", 5, "env:", "env:NOT A NAME", "file:relative"])
def test_impossible_references_are_refused(value: object) -> None:
    with pytest.raises(SpecError, match="webhook_url"):
        SlackNotifier.parse({"webhook_url": value})


@pytest.mark.parametrize("content", ["ftp://example.com", "http://example.com/hook", "hooks"])
def test_a_secret_that_is_no_webhook_is_an_error_that_names_only_its_reference(
    content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPS_WEBHOOK", content)
    with pytest.raises(DeliveryError, match="env:OPS_WEBHOOK does not hold an https") as caught:
        SlackNotifier.parse({"webhook_url": "env:OPS_WEBHOOK"}).send(message())
    assert content not in str(caught.value).removeprefix("webhook_url: env:OPS_WEBHOOK does not hold an https://")


def test_a_secret_in_a_file_is_read_anew_each_time(tmp_path: Any, webhook: Webhook) -> None:
    secret = tmp_path / "hook"
    slack = SlackNotifier.parse({"webhook_url": f"file:{secret}"})
    with pytest.raises(DeliveryError, match="cannot be read") as caught:
        slack.send(message())
    assert caught.value.retryable
    secret.write_text(webhook.url + "\n")
    slack.send(message())
    assert len(webhook.bodies) == 1


def test_names_cannot_ping_a_channel_or_make_links() -> None:
    evil = "<!channel> & <https://x|y>"
    text = slack_body(
        message(title=evil, summary=evil, next_action=evil, evidence=(Evidence(evil, evil, evil),), dedup_key=evil)
    ).decode()
    plain = json.loads(text)
    assert "<!channel>" not in json.dumps([block for block in plain["blocks"] if block["type"] != "header"])
    assert "<!channel>" not in plain["text"]


@given(
    name=st.text(max_size=400),
    words=st.text(max_size=5_000),
    n=st.integers(0, 200),
    trend=st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=100),
)
def test_it_is_never_longer_than_a_screen(name: str, words: str, n: int, trend: list[float]) -> None:
    evidence = tuple(Evidence(name, words, words, n=n, n_reference=n, trend=tuple(trend)) for _ in range(n))
    sent = message(title=words, summary=words, next_action=words, window=words, evidence=evidence, n_more=n)
    body = slack_body(sent)
    assert len(blocks_of(sent)) <= 7
    assert len(body.decode()) < 13_000
    for block in blocks_of(sent):
        assert len(block.get("text", {"text": ""})["text"]) <= 3_000


def test_resolved_and_critical_have_their_signs() -> None:
    assert blocks_of(message(reason="resolved"))[0]["text"]["text"].startswith("✓ ")
    assert blocks_of(message(severity=Severity.CRITICAL))[0]["text"]["text"].startswith("▲ ")
