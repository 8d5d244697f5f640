"""Sealing the audit log every few seconds, and telling its end to somebody else.

A chain of hashes shows that an event was changed, deleted, inserted or moved; it does not show that its tail was cut,
nor that all of it was written anew. Checkpoints do: how many events there were, and the hash of the last one, kept
where whoever can write to the store cannot reach them.
"""

import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from driftwatch.domain.instant import HOUR, to_iso
from driftwatch.domain.notification import Message
from driftwatch.domain.signal import Severity
from driftwatch.errors import UserError
from driftwatch.notifiers.receiver import PAGERS
from driftwatch.storage import audit_chain, lease, notification, receiver
from driftwatch.storage.audit_chain import Head
from driftwatch.storage.store import Store

__all__ = ["CHECKPOINT_EVERY", "Checkpoints", "Sealer"]

_LOG = logging.getLogger(__name__)

CHECKPOINT_EVERY = HOUR
"""How often a receiver gets a checkpoint at most, microseconds. A file gets one whenever something was sealed."""

_LEASE = "audit"
_LEASE_SECONDS = 30.0
_GROUP = "dw:audit"


@dataclass(frozen=True)
class Checkpoints:
    """Where checkpoints go; nowhere, if both are None.

    Attributes:
        file: a line of JSON is added to it; verified with ``driftwatch audit verify --checkpoints``.
        receiver: the name of a declared receiver that takes messages.
    """

    file: Path | None = None
    receiver: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Checkpoints":
        """Read ``file:/path``, ``receiver:NAME`` or nothing.

        Raises:
            UserError: something else, or a file that cannot be written.
        """
        kind, _, rest = text.partition(":")
        if not text:
            return cls()
        if kind not in {"file", "receiver"} or not rest:
            raise UserError(
                f"DRIFTWATCH_AUDIT_CHECKPOINTS: {text!r} says not where to; write file:/path/to/it or receiver:NAME"
            )
        if kind == "receiver":
            return cls(receiver=rest)
        try:
            with Path(rest).open("ab"):
                return cls(file=Path(rest))
        except OSError as error:
            raise UserError(f"DRIFTWATCH_AUDIT_CHECKPOINTS: {rest} cannot be written: {error.strerror}") from None


class Sealer:
    """Call :meth:`seal` every few seconds, from one thread. Any number of workers may: one at a time seals.

    Args:
        store: where the audit log is.
        owner: this worker's name.
        checkpoints: where its end is told.
    """

    def __init__(self, store: Store, *, owner: str, checkpoints: Checkpoints | None = None) -> None:
        self._store = store
        self._owner = owner
        self._checkpoints = checkpoints or Checkpoints()
        self._written: Head | None = None

    def seal(self, should_stop: Callable[[], bool] = lambda: False) -> Head:
        """Seal what has been committed since, and write the checkpoint; returns the end of the chain.

        Raises:
            StoreError: the database cannot be used; nothing is lost, call again.
        """
        with self._store.read() as conn:
            goes_on = audit_chain.count_unsealed(conn) > 0
        while goes_on and not should_stop():
            goes_on = self._seal_some()
        with self._store.read() as conn:
            head, now = audit_chain.read_head(conn), self._store.now(conn)
        self._write(head, now)
        return head

    def _seal_some(self) -> bool:
        """False if nothing waits any more, or another worker has the lease."""
        with self._store.begin() as conn:
            now = self._store.now(conn)
            if lease.acquire(conn, _LEASE, self._owner, now=now, seconds=_LEASE_SECONDS) is None:
                return False
            head = audit_chain.seal_next(conn)
            if head is not None and self._checkpoints.receiver is not None:
                _send(conn, self._checkpoints.receiver, head, now=now)
            return head is not None

    def _write(self, head: Head, now: int) -> None:
        """Add a line to the file, if the end has moved. A file that refuses stops no sealing; it is tried again."""
        if self._checkpoints.file is None or not head.count or head == self._written:
            return
        line = {"schema": 1, "count": head.count, "hash": head.hash.hex(), "at": to_iso(now)}
        try:
            with self._checkpoints.file.open("ab") as file:
                file.write(f"{json.dumps(line)}\n".encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            _LOG.error("the checkpoint of the audit log cannot be written: %s: %s", self._checkpoints.file, error)
            return
        self._written = head


def _send(conn: Connection, name: str, head: Head, *, now: int) -> None:
    """Put a checkpoint into the outbox, unless the receiver got one within the hour."""
    found = receiver.find_receiver(conn, name)
    if found is None or not found.enabled or found.kind in PAGERS:
        _LOG.warning(
            "there is no receiver %r that takes checkpoints of the audit log; it must be one that pages nobody", name
        )
        return
    newest = notification.newest_in_group(conn, found.id, _GROUP)
    if newest is not None and now - newest.created_at < CHECKPOINT_EVERY:
        return
    message = Message(
        dedup_key=_GROUP,
        number=head.count,
        reason="checkpoint",
        severity=Severity.WATCH,
        title=f"Audit log: {head.count:,} events are sealed",
        summary=f"Keep this to check the log with: driftwatch audit verify --checkpoint {head.count}:{head.hash.hex()}",
    )
    notification.enqueue(
        conn,
        receiver_id=found.id,
        group_key=_GROUP,
        seq=head.count,
        reason=message.reason,
        payload=message.to_dict(),
        at=now,
    )
