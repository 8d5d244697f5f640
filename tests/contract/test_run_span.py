"""Spans of runs, verdicts in their compact form, and what scheduling asks of the store."""

import pytest

from driftwatch.domain.instant import HOUR, SECOND
from driftwatch.storage import monitor, registration, run
from driftwatch.storage.monitor import MonitorRow
from driftwatch.storage.store import Store


def watched(store: Store, name: str = "flights") -> MonitorRow:
    with store.begin() as conn:
        model_id = registration.ensure_model(conn, "production", name, at=1)
        return monitor.put_monitor(conn, model_id, "drift", "drift", {}, at=1)


def schedule(store: Store, row: MonitorRow, hours: range) -> None:
    windows = [(hour * HOUR, (hour + 1) * HOUR, 1, hour % 2 == 0) for hour in hours]
    with store.begin() as conn:
        run.insert_all_due(conn, row.id, windows, config_hash="c", at=5)


def span(store: Store, owner: str, *, limit: int = 10, now: int = 10) -> list[tuple[int, int]]:
    with store.begin() as conn:
        taken = run.claim_span(conn, owner, now=now, lease_seconds=60, limit=limit)
    return [(each.window_start // HOUR, each.fence) for each in taken]


def test_windows_are_scheduled_once_and_keep_what_was_said_of_them(store: Store) -> None:
    row = watched(store)
    schedule(store, row, range(3))
    schedule(store, row, range(5))
    with store.begin() as conn:
        taken = run.claim_span(conn, "a", now=10, lease_seconds=60, limit=10)
    assert [each.window_start for each in taken] == [hour * HOUR for hour in range(5)]
    assert [each.backfill for each in taken] == [True, False, True, False, True]
    assert {(each.state, each.owner, each.attempt, each.due_at) for each in taken} == {("running", "a", 1, 5)}


def test_a_span_is_one_monitors_in_order_and_nobody_else_gets_any_of_it(store: Store) -> None:
    one, other = watched(store, "one"), watched(store, "other")
    schedule(store, one, range(6))
    schedule(store, other, range(2, 4))
    assert span(store, "a", limit=3) == [(0, 1), (1, 1), (2, 1)]
    assert span(store, "b") == [(2, 1), (3, 1)]  # the other monitor's
    assert span(store, "c") == []


def test_the_span_of_a_dead_worker_goes_to_the_next_with_higher_fences(store: Store) -> None:
    row = watched(store)
    schedule(store, row, range(4))
    span(store, "dead", limit=2)
    assert span(store, "next", now=10 + 60 * SECOND) == []
    assert span(store, "next", now=11 + 60 * SECOND) == [(0, 2), (1, 2), (2, 1), (3, 1)]


def test_a_span_ends_before_a_run_that_waits_to_be_tried_again(store: Store) -> None:
    row = watched(store)
    schedule(store, row, range(4))
    with store.begin() as conn:
        taken = run.claim_span(conn, "a", now=10, lease_seconds=60, limit=3)
        for each in (taken[0], taken[2]):
            run.release(conn, each.id, "a", each.fence, retry_at=5, last_error="")
        run.release(conn, taken[1].id, "a", taken[1].fence, retry_at=500, last_error="later")
    assert span(store, "b") == [(0, 2)]


def test_all_that_an_owner_holds_is_kept_in_one_go(store: Store) -> None:
    row = watched(store)
    schedule(store, row, range(4))
    span(store, "a", limit=2)
    with store.begin() as conn:
        assert run.extend_all(conn, "a", now=10 + 50 * SECOND, lease_seconds=60) == 2
        assert run.extend_all(conn, "b", now=10, lease_seconds=60) == 0
    assert span(store, "b", now=10 + 100 * SECOND) == []


def test_a_monitor_knows_its_model_and_can_be_locked(store: Store) -> None:
    row = watched(store)
    with store.begin() as conn:
        monitor.lock_monitor(conn, row.id)
        model = monitor.find_model(conn, row.id)
        assert monitor.find_model(conn, row.id + 1) is None
    assert model is not None
    assert (model.environment, model.name) == ("production", "flights")


def test_a_verdict_comes_back_from_its_compact_form() -> None:
    verdict = {"summary": {"rows": 3, "columns": {"ü": {"z": 0.25, "n": None}}}, "findings": [], "judged": {}}
    assert run.decode_result(run.encode_result(verdict)) == verdict


@pytest.mark.parametrize("payload", [b"", b"not a verdict", run.encode_result({})[:-3]])
def test_other_bytes_are_no_verdict(payload: bytes) -> None:
    with pytest.raises(ValueError, match="are no verdict"):
        run.decode_result(payload)
