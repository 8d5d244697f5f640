"""Outcomes by segment through the service: each prediction counts in its own, whatever became of its block."""

from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from acceptance.labelled_world import START
from acceptance.segmented_world import CITIES, ROWS, segmented_loans, segmented_spec
from sklearn.metrics import confusion_matrix

from driftwatch.domain.instant import DAY, from_iso
from driftwatch.monitors.spec import ModelSpec
from driftwatch.performance.binary import BinaryTally
from driftwatch.performance.segment_tally import SplitTally, add_splits, decode_segments
from driftwatch.service.compaction import compact_blocks
from driftwatch.service.log_load import load_log
from driftwatch.service.outcome_ingest import ingest_outcomes
from driftwatch.service.outcome_settling import OutcomeSettler
from driftwatch.storage import outcome_profile, registration
from driftwatch.storage.outcome_profile import JUDGED, LATEST
from driftwatch.storage.registration import ModelRow
from driftwatch.storage.store import Store
from driftwatch.wire import OutcomeFrame, encode_outcomes

FIRST = from_iso(START.isoformat())
DAYS = 16


def short_spec(**changes: Any) -> ModelSpec:
    weeks = {"start": START.isoformat(), "end": (START + timedelta(days=14)).isoformat()}
    return segmented_spec(reference=weeks, **changes)


def model_of(store: Store) -> ModelRow:
    with store.read() as conn:
        (model,) = registration.list_models(conn)
    return model


def split_of(store: Store, split: str, stage: str = LATEST, days: tuple[int, int] = (0, DAYS)) -> SplitTally:
    with store.read() as conn:
        versions = [version.id for version in registration.list_versions(conn, model_of(store).id)]
        start, end = (FIRST + day * DAY for day in days)
        buckets = outcome_profile.read_outcome_buckets(conn, versions, stage, start, end)
    found = add_splits([decode_segments(bucket.segments or b"")[split] for bucket in buckets])
    assert found is not None
    return found


def cells(split: SplitTally, name: str) -> list[int]:
    tally = split.segments[name].tally
    assert isinstance(tally, BinaryTally)
    return list(tally.confusion.cells)


def expected(log: pa.Table, column: str, value: Any) -> list[int]:
    rows = np.array([each == value for each in log[column].to_pylist()])
    return [int(n) for n in confusion_matrix(log["y"].to_numpy()[rows], log["said"].to_numpy()[rows]).ravel()]


def test_every_segment_holds_its_own_rows_before_and_after_blocks_are_joined(store: Store) -> None:
    log = segmented_loans().slice(0, DAYS * ROWS)
    load_log(store, log, short_spec())
    settler = OutcomeSettler(store, rest_seconds=0)
    assert settler.settle(model_of(store)) > 0
    for again in (False, True):
        cities, sexes = split_of(store, "city"), split_of(store, "sex")
        for city in CITIES:
            assert cells(cities, f"city={city}") == expected(log, "city", city)
            assert cities.segments[f"city={city}"].n == log["city"].to_pylist().count(city)
        assert cities.rest.n == log["city"].null_count > 0
        assert sorted(cells(sexes, name) for name in sexes.segments) == sorted(
            expected(log, "sex", sex) for sex in ("f", "m")
        )
        assert all(name.startswith("sex=#") for name in sexes.segments)  # private
        signs = split_of(store, "x[0]")
        assert signs.segments["x<0"].n == int((log["x"].to_numpy() < 0).sum())
        if not again:
            compact_blocks(store, now=FIRST + 400 * DAY)
            correct(store, log)
            log = corrected(log)
            assert settler.settle(model_of(store)) >= 1


def correct(store: Store, log: pa.Table) -> None:
    """One of the first day's positives was none, as is known long after that day was judged."""
    frame = OutcomeFrame(
        batch_id="correction", model="loans", environment="production", ids=[wrong(log)], request_ids=[None],
        values=[0], at=np.array([FIRST + 20 * DAY], dtype="<i8").tobytes(),
    )  # fmt: skip
    frame.raw = encode_outcomes(frame)
    ingest_outcomes(store, frame, content_hash=b"c" * 32)


def wrong(log: pa.Table) -> str:
    return str(log["id"][log["y"].to_pylist().index(1)])


def corrected(log: pa.Table) -> pa.Table:
    labels = log["y"].to_pylist()
    labels[labels.index(1)] = 0
    return log.set_column(log.column_names.index("y"), "y", pa.array(labels))


def test_a_bucket_is_judged_with_what_was_known_at_its_age_in_every_segment(store: Store) -> None:
    log = segmented_loans().slice(0, DAYS * ROWS)
    load_log(store, log, short_spec())
    settler = OutcomeSettler(store, rest_seconds=0)
    settler.settle(model_of(store))
    city = f"city={log['city'][log['y'].to_pylist().index(1)]}"
    before = cells(split_of(store, "city", JUDGED), city)
    correct(store, log)
    settler.settle(model_of(store))
    assert cells(split_of(store, "city", JUDGED), city) == before
    assert cells(split_of(store, "city"), city) != before


def test_what_is_declared_later_is_counted_from_the_beginning(store: Store) -> None:
    log = segmented_loans().slice(0, DAYS * ROWS)
    plain = short_spec(segments=[], protected=[])
    load_log(store, log, short_spec(segments=["city"], protected=[]))
    settler = OutcomeSettler(store, rest_seconds=0)
    made = settler.settle(model_of(store))
    assert settler.settle(model_of(store)) == 0
    for spec, wanted in ((short_spec(segments=["city"]), ["city", "sex"]), (plain, [])):
        with store.begin() as conn:
            registration.set_spec(conn, model_of(store).id, spec.to_dict(), at=store.now(conn))
        assert settler.settle(model_of(store)) == made
        with store.read() as conn:
            versions = [version.id for version in registration.list_versions(conn, model_of(store).id)]
            bucket = outcome_profile.read_outcome_buckets(conn, versions, LATEST, FIRST, FIRST + DAY)[0]
        assert (list(decode_segments(bucket.segments)) if bucket.segments else []) == wanted
        assert settler.settle(model_of(store)) == 0


@pytest.mark.parametrize("missing", ["city", "sex"])
def test_rows_whose_column_never_came_are_in_no_segment(store: Store, missing: str) -> None:
    log = segmented_loans().slice(0, DAYS * ROWS)
    spec = short_spec(segments=["city"], pii=[])
    half = {"segments": ["city"] if missing == "sex" else [], "protected": ["sex"] if missing == "city" else []}
    load_log(store, log.drop_columns([missing]), short_spec(pii=[], **half))
    with store.begin() as conn:
        registration.set_spec(conn, model_of(store).id, spec.to_dict(), at=store.now(conn))
    assert OutcomeSettler(store).settle(model_of(store)) > 0
    assert split_of(store, missing).rest.n == len(log)
    other = "sex" if missing == "city" else "city"
    assert split_of(store, other).rest.n == log[other].null_count
