"""The sealed audit log: whole while nobody touches it, and whatever is done to it is seen."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from driftwatch.domain.instant import HOUR
from driftwatch.domain.notification import Message
from driftwatch.service.audit_verification import Checkpoint, Verification, verify
from driftwatch.service.sealing import CHECKPOINT_EVERY, Checkpoints, Sealer
from driftwatch.storage import audit, audit_chain, notification, receiver
from driftwatch.storage.audit_chain import Head
from driftwatch.storage.schema import audit_events, notifications
from driftwatch.storage.store import Store

C = audit_events.c


def append(store: Store, first: int, stop: int) -> None:
    with store.begin() as conn:
        for number in range(first, stop):
            before, after = {"share": number / 7, "ß": None}, {"b": [1, 2.5], "a": {"z": 1e-9, "y": "Ω"}}
            audit.append_event(
                conn, at=number, actor="cli:ann", verb="changed", subject=f"route/{number}", before=before, after=after
            )


@pytest.fixture
def sealed(store: Store) -> Store:
    append(store, 0, 20)
    assert Sealer(store, owner="a").seal().count == 20
    return store


def end_of(store: Store) -> Checkpoint:
    with store.read() as conn:
        return Checkpoint(audit_chain.read_head(conn), "of the test")


def test_events_are_sealed_once_in_a_chain_that_holds(store: Store) -> None:
    sealer = Sealer(store, owner="a")
    assert sealer.seal() == Head(0, audit_chain.FIRST)
    append(store, 0, 5)
    assert verify(store) == Verification(Head(0, audit_chain.FIRST), 5, 0, None)
    first = sealer.seal()
    append(store, 5, 2_100)  # more than are sealed in one transaction
    last = sealer.seal()
    assert (first.count, last.count) == (5, 2_100)
    assert verify(store, [Checkpoint(first, "1"), Checkpoint(last, "2")]) == Verification(last, 0, 2, None)
    append(store, 2_100, 2_103)
    with store.read() as conn:
        assert audit_chain.count_unsealed(conn) == 3
        assert [row.seal_number for row in audit.list_events(conn, limit=4)] == [None, None, None, 2_100]


def test_an_event_that_commits_after_a_younger_one_was_sealed_gets_the_next_place(sealed: Store) -> None:
    with sealed.begin() as conn:  # ids are given when a row is inserted, not when it is committed
        conn.execute(insert(audit_events).values(id=10_000, happened_at=1, actor="a", verb="v", subject="young"))
    Sealer(sealed, owner="a").seal()
    with sealed.begin() as conn:
        conn.execute(insert(audit_events).values(id=5_000, happened_at=1, actor="a", verb="v", subject="late"))
    Sealer(sealed, owner="a").seal()
    with sealed.read() as conn:
        assert [row.event.subject for row in audit_chain.read_sealed(conn)][-2:] == ["young", "late"]
    assert verify(sealed, [end_of(sealed)]).fault is None


def test_of_two_workers_one_seals_and_the_other_takes_over_when_it_is_gone(store: Store) -> None:
    append(store, 0, 3)
    Sealer(store, owner="a").seal()
    append(store, 3, 6)
    assert Sealer(store, owner="b").seal().count == 3  # a has the lease
    assert Sealer(store, owner="a").seal().count == 6


def test_workers_that_seal_while_others_write_make_one_chain(store: Store) -> None:
    def write(number: int) -> None:
        for each in range(5):
            append(store, 100 * number + each, 100 * number + each + 1)

    def seal(owner: str) -> None:
        for _ in range(10):
            Sealer(store, owner=owner).seal()

    with ThreadPoolExecutor(6) as pool:
        for done in [*[pool.submit(write, each) for each in range(4)], *[pool.submit(seal, each) for each in "ab"]]:
            done.result()
    assert max(Sealer(store, owner="a").seal().count, Sealer(store, owner="b").seal().count) == 20
    assert verify(store).fault is None


def test_no_two_events_have_one_place(sealed: Store) -> None:
    with pytest.raises(IntegrityError), sealed.begin() as conn:
        conn.execute(update(audit_events).where(C.seal_number == 3).values(seal_number=4))


def _set(**values: Any) -> Callable[[Connection], object]:
    return lambda conn: conn.execute(update(audit_events).where(C.seal_number == 7).values(**values))


def _swap(conn: Connection) -> None:
    for here, there in ((7, 99), (8, 7), (99, 8)):
        conn.execute(update(audit_events).where(C.seal_number == here).values(seal_number=there))


def _insert(conn: Connection) -> None:
    for number in range(20, 6, -1):
        conn.execute(update(audit_events).where(C.seal_number == number).values(seal_number=number + 1))
    before = audit_chain.read_sealed(conn, after=(5, 2**60), limit=1)[0].seal_hash
    made = {"happened_at": 1, "actor": "eve", "verb": "v", "subject": "s", "seal_number": 7, "previous_hash": before}
    event_id = conn.execute(insert(audit_events).values(**made).returning(C.id)).scalar_one()
    event = audit.AuditRow(event_id, 1, "eve", "v", "s", None, None, None, 7)
    forged = audit_chain.seal_hash(event, 7, before)
    conn.execute(update(audit_events).where(C.id == event_id).values(seal_hash=forged))


def _forge(conn: Connection) -> None:
    """Change an event and seal it anew, but nothing after it."""
    conn.execute(update(audit_events).where(C.seal_number == 7).values(actor="cli:eve"))
    (row,) = audit_chain.read_sealed(conn, after=(6, 2**60), limit=1)
    made = audit_chain.seal_hash(row.event, 7, row.previous_hash)
    conn.execute(update(audit_events).where(C.seal_number == 7).values(seal_hash=made))


def _delete(conn: Connection) -> None:
    conn.execute(delete(audit_events).where(C.seal_number == 7))


def _zero(conn: Connection) -> None:
    conn.execute(insert(audit_events).values(happened_at=1, actor="e", verb="v", subject="s", seal_number=0))


@pytest.mark.parametrize(
    ("tamper", "number", "reason"),
    [
        (_set(actor="cli:bob"), 7, "changed, or moved"),
        (_set(verb="created"), 7, "changed, or moved"),
        (_set(subject="route/99"), 7, "changed, or moved"),
        (_set(happened_at=0), 7, "changed, or moved"),
        (_set(evidence_ref="run/1"), 7, "changed, or moved"),
        (_set(state_before=None), 7, "changed, or moved"),
        (_set(state_after={"b": [1, 2.5], "a": {"z": 1e-9, "y": "Ο"}}), 7, "changed, or moved"),
        (_set(previous_hash=bytes(32)), 7, "changed, or moved"),
        (_set(seal_hash=None), 7, "changed, or moved"),
        (_set(seal_number=None), 7, "is missing"),
        (_delete, 7, "is missing"),
        (_swap, 7, "changed, or moved"),
        (_insert, 8, "changed, or moved"),
        (_forge, 8, "does not follow the one before it"),
        (_zero, 0, "was inserted"),
    ],
)
def test_the_first_event_that_is_not_what_was_sealed_is_named(
    sealed: Store, tamper: Callable[[Connection], object], number: int, reason: str
) -> None:
    with sealed.begin() as conn:
        tamper(conn)
    result = verify(sealed)
    assert result.fault is not None
    assert result.fault.number == number
    assert reason in result.fault.reason
    assert result.head.count == max(number - 1, 0)


def test_a_tail_that_was_cut_is_seen_by_a_checkpoint_alone(sealed: Store) -> None:
    end = end_of(sealed)
    with sealed.begin() as conn:
        conn.execute(delete(audit_events).where(C.seal_number > 18))
    assert verify(sealed).fault is None
    fault = verify(sealed, [end]).fault
    assert fault is not None
    assert (fault.number, fault.event_id) == (19, None)
    assert fault.reason == "the last 2 events are missing: the checkpoint of the test knew 20, there are 18"
    append(sealed, 30, 32)  # and it is seen still when the log has grown again
    Sealer(sealed, owner="a").seal()
    fault = verify(sealed, [end]).fault
    assert fault is not None
    assert fault.number == 20
    assert "another hash than the checkpoint of the test" in fault.reason


def test_a_log_that_was_sealed_anew_from_some_place_on_is_seen_by_a_checkpoint(sealed: Store) -> None:
    end = end_of(sealed)
    with sealed.begin() as conn:
        conn.execute(update(audit_events).where(C.seal_number == 12).values(actor="cli:eve"))
        conn.execute(update(audit_events).where(C.seal_number >= 12).values(seal_number=None))
    Sealer(sealed, owner="a").seal()
    assert verify(sealed).fault is None
    fault = verify(sealed, [end]).fault
    assert fault is not None
    assert fault.number == 20


_KILLED = """
import sys
from driftwatch.storage import audit_chain, lease
from driftwatch.storage.store import Store
store = Store.open(sys.argv[1])
context = store.begin()
conn = context.__enter__()
lease.acquire(conn, "audit", "killed", now=store.now(conn), seconds=30)
audit_chain.seal_next(conn, limit=7)
print("sealed, not committed", flush=True)
sys.stdin.readline()
"""

_SEALER = """
import sys
from driftwatch.service.sealing import Checkpoints, Sealer
from driftwatch.storage import audit
from driftwatch.storage.store import Store
store = Store.open(sys.argv[1])
sealer = Sealer(store, owner="one", checkpoints=Checkpoints.parse(sys.argv[2]))
while True:
    with store.begin() as conn:
        audit.append_event(conn, at=1, actor="a", verb="v", subject="s")
    print(sealer.seal().count, flush=True)
