"""Outcomes through the service: late, corrected, by request; judged at one age, and the same as a replay finds."""

from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from acceptance.labelled_world import DAYS, REFERENCE, ROWS, START, TURN, loans, spec_of
from acceptance.segmented_world import segmented_loans, segmented_spec
from sklearn.metrics import roc_auc_score

from driftwatch.domain.finding import Finding
from driftwatch.domain.instant import DAY, from_iso
from driftwatch.domain.signal import Severity, Signal
from driftwatch.performance.binary import BinaryTally
from driftwatch.performance.tally import decode_tally
from driftwatch.service.backtest import backtest
from driftwatch.service.log_load import load_log
from driftwatch.service.outcome_ingest import ingest_outcomes
from driftwatch.service.outcome_settling import OutcomeSettler
from driftwatch.service.tick import Ticker
from driftwatch.storage import finding, outcome_profile, registration
from driftwatch.storage.outcome_profile import JUDGED, LATEST
from driftwatch.storage.registration import ModelRow
from driftwatch.storage.store import Store
from driftwatch.wire import OutcomeFrame, encode_outcomes


def model_of(store: Store) -> ModelRow:
    with store.read() as conn:
        (model,) = registration.list_models(conn)
    return model


def found_in(store: Store) -> list[Finding]:
    with store.read() as conn:
        return finding.list_findings(conn, model_of(store).id, 0, 2**62)


def told(findings: Any) -> set[tuple[str, str | None, int, int, str]]:
    signals = (Signal.CONCEPT_DRIFT, Signal.PERFORMANCE, Signal.OUTCOME_DRIFT)
    return {
        (each.signal.value, each.segment, each.window_start, each.at, each.severity.value)
        for each in findings
        if each.signal in signals
    }


def test_the_service_finds_what_a_replay_finds_when_it_can_be_known(store: Store) -> None:
    log, spec = loans(), spec_of()
    load_log(store, log, spec)
    assert OutcomeSettler(store).settle(model_of(store)) > 0
    Ticker(store, public_url="").tick()
    replayed = backtest(log, spec)
    found = found_in(store)
    last = max(each.at for each in found)  # a log that is replayed ends with its newest row, a service waits for more
    assert told(found) == told(each for each in replayed.findings if each.at <= last)
    assert len(told(found)) >= 5
    alarms = [each for each in replayed.findings if each.signal is Signal.CONCEPT_DRIFT]
    first = min(each.window_start for each in alarms if each.severity.rank >= Severity.WARNING.rank)
    turn = from_iso(START.isoformat()) + TURN * DAY
    assert first == turn
    # Two days after the end of its day: the slower class is known then.
    assert min(each.at for each in alarms if each.window_start == turn) == turn + 3 * DAY


def test_a_segment_that_gets_worse_is_found_by_the_service_and_by_a_replay_alike(store: Store) -> None:
    log, spec = segmented_loans(rows=400, worse=0.9), segmented_spec()
    load_log(store, log, spec)
    assert OutcomeSettler(store).settle(model_of(store)) > 0
    Ticker(store, public_url="").tick()
    replayed = backtest(log, spec)
    found = found_in(store)
    last = max(each.at for each in found)
    assert told(found) == told(each for each in replayed.findings if each.at <= last)
    alarms = [each for each in replayed.findings if each.segment == "city=south"]
    turn = from_iso(START.isoformat()) + TURN * DAY
    assert min(each.window_start for each in alarms) == turn
    assert {each.signal for each in alarms} == {Signal.PERFORMANCE}
    assert all(each.value > 1.5 * each.threshold for each in alarms)
    # All rows together do not say so on that day, and no other segment does on any.
    assert not [each for each in replayed.findings if each.signal is Signal.PERFORMANCE and each.segment is None]
    assert {each.segment for each in replayed.findings if each.signal is Signal.PERFORMANCE} == {"city=south"}
    assert [each.title for each in replayed.incidents] == ["Performance in loans: city=south"]


