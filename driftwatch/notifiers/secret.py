"""Secrets by reference: configuration names where a secret lives, and nothing ever stores or prints it."""

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from driftwatch.errors import DeliveryError, SpecError
from driftwatch.monitors import reading

__all__ = ["Reference", "is_loopback", "parse_reference", "reject_unknown_keys", "split_url"]

_LARGEST_FILE = 1 << 16
_LOOPBACK = frozenset({"localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a value lives.

    Attributes:
        text: ``env:NAME``, ``file:/path``, or the value itself where that is no secret.
        is_secret: whether `text` is a reference.
    """

    text: str
    is_secret: bool

    def read(self) -> str:
        """The value, read anew each time.

        Raises:
            DeliveryError: it is not there; to be tried again, since the receiver can do nothing about it.
        """
        if not self.is_secret:
            return self.text
        kind, _, where = self.text.partition(":")
        value = os.environ.get(where, "") if kind == "env" else _read_file(where)
        if not value.strip():
            hint = "Set the variable in the service's environment" if kind == "env" else "Write the secret to the file"
            raise DeliveryError(f"{self.text} is not set or empty. {hint}.", retryable=True)
        return value.strip()


def parse_reference(value: object, path: str, *, allowed_in_clear: bool) -> Reference:
    """Read ``env:NAME`` or ``file:/path``; anything else only if `allowed_in_clear`.

    Args:
        value: from the document.
        path: the key, for the message.
        allowed_in_clear: the caller looked at the value and found no secret in it.

    Raises:
        SpecError: no text, an impossible reference, or a secret in clear; the secret is not repeated.
    """
    if not isinstance(value, str) or not value.strip():
        raise SpecError("missing; give env:NAME or file:/path", path=path)
    text = value.strip()
    if text.startswith("env:"):
        if not text[4:].isidentifier():
            raise SpecError(f"{text!r} does not name an environment variable; write env:NAME", path=path)
        return Reference(text, is_secret=True)
    if text.startswith("file:"):
        if not Path(text[5:]).is_absolute():
            raise SpecError(f"{text!r} is not an absolute path; write file:/run/secrets/name", path=path)
        return Reference(text, is_secret=True)
    if allowed_in_clear:
        return Reference(text, is_secret=False)
    name = path.rpartition(".")[2].upper()
    raise SpecError(
        "this value is a secret and must not stand here in clear. Put it in an environment variable of the service and "
        f"write env:DRIFTWATCH_{name}, or in a file that only the service can read and write file:/path",
        path=path,
    )


def reject_unknown_keys(options: Mapping[str, Any], known: Sequence[str]) -> None:
    """Refuse keys that are not in `known`; what stands under them may be a misplaced secret and is not repeated.

    Raises:
        SpecError: names the key, the nearest right key and all of them.
    """
    reading.reject_unknown(dict.fromkeys(options, "…"), known, "")


def split_url(text: str) -> SplitResult | None:
    """The parts of an address, or None if it is none."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.scheme and parts.hostname else None


def is_loopback(host: str | None) -> bool:
    """Whether a host name or address can only be this machine."""
    return host is not None and (host in _LOOPBACK or host.startswith("127."))


def _read_file(where: str) -> str:
    path = Path(where)
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST_FILE:
            raise DeliveryError(f"file:{where} is not a file of at most 64 KiB.", retryable=True)
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DeliveryError(f"file:{where} is not UTF-8 text.", retryable=True) from None
    except OSError as error:
        raise DeliveryError(f"file:{where} cannot be read: {error.strerror}.", retryable=True) from None