"""


def _run(code: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_a_sealer_that_is_killed_before_its_commit_has_sealed_nothing(store: Store, store_url: str) -> None:
    append(store, 0, 20)
    with _run(_KILLED, store_url) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "sealed, not committed\n"
        child.kill()
    assert verify(store).unsealed == 20
    assert Sealer(store, owner="next").seal().count == 20  # its lease was not committed either
    assert verify(store).fault is None


def test_a_sealer_that_is_killed_at_any_moment_leaves_a_whole_chain(
    store: Store, store_url: str, tmp_path: Path
) -> None:
    from driftwatch.service.audit_verification import read_checkpoints

    kept = tmp_path / "checkpoints.jsonl"
    for rounds in (2, 5):
        with _run(_SEALER, store_url, f"file:{kept}") as child:
            assert child.stdout is not None
            for _ in range(rounds):
                child.stdout.readline()
            child.kill()
        checkpoints = read_checkpoints(kept)
        result = verify(store, checkpoints)
        assert result.fault is None
        assert result.head.count >= max(each.head.count for each in checkpoints) >= rounds
    assert Sealer(store, owner="one").seal().count == verify(store).head.count
    assert verify(store).unsealed == 0


def test_a_receiver_gets_a_checkpoint_an_hour_and_it_verifies(store: Store) -> None:
    with store.begin() as conn:
        found = receiver.put_receiver(conn, "robot", "webhook", {}, at=0)
        receiver.put_receiver(conn, "pager", "pagerduty", {}, at=0)
    sealer = Sealer(store, owner="a", checkpoints=Checkpoints.parse("receiver:robot"))
    append(store, 0, 3)
    head = sealer.seal()
    append(store, 3, 4)
    sealer.seal()  # within the hour
    with store.begin() as conn:
        newest = notification.newest_in_group(conn, found, "dw:audit")
        assert newest is not None
        assert (newest.seq, newest.status, newest.incident_id) == (3, "waiting", None)
        assert f"--checkpoint 3:{head.hash.hex()}" in Message.from_dict(newest.payload).summary
        conn.execute(update(notifications).values(created_at=newest.created_at - CHECKPOINT_EVERY - HOUR))
    append(store, 4, 6)
    sealer.seal()
    with store.read() as conn:
        newest = notification.newest_in_group(conn, found, "dw:audit")
        assert newest is not None
        assert newest.seq == 6
        assert notification.newest_in_group(conn, found + 1, "dw:audit") is None
    append(store, 6, 7)
    assert Sealer(store, owner="a", checkpoints=Checkpoints.parse("receiver:pager")).seal().count == 7  # pages nobody
    with store.read() as conn:
        assert len(conn.execute(select(notifications.c.id)).all()) == 2
