"""Any other program, in the form of Standard Webhooks: a signed POST with an id that repeats when it is sent again."""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from driftwatch.domain.notification import Message, Receipt
from driftwatch.errors import DeliveryError, SpecError
from driftwatch.monitors import reading
from driftwatch.notifiers.endpoint import Endpoint
from driftwatch.notifiers.face import SUMMARY
from driftwatch.notifiers.secret import Reference, parse_reference, reject_unknown_keys
from driftwatch.notifiers.webhook import post_json

__all__ = ["WebhookNotifier", "sign"]

_PREFIX = "whsec_"
_LEAST_SECRET = 16


@dataclass(frozen=True)
class WebhookNotifier:
    """Sends to one address.

    Attributes:
        webhook: the address.
        secret: where the signing secret is kept (``whsec_`` and base64), or None: then nothing is signed.
        timeout_seconds: for one try.
    """

    webhook: Endpoint
    secret: Reference | None
    timeout_seconds: float = 10.0

    @classmethod
    def parse(cls, options: Mapping[str, Any]) -> Self:
        """Read the keys of a receiver document besides kind, name and type.

        Raises:
            SpecError: an unknown key, a secret in clear, or neither a secret nor ``unsigned: true``.
        """
        reject_unknown_keys(options, ("url", "secret", "unsigned", "allow_link_local", "timeout_seconds"))
        timeout = reading.read_number(options.get("timeout_seconds", 10), "timeout_seconds", low=1, high=60)
        flags = {}
        for key in ("unsigned", "allow_link_local"):
            flags[key] = options.get(key, False)
            if not isinstance(flags[key], bool):
                raise SpecError(f"{flags[key]!r} is neither true nor false", path=key)
        endpoint = Endpoint.parse(
            options.get("url"), "url", whose="the program that takes it", any_host=flags["allow_link_local"]
        )
        if flags["unsigned"]:
            if "secret" in options:
                raise SpecError("a message is either signed or unsigned; take one of the two keys away", path="secret")
            return cls(endpoint, None, timeout)
        return cls(endpoint, parse_reference(options.get("secret"), "secret", allowed_in_clear=False), timeout)

    def send(self, message: Message) -> Receipt:
        """POST the message as JSON.

        Raises:
            DeliveryError: it was not taken.
        """
        name = f"{message.dedup_key}:{message.number}"
        now = int(time.time())
        body = json.dumps(
            {"type": _type(message), "timestamp": now, "data": message.to_dict()}, ensure_ascii=False
        ).encode()
        headers = {"webhook-id": name, "webhook-timestamp": str(now)}
        if self.secret is not None:
            headers["webhook-signature"] = sign(self._key(self.secret), name, now, body)
        answer = post_json(
            self.webhook.read(), body, receiver="The webhook", timeout_seconds=self.timeout_seconds, headers=headers
        )
        return Receipt(external_id=name, detail=f"it answered {answer[:80]!r}" if answer else "it was taken")

    @staticmethod
    def _key(secret: Reference) -> bytes:
        try:
            key = base64.b64decode(secret.read().removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            key = b""
        if len(key) < _LEAST_SECRET:
            raise DeliveryError(
                f"secret: {secret.text} does not hold {_PREFIX} and at least {_LEAST_SECRET} bytes in base64. Make one "
                "with: openssl rand -base64 32",
                retryable=True,
            )
        return key


def _type(message: Message) -> str:
    return "week.summary" if message.reason == SUMMARY else f"incident.{message.reason}"


def sign(key: bytes, message_id: str, at: int, body: bytes) -> str:
    """The signature of a message.

    Args:
        key: the secret's bytes.
        message_id: of the message.
        at: seconds since 1970.
        body: as it is sent.

    Source: Standard Webhooks, "signature scheme".
    """
    digest = hmac.new(key, f"{message_id}.{at}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"
