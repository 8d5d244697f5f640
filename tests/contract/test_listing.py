"""What is listed and sampled of a model's past, and that no store function is left out of this suite."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from driftwatch import storage
from driftwatch.domain.instant import DAY, HOUR, from_iso
from driftwatch.storage import batch, block, block_listing, partition, prediction, prediction_sample, profile
from driftwatch.storage import registration as registry
from driftwatch.storage.store import Store

NOON = from_iso("2013-01-31T12:00:00")
TODAY = NOON // DAY


def _store_functions() -> Iterator[str]:
    for module in pkgutil.iter_modules(storage.__path__):
        if module.name in {"schema", "upsert"}:  # the tables, and the statement that other functions build on
            continue
        loaded = importlib.import_module(f"driftwatch.storage.{module.name}")
        for name in loaded.__all__:
            public = getattr(loaded, name)
            if inspect.isfunction(public) and next(iter(inspect.signature(public).parameters), "") == "conn":
                yield name


@pytest.mark.parametrize("name", sorted(set(_store_functions())))
def test_every_store_function_is_called_in_the_contract_suite(name: str) -> None:
    suite = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("*.py"))
    assert re.search(rf"\.{name}\(", suite), f"no contract test calls {name}"


def _version(conn: Connection) -> int:
    model_id = registry.ensure_model(conn, "production", "flights", at=1)
    version_id = registry.ensure_version(conn, model_id, "1", at=1)
    for name in ("b1", "b2", "b3"):
        batch.insert_receipt(conn, batch.Receipt(name, "predictions", model_id, name.encode(), 3, NOON))
    return version_id


def _add_block(conn: Connection, version_id: int, name: str, day: int, n: int) -> None:
    at = day * DAY + 12 * HOUR
    block.insert_block(
        conn, version_id, batch_id=name, day=day, first_at=at, last_at=at, n=n, codec="frame", payload=name.encode()
    )


def test_blocks_are_listed_without_their_payload_and_read_by_reference(store: Store) -> None:
    with store.begin() as conn:
        version_id = _version(conn)
        _add_block(conn, version_id, "b2", TODAY, 4)
        _add_block(conn, version_id, "b1", TODAY - 1, 3)
    with store.read() as conn:
        listed = block_listing.list_blocks(conn, [version_id])
        assert [(each.day, each.n) for each in listed] == [(TODAY - 1, 3), (TODAY, 4)]
        assert block_listing.list_blocks(conn, [version_id], day=TODAY) == listed[1:]
        assert block_listing.list_blocks(conn, [version_id + 1]) == []
        found = block_listing.read_block(conn, listed[0])
    assert found is not None
    assert found.payload == b"b1"
    with store.begin() as conn:
        block.replace_blocks(conn, [found], codec="arrow", payload=b"joined")
        assert block_listing.read_block(conn, listed[0]) is None


def test_only_closed_days_with_several_small_blocks_are_worth_compacting(store: Store) -> None:
    with store.begin() as conn:
        version_id = _version(conn)
        for name, day, n in (("b1", TODAY - 2, 3), ("b2", TODAY - 2, 4), ("b3", TODAY - 2, 5_000)):
            _add_block(conn, version_id, name, day, n)
        for name, day, n in (("b1", TODAY - 1, 3), ("b2", TODAY - 1, 5_000), ("b1", TODAY, 1), ("b2", TODAY, 1)):
            _add_block(conn, version_id, name, day, n)
        assert block_listing.list_small_days(conn, before_day=TODAY, below=1_024) == [(version_id, TODAY - 2)]
        assert block_listing.list_small_days(conn, before_day=TODAY - 2, below=1_024) == []


def test_a_sample_covers_the_past_evenly_and_is_bounded(store: Store) -> None:
    n = 1_000
    partition.ensure(store, ["2013-01"])
    with store.begin() as conn:
        version_id = _version(conn)
        prediction.insert_predictions(
            conn,
            prediction.Envelope(
                model="flights",
                version_id=version_id,
                batch_id="b1",
                deployment="default",
                ids=[str(each) for each in range(n)],
                predicted_at=[NOON + each for each in range(n)],
                score=[each / n for each in range(n - 1)] + [None],
                prediction=[each % 2 for each in range(n)],
            ),
        )
        slices = list(prediction_sample.read_sample(conn, [version_id], "score", limit=500))
        assert [len(values) for values, _, _ in slices] == [5] * 100
        assert all(first <= NOON + round(value * n) <= last for values, first, last in slices for value in values)
        numbers = prediction_sample.read_sample(conn, [version_id], "prediction", limit=9_999)
        assert {value for values, _, _ in numbers for value in values} == {0.0, 1.0}
        assert list(prediction_sample.read_sample(conn, [version_id + 1], "score", limit=500)) == []


def _envelope(version_id: int, name: str, at: list[int]) -> prediction.Envelope:
    return prediction.Envelope(
        model="flights",
        version_id=version_id,
        batch_id=name,
        deployment="default",
        ids=[f"{name}-{place}" for place in range(len(at))],
        predicted_at=at,
        score=[place / 4 for place in range(len(at))],
        prediction=["late", 1.0, None, "early"][: len(at)],
        error=[None, "timeout", None, None][: len(at)],
    )


def test_the_rows_of_a_batch_are_found_on_each_of_its_days(store: Store) -> None:
    with store.begin() as conn:
        version_id = _version(conn)
        for day, n in ((TODAY - 1, 1), (TODAY, 2)):
            _add_block(conn, version_id, "b1", day, n)
        _add_block(conn, version_id, "b2", TODAY - 1, 4)
        found = block_listing.list_places(conn, version_id, TODAY, TODAY)
        assert [(each.batch_id, each.day, each.block_offset, each.n) for each in found] == [
            ("b1", TODAY - 1, 0, 1),
            ("b1", TODAY, 0, 2),
        ]
        assert block_listing.list_places(conn, version_id + 1, 0, TODAY) == []


def test_envelopes_are_read_in_order_of_time_with_the_place_of_their_features(store: Store) -> None:
    partition.ensure(store, ["2013-01", "2013-02"])
    midnight = (TODAY + 1) * DAY
    with store.begin() as conn:
        version_id = _version(conn)
        prediction.insert_predictions(conn, _envelope(version_id, "b1", [midnight, midnight - 1, midnight + 1]))
        prediction.insert_predictions(conn, _envelope(version_id, "b2", [midnight + 5]))
        part = list(prediction_sample.read_envelopes(conn, version_id, midnight - 1, midnight + 5))
        assert [(each.at - midnight, each.day, each.batch_id, each.position, each.id) for each in part] == [
            (-1, TODAY, "b1", 1, "b1-1"),
            (0, TODAY + 1, "b1", 0, "b1-0"),
            (1, TODAY + 1, "b1", 2, "b1-2"),
        ]
        assert [(each.score, each.prediction, each.error) for each in part] == [
            (0.25, 1.0, "timeout"),
            (0.0, "late", None),
            (0.5, None, None),
        ]
        (keys,) = prediction_sample.read_keys(conn, version_id, midnight - 1, midnight + 5)
        assert [day for _, day in keys] == [TODAY, TODAY + 1, TODAY + 1]
        assert prediction_sample.find_envelopes(conn, version_id, keys[1:2]) == [part[1]]
        assert prediction_sample.find_envelopes(conn, version_id, [(keys[0][0], TODAY + 1)]) == []
        of_day = prediction_sample.list_positions(conn, version_id, TODAY + 1, ["b1", "b2", "b3"])
        assert of_day == {"b1": [0, 2], "b2": [0], "b3": []}


def test_the_oldest_bucket_is_found_from_any_instant_on(store: Store) -> None:
    partition.ensure(store, ["2013-01"])
    with store.begin() as conn:
        version_id = _version(conn)
        model = registry.find_model(conn, "production", "flights")
        assert model is not None
        assert profile.first_bucket(conn, model.id) is None
        for name, hour in (("b1", 2), ("b2", 0)):
            profile.insert_delta(conn, version_id, NOON + hour * HOUR, 3, b"p", batch_id=name, at=NOON)
        assert profile.first_bucket(conn, model.id) == NOON
        assert profile.first_bucket(conn, model.id, since=NOON + 1) == NOON + 2 * HOUR
        assert profile.first_bucket(conn, model.id, since=NOON + 3 * HOUR) is None
