"""Runs: due once, claimed by one, in order, and finished only by who still holds the claim."""

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Connection

from driftwatch.domain.finding import Finding
from driftwatch.domain.instant import HOUR, SECOND, from_iso
from driftwatch.domain.signal import Severity, Signal
from driftwatch.storage import finding, monitor, reference, registration, run
from driftwatch.storage.store import Store

START = from_iso("2013-01-01T00:00:00")
NOW = from_iso("2026-01-01T00:00:00")


def _monitor(conn: Connection, name: str = "drift") -> tuple[int, int]:
    model_id = registration.ensure_model(conn, "production", "flights", at=1)
    return model_id, monitor.put_monitor(conn, model_id, name, "drift", {"bucket": "1h"}, at=1).id


def _due(conn: Connection, monitor_id: int, hour: int, data_version: int = 1, at: int = NOW) -> int | None:
    return run.insert_due(conn, monitor_id, START + hour * HOUR, START + (hour + 1) * HOUR, "cfg", data_version, at=at)


def test_a_run_is_due_once(store: Store) -> None:
    with store.begin() as conn:
        _, monitor_id = _monitor(conn)
        assert _due(conn, monitor_id, 0) is not None
        assert _due(conn, monitor_id, 0) is None
        assert _due(conn, monitor_id, 0, data_version=2) is not None
        assert run.count_states(conn) == {"due": 2}
        assert run.count_states(conn, [monitor_id + 1]) == {}


def test_windows_of_a_monitor_are_handed_out_in_order_one_at_a_time(store: Store) -> None:
    with store.begin() as conn:
        _, monitor_id = _monitor(conn)
        _, other_id = _monitor(conn, "latency")
        for hour in (2, 0, 1):
            _due(conn, monitor_id, hour)
        _due(conn, other_id, 1)
        first = run.claim(conn, "w1", now=NOW, lease_seconds=60)
        assert first is not None
        assert (first.monitor_id, first.window_start, first.attempt, first.fence) == (monitor_id, START, 1, 1)
        assert (first.state, first.owner, first.lease_until) == ("running", "w1", NOW + 60 * SECOND)
        second = run.claim(conn, "w2", now=NOW, lease_seconds=60)
        assert second is not None
        assert second.monitor_id == other_id  # the first monitor's next window waits for its first
        assert run.claim(conn, "w3", now=NOW, lease_seconds=60) is None
        assert run.finish(conn, first.id, "w1", first.fence, at=NOW, status="ok", n=5, result=b"\0blob")
        third = run.claim(conn, "w3", now=NOW, lease_seconds=60)
        assert third is not None
        assert third.window_start == START + HOUR


def test_a_claim_whose_lease_ended_goes_to_the_next_and_the_first_can_no_longer_finish(store: Store) -> None:
    with store.begin() as conn:
        _, monitor_id = _monitor(conn)
        _due(conn, monitor_id, 0)
        first = run.claim(conn, "w1", now=NOW, lease_seconds=60)
        assert first is not None
        assert run.extend(conn, first.id, "w1", first.fence, now=NOW + 59 * SECOND, lease_seconds=60)
        assert run.claim(conn, "w2", now=NOW + 61 * SECOND, lease_seconds=60) is None
        second = run.claim(conn, "w2", now=NOW + 120 * SECOND, lease_seconds=60)
        assert second is not None
        assert (second.id, second.fence, second.attempt) == (first.id, 2, 2)
        assert not run.extend(conn, first.id, "w1", first.fence, now=NOW, lease_seconds=60)
        assert not run.release(conn, first.id, "w1", first.fence, retry_at=NOW, last_error="x")
        assert not run.finish(conn, first.id, "w1", first.fence, at=NOW, status="ok")
        assert run.finish(conn, second.id, "w2", second.fence, at=NOW, status="warning")
        assert not run.finish(conn, second.id, "w2", second.fence, at=NOW, status="ok")  # once


def test_one_owner_that_claims_twice_has_two_fences(store: Store) -> None:
    with store.begin() as conn:
        _, monitor_id = _monitor(conn)
        _due(conn, monitor_id, 0)
        first = run.claim(conn, "w1", now=NOW, lease_seconds=1)
        again = run.claim(conn, "w1", now=NOW + 2 * SECOND, lease_seconds=1)
        assert first is not None
        assert again is not None
        assert not run.finish(conn, first.id, "w1", first.fence, at=NOW, status="ok")
        assert run.finish(conn, again.id, "w1", again.fence, at=NOW, status="ok")


