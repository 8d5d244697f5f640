"""Whether the audit log is what was sealed: the chain from its start, and every checkpoint that somebody kept."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from driftwatch.errors import UserError
from driftwatch.storage import audit_chain
from driftwatch.storage.audit_chain import FIRST, Head, SealedRow, seal_hash
from driftwatch.storage.store import Store

__all__ = ["Checkpoint", "Fault", "Verification", "first_fault", "parse_checkpoint", "read_checkpoints", "verify"]

_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The end of the chain as it was once.

    Attributes:
        head: how many events there were, and the hash of the last.
        source: where this is known from, for people.
    """

    head: Head
    source: str


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that is not as it was sealed.

    Attributes:
        number: the place in the chain, from 1.
        event_id: the id of the event there, or None if it is gone.
        reason: what is wrong, for people.
    """

    number: int
    event_id: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of it.

    Attributes:
        head: the end of the chain; where it is broken, the last event before the fault.
        unsealed: events that wait to be sealed.
        checkpoints: how many were held against it.
        fault: the first, or None.
    """

    head: Head
    unsealed: int
    checkpoints: int
    fault: Fault | None

    def to_dict(self) -> dict[str, Any]:
        """As ``audit verify --json`` prints it."""
        fault = self.fault
        return {
            "whole": fault is None,
            "sealed": self.head.count,
            "hash": self.head.hash.hex(),
            "unsealed": self.unsealed,
            "checkpoints": self.checkpoints,
            "fault": fault and {"number": fault.number, "event": fault.event_id, "reason": fault.reason},
        }


def verify(store: Store, checkpoints: Sequence[Checkpoint] = ()) -> Verification:
    """Walk the whole chain, in one snapshot.

    Args:
        store: where the log is.
        checkpoints: read before, so that none is newer than the snapshot.
    """
    with store.read() as conn:
        head, fault = first_fault(_sealed(conn), checkpoints)
        return Verification(head, audit_chain.count_unsealed(conn), len(checkpoints), fault)


def first_fault(rows: Iterable[SealedRow], checkpoints: Sequence[Checkpoint] = ()) -> tuple[Head, Fault | None]:
    """The end of a chain, or the last event before its first fault, with that fault.

    Args:
        rows: sealed events by number.
        checkpoints: in any order.
    """
    known: dict[int, list[Checkpoint]] = {}
    for each in checkpoints:
        known.setdefault(each.head.count, []).append(each)
    head = Head(0, FIRST)
    for row in rows:
        fault = _fault(row, head)
        if fault is not None:
            return head, fault
        reached = Head(head.count + 1, row.seal_hash)
        other = next((each for each in known.pop(reached.count, ()) if each.head != reached), None)
        if other is not None:
            told = (
                f"{_name(row)} has another hash than the checkpoint {other.source}: it, or one before it, was changed"
            )
            return head, Fault(reached.count, row.event.id, f"{told} and everything from there on sealed anew")
        head = reached
    if known:
        lost = known[max(known)][0]
        gone = lost.head.count - head.count
        told = f"the last {gone:,} event{'s are' if gone > 1 else ' is'} missing: the checkpoint {lost.source} knew "
        return head, Fault(head.count + 1, None, f"{told}{lost.head.count:,}, there are {head.count:,}")
    return head, None


def _fault(row: SealedRow, before: Head) -> Fault | None:
    """What is wrong with an event that should follow the end `before`."""
    number, here = row.event.seal_number or 0, before.count + 1
    if number > here:
        return Fault(here, None, f"the event with the number {here:,} is missing: it was deleted")
    if number < here:
        return Fault(number, row.event.id, f"{_name(row)} was inserted: its place is taken, or none")
    if seal_hash(row.event, number, row.previous_hash) != row.seal_hash:
        return Fault(number, row.event.id, f"{_name(row)} is not what was sealed there: it was changed, or moved")
    if row.previous_hash != before.hash:
        told = f"{_name(row)} does not follow the one before it, which was changed or replaced and sealed anew"
        return Fault(number, row.event.id, told)
    return None


def _name(row: SealedRow) -> str:
    event = row.event
    return f"event {event.id} (number {event.seal_number:,}: {event.actor} {event.verb} {event.subject})"


def _sealed(conn: Connection) -> Iterator[SealedRow]:
    after: tuple[int, int] | None = None
    while rows := audit_chain.read_sealed(conn, after=after):
        yield from rows
        after = (rows[-1].event.seal_number or 0, rows[-1].event.id)


def parse_checkpoint(text: str) -> Checkpoint:
    """Read ``COUNT:HASH``, as a message holds it.

    Raises:
        UserError: it is none.
    """
    count, _, digest = text.strip().partition(":")
    if not count.isascii() or not count.isdigit() or int(count) < 1 or not _HASH.fullmatch(digest):
        raise UserError(f"{text!r} is no checkpoint; write COUNT:HASH, as the message has it")
    return Checkpoint(Head(int(count), bytes.fromhex(digest)), f"of {int(count):,} events that was given")


def read_checkpoints(path: Path) -> list[Checkpoint]:
    """Read the file that the service adds to. A last line that was cut short is left out.

    Raises:
        UserError: it cannot be read, or holds something else.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}") from None
    found = []
    for number, line in enumerate(text.split("\n")[:-1], 1):
        try:
            told = json.loads(line)
            count, digest, at = told["count"], told["hash"], told["at"]
            is_one = isinstance(count, int) and count > 0 and _HASH.fullmatch(digest)
        except (ValueError, TypeError, KeyError):
            is_one = None
        if not is_one:
            raise UserError(f"{path}, line {number}: {line[:60]!r} is no checkpoint of an audit log")
        found.append(Checkpoint(Head(count, bytes.fromhex(digest)), f"of {at} in {path.name}"))
    return found
