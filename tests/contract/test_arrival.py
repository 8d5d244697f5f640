"""Receipts, blocks, envelopes, outcomes, quarantine and drops."""

import uuid
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from driftwatch.domain.instant import DAY, HOUR, from_iso
from driftwatch.storage import batch, block, drop, outcome, partition, prediction, quarantine, registration
from driftwatch.storage.scalar import join, prediction_keys, split
from driftwatch.storage.store import Store

NOON = from_iso("2013-01-31T12:00:00")


def _register(conn: Connection, version: str = "1") -> tuple[int, int]:
    model_id = registration.ensure_model(conn, "production", "flights", at=1)
    return model_id, registration.ensure_version(conn, model_id, version, at=1)


def _receipt(model_id: int, name: str = "b1", **changes: Any) -> batch.Receipt:
    return batch.Receipt(
        **{
            "id": name,
            "kind": "predictions",
            "model_id": model_id,
            "content_hash": b"\0hash",
            "n": 3,
            "received_at": NOON,
            **changes,
        }
    )


def _envelope(
    version_id: int, ids: Sequence[str], at: Sequence[int] | None = None, **columns: Any
) -> prediction.Envelope:
    return prediction.Envelope(
        **{
            "model": "flights",
            "version_id": version_id,
            "batch_id": "b1",
            "deployment": "default",
            "ids": ids,
            "predicted_at": at or [NOON] * len(ids),
            **columns,
        }
    )


# Receipts


def test_a_receipt_is_stored_once_and_read_back_whole(store: Store) -> None:
    with store.begin() as conn:
        model_id, version_id = _register(conn)
        given = _receipt(model_id, version_id=version_id, first_at=NOON, last_at=NOON + 1, sdk="1.0", n_dropped=2)
        assert batch.find_receipt(conn, "b1") is None
        assert batch.insert_receipt(conn, given)
        assert not batch.insert_receipt(conn, _receipt(model_id, content_hash=b"other"))
        assert batch.find_receipt(conn, "b1") == given


def test_a_receipt_learns_what_became_of_its_batch(store: Store) -> None:
    with store.begin() as conn:
        model_id, _ = _register(conn)
        batch.insert_receipt(conn, _receipt(model_id))
        final = _receipt(
            model_id, n_accepted=2, n_quarantined=1, last_at=NOON, reply={"accepted": 2, "quarantined": []}
        )
        batch.update_receipt(conn, final)
        assert batch.find_receipt(conn, "b1") == final


def test_the_newest_event_time_is_that_of_predictions(store: Store) -> None:
    with store.begin() as conn:
        model_id, _ = _register(conn)
        assert batch.newest_at(conn, model_id) is None
        batch.insert_receipt(conn, _receipt(model_id, "b1", last_at=NOON + 9))
        batch.insert_receipt(conn, _receipt(model_id, "b2", last_at=NOON))
        batch.insert_receipt(conn, _receipt(model_id, "b3", last_at=NOON + 99, kind="outcomes"))
        assert batch.newest_at(conn, model_id) == NOON + 9


# Blocks


