"""The Slack bot against a server on this machine that is as strict as Slack."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_api import CHANNEL, TOKEN, SlackApi

from driftwatch.domain.notification import Evidence, Message, Receipt
from driftwatch.domain.signal import Severity
from driftwatch.errors import DeliveryError, SpecError
from driftwatch.notifiers.receiver import build_notifier, parse_receiver
from driftwatch.notifiers.slack_bot import SlackBotNotifier

KEYS = {"token": "env:OPS_TOKEN", "channel": CHANNEL, "timeout_seconds": 1}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackApi]:
    made = SlackApi()
    monkeypatch.setenv("OPS_TOKEN", TOKEN)
    yield made
    made.close()


@pytest.fixture
def bot(api: SlackApi) -> SlackBotNotifier:
    return SlackBotNotifier.parse(KEYS | {"api_url": api.url})


def message(number: int = 1, reason: str = "first", thread: str = "", **changes: Any) -> Message:
    fields: dict[str, Any] = {
        "dedup_key": "dw:production/flights/default:1",
        "number": number,
        "reason": reason,
        "severity": Severity.WARNING,
        "title": "Drift in flights: temp",
        "summary": "temp of flights has drifted since 2013-07-01 00:00 UTC.",
        "evidence": (Evidence("temp", "KS 0.53", "mean 51.1 → 68.4", n=812, trend=(0.1, 0.5)),),
        "link": "http://127.0.0.1:8301/incidents?incident=flights-1",
        "thread": thread,
    }
    return Message(**(fields | changes))


def opened(bot: SlackBotNotifier) -> str:
    """The name of the first message of an incident."""
    name = bot.send(message()).external_id
    assert name is not None
    return name


def test_an_incident_is_one_thread_whose_first_message_shows_how_things_stand(
    api: SlackApi, bot: SlackBotNotifier
) -> None:
    first = opened(bot)
    where, _, root = first.partition("/")
    assert (where, list(api.posts)) == (CHANNEL, [root])
    assert "thread_ts" not in api.posts[root]
    seen = []
    for number, reason in enumerate(("escalated", "repeat", "acknowledged", "resolved"), start=2):
        severity = Severity.CRITICAL if reason == "escalated" else Severity.WARNING
        receipt = bot.send(message(number, reason, first, severity=severity, summary=f"This is {reason}."))
        assert receipt.external_id != first
        reply = api.posts[str(receipt.external_id).partition("/")[2]]
        assert reply["thread_ts"] == root
        shown = api.posts[root]["blocks"]
        assert shown == reply["blocks"]
        assert shown[1]["text"]["text"] == f"This is {reason}."
        seen.append((reason, shown[0]["text"]["text"][0], reply["reply_broadcast"]))
    assert seen == [
        ("escalated", "▲", True),
        ("repeat", "◆", True),
        ("acknowledged", "◆", False),
        ("resolved", "✓", False),
    ]
    assert api.posts[root]["metadata"]["event_payload"] == {"dedup_key": "dw:production/flights/default:1", "number": 1}


def test_a_message_sent_twice_can_be_told_by_its_metadata(api: SlackApi, bot: SlackBotNotifier) -> None:
    first, second = opened(bot), opened(bot)
    assert first != second
    one, other = api.posts.values()
    assert one["metadata"] == other["metadata"]


@pytest.mark.parametrize("thread", ["C9999999999/1700000000.000100", "dw:production/flights:1", "", "C0123456789/x"])
def test_a_thread_of_another_channel_or_receiver_is_none(api: SlackApi, bot: SlackBotNotifier, thread: str) -> None:
    bot.send(message(2, "escalated", thread))
    assert api.calls == ["chat.postMessage"]


def test_a_thread_whose_first_message_was_deleted_goes_on_in_the_channel(api: SlackApi, bot: SlackBotNotifier) -> None:
    first = opened(bot)
    api.posts.clear()
    receipt = bot.send(message(2, "resolved", first))
    (post,) = api.posts.values()
    assert "thread_ts" not in post
    assert "thread" not in receipt.detail


def test_a_thread_that_is_locked_goes_on_in_the_channel(api: SlackApi, bot: SlackBotNotifier) -> None:
    first = opened(bot)
    api.answers.append(None)
    api.refuse("restricted_action_thread_locked")
    bot.send(message(2, "resolved", first))
    assert len(api.posts) == 2
    assert not any("thread_ts" in post for post in api.posts.values())


def test_a_first_message_that_may_not_be_changed_stops_no_reply(api: SlackApi, bot: SlackBotNotifier) -> None:
    first = opened(bot)
    api.refuse("edit_window_closed")
    receipt = bot.send(message(2, "resolved", first))
    assert len(api.posts) == 2
    assert "stays as it was: Slack did not take it: edit_window_closed." in receipt.detail


def test_a_first_message_that_cannot_be_changed_now_holds_up_the_end_and_no_escalation(
    api: SlackApi, bot: SlackBotNotifier
) -> None:
    first = opened(bot)
    busy: tuple[int, dict[str, str], dict[str, Any]] = (
        429,
        {"Retry-After": "9"},
        {"ok": False, "error": "ratelimited"},
    )
    api.answers.append(busy)
    with pytest.raises(DeliveryError, match="429") as caught:
        bot.send(message(2, "resolved", first))
    assert (caught.value.retryable, caught.value.retry_after_seconds) == (True, 9.0)
    assert len(api.posts) == 1
    api.answers.append(busy)
    bot.send(message(2, "escalated", first))
    assert len(api.posts) == 2


@pytest.mark.parametrize(
    ("error", "retryable", "advice"),
    [
        ("invalid_auth", False, "Bot User OAuth Token where env:OPS_TOKEN is kept"),
        ("token_revoked", False, "Bot User OAuth Token where env:OPS_TOKEN is kept"),
        ("channel_not_found", False, "Check the channel's id"),
        ("not_in_channel", False, "/invite"),
        ("is_archived", False, "archived"),
        ("missing_scope", False, "chat:write"),
        ("invalid_blocks", False, ""),
        ("something_new", False, ""),
        ("internal_error", True, ""),
        ("ratelimited", True, ""),
        ("service_unavailable", True, ""),
    ],
)
def test_what_slack_refuses_is_told_with_its_word_and_what_to_do(
    api: SlackApi, bot: SlackBotNotifier, error: str, *, retryable: bool, advice: str
) -> None:
    api.refuse(error)
    with pytest.raises(DeliveryError, match=f"Slack did not take it: {error}") as caught:
        bot.send(message())
    assert caught.value.retryable is retryable
    assert advice in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_the_real_refusals_of_a_workspace(api: SlackApi, bot: SlackBotNotifier) -> None:
    def refused(sender: SlackBotNotifier) -> str:
        with pytest.raises(DeliveryError) as caught:
            sender.send(message())
        return str(caught.value)

    other = SlackBotNotifier.parse(KEYS | {"api_url": api.url, "channel": "C9999999999"})
    assert "channel_not_found" in refused(other)
    api.members.clear()
    assert "not_in_channel" in refused(bot)
    api.tokens.clear()
    assert "invalid_auth" in refused(bot)


@pytest.mark.parametrize("answer", [b"<html>a proxy's own page</html>", b'{"ok": true, "chan', b"[]", b"{}", b""])
def test_an_answer_that_is_not_slacks_is_tried_again(api: SlackApi, bot: SlackBotNotifier, answer: bytes) -> None:
    api.answers.append((200, {}, answer))
    with pytest.raises(DeliveryError, match="is not Slack, or broke off") as caught:
        bot.send(message())
    assert caught.value.retryable


def test_a_long_answer_is_read_whole(api: SlackApi, bot: SlackBotNotifier) -> None:
    api.answers.append((200, {}, {"message": "x" * 20_000, "ok": True, "channel": CHANNEL, "ts": "1.2"}))
    assert bot.send(message()) == Receipt(f"{CHANNEL}/1.2", f"Slack posted it as {CHANNEL}/1.2")


@pytest.mark.parametrize(
    "content", ["xapp-1-app-level", "https://hooks.slack.com/x", "xoxb-1 2", "xoxb-1234567890\nX: y"]
)
def test_a_token_that_is_none_is_told_before_anything_is_sent(
    api: SlackApi, bot: SlackBotNotifier, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPS_TOKEN", content)
    with pytest.raises(DeliveryError, match="env:OPS_TOKEN does not hold a bot's token") as caught:
        bot.send(message())
    assert content not in str(caught.value)
    assert api.calls == []


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"token": TOKEN}, "token"),
        ({"token": None}, "token"),
        ({"channel": "#ops"}, "channel"),
        ({"channel": None}, "channel"),
        ({"api_url": "http://example.com/api"}, "api_url"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"chanel": CHANNEL}, "chanel"),
    ],
)
def test_a_wrong_document_is_refused_by_key_without_repeating_a_secret(change: dict[str, Any], path: str) -> None:
    with pytest.raises(SpecError, match=path) as caught:
        parse_receiver({"kind": "receiver", "name": "ops", "type": "slack_bot", **KEYS, **change})
    assert TOKEN not in str(caught.value)


def test_its_address_is_slacks_unless_another_is_named() -> None:
    spec = parse_receiver({"kind": "receiver", "name": "ops", "type": "slack_bot", **KEYS})
    made = build_notifier(spec)
    assert isinstance(made, SlackBotNotifier)
    assert made.api.read() == "https://slack.com/api"
    assert json.dumps(spec.to_dict()).count("env:OPS_TOKEN") == 1


HOSTILE = st.text(st.sampled_from("&<>*_`~|@#é中😀 \n") | st.characters(), max_size=5_000)


@settings(max_examples=40, deadline=None)
@given(words=HOSTILE, name=HOSTILE, n=st.integers(0, 12))
def test_nothing_that_a_name_may_hold_makes_a_message_slack_refuses(words: str, name: str, n: int) -> None:
    api = SlackApi()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPS_TOKEN", TOKEN)
        evidence = tuple(Evidence(name, words, words, n=n, n_reference=n) for _ in range(n))
        try:
            sender = SlackBotNotifier.parse(KEYS | {"api_url": api.url, "timeout_seconds": 10})
            sender.send(message(title=words, summary=words, next_action=words, window=words, evidence=evidence))
        finally:
            api.close()
    (post,) = api.posts.values()
    assert "<!" not in json.dumps([block for block in post["blocks"] if block["type"] != "header"])
