"""Ids without the `uuid` module, whose import costs more than a thousand logged rows."""

import os
import time
from random import Random

__all__ = ["new_id"]

_random = Random(os.urandom(32))  # noqa: S311 - ids must be unique, not secret
_bits = _random.getrandbits
_now = time.time_ns


def _reseed() -> None:
    """A forked child must not repeat its parent's ids."""
    _random.seed(os.urandom(32))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reseed)


def new_id() -> str:
    """A UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds, then 74 random bits; as text of 36 characters."""
    text = f"{_now() // 1_000_000 << 80 | 0x7 << 76 | _bits(12) << 64 | 0x2 << 62 | _bits(62):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
