"""A batch enters once, whole, and what cannot be used of it is held with the reason."""

from typing import Any

import numpy as np
import pytest
from ingesting import NOON, NOW, frame_of, model_id, profiles_of, send, version_id

from driftwatch.domain.instant import DAY, HOUR, MINUTE
from driftwatch.errors import ConflictError
from driftwatch.profiles.categorical import CategoricalProfile
from driftwatch.profiles.numeric import NumericProfile
from driftwatch.service.feature_block import read_block
from driftwatch.service.ingest import ingest_frame
from driftwatch.storage import block, drop, prediction, quarantine, registration
from driftwatch.storage.batch import find_receipt
from driftwatch.storage.store import Store


def held(store: Store) -> list[quarantine.HeldRow]:
    with store.read() as conn:
        return quarantine.list_held(conn, "production", "flights")


def stored(store: Store) -> int:
    with store.read() as conn:
        return prediction.count_predictions(conn, version_id(store), 0, 2**62)


def numeric(profile: object) -> NumericProfile:
    assert isinstance(profile, NumericProfile)
    return profile


def categorical(profile: object) -> CategoricalProfile:
    assert isinstance(profile, CategoricalProfile)
    return profile


def test_a_batch_is_a_receipt_an_envelope_a_block_and_a_profile_a_bucket(store: Store) -> None:
    frame = frame_of(n=4, at=[NOON, NOON + 1, NOON + HOUR, NOON + 2 * HOUR], score=[0.1, 0.9, None, 0.5])
    reply = send(store, frame)
    assert reply.to_dict() == {
        "batch_id": "batch-1",
        "accepted": 4,
        "duplicates": 0,
        "quarantined": [],
        "idempotent": True,
    }
    assert not reply.seen
    assert stored(store) == 4
    buckets = profiles_of(store)
    assert {at: bucket.rows for at, bucket in buckets.items()} == {NOON: 2, NOON + HOUR: 1, NOON + 2 * HOUR: 1}
    assert numeric(buckets[NOON].outputs["score"]).n == 2
    assert numeric(buckets[NOON + HOUR].outputs["score"]).n_null == 1
    with store.read() as conn:
        receipt = find_receipt(conn, "batch-1")
        found = block.find_block(conn, "batch-1", NOON // DAY)
    assert receipt is not None
    assert (receipt.n, receipt.n_accepted, receipt.first_at, receipt.last_at) == (4, 4, NOON, NOON + 2 * HOUR)
    assert found is not None
    assert (found[0].codec, found[0].payload) == ("frame", frame.raw)


def test_the_same_batch_again_stores_nothing_and_is_answered_as_before(store: Store) -> None:
    frame = frame_of(at=[*[NOON + place for place in range(9)], NOW + DAY])
    first = send(store, frame)
    again = send(store, frame)
    assert again.seen
    assert again.to_dict() == first.to_dict()
    assert len(again.quarantined) == 1
    assert stored(store) == 9
    assert sum(bucket.rows for bucket in profiles_of(store).values()) == 9


def test_the_same_id_with_other_content_is_refused_and_held(store: Store) -> None:
    send(store, frame_of())
    other = frame_of(n=3)
    with pytest.raises(ConflictError, match=r"batch-1.*other content"):
        send(store, other, content=b"other")
    assert stored(store) == 10
    (row,) = held(store)
    assert row.payload == other.raw
    assert "other content" in row.reason


def test_ids_seen_that_day_are_counted_and_neither_stored_nor_profiled(store: Store) -> None:
    send(store, frame_of("a", ids=[f"row-{place}" for place in range(10)]))
    ids = ["row-1", "new-1", "new-1", "row-3"]
    reply = send(store, frame_of("b", n=4, ids=ids, features={"temp": [100.0, 200.0, 300.0, 400.0]}))
    assert (reply.accepted, reply.duplicates) == (1, 3)
    assert stored(store) == 11
    (bucket,) = profiles_of(store).values()
    assert bucket.rows == 11
    assert numeric(bucket.features["temp"]).n == 11
    assert numeric(bucket.features["temp"]).high == 200.0


def test_an_id_may_come_again_on_another_day_or_from_another_version(store: Store) -> None:
    send(store, frame_of("a", n=1, ids=["row"]))
    assert send(store, frame_of("b", n=1, ids=["row"], at=[NOON - DAY])).accepted == 1
    assert send(store, frame_of("c", n=1, ids=["row"], version="2")).accepted == 1


def test_a_feature_of_another_kind_is_held_and_the_rest_is_kept(store: Store) -> None:
    send(store, frame_of("a", features={"temp": [1.0] * 10, "wind": [2.0] * 10}))
    reply = send(store, frame_of("b", features={"temp": ["hot"] * 10, "wind": [3.0] * 10}))
    assert reply.accepted == 10
    assert [(each["row"], each["column"]) for each in reply.quarantined] == [(None, "temp")]
    assert "numeric in this version, and categorical in this batch" in reply.quarantined[0]["reason"]
    (row,) = held(store)
    assert row.column == "temp"
    assert row.payload is not None
    assert b"hot" in row.payload
    (bucket,) = profiles_of(store).values()
    assert bucket.rows == 20
    assert numeric(bucket.features["temp"]).n == 10
    assert numeric(bucket.features["wind"]).n == 20


def test_rows_ahead_of_the_clock_are_held_and_those_within_five_minutes_are_kept(store: Store) -> None:
    reply = send(store, frame_of(n=3, at=[NOW + 5 * MINUTE, NOW + 5 * MINUTE + 1, -1]))
    assert reply.accepted == 1
    assert [(each["row"], each["column"]) for each in reply.quarantined] == [(1, "at"), (2, "at")]
    assert "5 minutes ahead" in reply.quarantined[0]["reason"]
    assert "before 1970" in reply.quarantined[1]["reason"]
    assert stored(store) == 1


def test_a_batch_over_midnight_has_a_block_a_day(store: Store) -> None:
    midnight = NOON + 12 * HOUR
    frame = frame_of(
        n=4, at=[midnight - 1, midnight, midnight - 2, midnight + 1], features={"temp": [1.0, 2.0, 3.0, 4.0]}
    )
    send(store, frame, now=NOW + DAY)
    with store.read() as conn:
        blocks = [block.find_block(conn, "batch-1", day) for day in (NOON // DAY, NOON // DAY + 1)]
    contents = [read_block(found[0].codec, found[0].payload) for found in blocks if found is not None]
    assert [columns.features["temp"].to_list() for columns in contents] == [[1.0, 3.0], [2.0, 4.0]]


def test_large_batches_are_stored_as_arrow(store: Store) -> None:
    n = 1024
    values: dict[str, list[Any]] = {
        "temp": [float(place) if place % 3 else None for place in range(n)],
        "carrier": [("AA", "DL", None)[place % 3] for place in range(n)],
        "late": [bool(place % 2) for place in range(n)],
    }
    send(store, frame_of(n=n, features=values, tags={"region": ["north"] * n}))
    with store.read() as conn:
        found = block.find_block(conn, "batch-1", NOON // DAY)
    assert found is not None
    assert found[0].codec == "arrow"
    columns = read_block("arrow", found[0].payload)
    assert {name: column.to_list() for name, column in columns.features.items()} == values
    assert list(columns.tags["region"]) == ["north"] * n


def test_odd_numbers_are_counted_and_stop_nothing(store: Store) -> None:
    values = [float("nan"), float("inf"), -float("inf"), 1e308, -1e308, None, 0.0, 5e-324, 1.0, 2.0]
    send(store, frame_of("a", features={"temp": values}))
    send(store, frame_of("b", features={"temp": values}))
    (bucket,) = profiles_of(store).values()
    temp = numeric(bucket.features["temp"])
    assert (temp.n, temp.n_null, temp.n_nan, temp.n_inf, temp.high) == (12, 2, 2, 4, 1e308)


def test_an_empty_column_waits_for_its_first_value(store: Store) -> None:
    send(store, frame_of("a", features={"temp": [None] * 10, "wind": [float("nan")] * 10}))
    send(store, frame_of("b", features={"temp": [1e6 + place for place in range(10)], "wind": [1.0] * 10}))
    with store.read() as conn:
        kinds = {name: row.kind for name, row in registration.read_features(conn, version_id(store)).items()}
    assert kinds == {"temp": "numeric", "wind": "numeric"}


def test_names_and_the_number_of_features_are_bounded(store: Store) -> None:
    features = {f"f{place:04}": [1.0] for place in range(1001)} | {"n" * 256: [1.0], "bad\x07name": [1.0], "": [1.0]}
    reply = send(store, frame_of(n=1, features=features))
    reasons = {each["column"]: each["reason"] for each in reply.quarantined}
    assert "256 bytes" in reasons["n" * 60]
    assert "control character" in reasons["'bad\\x07name'"]
    assert "0 bytes" in reasons[""]
    assert "at most 1,000 features" in reasons["f1000"]
    assert reply.accepted == 1
    again = send(store, frame_of("b", n=1, features={"f0000": [1.0], "one-more": [1.0]}))
    assert [each["column"] for each in again.quarantined] == ["one-more"]


def test_names_that_are_sql_words_and_unicode_are_names(store: Store) -> None:
    names = ["select", "drop table models;--", "température", "飛行", "a" * 255, "group by", 'quo"te', "score"]
    reply = send(store, frame_of(n=1, features={name: [1.0] for name in names}, score=[0.5]))
    assert not reply.quarantined
    (bucket,) = profiles_of(store).values()
    assert set(bucket.features) == set(names)
    assert numeric(bucket.outputs["score"]).high == 0.5


def test_ten_thousand_categories_are_counted_up_to_the_cap(store: Store) -> None:
    send(store, frame_of(n=10_000, features={"user": [f"user-{place}" for place in range(10_000)]}))
    (bucket,) = profiles_of(store).values()
    user = categorical(bucket.features["user"])
    assert len(user.counts) + user.other == 10_000
    assert user.distinct == pytest.approx(10_000, rel=0.05)


def test_latencies_errors_and_drops_are_kept(store: Store) -> None:
    frame = frame_of(
        n=5,
        latency_seconds=[0.01, 0.02, -1.0, None, float("inf")],
        error=[None, False, "ValueError: no", True, ""],
        dropped={"queue full": 7},
    )
    reply = send(store, frame)
    assert [(each["row"], each["column"]) for each in reply.quarantined] == [
        (2, "latency_seconds"),
        (4, "latency_seconds"),
    ]
    assert [each["reason"].partition(";")[0] for each in reply.quarantined] == [
        "latency_seconds is -1.0",
        "latency_seconds is inf",
    ]
    (bucket,) = profiles_of(store).values()
    assert bucket.errors == 2
    assert bucket.latency is not None
    assert bucket.latency.n == 2
    with store.read() as conn:
        assert drop.count_drops(conn, model_id(store)) == {"queue full": 7}
        (row,) = prediction.find_prediction(conn, model_id(store), "batch-1-2")
    assert row.error == "ValueError: no"
    assert row.latency_seconds is None


def test_sampled_rows_keep_their_envelope_and_do_not_count_as_missing(store: Store) -> None:
    frame = frame_of(n=4, features={"temp": [1.0, None, None, 2.0]}, sample_rate=0.5, score=[0.1, 0.2, 0.3, 0.4])
    send(store, frame)
    (bucket,) = profiles_of(store).values()
    assert (bucket.rows, numeric(bucket.outputs["score"]).n) == (4, 4)
    assert (numeric(bucket.features["temp"]).n, numeric(bucket.features["temp"]).n_null) == (2, 0)


@pytest.mark.parametrize(
    ("task", "prediction", "categories"),
    [
        ("binary", [1, 0, 1], {"1": 2, "0": 1}),
        ("none", [True, False, True], {"true": 2, "false": 1}),
        ("none", ["AA", 1, None], {"AA": 1, "1": 1}),
    ],
)
def test_classes_are_categories(store: Store, task: str, prediction: list[Any], categories: dict[str, int]) -> None:
    columns = {"timestamp": "at", "prediction": "prediction", "score": "score"}
    with store.begin() as conn:
        model = registration.ensure_model(conn, "production", "flights", at=NOW)
        registration.set_spec(conn, model, {"model": "flights", "task": task, "columns": columns})
    send(store, frame_of(n=3, prediction=prediction))
    (bucket,) = profiles_of(store).values()
    assert categorical(bucket.outputs["prediction"]).counts == categories


def test_the_declaration_decides_bucket_and_kinds(store: Store) -> None:
    spec = {
        "model": "flights",
        "columns": {"timestamp": "at"},
        "features": {"categorical": ["zip"], "numeric": ["flag"]},
        "bucket": "15m",
    }
    with store.begin() as conn:
        registration.set_spec(conn, registration.ensure_model(conn, "production", "flights", at=NOW), spec)
    features: dict[str, list[Any]] = {"zip": [10115, 80331.0, None], "flag": [True, False, None]}
    reply = send(store, frame_of(n=3, at=[NOON, NOON + 16 * MINUTE, NOON + 17 * MINUTE], features=features))
    assert not reply.quarantined
    buckets = profiles_of(store)
    assert sorted(buckets) == [NOON, NOON + 15 * MINUTE]
    later = buckets[NOON + 15 * MINUTE]
    assert (categorical(later.features["zip"]).counts, categorical(later.features["zip"]).n_null) == ({"80331": 1}, 1)
    assert (numeric(later.features["flag"]).low, numeric(later.features["flag"]).n_null) == (0.0, 1)


def test_the_profile_of_many_batches_is_the_profile_of_all_their_rows(store: Store) -> None:
    rng = np.random.default_rng(7)
    values = rng.normal(50.0, 10.0, 300)
    for place in range(3):
        part = values[100 * place : 100 * place + 100].tolist()
        send(store, frame_of(f"part-{place}", n=100, features={"temp": part}))
    send(store, frame_of("whole", n=300, features={"temp": values.tolist()}, model="twin"))
    (parts,), (whole,) = profiles_of(store).values(), profiles_of(store, "twin").values()
    one, other = numeric(parts.features["temp"]), numeric(whole.features["temp"])
    assert (one.n, one.low, one.high) == (other.n, other.low, other.high)
    assert one.mean == pytest.approx(other.mean)


def test_an_empty_batch_is_a_receipt(store: Store) -> None:
    reply = send(store, frame_of(n=0, features={}, dropped={"closed": 3}))
    assert reply.accepted == 0
    assert profiles_of(store) == {}
    assert send(store, frame_of(n=0, features={})).seen


def test_without_a_clock_of_the_caller_the_store_decides_what_is_ahead(store: Store) -> None:
    with store.read() as conn:
        now = store.now(conn)
    reply = ingest_frame(store, frame_of(n=2, at=[now, now + HOUR]), content_hash=b"x")
    assert (reply.accepted, len(reply.quarantined)) == (1, 1)
