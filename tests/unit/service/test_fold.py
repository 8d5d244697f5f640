"""Folding, codecs and compaction change how rows are kept, never what they add up to."""

from typing import Any

import numpy as np
import pytest
from ingesting import NOON, NOW, frame_of, model_id, profiles_of, send, version_id

from driftwatch.domain.instant import DAY, HOUR
from driftwatch.profiles.numeric import NumericProfile
from driftwatch.service.binning import read_binnings
from driftwatch.service.codec_settling import CodecSettler, settle_codecs
from driftwatch.service.compaction import compact_blocks
from driftwatch.service.feature_block import read_block
from driftwatch.service.fold import fold_profiles
from driftwatch.storage import block, block_listing, profile, registration
from driftwatch.storage.store import Store

LATER = NOW + 30 * DAY


def send_days(store: Store, days: int, *, rows: int = 100, model: str = "flights") -> None:
    """`days` batches of one day each, the values of a slow season."""
    rng = np.random.default_rng(3)
    for day in range(days):
        values = rng.normal(10.0 * day, 5.0, rows)
        at = [NOON + day * DAY + HOUR * (place % 10) for place in range(rows)]
        features = {"temp": values.tolist(), "count": [float(place % 7) for place in range(rows)]}
        score = rng.uniform(0, 1, rows).tolist()
        send(store, frame_of(f"{model}-{day}", n=rows, at=at, features=features, score=score, model=model), now=LATER)


def temp(store: Store, bucket_at: int = NOON) -> NumericProfile:
    column = profiles_of(store)[bucket_at].features["temp"]
    assert isinstance(column, NumericProfile)
    return column


def deltas(store: Store) -> int:
    with store.read() as conn:
        return sum(bucket.n_deltas for bucket in profile.list_unfolded(conn))


def test_folding_keeps_every_sum_and_the_version_of_the_data(store: Store) -> None:
    for place in range(3):
        send(store, frame_of(f"b{place}", features={"temp": [float(place)] * 10}, score=[0.5] * 10))
    before = temp(store)
    assert fold_profiles(store) == 3
    assert fold_profiles(store) == 0
    assert deltas(store) == 0
    after = temp(store)
    assert after.cells is not None
    assert before.cells is not None
    assert (after.n, after.cells.tolist(), after.counts.tolist()) == (30, before.cells.tolist(), before.counts.tolist())
    with store.read() as conn:
        (row,) = profile.read_buckets(conn, version_id(store), NOON, NOON + HOUR)
    assert (row.data_version, row.n) == (3, 30)


def test_a_column_that_was_empty_folds_with_its_first_values(store: Store) -> None:
    send(store, frame_of("a", features={"temp": [None] * 5 + [float("nan")] * 5}))
    send(store, frame_of("b", features={"temp": [1e6 + place for place in range(10)]}))
    fold_profiles(store)
    assert (temp(store).n, temp(store).n_null, temp(store).n_nan) == (10, 5, 5)
    assert temp(store).mean == pytest.approx(1e6 + 4.5)


def test_a_codec_is_made_when_the_first_fourteen_days_have_passed_and_not_before(store: Store) -> None:
    send_days(store, 14, rows=200)
    assert settle_codecs(store) == {}
    send_days(store, 15, rows=200)
    assert settle_codecs(store) == {"flights": ["count", "score", "temp"]}
    assert settle_codecs(store) == {}
    with store.read() as conn:
        codecs = read_binnings(conn, model_id(store)).codecs
    assert codecs["score"].bins > codecs["temp"].bins > 400
    # The season's last days lie among fine bins, not in one of the tails.
    assert np.count_nonzero((codecs["temp"].edges > 110) & (codecs["temp"].edges < 150)) > 50


def test_too_few_values_make_no_codec(store: Store) -> None:
    send_days(store, 16, rows=100)
    assert settle_codecs(store) == {}
    send_days(store, 29, rows=100)
    assert settle_codecs(store) == {"flights": ["count", "score", "temp"]}


def test_a_declared_reference_decides_when(store: Store) -> None:
    spec = {
        "model": "flights",
        "columns": {"timestamp": "at"},
        "reference": {"start": "2013-01-15", "end": "2013-01-18"},
    }
    with store.begin() as conn:
        registration.set_spec(conn, registration.ensure_model(conn, "production", "flights", at=NOW), spec)
        settler = CodecSettler(store)
    send_days(store, 3, rows=2000)
    (model,) = models(store)
    assert settler.settle(model) == []
    send_days(store, 4, rows=2000)
    assert settler.settle(model) == ["count", "score", "temp"]
    assert settler.settle(model) == []


def models(store: Store) -> list[registration.ModelRow]:
    with store.read() as conn:
        return registration.list_models(conn)


def test_what_was_profiled_before_the_codec_folds_into_it_exactly(store: Store) -> None:
    send_days(store, 15, rows=200)
    before = temp(store)
    fold_profiles(store)
    settle_codecs(store)
    more = frame_of("more", n=50, features={"temp": [float(place) for place in range(50)], "count": [1.0] * 50})
    send(store, more, now=LATER)
    fold_profiles(store)
    after = temp(store)
    with store.read() as conn:
        codec = read_binnings(conn, model_id(store)).codecs["temp"]
    assert after.codec == codec.digest
    assert after.n == before.n + 50
    expected = before.recode(codec).counts + np.bincount(
        np.searchsorted(codec.edges, np.arange(50.0), side="left"), minlength=codec.bins
    )
    assert after.counts.tolist() == expected.tolist()


def test_small_blocks_of_closed_days_are_joined_and_hold_the_same_rows(store: Store) -> None:
    features: list[dict[str, list[Any]]] = [
        {"temp": [1.0, None], "carrier": ["AA", None]},
        {"temp": [3.0, 4.0], "carrier": ["DL", "AA"], "late": [True, None]},
        {"temp": ["hot", "cold"], "carrier": ["UA", "UA"]},
    ]
    for place, columns in enumerate(features):
        frame = frame_of(f"b{place}", n=2, features=columns, at=[NOON + 10 * place, NOON + 10 * place + 1])
        send(store, frame)
    assert compact_blocks(store, now=NOW) == 0
    assert compact_blocks(store, now=NOW + DAY) == 3
    assert compact_blocks(store, now=NOW + DAY) == 0
    with store.read() as conn:
        (reference,) = block_listing.list_blocks(conn, [version_id(store)])
        found = block.find_block(conn, "b1", NOON // DAY)
        whole = block_listing.read_block(conn, reference)
    assert found is not None
    assert whole is not None
    assert found[1] == 2
    joined = read_block(whole.codec, whole.payload).features
    assert {name: column.to_list() for name, column in joined.items()} == {
        "temp": [1.0, None, 3.0, 4.0, None, None],
        "carrier": ["AA", None, "DL", "AA", "UA", "UA"],
        "late": [None, None, True, None, None, None],
    }
