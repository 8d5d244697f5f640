"""Ids without the `uuid` module, whose import costs more than a thousand logged rows."""

import os
import time
from itertools import count
from random import Random

__all__ = ["new_id"]

_MILLISECOND = 1_000_000

_now = time.time_ns
_prefix = ""
_until = 0
_next = count().__next__


def new_id() -> str:
    """A UUIDv7 (RFC 9562 §5.7) as text of 36 characters.

    48 bits of milliseconds, 26 random bits that are new every millisecond, and a counter of 48 bits (§6.2) that
    starts at a random number in every process, so that neither threads nor processes meet.
    """
    if _now() >= _until:
        _renew()
    return f"{_prefix}{_next():012x}"


def _renew() -> None:
    global _prefix, _until  # noqa: PLW0603 - the clock is one for the process
    milliseconds = _now() // _MILLISECOND
    time_part = f"{milliseconds:012x}"
    noise = _random.getrandbits(26)
    _prefix = f"{time_part[:8]}-{time_part[8:]}-7{noise >> 14:03x}-{0x8000 | noise & 0x3FFF:04x}-"
    _until = (milliseconds + 1) * _MILLISECOND


def _reseed() -> None:
    """A process begins, also by a fork: it must not repeat another's ids."""
    global _random, _next, _until  # noqa: PLW0603 - as above
    _random = Random(os.urandom(32))  # noqa: S311 - ids must be unique, not secret
    _next = count(_random.getrandbits(47)).__next__
    _until = 0


_random = Random()  # noqa: S311 - replaced at once
_reseed()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reseed)
