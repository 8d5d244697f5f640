"""Any service that the package apprise knows: a hundred chats, pagers and push services, each by an address of its own.

apprise runs in a process of its own: one message is bounded in time however slowly the other side answers, and what
apprise logs, addresses among it, reaches no log of ours. A receiver is one target: a dead one has retries and dead
letters of its own, and holds up no other.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from driftwatch._optional import require
from driftwatch.domain.notification import Message, Receipt
from driftwatch.domain.signal import Severity
from driftwatch.errors import DeliveryError, MissingPartError
from driftwatch.monitors import reading
from driftwatch.notifiers.letter import subject_line, text_letter
from driftwatch.notifiers.secret import Reference, parse_reference, reject_unknown_keys

__all__ = ["AppriseNotifier"]

_CHILD = (sys.executable, "-m", "driftwatch.notifiers.apprise_target")
_LONGEST = 3_000
_KINDS = {"resolved": "success", "acknowledged": "info"}


@dataclass(frozen=True)
class AppriseNotifier:
    """Sends to one target.

    Attributes:
        url: where its address in apprise's form is kept, which holds its password.
        timeout_seconds: for one try.
    """

    url: Reference
    timeout_seconds: float = 20.0

    @classmethod
    def parse(cls, options: Mapping[str, Any]) -> Self:
        """Read the keys of a receiver document besides kind, name and type.

        Raises:
            SpecError: an unknown key, or an address in clear.
        """
        reject_unknown_keys(options, ("url", "timeout_seconds"))
        timeout = reading.read_number(options.get("timeout_seconds", 20), "timeout_seconds", low=1, high=60)
        return cls(parse_reference(options.get("url"), "url", allowed_in_clear=False), timeout)

    def send(self, message: Message) -> Receipt:
        """Hand the message to apprise.

        Raises:
            DeliveryError: it was not taken. apprise does not tell for good from for now: it is always tried again.
        """
        try:
            require("apprise", extra="apprise", purpose="A receiver of type apprise")
        except MissingPartError as missing:
            raise DeliveryError(str(missing), retryable=True) from None
        task = {
            "url": self.url.read(),
            "title": subject_line(message),
            "body": text_letter(message)[:_LONGEST],
            "kind": _KINDS.get(message.reason, "failure" if message.severity is Severity.CRITICAL else "warning"),
            "timeout_seconds": self.timeout_seconds,
        }
        answer = self._ask(task)
        if not answer["taken"]:
            raise DeliveryError(f"url: {self.url.text}: {answer['words']}", retryable=True)
        return Receipt(external_id=None, detail=f"apprise handed it to {answer['words']}")

    def _ask(self, task: Mapping[str, Any]) -> dict[str, Any]:
        try:
            child = subprocess.run(  # noqa: S603 - this interpreter, and a module of ours
                _CHILD, input=json.dumps(task).encode(), capture_output=True, timeout=self.timeout_seconds, check=False
            )
            answer: dict[str, Any] = json.loads(child.stdout)
        except subprocess.TimeoutExpired:
            raise DeliveryError(
                f"url: {self.url.text}: the target did not answer within {self.timeout_seconds:g} s.", retryable=True
            ) from None
        except ValueError:
            why = f"apprise broke off with exit code {child.returncode}."
            raise DeliveryError(f"url: {self.url.text}: {why}", retryable=True) from None
        return answer
