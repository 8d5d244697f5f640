"""Leases, heartbeats, keys, the audit log, and marks on the time line."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import IntegrityError

from driftwatch.domain.instant import SECOND
from driftwatch.storage import audit, heartbeat, key, lease
from driftwatch.storage.store import Store


def test_a_lease_has_one_holder_until_it_ends(store: Store) -> None:
    with store.begin() as conn:
        assert lease.acquire(conn, "fold", "a", now=0, seconds=10) == 1
        assert lease.acquire(conn, "fold", "b", now=10 * SECOND, seconds=10) is None
        assert lease.acquire(conn, "fold", "a", now=5 * SECOND, seconds=10) == 2  # kept for longer
        assert lease.acquire(conn, "fold", "b", now=15 * SECOND + 1, seconds=10) == 3
        assert not lease.give_back(conn, "fold", "a")
        assert lease.give_back(conn, "fold", "b")
        assert lease.acquire(conn, "fold", "a", now=0, seconds=10) is not None
        assert lease.acquire(conn, "other", "b", now=0, seconds=10) == 1


def test_of_many_that_ask_together_one_gets_the_lease(store: Store) -> None:
    def ask(number: int) -> int | None:
        with store.begin() as conn:
            return lease.acquire(conn, "fold", f"w{number}", now=0, seconds=10)

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(ask, range(8)), key=str) == [1, *[None] * 7]


def test_a_heartbeat_replaces_the_last(store: Store) -> None:
    with store.begin() as conn:
        heartbeat.beat(conn, "tick", "a", at=1)
        heartbeat.beat(conn, "tick", "a", at=3, details={"lag": 0.5})
        heartbeat.beat(conn, "tick", "b", at=2)
        assert heartbeat.list_heartbeats(conn) == [
            heartbeat.HeartbeatRow("tick", "a", 3, {"lag": 0.5}),
            heartbeat.HeartbeatRow("tick", "b", 2, None),
        ]
        assert heartbeat.forget(conn, before=3) == 1


def test_a_key_opens_until_it_is_revoked(store: Store) -> None:
    with store.begin() as conn:
        key_id = key.insert_key(conn, prefix="dw_abc", secret_hash="hash", name="ci", role="writer", at=1)
        found = key.find_key(conn, "dw_abc")
        assert found is not None
        assert (found.id, found.role) == (key_id, "writer")
        assert [row.name for row in key.list_keys(conn)] == ["ci"]
        assert key.revoke_key(conn, "dw_abc", at=7)
        assert not key.revoke_key(conn, "dw_abc", at=8)
        assert key.find_key(conn, "dw_abc") is None
        assert key.find_key(conn, "dw_none") is None
    with pytest.raises(IntegrityError), store.begin() as conn:
        key.insert_key(conn, prefix="dw_abc", secret_hash="other", name="x", role="reader", at=9)


def test_the_audit_log_is_read_newest_first(store: Store) -> None:
    with store.begin() as conn:
        audit.append_event(conn, at=1, actor="ann", verb="apply", subject="model flights", after={"bucket": "1h"})
        audit.append_event(conn, at=2, actor="bob", verb="acknowledge", subject="incident 1", before={"by": None})
        assert [row.actor for row in audit.list_events(conn)] == ["bob", "ann"]
        (row,) = audit.list_events(conn, subject="model flights")
        assert (row.verb, row.state_before, row.state_after) == ("apply", None, {"bucket": "1h"})
        assert len(audit.list_events(conn, limit=1)) == 1