def test_a_run_that_failed_waits_for_its_next_try(store: Store) -> None:
    with store.begin() as conn:
        _, monitor_id = _monitor(conn)
        _due(conn, monitor_id, 0)
        claimed = run.claim(conn, "w1", now=NOW, lease_seconds=60)
        assert claimed is not None
        assert run.release(conn, claimed.id, "w1", claimed.fence, retry_at=NOW + 5, last_error="boom")
        assert run.claim(conn, "w2", now=NOW + 4, lease_seconds=60) is None
        again = run.claim(conn, "w2", now=NOW + 5, lease_seconds=60)
        assert again is not None
        assert (again.attempt, again.last_error) == (2, "boom")


def test_a_window_that_is_not_due_yet_is_not_handed_out(store: Store) -> None:
    with store.begin() as conn:
        _, monitor_id = _monitor(conn)
        _due(conn, monitor_id, 0, at=NOW + 1)
        assert run.claim(conn, "w1", now=NOW, lease_seconds=60) is None


def test_many_workers_finish_every_run_once(store: Store) -> None:
    with store.begin() as conn:
        for name in ("a", "b", "c"):
            _, monitor_id = _monitor(conn, name)
            for hour in range(6):
                _due(conn, monitor_id, hour)

    def work(worker: int) -> list[tuple[int, int]]:
        done: list[tuple[int, int]] = []
        idle = 0
        while idle < 20:
            with store.begin() as conn:
                claimed = run.claim(conn, f"w{worker}", now=store.now(conn), lease_seconds=60)
            if claimed is None:
                idle += 1
                continue
            idle = 0
            with store.begin() as conn:
                assert run.finish(conn, claimed.id, f"w{worker}", claimed.fence, at=NOW, status="ok")
            done.append((claimed.monitor_id, claimed.window_start))
        return done

    with ThreadPoolExecutor(4) as pool:
        done = [each for part in pool.map(work, range(4)) for each in part]
    assert len(done) == len(set(done)) == 18


def _finding(column: str | None, end: int, **changes: object) -> Finding:
    values = {
        "window_start": end - HOUR,
        "window_end": end,
        "at": end,
        "signal": Signal.DRIFT,
        "column": column,
        "severity": Severity.WARNING,
        "kind": "location",
        "value": 9.5,
        "threshold": 4.0,
        "effect": {"jensen_shannon_distance": 0.25},
        "n": 100,
        "details": {"sign": 1, "scale_buckets": 6},
    }
    return Finding(**{**values, **changes})  # type: ignore[arg-type]


def test_results_and_findings_of_a_window_judged_again_are_the_newest(store: Store) -> None:
    end = START + HOUR
    with store.begin() as conn:
        model_id, monitor_id = _monitor(conn)
        for data_version, columns in ((1, ["temp", "wind"]), (2, ["temp"])):
            _due(conn, monitor_id, 0, data_version)
            claimed = run.claim(conn, "w1", now=NOW, lease_seconds=60)
            assert claimed is not None
            blob = f"result {data_version}".encode()
            assert run.finish(conn, claimed.id, "w1", claimed.fence, at=NOW, status="warning", n=7, result=blob)
            finding.insert_findings(conn, claimed.id, model_id, [_finding(column, end) for column in columns])
        (result,) = run.list_results(conn, model_id, START, end)
        assert (result.result, result.data_version, result.n, result.status) == (b"result 2", 2, 7, "warning")
        assert finding.list_findings(conn, model_id, START, end) == [_finding("temp", end)]
        assert finding.list_findings(conn, model_id, end, end + HOUR) == []
        assert run.list_results(conn, model_id, end, end + HOUR) == []
        latest = run.latest_run(conn, monitor_id)
        assert latest is not None
        assert latest.data_version == 2
        assert run.latest_run(conn, monitor_id + 1) is None


def test_a_finding_comes_back_as_it_went_in(store: Store) -> None:
    end = START + HOUR
    given = [
        _finding("temp", end, segment="carrier=AA", version="2", severity=Severity.WATCH),
        _finding(None, end, signal=Signal.LATENCY, effect={}, details={}, n=0),
    ]
    with store.begin() as conn:
        model_id, monitor_id = _monitor(conn)
        run_id = _due(conn, monitor_id, 0)
        assert run_id is not None
        finding.insert_findings(conn, run_id, model_id, given)
        finding.insert_findings(conn, run_id, model_id, [])
        assert finding.list_findings(conn, model_id, START, end) == given