def test_a_batch_that_crosses_midnight_has_a_block_a_day(store: Store) -> None:
    midnight = from_iso("2013-02-01T00:00:00")
    with store.begin() as conn:
        model_id, version_id = _register(conn)
        batch.insert_receipt(conn, _receipt(model_id))
        days = (midnight // DAY - 1, midnight // DAY)
        for day, first, last, payload in ((days[0], NOON, midnight - 1, b"jan"), (days[1], midnight, midnight, b"feb")):
            block.insert_block(
                conn,
                version_id,
                batch_id="b1",
                day=day,
                first_at=first,
                last_at=last,
                n=2,
                codec="frame",
                payload=payload,
            )
        assert [each.payload for each in block.read_blocks(conn, version_id, NOON, midnight)] == [b"jan"]
        assert [each.payload for each in block.read_blocks(conn, version_id, NOON, midnight + 1)] == [b"jan", b"feb"]
        assert [each.payload for each in block.read_blocks(conn, version_id, NOON - HOUR, NOON)] == []
        assert [each.payload for each in block.read_blocks(conn, version_id + 1, NOON, midnight)] == []
        found = block.find_block(conn, "b1", days[1])
        assert found is not None
        assert (found[0].payload, found[1]) == (b"feb", 0)
        assert block.find_block(conn, "b2", days[1]) is None


def test_compaction_keeps_every_batch_findable(store: Store) -> None:
    day = NOON // DAY
    with store.begin() as conn:
        model_id, version_id = _register(conn)
        for name, n in (("b1", 3), ("b2", 4), ("b3", 5)):
            batch.insert_receipt(conn, _receipt(model_id, name))
            block.insert_block(
                conn, version_id, batch_id=name, day=day, first_at=NOON, last_at=NOON, n=n, codec="frame", payload=b"x"
            )
    with store.begin() as conn:
        old = [found[0] for name in ("b1", "b2") if (found := block.find_block(conn, name, day)) is not None]
        block.replace_blocks(conn, old, codec="arrow", payload=b"joined")
    with store.begin() as conn:  # once more, over a block that is compacted already
        old = [found[0] for name in ("b1", "b3") if (found := block.find_block(conn, name, day)) is not None]
        block.replace_blocks(conn, old, codec="arrow", payload=b"all")
        places = {name: block.find_block(conn, name, day) for name in ("b1", "b2", "b3")}
        assert {name: None if place is None else place[1] for name, place in places.items()} == {
            "b1": 0,
            "b2": 3,
            "b3": 7,
        }
        (only,) = block.read_blocks(conn, version_id, NOON, NOON + 1)
        assert (only.n, only.codec, only.payload) == (12, "arrow", b"all")


def test_blocks_of_two_days_are_not_joined(store: Store) -> None:
    one = block.Block(b"1", 1, 1, 0, 0, 1, "frame", b"")
    other = block.Block(b"2", 1, 2, 0, 0, 1, "frame", b"")
    with store.begin() as conn, pytest.raises(ValueError, match="one day"):
        block.replace_blocks(conn, [one, other], codec="arrow", payload=b"")


# Envelopes


def test_predictions_are_stored_whole(store: Store) -> None:
    known = str(uuid.UUID(int=7))
    with store.begin() as conn:
        model_id, version_id = _register(conn)
        rows = _envelope(
            version_id,
            [known, "order 66"],
            [NOON, NOON + 1],
            prediction=[True, "cancel"],
            score=[0.5, float("nan")],
            latency_seconds=[0.01, None],
            error=[None, "boom\0"],
            request_id=["r1", None],
            entity=[None, "e1"],
            positions=[4, 9],
        )
        assert prediction.insert_predictions(conn, rows) == set()
        (first,) = prediction.find_prediction(conn, model_id, known)
        (second,) = prediction.find_prediction(conn, model_id, "order 66")
        assert prediction.find_prediction(conn, model_id, "order 67") == []
        assert prediction.find_prediction(conn, model_id + 1, known) == []
        assert prediction.count_predictions(conn, version_id, NOON, NOON + 1) == 1
        assert prediction.count_predictions(conn, version_id, NOON, NOON + 2) == 2
    assert first == prediction.PredictionRow(
        version_id, "1", known, NOON, 0.5, 1.0, 0.01, None, "r1", None, "default", "b1", 4
    )
    assert second == prediction.PredictionRow(
        version_id, "1", "order 66", NOON + 1, None, "cancel", None, "boom\ufffd", None, "e1", "default", "b1", 9
    )


def test_columns_that_nobody_sent_are_unknown(store: Store) -> None:
    with store.begin() as conn:
        model_id, version_id = _register(conn)
        assert prediction.insert_predictions(conn, _envelope(version_id, ["a"])) == set()
        assert prediction.insert_predictions(conn, _envelope(version_id, [])) == set()
        (row,) = prediction.find_prediction(conn, model_id, "a")
    assert (row.score, row.prediction, row.latency_seconds, row.error, row.position) == (None, None, None, None, 0)


def test_duplicates_are_reported_by_their_place(store: Store) -> None:
    with store.begin() as conn:
        model_id, version_id = _register(conn)
        first = _envelope(version_id, ["a", "b", "a"], score=[1.0, 2.0, 3.0])
        assert prediction.insert_predictions(conn, first) == {2}
        again = _envelope(version_id, ["c", "b", "d"], score=[4.0, 5.0, 6.0], batch_id="b2", positions=[10, 20, 30])
        assert prediction.insert_predictions(conn, again) == {1}
        scores = {name: prediction.find_prediction(conn, model_id, name)[0].score for name in "abcd"}
    assert scores == {"a": 1.0, "b": 2.0, "c": 4.0, "d": 6.0}  # the first of an id stays


def test_an_id_may_come_again_on_another_day_or_in_another_version(store: Store) -> None:
    with store.begin() as conn:
        model_id, version_id = _register(conn)
        _, shadow_id = _register(conn, "shadow")
        assert prediction.insert_predictions(conn, _envelope(version_id, ["a"], [NOON])) == set()
        assert prediction.insert_predictions(conn, _envelope(version_id, ["a"], [NOON + DAY], batch_id="b2")) == set()
        assert prediction.insert_predictions(conn, _envelope(shadow_id, ["a"], [NOON], batch_id="b3")) == set()
        found = prediction.find_prediction(conn, model_id, "a")
    assert next((row.version, row.predicted_at) for row in found) == ("1", NOON + DAY)
    assert len(found) == 3


def test_a_large_batch_with_many_duplicates(store: Store) -> None:
    n = 3000
    with store.begin() as conn:
        _, version_id = _register(conn)
        ids = [f"row-{number}" for number in range(n)]
        prediction.insert_predictions(conn, _envelope(version_id, ids[::3]))
        found = prediction.insert_predictions(conn, _envelope(version_id, ids, batch_id="b2"))
        assert found == set(range(0, n, 3))
        assert prediction.count_predictions(conn, version_id, NOON, NOON + 1) == n


def test_two_batches_with_the_same_ids_in_opposite_order_both_end(store_url: str) -> None:
    import threading

    ids = [f"row-{number}" for number in range(400)]
    reports: list[int] = []
    with Store.open(store_url) as store:
        with store.begin() as conn:
            _, version_id = _register(conn)

        def write(name: str, order: list[str]) -> None:
            with store.begin() as conn:
                duplicates = prediction.insert_predictions(conn, _envelope(version_id, order, batch_id=name))
            reports.append(len(duplicates))

        threads = [
            threading.Thread(target=write, args=(f"b{number}", ids[:: 1 if number % 2 else -1])) for number in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(reports) == [0, 400, 400, 400, 400, 400]


# Outcomes


def _outcomes(model_id: int, name: str, **columns: Any) -> outcome.OutcomeColumns:
    n = len(columns["values"])
    return outcome.OutcomeColumns(
        **{
            "model": "flights",
            "model_id": model_id,
            "batch_id": name,
            "ids": [None] * n,
            "request_ids": [None] * n,
            "observed_at": [NOON + HOUR] * n,
            "received_at": NOON + HOUR,
            **columns,
        }
    )


def test_the_newest_observed_outcome_is_current(store: Store) -> None:
    with store.begin() as conn:
        model_id, version_id = _register(conn)
        rows = _envelope(
            version_id, ["a", "b", "c"], [NOON, NOON + 1, NOON + 2], prediction=[1, 0, 1], score=[0.9, 0.2, 0.6]
        )
        prediction.insert_predictions(conn, rows)
        outcome.insert_outcomes(conn, _outcomes(model_id, "o1", ids=["a", "b"], values=[1, 0]))
        outcome.insert_outcomes(
            conn,
            _outcomes(
                model_id,
                "o2",
                ids=["a", "b"],
                values=[0, 1],
                observed_at=[NOON + 2 * HOUR, NOON],  # the second is older than what is known
                received_at=NOON + 2 * HOUR,
            ),
        )
        now = outcome.current_outcomes(conn, model_id, version_id, NOON, NOON + 3)
        then = outcome.current_outcomes(conn, model_id, version_id, NOON, NOON + 3, known_by=NOON + 2 * HOUR)
        part = outcome.current_outcomes(conn, model_id, version_id, NOON + 1, NOON + 3)
        assert outcome.count_outcomes(conn, model_id) == 4
    assert [(row.predicted_at, row.score, row.prediction, row.value) for row in now] == [
        (NOON, 0.9, 1.0, 0.0),
        (NOON + 1, 0.2, 0.0, 0.0),
    ]
    assert [row.value for row in then] == [1.0, 0.0]
    assert [row.value for row in part] == [0.0]


def test_an_outcome_of_a_request_reaches_every_version_that_answered_it(store: Store) -> None:
    with store.begin() as conn:
        model_id, version_id = _register(conn)
        _, shadow_id = _register(conn, "shadow")
        prediction.insert_predictions(conn, _envelope(version_id, ["a"], request_id=["r1"]))
        prediction.insert_predictions(conn, _envelope(shadow_id, ["b"], request_id=["r1"], batch_id="b2"))
        prediction.insert_predictions(conn, _envelope(shadow_id, ["c"], request_id=["r2"], batch_id="b3"))
        outcome.insert_outcomes(conn, _outcomes(model_id, "o1", request_ids=["r1"], values=["late"]))
        for each in (version_id, shadow_id):
            (row,) = outcome.current_outcomes(conn, model_id, each, NOON, NOON + 1)
            assert row.value == "late"


def test_an_outcome_may_come_before_its_prediction_and_be_taken_back(store: Store) -> None:
    with store.begin() as conn:
        model_id, version_id = _register(conn)
        outcome.insert_outcomes(conn, _outcomes(model_id, "o1", ids=["a"], values=[True]))
        prediction.insert_predictions(conn, _envelope(version_id, ["a"]))
        (row,) = outcome.current_outcomes(conn, model_id, version_id, NOON, NOON + 1)
        assert row.value == 1.0
        outcome.insert_outcomes(
            conn, _outcomes(model_id, "o2", ids=["a"], values=[None], observed_at=[NOON + 2 * HOUR])
        )
        assert outcome.current_outcomes(conn, model_id, version_id, NOON, NOON + 1) == []


# Values and ids


@given(some.lists(some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False) | some.text()))
def test_values_survive_being_split(values: list[Any]) -> None:
    numbers, texts = split(values)
    for value, number, words in zip(values, numbers, texts, strict=True):
        back = join(number, words)
        if isinstance(value, str):
            assert back == value.replace("\0", "\ufffd")
        elif isinstance(value, int) and abs(value) > 2**53:
            assert back == str(value)
        else:
            assert back == value


@given(some.text(min_size=1), some.text(min_size=1))
def test_keys_of_plain_ids_are_uuid_version_5_and_of_uuids_themselves(model: str, name: str) -> None:
    (key, same, upper) = prediction_keys(model, [name, str(uuid.UUID(int=9)), str(uuid.UUID(int=0xABC)).upper()])
    assert uuid.UUID(bytes=key).version == 5
    assert uuid.UUID(bytes=key).variant == uuid.RFC_4122
    assert (same, upper) == (uuid.UUID(int=9).bytes, uuid.UUID(int=0xABC).bytes)
    assert prediction_keys(model + "x", [name]) != [key]


def test_keys_are_what_the_standard_library_makes() -> None:
    from driftwatch.storage.scalar import _NAMESPACE

    namespace = uuid.UUID(bytes=_NAMESPACE)
    text_of_36 = "not-a-uu-id--but-exactly-36-long----"
    for name in ("order 66", text_of_36, "00000000-0000-0000-0000-00000000000g"):
        assert prediction_keys("flights", [name]) == [uuid.uuid5(namespace, f"flights\0{name}").bytes]


# Quarantine and drops


def test_what_is_held_is_listed_counted_and_let_go(store: Store) -> None:
    rows = [
        quarantine.HeldRow("production", "flights", "1", f"b{n}", n, None, "no time", b"\0row", NOON + n)
        for n in range(3)
    ]
    rows.append(quarantine.HeldRow("production", "other\0", None, "b9", None, "a\0b", "text\0", None, NOON))
    with store.begin() as conn:
        quarantine.hold(conn, rows)
        quarantine.hold(conn, [])
        held = quarantine.list_held(conn, "production", "flights")
        assert [(row.batch_id, row.row_number, row.payload) for row in held] == [
            ("b2", 2, b"\0row"),
            ("b1", 1, b"\0row"),
            ("b0", 0, b"\0row"),
        ]
        assert quarantine.count_held(conn, "production", "flights") == {"no time": 3}
        assert quarantine.count_held(conn, "production", "flights", since=NOON + 2) == {"no time": 1}
        assert len(quarantine.list_held(conn, "production", "flights", limit=1)) == 1
        (other,) = quarantine.list_held(conn, "production", "other\ufffd")
        assert (other.column, other.reason, other.payload) == ("a\ufffdb", "text\ufffd", None)


def test_drops_of_a_batch_count_once(store: Store) -> None:
    with store.begin() as conn:
        model_id, _ = _register(conn)
        for _ in range(2):
            drop.insert_drops(conn, model_id, "b1", {"queue_full": 5, "too_long": 1, "none": 0}, at=NOON)
        drop.insert_drops(conn, model_id, "b2", {"queue_full": 2}, at=NOON + 1)
        drop.insert_drops(conn, model_id, "b3", {}, at=NOON)
        assert drop.count_drops(conn, model_id) == {"queue_full": 7, "too_long": 1}
        assert drop.count_drops(conn, model_id, since=NOON + 1) == {"queue_full": 2}
        assert drop.count_drops(conn, model_id + 1) == {}


# Partitions


@pytest.mark.parametrize("n", [1, 100])  # small and large batches go different ways on PostgreSQL
def test_rows_of_a_month_without_a_partition_are_refused_until_it_is_made(store: Store, n: int) -> None:
    late = from_iso("2031-12-31T23:00:00")
    with store.begin() as conn:
        _, version_id = _register(conn)
    if store.dialect == "postgresql":
        with pytest.raises(IntegrityError, match="no partition"), store.begin() as conn:
            prediction.insert_predictions(conn, _envelope(version_id, [f"c{row}" for row in range(n)], [late] * n))
    partition.ensure(store, partition.months_of([late, late + 2 * HOUR]))
    with store.begin() as conn:
        assert prediction.insert_predictions(conn, _envelope(version_id, ["a", "b"], [late, late + 2 * HOUR])) == set()
