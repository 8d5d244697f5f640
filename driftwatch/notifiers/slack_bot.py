"""Slack by a bot's token: one thread an incident, and its first message always shows how things stand now."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from driftwatch.domain.notification import Message, Receipt
from driftwatch.errors import DeliveryError, SpecError
from driftwatch.monitors import reading
from driftwatch.notifiers.endpoint import Endpoint
from driftwatch.notifiers.secret import Reference, parse_reference, reject_unknown_keys
from driftwatch.notifiers.slack import slack_content
from driftwatch.notifiers.webhook import post_json

__all__ = ["SlackBotNotifier", "thread_of"]

_API = "https://slack.com/api"
_CHANNEL = re.compile(r"[CGD][A-Z0-9]{8,20}")
_TOKEN = re.compile(r"(xoxe\.)?xox[bp]-[A-Za-z0-9-]{8,}")
_ANSWER_AT_MOST = 1 << 16  # Slack repeats the whole message
_HEADLINES = frozenset({"first", "new_alerts", "escalated", "flapping", "repeat"})
"""What is shown in the channel too: a reply in a thread alone disturbs only those who follow it."""

_PASSING = frozenset(
    {
        "fatal_error",
        "internal_error",
        "org_login_required",
        "rate_limited",
        "ratelimited",
        "request_timeout",
        "service_unavailable",
        "team_added_to_org",
    }
)
_THREAD_LOST = frozenset(
    {
        "cannot_reply_to_message",
        "invalid_thread_ts",
        "message_not_found",
        "restricted_action_non_threadable_channel",
        "restricted_action_thread_locked",
        "thread_not_found",
    }
)
_NEW_TOKEN = "Install the app again and put its Bot User OAuth Token where {token} is kept."  # noqa: S105 - no secret
_ADVICE = {
    "account_inactive": _NEW_TOKEN,
    "channel_not_found": "Check the channel's id, and invite the bot if the channel is private.",
    "invalid_auth": _NEW_TOKEN,
    "is_archived": "The channel is archived: open it again, or name another one.",
    "missing_scope": "Give the app the scope chat:write (OAuth & Permissions) and install it again.",
    "no_permission": "Give the app the scope chat:write (OAuth & Permissions) and install it again.",
    "not_allowed_token_type": "Use the app's Bot User OAuth Token (xoxb-...).",
    "not_authed": _NEW_TOKEN,
    "not_in_channel": "Invite the bot to the channel: /invite @its-name.",
    "restricted_action": "An administrator of the workspace lets only some people post there.",
    "restricted_action_read_only_channel": "An administrator of the workspace lets only some people post there.",
    "token_expired": _NEW_TOKEN,
    "token_revoked": _NEW_TOKEN,
}


class _RefusedError(DeliveryError):
    """Slack's own words for why not."""

    def __init__(self, text: str, code: str) -> None:
        super().__init__(text, retryable=code in _PASSING)
        self.code = code