def test_a_monitor_changes_its_hash_with_its_settings_only(store: Store) -> None:
    with store.begin() as conn:
        model_id, _ = _monitor(conn)
        first = monitor.put_monitor(conn, model_id, "m", "drift", {"a": 1, "b": 2}, at=1)
        same = monitor.put_monitor(conn, model_id, "m", "drift", {"b": 2, "a": 1}, at=2)
        other = monitor.put_monitor(conn, model_id, "m", "drift", {"a": 1, "b": 3}, at=3)
        assert first == same
        assert (other.id, other.spec) == (first.id, {"a": 1, "b": 3})
        assert other.config_hash != first.config_hash == monitor.hash_of({"b": 2, "a": 1})
        again = monitor.put_monitor(conn, model_id, "m", "drift", {"a": 1, "b": 3}, at=5)
        assert again.enabled
        assert monitor.find_monitor(conn, model_id, "m") == again
        assert monitor.find_monitor(conn, model_id, "none") is None


def test_a_new_reference_supersedes_the_last_of_its_kind(store: Store) -> None:
    with store.begin() as conn:
        model_id, _ = _monitor(conn)
        assert reference.get_reference(conn, model_id, "operating") is None
        reference.put_reference(conn, model_id, "operating", at=1, start=START, end=START + HOUR, n=9)
        reference.put_reference(conn, model_id, "training", at=1, payload=b"\0profile", source="train.parquet")
        newest = reference.put_reference(
            conn,
            model_id,
            "operating",
            at=2,
            start=START,
            end=START + 2 * HOUR,
            confirmed=True,
            details={"why": "moved"},
        )
        found = reference.get_reference(conn, model_id, "operating")
        assert found is not None
        assert (found.id, found.start, found.end, found.confirmed) == (newest, START, START + 2 * HOUR, True)
        assert found.details == {"why": "moved"}
        training = reference.get_reference(conn, model_id, "training")
        assert training is not None
        assert (training.payload, training.source) == (b"\0profile", "train.parquet")


def test_a_reference_is_confirmed_once_and_not_after_it_was_superseded(store: Store) -> None:
    with store.begin() as conn:
        model_id, _ = _monitor(conn)
        first = reference.put_reference(conn, model_id, "operating", at=1, start=START, end=START + HOUR)
        assert reference.confirm_reference(conn, first)
        assert not reference.confirm_reference(conn, first)
        found = reference.get_reference(conn, model_id, "operating")
        assert found is not None
        assert found.confirmed
        second = reference.put_reference(conn, model_id, "operating", at=2, start=START, end=START + 2 * HOUR)
        reference.put_reference(conn, model_id, "operating", at=3, start=START, end=START + 3 * HOUR)
        assert not reference.confirm_reference(conn, second)


def test_monitors_are_listed_by_name_and_kind(store: Store) -> None:
    with store.begin() as conn:
        model_id, _ = _monitor(conn)
        other = registration.ensure_model(conn, "production", "other", at=1)
        monitor.put_monitor(conn, model_id, "b", "threshold", {"a": 1}, at=1)
        monitor.put_monitor(conn, model_id, "a", "threshold", {"a": 1}, at=1, enabled=False)
        monitor.put_monitor(conn, other, "c", "threshold", {"a": 1}, at=1)
        assert [row.name for row in monitor.list_monitors(conn, model_id)] == ["a", "b", "drift"]
        assert [(row.name, row.enabled) for row in monitor.list_monitors(conn, model_id, kind="threshold")] == [
            ("a", False),
            ("b", True),
        ]


def test_the_earliest_window_of_a_monitor_since_an_instant(store: Store) -> None:
    with store.begin() as conn:
        _, monitor_id = _monitor(conn)
        assert run.first_window(conn, monitor_id, since=0) is None
        for hour in (4, 2, 3):
            _due(conn, monitor_id, hour)
        assert run.first_window(conn, monitor_id, since=0) == START + 2 * HOUR
        assert run.first_window(conn, monitor_id, since=START + 2 * HOUR + 1) == START + 3 * HOUR
        assert run.first_window(conn, monitor_id, since=START + 5 * HOUR) is None
