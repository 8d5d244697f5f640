"""Slack incoming webhooks: Block Kit, one screen, at most 50 blocks and far below 13,000 characters."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from driftwatch.domain.notification import Evidence, Message, Receipt
from driftwatch.domain.signal import Severity
from driftwatch.notifiers.endpoint import Endpoint, parse_webhook
from driftwatch.notifiers.sparkline import sparkline
from driftwatch.notifiers.webhook import post_json

__all__ = ["SlackNotifier", "slack_body"]

_LONGEST_HEADER = 150
_SHOWN = 5


@dataclass(frozen=True)
class SlackNotifier:
    """Sends to one incoming webhook.

    Attributes:
        webhook: its address, which is a password.
        timeout_seconds: for one try.
    """

    webhook: Endpoint
    timeout_seconds: float = 10.0

    @classmethod
    def parse(cls, options: Mapping[str, Any]) -> Self:
        """Read the keys of a receiver document besides kind, name and type.

        Raises:
            SpecError: an unknown key, or an address that is in clear or impossible.
        """
        return cls(*parse_webhook(options, whose="Slack"))

    def send(self, message: Message) -> Receipt:
        """POST the message.

        Raises:
            DeliveryError: Slack did not take it.
        """
        url = self.webhook.read()
        answer = post_json(url, slack_body(message), receiver="Slack", timeout_seconds=self.timeout_seconds)
        return Receipt(external_id=None, detail=f"Slack answered {answer[:80]!r}")


def slack_body(message: Message) -> bytes:
    """The JSON of an incoming webhook: blocks, and a text for lock screens and readers without blocks."""
    sign = _sign(message)
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": _cut(f"{sign} {message.title}", _LONGEST_HEADER)}},
        _section(_escape(_cut(message.summary, 800))),
    ]
    lines = [_line(evidence) for evidence in message.evidence[:_SHOWN]]
    more = message.n_more + max(0, len(message.evidence) - _SHOWN)
    if more:
        lines.append(f"_and {more} more on the page_")
    if lines:
        blocks.append(_section("\n".join(lines)))
    if message.next_action:
        blocks.append(_section(f"*Next:* {_escape(_cut(message.next_action, 600))}"))
    if message.link:
        blocks.append(_section(f"<{_escape(message.link)}|Open the incident>"))
    facts = [fact for fact in (message.window, message.reference, message.dedup_key) if fact]
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": _escape(_cut(" · ".join(facts), 600))}]})
    body = {"text": _escape(_cut(f"{sign} {message.title}", 300)), "blocks": blocks, "unfurl_links": False}
    return json.dumps(body, ensure_ascii=False).encode()


def _sign(message: Message) -> str:
    if message.reason == "resolved":
        return "✓"
    return "▲" if message.severity is Severity.CRITICAL else "◆"


def _line(evidence: Evidence) -> str:
    parts = [f"*{_escape(_cut(evidence.column, 60))}*", _escape(_cut(evidence.effect, 120))]
    if evidence.change:
        parts.append(_escape(_cut(evidence.change, 120)))
    count = f"n {evidence.n:,}"
    if evidence.n_reference is not None:
        count += f", reference {evidence.n_reference:,}"
    parts.append(count)
    line = " · ".join(parts)
    chart = sparkline(evidence.trend)
    return f"{line}\n`{chart}`" if chart.strip() else line


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _escape(text: str) -> str:
    """Slack reads &, < and > as its own; in a name they must not make a link or wake a channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