def test_a_corrected_outcome_counts_once_and_a_late_one_only_for_people(store: Store) -> None:
    weeks = {"start": START.isoformat(), "end": (START + timedelta(days=14)).isoformat()}
    load_log(store, loans().slice(0, 16 * ROWS), spec_of(reference=weeks))
    model = model_of(store)
    settler = OutcomeSettler(store, rest_seconds=0)
    assert settler.settle(model) > 0
    assert settler.settle(model) == 0  # nothing has come since
    first_day = from_iso(START.isoformat())

    def tally(stage: str) -> BinaryTally:
        with store.read() as conn:
            versions = [version.id for version in registration.list_versions(conn, model.id)]
            buckets = outcome_profile.read_outcome_buckets(conn, versions, stage, first_day, first_day + DAY)
        total: Any = sum((decode_tally(bucket.payload) for bucket in buckets[1:]), decode_tally(buckets[0].payload))
        assert isinstance(total, BinaryTally)
        return total

    before, judged = tally(LATEST), tally(JUDGED)
    assert before.n == ROWS
    assert judged.n == ROWS
    positive = int(before.counts[:, 1].sum())
    log = loans().slice(0, ROWS).to_pydict()
    wrong = log["id"][log["y"].index(1)]
    frame = OutcomeFrame(
        batch_id="correction", model="loans", environment="production", ids=[wrong], request_ids=[None], values=[0],
        at=np.array([first_day + 20 * DAY], dtype="<i8").tobytes(),
    )  # fmt: skip
    frame.raw = encode_outcomes(frame)
    ingest_outcomes(store, frame, content_hash=b"c" * 32)
    assert settler.settle(model) >= 1
    assert int(tally(LATEST).counts[:, 1].sum()) == positive - 1
    assert tally(LATEST).n == ROWS
    assert int(tally(JUDGED).counts[:, 1].sum()) == positive  # it was observed long after the bucket was judged


def test_without_a_task_or_before_the_reference_is_over_nothing_is_settled(store: Store) -> None:
    load_log(store, loans().slice(0, 5 * ROWS), spec_of())
    assert OutcomeSettler(store).settle(model_of(store)) == 0


def test_a_reference_without_labels_is_judged_for_drift_alone(store: Store) -> None:
    log = loans()
    without = log.set_column(log.column_names.index("y"), "y", pa.nulls(len(log), pa.int64()))
    load_log(store, without, spec_of())
    assert OutcomeSettler(store).settle(model_of(store)) == 0
    report = Ticker(store, public_url="").tick()
    assert report.failed == 0
    assert report.judged > 0


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_performance_is_listed_by_day_and_month_with_its_intervals(task: str) -> None:
    log = loans()
    spec = spec_of(task=task)
    if task == "regression":
        log = log.set_column(log.column_names.index("said"), "said", log["score"]).drop_columns(["score"])
        columns = {key: value for key, value in spec.columns.to_dict().items() if key != "score"}
        spec = spec_of(task=task, columns=columns)
    rows = backtest(log, spec, months=True).performance
    metric = "brier_score" if task == "binary" else "mean_absolute_error"
    realised = [each for each in rows if each["metric"] == metric and not each["estimated"]]
    days = [each for each in realised if from_iso(each["window_end"]) - from_iso(each["window_start"]) == DAY]
    assert len(days) == DAYS - REFERENCE
    assert len(realised) > len(days)
    assert all(each["low"] < each["value"] < each["high"] and each["n"] <= ROWS for each in days)
    assert [each["mature"] for each in days[:3]] == [True] * 3
    if task == "regression":  # labels are 0 and 1, predictions their probability: the error is as large as ever
        expected = {
            each["window_start"]: each["value"] for each in rows if each["metric"] == metric and each["estimated"]
        }
        assert len(expected) >= len(days)
        assert all(abs(each["value"] - expected[each["window_start"]]) < 0.1 for each in days)
    if task == "binary":
        estimated = [each for each in rows if each["metric"] == metric and each["estimated"]]
        after = [
            each for each in estimated if from_iso(each["window_start"]) >= from_iso(START.isoformat()) + TURN * DAY
        ]
        # The scores look as ever: without labels nothing is wrong.
        assert np.mean([each["value"] for each in after]) == pytest.approx(
            np.mean([each["value"] for each in estimated]), abs=0.01
        )


def test_the_auc_of_days_is_that_of_the_raw_scores_where_the_reference_had_few_of_them() -> None:
    rng = np.random.default_rng(9)
    log = loans()
    low = np.arange(len(log)) < REFERENCE * ROWS  # the reference has no score above a quarter
    score = np.where(low, rng.random(len(log)) * 0.25, 0.25 + rng.random(len(log)) * 0.75)
    truth = rng.random(len(log)) < score
    for name, values in (("score", score), ("said", (score >= 0.5).astype(int)), ("y", truth.astype(int))):
        log = log.set_column(log.column_names.index(name), name, pa.array(values))
    start = from_iso(START.isoformat()) + REFERENCE * DAY
    for row in backtest(log, spec_of()).performance:
        if row["metric"] == "roc_auc" and not row["estimated"]:
            day = np.flatnonzero(~low)[:ROWS] + (from_iso(row["window_start"]) - start) // DAY * ROWS
            assert row["value"] == pytest.approx(roc_auc_score(truth[day], score[day]), abs=0.005)
