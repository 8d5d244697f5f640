"""Slack incoming webhooks: Block Kit, one screen, at most 50 blocks and far below 13,000 characters."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from driftwatch.domain.notification import Evidence, Message, Receipt
from driftwatch.notifiers.endpoint import Endpoint, parse_webhook
from driftwatch.notifiers.face import link_word, sign_of
from driftwatch.notifiers.sparkline import sparkline
from driftwatch.notifiers.table import row_lines
from driftwatch.notifiers.webhook import post_json

__all__ = ["SlackNotifier", "slack_body", "slack_content"]

_LONGEST_HEADER = 150
_SHOWN = 5
_TABLE_ROOM = 2_200


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
    """The JSON of an incoming webhook."""
    return json.dumps({**slack_content(message), "unfurl_links": False}, ensure_ascii=False).encode()


def slack_content(message: Message) -> dict[str, Any]:
    """Blocks, and a text for lock screens and readers without blocks."""
    sign = sign_of(message)
    header = {"type": "plain_text", "text": _cut(f"{sign} {message.title}", _LONGEST_HEADER)}
    blocks: list[dict[str, Any]] = [{"type": "header", "text": header}]
    if message.summary:
        blocks.append(_section(_fit(message.summary, 800)))
    lines = [_line(evidence) for evidence in message.evidence[:_SHOWN]]
    listed, left = row_lines(message.table, room=_TABLE_ROOM)
    lines += [_escape(line) for line in listed]
    more = message.n_more + max(0, len(message.evidence) - _SHOWN) + left
    if more:
        lines.append(f"_and {more} more on the page_")
    if lines:
        blocks.append(_section("\n".join(lines)))
    if message.next_action:
        blocks.append(_section(f"*Next:* {_fit(message.next_action, 600)}"))
    if message.link:
        blocks.append(_section(f"<{_escape(message.link)}|{link_word(message)}>"))
    facts = [fact for fact in (message.window, message.reference, message.dedup_key) if fact]
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": _fit(" · ".join(facts), 600)}]})
    return {"text": _fit(f"{sign} {message.title}", 300), "blocks": blocks}


def _line(evidence: Evidence) -> str:
    parts = [f"*{_fit(evidence.column, 60)}*", _fit(evidence.effect, 120)]
    if evidence.change:
        parts.append(_fit(evidence.change, 120))
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


def _fit(text: str, longest: int) -> str:
    """The text, escaped, in at most so many characters; no escape is cut in two."""
    escaped = _escape(text)
    if len(escaped) <= longest:
        return escaped
    kept, mark, rest = escaped[: longest - 1].rpartition("&")
    return f"{kept}…" if mark and ";" not in rest else f"{kept}{mark}{rest}…"


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
