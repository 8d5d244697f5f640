"""The address of a webhook: a reference to it, and what it may be when it is read."""

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from driftwatch.errors import DeliveryError
from driftwatch.monitors import reading
from driftwatch.notifiers.secret import Reference, is_loopback, parse_reference, reject_unknown_keys, split_url

__all__ = ["Endpoint", "is_link_local", "parse_webhook"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where messages are posted to.

    Attributes:
        key: the key of the document that names it.
        reference: where the address is kept.
        whose: who hands it out, for the advice.
        any_host: whether addresses of the link's own machines are allowed.
    """

    key: str
    reference: Reference
    whose: str
    any_host: bool = False

    @classmethod
    def parse(cls, value: Any, key: str, *, whose: str, in_clear: bool = False, any_host: bool = False) -> Self:
        """Read the key of a receiver document.

        Args:
            value: ``env:NAME``, ``file:/path``, or an address of this machine.
            key: its name.
            whose: who hands the address out.
            in_clear: the address is no secret and may stand in the document.
            any_host: link-local addresses are allowed.

        Raises:
            SpecError: an address that is in clear, or none.
        """
        parts = split_url(value) if isinstance(value, str) else None
        on_this_machine = parts is not None and parts.scheme == "http" and is_loopback(parts.hostname)
        plain = on_this_machine or (in_clear and parts is not None and parts.scheme == "https")
        return cls(key, parse_reference(value, key, allowed_in_clear=plain), whose, any_host)

    def read(self) -> str:
        """The address, read anew.

        Raises:
            DeliveryError: it is not there, is no https:// address, or leads to a link-local machine: the addresses at
                which clouds hand out credentials.
        """
        url = self.reference.read()
        parts = split_url(url)
        if parts is None or (parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname))):
            raise DeliveryError(
                f"{self.key}: {self.reference.text if self.reference.is_secret else 'it'} does not hold an https:// "
                f"address. Copy it from {self.whose} again.",
                retryable=True,
            )
        if not self.any_host and is_link_local(parts.hostname or ""):
            raise DeliveryError(
                f"{self.key}: the address is link-local, where machines keep credentials. If it is right, add "
                "allow_link_local: true.",
                retryable=False,
            )
        return url


def parse_webhook(options: Mapping[str, Any], *, whose: str) -> tuple[Endpoint, float]:
    """The keys of a receiver that is one webhook, ``webhook_url`` and ``timeout_seconds``.

    Raises:
        SpecError: an unknown key, or an address that is in clear or impossible.
    """
    reject_unknown_keys(options, ("webhook_url", "timeout_seconds"))
    timeout = reading.read_number(options.get("timeout_seconds", 10), "timeout_seconds", low=1, high=60)
    return Endpoint.parse(options.get("webhook_url"), "webhook_url", whose=whose), timeout


def is_link_local(host: str) -> bool:
    """Whether a host's name leads to an address at which clouds hand out credentials, or to no machine's own."""
    return any(_is_forbidden(address) for address in _addresses(host))


def _addresses(host: str) -> list[str]:
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except OSError:
        return []  # whoever connects says it better


def _is_forbidden(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None) or parsed
    return bool(mapped.is_link_local or mapped.is_multicast or mapped.is_unspecified)
