"""What the life of the process means for its senders: a fork makes them forget, the end makes them flush."""

import atexit
import os
import sys
from time import monotonic
from typing import Protocol
from weakref import WeakSet

__all__ = ["Member", "join", "watch_end"]


class Member(Protocol):
    """A sender, as this module sees it."""

    closed: bool
    shutdown_seconds: float

    def forget(self) -> None:
        """In a forked child: start clean."""
        ...

    def close(self, timeout: float) -> bool:
        """Send what waits, within `timeout` seconds, and end."""
        ...


_members: "WeakSet[Member]" = WeakSet()
_watched = 0


def join(member: Member) -> None:
    """From now on a forked child makes the member forget."""
    _members.add(member)


def watch_end() -> None:
    """Flush when the process ends. A child of multiprocessing ends without `atexit`, so it has its own hook."""
    global _watched  # noqa: PLW0603 - a fact of the process
    if _watched == os.getpid():
        return
    if not _watched:
        atexit.register(_close_all)
    _watched = os.getpid()
    processes = sys.modules.get("multiprocessing.process")
    if processes is not None and processes.parent_process() is not None:
        from multiprocessing.util import Finalize

        Finalize(None, _close_all, exitpriority=10)


def _close_all() -> None:
    """One deadline for all."""
    members = [member for member in list(_members) if not member.closed]
    until = monotonic() + max((member.shutdown_seconds for member in members), default=0.0)
    for member in members:
        member.close(max(0.0, min(member.shutdown_seconds, until - monotonic())))


def _forget_all() -> None:
    for member in list(_members):
        member.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
