"""Windows are judged the same one at a time or all at once, and every column says how far it has moved."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from driftwatch.domain.instant import DAY, HOUR, from_iso
from driftwatch.domain.signal import RunStatus, Severity, Signal
from driftwatch.errors import DataError
from driftwatch.monitors.baseline import DriftBaseline, WindowResult
from driftwatch.monitors.history import History
from driftwatch.monitors.spec import ModelSpec, parse_model_spec
from driftwatch.profiles.bucket import BucketProfile, CategoricalColumn, Column, NumericColumn
from driftwatch.profiles.codec import build_codec
from driftwatch.profiles.history import profile_rows
from driftwatch.profiles.plan import ProfilePlan
from driftwatch.profiles.rows import Rows

START = from_iso("2024-01-01")
REFERENCE = (START, START + 28 * DAY)
DAYS = 42
WINDOWS = [START + day * DAY for day in range(28, DAYS)]
ROWS = 200
CODECS = {name: build_codec(np.random.default_rng(3).normal(size=4000)) for name in ("x", "y", "score")}


def columns(day: int) -> dict[str, Column]:
    rng = np.random.default_rng(day)
    x = rng.normal(size=ROWS) + (1.0 if day >= 35 else 0.0)
    return {
        "x": NumericColumn(x),
        "y": NumericColumn(rng.normal(size=ROWS)),
        "c": CategoricalColumn(["a", "b"], rng.integers(0, 2, ROWS)),
    }


def bucket(features: dict[str, Column], day: int) -> BucketProfile:
    score: dict[str, Column] = {"score": NumericColumn(np.random.default_rng(1000 + day).normal(size=ROWS))}
    return profile_rows(Rows(np.zeros(ROWS, dtype=np.int64), features, score), ProfilePlan(CODECS))


def buckets(**changes: Any) -> dict[int, BucketProfile]:
    """Six weeks of days; each change turns the features of a day from the 35th on."""
    made = {}
    for day in range(DAYS):
        features = columns(day)
        for change in changes.values():
            if day >= 35:
                change(features)
        made[START + day * DAY] = bucket(features, day)
    return made


def spec(**changes: Any) -> ModelSpec:
    return parse_model_spec({"model": "m", "columns": {"timestamp": "ts"}, "bucket": "1d"} | changes)


def read_history(made: dict[int, BucketProfile], reference: tuple[int, int] = REFERENCE, **changes: Any) -> History:
    declared = spec(**changes)
    return History.of(declared, CODECS, reference).add_all(made.items())


def judge(
    made: dict[int, BucketProfile],
    windows: Sequence[int] = WINDOWS,
    *,
    reference: tuple[int, int] = REFERENCE,
    at: int | None = None,
    **changes: Any,
) -> list[WindowResult]:
    history = read_history(made, reference, **changes)
    return DriftBaseline.fit(history, spec(**changes), reference).judge(history, windows, at=at)


def alarmed(results: list[WindowResult]) -> set[tuple[str | None, str, Signal]]:
    return {(f.column, f.kind, f.signal) for r in results for f in r.findings if f.severity.rank >= 2}


def test_one_window_at_a_time_is_the_same_as_all_at_once() -> None:
    made = buckets()
    together = judge(made)
    history = read_history({start: made[start] for start in made if start < REFERENCE[1]})
    baseline = DriftBaseline.fit(history, spec(), REFERENCE)
    alone = []
    for window in WINDOWS:
        history.add(window, made[window])
        alone += baseline.judge(history, [window])
    assert alone == together
    assert [result.window_start for result in alone] == WINDOWS


def test_the_baseline_looks_at_nothing_after_the_reference() -> None:
    made = buckets()
    whole = read_history(made)
    baseline = DriftBaseline.fit(whole, spec(), REFERENCE)
    assert baseline.judge(whole, WINDOWS) == judge(made)
    assert (baseline.rows, baseline.reference) == (28 * ROWS, REFERENCE)


def test_a_shift_alarms_from_its_first_window_and_the_others_do_not() -> None:
    results = judge(buckets())
    assert {column for column, _, _ in alarmed(results)} == {"x"}
    assert [r.status for r in results] == [RunStatus.OK] * 7 + [RunStatus.WARNING] * 7


def test_every_column_of_every_window_has_its_effects() -> None:
    for result in judge(buckets()):
        json.dumps(result.summary, allow_nan=False)
        assert set(result.summary["columns"]) == {"x", "y", "c", "score"}
        for name, column in result.summary["columns"].items():
            assert column["state"] == result.judged[name] == "judged"
            assert 0 <= column["total_variation_distance"] <= 1
            assert (column["times_threshold"] >= 1) == (column["severity"] == "warning")
            assert column["n"] >= ROWS
    shifted = result.summary["columns"]["x"]
    # Two normals one standard deviation apart are 2 Φ(1/2) - 1 = 0.383 apart.
    assert shifted["kolmogorov_smirnov"] == pytest.approx(0.383, abs=0.08)


def test_the_verdict_is_known_when_the_window_closes_or_when_the_caller_says() -> None:
    made = buckets()
    late = judge(made, at=START + 100 * DAY)
    assert {f.at - f.window_end for r in judge(made) for f in r.findings} == {0}
    assert {f.at for r in late for f in r.findings} == {START + 100 * DAY}


def test_features_and_outputs_spend_their_shares_of_the_budget() -> None:
    results = judge(buckets(), false_alarms_per_month=2.0)
    thresholds = {f.column: f.details["threshold_p"] for r in results for f in r.findings if f.signal is Signal.DRIFT}
    assert thresholds["x"] == pytest.approx(2.0 * 0.6 / (30 * 3))


def test_a_feature_that_is_no_longer_sent_is_a_broken_schema() -> None:
    results = judge(buckets(drop=lambda features: features.pop("c")))
    assert ("c", "vanished", Signal.SCHEMA) in alarmed(results)
    assert results[7].status is RunStatus.CRITICAL
    assert results[6].status is RunStatus.OK


def test_a_feature_that_changes_its_kind_is_a_broken_schema() -> None:
    def retype(features: dict[str, Column]) -> None:
        features["y"] = features["c"]

    results = judge(buckets(retype=retype))
    assert ("y", "retyped", Signal.SCHEMA) in alarmed(results)
    assert {f.severity for f in results[7].findings if f.kind == "retyped"} == {Severity.CRITICAL}


def test_a_feature_that_the_reference_did_not_have_is_a_watch() -> None:
    def add(features: dict[str, Column]) -> None:
        features["new"] = features["c"]

    results = judge(buckets(add=add))
    added = [f for r in results for f in r.findings if f.kind == "added"]
    assert {(f.column, f.severity, f.signal) for f in added} == {("new", Severity.WATCH, Signal.SCHEMA)}
    assert len(added) == 7


def test_only_declared_features_are_judged() -> None:
    results = judge(buckets(), features={"numeric": ["y"]})
    assert set(results[0].judged) == {"y", "score"}
    assert "x" not in {column for column, _, _ in alarmed(results)}


def test_an_output_is_called_what_the_specification_calls_it() -> None:
    results = judge(buckets(), columns={"timestamp": "ts", "score": "p_cancel"})
    assert "p_cancel" in results[0].judged
    results = judge(buckets(), columns={"timestamp": "ts", "score": "p"}, features={"numeric": ["x"]})
    assert set(results[0].judged) == {"x", "p"}


def test_an_identifier_is_judged_by_its_gaps_alone() -> None:
    made = {}
    for day in range(DAYS):
        codes = np.arange(ROWS)
        if day >= 35:
            codes = np.where(np.random.default_rng(day).random(ROWS) < 0.4, -1, codes)
        features: dict[str, Column] = {"id": CategoricalColumn([f"{day}-{i}" for i in range(ROWS)], codes)}
        made[START + day * DAY] = bucket(features, day)
    assert alarmed(judge(made)) == {("id", "missing_share", Signal.DRIFT)}


def test_windows_without_rows_have_no_verdict() -> None:
    made = buckets()
    del made[START + 30 * DAY]
    results = judge(made)
    assert results[2].status is RunStatus.NO_DATA
    assert set(results[2].judged.values()) == {"no_data"}
    assert results[2].rows == 0


def test_a_reference_without_rows_is_refused() -> None:
    with pytest.raises(DataError, match="holds no row"):
        judge(buckets(), reference=(START - 10 * DAY, START - DAY))


def test_windows_of_the_reference_are_passed_over() -> None:
    assert judge(buckets(), [START, START + HOUR]) == []
