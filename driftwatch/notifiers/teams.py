"""Microsoft Teams, through a workflow that starts when a webhook is called: one adaptive card a message."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from driftwatch.domain.notification import Evidence, Message, Receipt
from driftwatch.domain.signal import Severity
from driftwatch.notifiers.endpoint import Endpoint, parse_webhook
from driftwatch.notifiers.face import SUMMARY, link_word, sign_of
from driftwatch.notifiers.sparkline import sparkline
from driftwatch.notifiers.table import row_lines
from driftwatch.notifiers.webhook import post_json

__all__ = ["TeamsNotifier", "teams_card"]

_CARD = "application/vnd.microsoft.card.adaptive"
_SHOWN = 5
_TABLE_ROOM = 6_000
_SPECIAL = str.maketrans({mark: f"\\{mark}" for mark in "\\*_[]()#`~"})


@dataclass(frozen=True)
class TeamsNotifier:
    """Sends to one workflow.

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
            SpecError: an unknown key, or an address in clear.
        """
        return cls(*parse_webhook(options, whose="the workflow in Teams"))

    def send(self, message: Message) -> Receipt:
        """POST the card.

        Raises:
            DeliveryError: the workflow did not take it.
        """
        card = {
            "type": "message",
            "attachments": [
                {
                    "contentType": "application/vnd.microsoft.card.adaptive",
                    "contentUrl": None,
                    "content": teams_card(message),
                }
            ],
        }
        body = json.dumps(card, ensure_ascii=False).encode()
        answer = post_json(self.webhook.read(), body, receiver="Teams", timeout_seconds=self.timeout_seconds)
        return Receipt(external_id=None, detail=f"Teams answered {answer[:80]!r}" if answer else "Teams took it")


def teams_card(message: Message) -> dict[str, Any]:
    """One adaptive card, version 1.4."""
    calm = message.reason in {"resolved", SUMMARY}
    colour = "default" if calm else "attention" if message.severity is Severity.CRITICAL else "warning"
    body = [
        _text(f"{sign_of(message)} {_plain(message.title[:200])}", size="medium", weight="bolder", color=colour),
        _text(_plain(message.summary[:800])),
    ]
    body += [_text(_line(evidence), spacing="small") for evidence in message.evidence[:_SHOWN]]
    listed, left = row_lines(message.table, room=_TABLE_ROOM)
    body += [_text(_plain(line), spacing="small") for line in listed]
    more = message.n_more + max(0, len(message.evidence) - _SHOWN) + left
    if more:
        body.append(_text(f"and {more} more on the page", isSubtle=True, spacing="small"))
    if message.next_action:
        body.append(_text(f"**Next:** {_plain(message.next_action[:600])}"))
    facts = [fact for fact in (message.window, message.reference, message.dedup_key) if fact]
    body.append(_text(_plain(" · ".join(facts)[:600]), isSubtle=True, size="small"))
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
    }
    if message.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": link_word(message), "url": message.link}]
    return card


def _text(text: str, **options: Any) -> dict[str, Any]:
    return {"type": "TextBlock", "text": text, "wrap": True, **options}


def _line(evidence: Evidence) -> str:
    parts = [f"**{_plain(evidence.column[:60])}**", _plain(evidence.effect[:120])]
    if evidence.change:
        parts.append(_plain(evidence.change[:120]))
    parts.append(f"n {evidence.n:,}")
    chart = sparkline(evidence.trend)
    return " · ".join(parts) + (f" · {chart}" if chart.strip() else "")


def _plain(text: str) -> str:
    """Cards read Markdown; a name must not make a link."""
    return text.translate(_SPECIAL)
