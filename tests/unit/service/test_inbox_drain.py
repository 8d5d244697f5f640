"""What waits in the inbox enters like what comes over HTTP, once, and nothing of it is lost."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ingesting import NOON, frame_of, model_id, version_id
from sqlalchemy import Connection

from driftwatch.domain.instant import HOUR
from driftwatch.service import inbox_drain
from driftwatch.service.inbox_drain import drain_inbox
from driftwatch.service.ingest import IngestReply, ingest_frame, store_batch
from driftwatch.service.ingest_plan import Plan
from driftwatch.storage import inbox, outcome, prediction, quarantine
from driftwatch.storage.schema import outcomes
from driftwatch.storage.store import Store
from driftwatch.wire import OutcomeFrame, encode_outcomes


def put(store: Store, *frames: bytes) -> None:
    with store.begin() as conn:
        for place, frame in enumerate(frames):
            inbox.append(conn, f"inbox-{place}", NOON + place, frame)


def waiting(store: Store) -> int:
    with store.read() as conn:
        return inbox.count_inbox(conn)


def test_frames_of_predictions_and_outcomes_are_taken_in(store: Store) -> None:
    labels = OutcomeFrame(
        batch_id="labels",
        model="flights",
        ids=["a-0", None],
        request_ids=[None, "request-1"],
        values=[1, "late"],
        at=[NOON + HOUR, NOON + HOUR],
    )
    put(store, frame_of("a").raw, frame_of("b").raw, encode_outcomes(labels))
    drained = drain_inbox(store)
    assert (drained.frames, drained.rows, drained.quarantined) == (3, 22, 0)
    assert waiting(store) == 0
    with store.read() as conn:
        assert prediction.count_predictions(conn, version_id(store), 0, 2**62) == 20
        (labelled,) = outcome.current_outcomes(conn, model_id(store), version_id(store), NOON, NOON + HOUR)
        assert labelled.value == 1
        assert len(conn.execute(outcomes.select()).all()) == 2


def test_a_frame_that_cannot_be_read_goes_to_quarantine_and_stops_no_other(store: Store) -> None:
    good = frame_of("good").raw
    broken = [b"", b"random bytes", good[: len(good) // 2], b"DWF1\x81\xa1v\x63"]
    put(store, *broken, good)
    drained = drain_inbox(store)
    assert (drained.frames, drained.rows, drained.quarantined) == (5, 10, 4)
    with store.read() as conn:
        rows = quarantine.list_held(conn, "", "")
    assert sorted(row.payload or b"" for row in rows) == sorted(broken)
    assert waiting(store) == 0


def test_a_frame_that_cannot_be_stored_goes_to_quarantine(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(conn: Connection, plan: Plan, **more: Any) -> IngestReply | None:
        if plan.batch.frame.batch_id == "poison":
            raise OverflowError("too large")
        return store_batch(conn, plan, **more)

    monkeypatch.setattr(inbox_drain, "store_batch", refuse)
    put(store, frame_of("poison").raw, frame_of("good").raw)
    drained = drain_inbox(store)
    assert (drained.frames, drained.rows, drained.quarantined) == (2, 10, 1)
    with store.read() as conn:
        (row,) = quarantine.list_held(conn, "", "")
    assert "too large" in row.reason


def test_a_frame_that_came_over_http_too_is_stored_once(store: Store) -> None:
    frame = frame_of("a")
    ingest_frame(store, frame, content_hash=hashlib.sha256(frame.raw).digest())
    put(store, frame.raw)
    drained = drain_inbox(store)
    assert (drained.frames, drained.rows, drained.quarantined) == (1, 0, 0)


def test_a_frame_whose_id_is_taken_goes_to_quarantine(store: Store) -> None:
    put(store, frame_of("a").raw, frame_of("a", n=3).raw)
    drained = drain_inbox(store)
    assert (drained.rows, drained.quarantined) == (10, 1)


def test_two_workers_take_every_frame_once(store: Store) -> None:
    put(store, *(frame_of(f"batch-{place}").raw for place in range(12)))
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda _: drain_inbox(store), range(2)))
    assert sum(drained.rows for drained in results) == 120
    assert waiting(store) == 0