@dataclass(frozen=True)
class SlackBotNotifier:
    """Writes to one channel.

    Attributes:
        token: where the bot's token is kept.
        channel: its id.
        api: where Slack's methods are; of GovSlack at https://slack-gov.com/api.
        timeout_seconds: for one call; a message makes at most three.
    """

    token: Reference
    channel: str
    api: Endpoint
    timeout_seconds: float = 10.0

    @classmethod
    def parse(cls, options: Mapping[str, Any]) -> Self:
        """Read the keys of a receiver document besides kind, name and type.

        Raises:
            SpecError: an unknown key, a token in clear, or no channel's id.
        """
        reject_unknown_keys(options, ("token", "channel", "api_url", "timeout_seconds"))
        token = parse_reference(options.get("token"), "token", allowed_in_clear=False)
        channel = options.get("channel")
        if not isinstance(channel, str) or not _CHANNEL.fullmatch(channel):
            raise SpecError(
                f"{channel!r} is not a channel's id, like C0123456789; Slack shows it at the end of the channel's "
                "details",
                path="channel",
            )
        url = options.get("api_url", _API)
        api = Endpoint.parse(url, "api_url", whose="Slack's documentation", in_clear=True)
        timeout = reading.read_number(options.get("timeout_seconds", 10), "timeout_seconds", low=1, high=60)
        return cls(token, channel, api, timeout)

    def send(self, message: Message) -> Receipt:
        """Post the message; if the incident has a thread here, into it, and show the new state in its first message.

        The state comes first, for it may be shown twice and a message not. A first message that cannot be changed now
        holds up an end or an acknowledgement, which is tried again as a whole, and nothing that is to wake somebody.
        Slack takes one message twice for two: the second one carries the same metadata.

        Raises:
            DeliveryError: it was not posted.
        """
        thread = thread_of(message, self.channel)
        is_headline = message.reason in _HEADLINES
        content = slack_content(message)
        unshown = None if thread is None else self._show(thread, content)
        if isinstance(unshown, _RefusedError) and unshown.code in _THREAD_LOST:
            thread = None
        elif unshown is not None and unshown.retryable and not is_headline:
            raise unshown
        post = {
            "channel": self.channel,
            **content,
            "unfurl_links": False,
            "metadata": {
                "event_type": "driftwatch_message",
                "event_payload": {"dedup_key": message.dedup_key, "number": message.number},
            },
        }
        if thread is None:
            answer = self._call("chat.postMessage", post)
        else:
            answer = self._reply(post, thread, is_headline=is_headline)
        name = f"{answer.get('channel')}/{answer.get('ts')}"
        detail = f"Slack posted it as {name}"
        if thread is not None:
            detail += f" in the thread {thread}"
            detail += f"; the first message stays as it was: {unshown}" if unshown else ""
        return Receipt(name, detail)

    def _show(self, thread: str, content: Mapping[str, Any]) -> DeliveryError | None:
        """Change the first message; returns why it cannot be changed, or None."""
        try:
            self._call("chat.update", {"channel": self.channel, "ts": thread, **content})
        except DeliveryError as error:
            return error
        return None

    def _reply(self, post: Mapping[str, Any], thread: str, *, is_headline: bool) -> dict[str, Any]:
        try:
            return self._call("chat.postMessage", {**post, "thread_ts": thread, "reply_broadcast": is_headline})
        except _RefusedError as refusal:
            if refusal.code not in _THREAD_LOST:
                raise
            return self._call("chat.postMessage", post)

    def _call(self, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        text = post_json(
            f"{self.api.read().rstrip('/')}/{method}",
            json.dumps(arguments, ensure_ascii=False).encode(),
            receiver="Slack",
            timeout_seconds=self.timeout_seconds,
            headers={"Authorization": f"Bearer {self._secret()}", "Content-Type": "application/json; charset=utf-8"},
            read_at_most=_ANSWER_AT_MOST,
        )
        answer = _answer_of(text)
        if answer.get("ok") is True:
            return answer
        code = str(answer.get("error", "no reason"))[:80]
        advice = _ADVICE.get(code, "").format(token=self.token.text)
        raise _RefusedError(f"Slack did not take it: {code}.{' ' if advice else ''}{advice}", code)

    def _secret(self) -> str:
        token = self.token.read()
        if not _TOKEN.fullmatch(token):
            raise DeliveryError(
                f"token: {self.token.text} does not hold a bot's token (xoxb-...). Copy the Bot User OAuth Token from "
                "the app's page OAuth & Permissions.",
                retryable=True,
            )
        return token


def thread_of(message: Message, channel: str) -> str | None:
    """The time stamp of the incident's first message in a channel, or None if it has none there.

    >>> from driftwatch.domain.signal import Severity
    >>> sent = Message("dw:x:1", 2, "resolved", Severity.WARNING, "t", "s", thread="C0123456789/1700000000.000100")
    >>> thread_of(sent, "C0123456789"), thread_of(sent, "C9876543210")
    ('1700000000.000100', None)
    """
    where, _, stamp = message.thread.partition("/")
    return stamp if where == channel and re.fullmatch(r"[0-9]+\.[0-9]+", stamp) else None


def _answer_of(text: str) -> dict[str, Any]:
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or not isinstance(answer.get("ok"), bool):
        raise DeliveryError(
            f"What answered in Slack's place is not Slack, or broke off: {' '.join(text.split())[:100]!r}.",
            retryable=True,
        )
    return answer
