"""PagerDuty, Events API version 2: trigger, acknowledge and resolve on one key."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from driftwatch.domain.notification import Message, Receipt
from driftwatch.domain.signal import Severity
from driftwatch.errors import DeliveryError
from driftwatch.monitors import reading
from driftwatch.notifiers.endpoint import Endpoint
from driftwatch.notifiers.secret import Reference, parse_reference, reject_unknown_keys
from driftwatch.notifiers.table import row_lines
from driftwatch.notifiers.webhook import post_json

__all__ = ["PagerDutyNotifier", "pagerduty_event"]

_EVENTS = "https://events.pagerduty.com/v2/enqueue"
_ACTIONS = {"resolved": "resolve", "acknowledged": "acknowledge"}
_KEY_LENGTH = 32
_LONGEST_SUMMARY = 1024
_LONGEST_FACT = 200
_SHOWN = 10
_TABLE_ROOM = 6_000


@dataclass(frozen=True)
class PagerDutyNotifier:
    """Sends to one service's integration.

    Attributes:
        routing_key: where the integration key is kept.
        events: where events go; the other region's is https://events.eu.pagerduty.com/v2/enqueue.
        timeout_seconds: for one try.
    """

    routing_key: Reference
    events: Endpoint
    timeout_seconds: float = 10.0

    @classmethod
    def parse(cls, options: Mapping[str, Any]) -> Self:
        """Read the keys of a receiver document besides kind, name and type.

        Raises:
            SpecError: an unknown key, or a key in clear.
        """
        reject_unknown_keys(options, ("routing_key", "events_url", "timeout_seconds"))
        timeout = reading.read_number(options.get("timeout_seconds", 10), "timeout_seconds", low=1, high=60)
        url = options.get("events_url", _EVENTS)
        events = Endpoint.parse(url, "events_url", whose="PagerDuty's documentation", in_clear=True)
        return cls(parse_reference(options.get("routing_key"), "routing_key", allowed_in_clear=False), events, timeout)

    def send(self, message: Message) -> Receipt:
        """Send the event; a repeated one changes nothing there, since the key is the same.

        Raises:
            DeliveryError: PagerDuty did not take it.
        """
        key = self.routing_key.read()
        if len(key) != _KEY_LENGTH or not key.isalnum():
            raise DeliveryError(
                f"routing_key: {self.routing_key.text} does not hold an integration key of 32 letters and digits. Copy "
                "it from the service's Events API v2 integration.",
                retryable=True,
            )
        body = json.dumps(pagerduty_event(message, key), ensure_ascii=False).encode()
        answer = post_json(self.events.read(), body, receiver="PagerDuty", timeout_seconds=self.timeout_seconds)
        return Receipt(external_id=message.dedup_key[:255], detail=f"PagerDuty answered {answer[:80]!r}")


def pagerduty_event(message: Message, routing_key: str) -> dict[str, Any]:
    """The event of a message; what is neither an end nor an acknowledgement triggers, on one key the same alert."""
    action = _ACTIONS.get(message.reason, "trigger")
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": message.dedup_key[:255],
    }
    if action != "trigger":
        return event
    listed, left = row_lines(message.table, room=_TABLE_ROOM)
    details = {
        "summary": message.summary[:_LONGEST_SUMMARY],
        "evidence": [_line(asdict(line)) for line in message.evidence[:_SHOWN]],
        "more_columns": message.n_more + max(0, len(message.evidence) - _SHOWN) + left,
        "table": listed,
        "window": message.window[:_LONGEST_FACT],
        "reference": message.reference[:_LONGEST_FACT],
        "next_action": message.next_action[:_LONGEST_SUMMARY],
    }
    event["payload"] = {
        "summary": message.title[:_LONGEST_SUMMARY],
        "source": message.dedup_key.rpartition(":")[0] or "driftwatch",
        "severity": "critical" if message.severity is Severity.CRITICAL else "warning",
        "component": "model",
        "class": message.reason,
        "custom_details": {key: value for key, value in details.items() if value},
    }
    if message.link:
        event["client"] = "driftwatch"
        event["client_url"] = message.link
        event["links"] = [{"href": message.link, "text": "Open the incident"}]
    return event


def _line(evidence: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in evidence.items() if name != "trend" and value not in (None, "")}
    return {name: value[:_LONGEST_FACT] if isinstance(value, str) else value for name, value in told.items()}
