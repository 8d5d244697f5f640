"""A dead man's switch: an address that is called as long as all is well, and that raises the alarm when it is not.

What watches the watcher must be somewhere else: any service that expects a call every few minutes will do.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from driftwatch.domain.notification import Message, Receipt
from driftwatch.monitors import reading
from driftwatch.notifiers.endpoint import Endpoint
from driftwatch.notifiers.secret import reject_unknown_keys
from driftwatch.notifiers.webhook import post_json

__all__ = ["HEARTBEAT", "HeartbeatNotifier"]

HEARTBEAT = "heartbeat"
"""The type of receivers that are called by the clock and take no messages."""


@dataclass(frozen=True)
class HeartbeatNotifier:
    """Calls one address.

    Attributes:
        endpoint: the address.
        every_seconds: how often.
        timeout_seconds: for one call.
    """

    endpoint: Endpoint
    every_seconds: float = 60.0
    timeout_seconds: float = 10.0

    @classmethod
    def parse(cls, options: Mapping[str, Any]) -> Self:
        """Read the keys of a receiver document besides kind, name and type.

        Raises:
            SpecError: an unknown key, a number out of range, or an address in clear.
        """
        reject_unknown_keys(options, ("url", "every_seconds", "timeout_seconds"))
        every = reading.read_number(options.get("every_seconds", 60), "every_seconds", low=10, high=86_400)
        timeout = reading.read_number(options.get("timeout_seconds", 10), "timeout_seconds", low=1, high=60)
        endpoint = Endpoint.parse(options.get("url"), "url", whose="the service that expects the calls")
        return cls(endpoint, every, timeout)

    def send(self, message: Message) -> Receipt:
        """Call the address; of the message only the fact that there is one is told.

        Raises:
            DeliveryError: the call was not taken.
        """
        body = json.dumps({"status": "alive", "from": message.dedup_key}).encode()
        receiver = "The heartbeat's address"
        answer = post_json(self.endpoint.read(), body, receiver=receiver, timeout_seconds=self.timeout_seconds)
        return Receipt(external_id=None, detail=f"it answered {answer[:80]!r}" if answer else "it was taken")
