"""A backtest says what the service would have raised, when, and nothing else."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet
import pytest
from numpy.typing import NDArray

from driftwatch.domain.instant import DAY, HOUR, from_iso
from driftwatch.domain.signal import RunStatus, Severity, Signal
from driftwatch.errors import DataError, SpecError
from driftwatch.monitors.spec import ModelSpec, parse_model_spec
from driftwatch.service.backtest import BacktestReport, backtest

START = datetime(2024, 1, 1, tzinfo=UTC)  # a Monday
WEEKS = 8
PER_HOUR = 12
CHANGE = datetime(2024, 2, 12, tzinfo=UTC)  # two weeks after the reference


def hours() -> NDArray[np.int64]:
    return np.repeat(np.arange(WEEKS * 168), PER_HOUR)


def log(**changed: Any) -> pa.Table:
    """Two months of predictions; nothing drifts, but what `changed` does to a column from CHANGE on."""
    rng = np.random.default_rng(20240101)
    hour = hours()
    n = len(hour)
    columns: dict[str, NDArray[Any]] = {
        "x": rng.normal(10 + 2 * np.sin(2 * np.pi * hour / 24), 1.0),
        "y": rng.exponential(1.0, n),
        "steps": rng.integers(0, 5, n).astype(np.float64),
        "carrier": rng.choice(["AA", "DL", "UA", "WN"], n, p=[0.4, 0.3, 0.2, 0.1]).astype(object),
        "score": rng.beta(2, 5, n),
    }
    late = hour >= (CHANGE - START) // timedelta(hours=1)
    for name, change in changed.items():
        columns[name] = np.where(late, change(columns[name].copy(), rng), columns[name])
    return to_table(columns, hour)


def to_table(columns: dict[str, NDArray[Any]], hour: NDArray[np.int64]) -> pa.Table:
    minute = np.tile(np.arange(PER_HOUR) * (60 // PER_HOUR), len(hour) // PER_HOUR)
    base = int(START.timestamp()) * 1_000_000
    ts = pa.array(base + hour * HOUR + minute * (HOUR // 60), pa.timestamp("us"))
    return pa.table({"ts": ts, **{name: pa.array(values, from_pandas=True) for name, values in columns.items()}})


def spec(**changes: Any) -> ModelSpec:
    document = {
        "model": "demo",
        "task": "binary",
        "columns": {"timestamp": "ts", "score": "score"},
        "reference": {"start": "2024-01-01", "end": "2024-01-29"},
        "bucket": "1d",
    }
    return parse_model_spec(document | changes)


def alarms(report: BacktestReport) -> dict[tuple[str | None, str], str]:
    """Column and signal of every alarm, and the start of its first window."""
    first: dict[tuple[str | None, str], str] = {}
    for finding in report.findings:
        if finding.severity.rank >= Severity.WARNING.rank:
            first.setdefault((finding.column, finding.signal.value), finding.to_dict()["window_start"])
    return first


def shifted(values: NDArray[Any], _rng: np.random.Generator) -> NDArray[Any]:
    return values + 1.5


@pytest.fixture(scope="module")
def quiet() -> BacktestReport:
    return backtest(log(), spec())


@pytest.fixture(scope="module")
def drifting() -> BacktestReport:
    return backtest(log(x=shifted), spec())


def test_without_drift_there_is_no_incident(quiet: BacktestReport) -> None:
    assert quiet.incidents == ()
    assert alarms(quiet) == {}
    assert quiet.runs == 28
    assert quiet.days_monitored == 28.0


def test_a_shift_is_found_on_its_first_day_and_nothing_else_is(drifting: BacktestReport) -> None:
    assert alarms(drifting) == {("x", "drift"): "2024-02-12T00:00:00+00:00"}
    (incident,) = drifting.incidents
    assert incident.columns == ("x",)
    assert incident.is_open
    assert incident.opened_at == from_iso("2024-02-13")


def test_an_alarm_that_lasts_has_a_finding_in_every_window(drifting: BacktestReport) -> None:
    days = [f.window_start for f in drifting.findings if f.column == "x" and f.severity.rank >= Severity.WARNING.rank]
    assert days == [from_iso("2024-02-12") + i * DAY for i in range(14)]


def test_a_shift_is_found_within_hours(drifting: BacktestReport) -> None:
    hourly = backtest(log(x=shifted), spec(bucket="1h"))
    found = alarms(hourly)
    assert {column for column, _ in found} <= {"x", None}  # all together may say it an hour before x does
    assert "2024-02-12T00" <= found["x", "drift"] <= "2024-02-12T12"
    assert hourly.runs == 28 * 24


@pytest.mark.parametrize(("bucket", "per_day"), [pytest.param("15m", 96, marks=pytest.mark.slow), ("6h", 4)])
def test_every_bucket_is_judged_at_its_own_width(bucket: str, per_day: int) -> None:
    report = backtest(log(x=shifted), spec(bucket=bucket))
    found = alarms(report)
    assert {column for column, _ in found} <= {"x", None}  # and all together, for hours in which x is not there yet
    assert "2024-02-12T00" <= found["x", "drift"] <= "2024-02-12T06"
    assert report.runs == 28 * per_day


def local_habits() -> pa.Table:
    """Eleven weeks of hours around 31 March 2024, 01:00 UTC, when Berlin lost an hour; x follows its wall clock."""
    rng = np.random.default_rng(20240331)
    start, hour = datetime(2024, 2, 5, tzinfo=UTC), np.repeat(np.arange(11 * 168), PER_HOUR)
    moved = np.arange(11 * 168) >= (datetime(2024, 3, 31, 1, tzinfo=UTC) - start) // timedelta(hours=1)
    local = hour + 1 + np.repeat(moved, PER_HOUR)
    values = rng.normal(np.where(local % 24 < 12, 0.0, 6.0), 1.0)
    ts = pa.array(int(start.timestamp()) * 1_000_000 + hour * HOUR, pa.timestamp("us", "UTC"))
    return pa.table({"ts": ts, "x": pa.array(values), "score": pa.array(rng.random(len(hour)))})


def around_march(timezone: str, bucket: str) -> BacktestReport:
    period = {"start": "2024-02-05", "end": "2024-03-25"}
    return backtest(local_habits(), spec(timezone=timezone, bucket=bucket, reference=period))


@pytest.mark.slow
def test_habits_of_the_wall_clock_are_no_drift_when_it_is_moved() -> None:
    assert alarms(around_march("Europe/Berlin", "1h")) == {}
    assert set(alarms(around_march("UTC", "1h"))) == {("x", "drift")}


def test_a_local_day_has_the_hours_that_its_clock_gave_it() -> None:
    results = around_march("Europe/Berlin", "1d").results
    days = {result.window_start: (result.window_end - result.window_start) // HOUR for result in results}
    assert days.pop(from_iso("2024-03-30T23:00:00")) == 23
    assert set(days.values()) == {24}
    assert [result.rows for result in results[:8]] == [24 * PER_HOUR] * 6 + [23 * PER_HOUR, 24 * PER_HOUR]


def test_score_drift_is_a_signal_of_its_own() -> None:
    report = backtest(log(score=lambda values, _: values**0.5), spec())
    assert set(alarms(report)) == {("score", "prediction_drift")}
    assert report.incidents[0].signals == (Signal.PREDICTION_DRIFT,)


def test_new_values_and_missing_values_are_found() -> None:
    def new(values: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        return np.where(rng.random(len(values)) < 0.1, "ZZ", values)

    def gone(values: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        return np.where(rng.random(len(values)) < 0.3, np.nan, values)

    report = backtest(log(carrier=new, y=gone), spec())
    found = alarms(report)
    assert set(found) == {("carrier", "drift"), ("y", "drift")}
    assert set(found.values()) == {"2024-02-12T00:00:00+00:00"}
    kinds = {(f.column, f.kind) for f in report.findings if f.severity is Severity.WARNING}
    assert ("y", "missing_share") in kinds


def test_a_column_that_vanishes_is_critical() -> None:
    report = backtest(log(y=lambda values, _: np.full(len(values), np.nan)), spec())
    found = [f for f in report.findings if f.severity is Severity.CRITICAL]
    assert {(f.column, f.kind, f.signal) for f in found} == {("y", "vanished", Signal.QUALITY)}
    assert found[0].window_start == from_iso("2024-02-12")
    assert report.incidents[0].severity is Severity.CRITICAL


def test_a_column_that_freezes_is_found() -> None:
    report = backtest(log(steps=lambda values, _: np.full(len(values), 2.0)), spec())
    frozen = [f for f in report.findings if f.kind == "constant"]
    assert {f.column for f in frozen} == {"steps"}
    assert frozen[0].window_start == from_iso("2024-02-12")


def test_traffic_that_stays_away_for_more_than_a_day_is_raised_and_nothing_is_judged() -> None:
    table = log()
    keep = (hours() < 42 * 24) | (hours() >= 45 * 24)
    report = backtest(table.filter(pa.array(keep)), spec())
    silent = [f for f in report.findings if f.signal is Signal.TRAFFIC]
    assert [(f.column, f.kind) for f in silent][:1] == [(None, "no_data")]
    assert from_iso("2024-02-12") < silent[0].at <= from_iso("2024-02-15")
    gap = [r for r in report.results if from_iso("2024-02-12") <= r.window_start < from_iso("2024-02-15")]
    assert len(gap) == 3
    assert all("judged" not in result.judged.values() for result in gap)
    assert gap[0].status is RunStatus.NO_DATA


def test_excluded_days_are_neither_reference_nor_judged() -> None:
    def holiday(values: NDArray[Any], _rng: np.random.Generator) -> NDArray[Any]:
        return values + 3.0

    table = log(x=holiday)
    early = table.filter(pa.array(hours() < 44 * 24))
    exclude = [{"start": "2024-02-12", "end": "2024-02-15", "why": "holiday"}]
    assert ("x", "drift") in alarms(backtest(early, spec()))
    report = backtest(early, spec(exclude=exclude))
    assert alarms(report) == {}
    assert report.runs == 14
    assert [r.status for r in report.results[-2:]] == [RunStatus.PARTIAL] * 2
    assert set(report.results[-1].judged.values()) == {"excluded"}


def test_an_important_feature_makes_a_large_effect_critical() -> None:
    report = backtest(log(x=shifted), spec(importance={"x": 0.5, "y": 0.3, "steps": 0.1, "carrier": 0.1}))
    assert {f.severity for f in report.findings if f.column == "x"} >= {Severity.CRITICAL}
    minor = backtest(log(steps=lambda v, _: v + 2), spec(importance={"x": 0.5, "y": 0.3, "steps": 0.1}))
    assert {f.severity for f in minor.findings if f.column == "steps"} <= {Severity.WATCH, Severity.WARNING}


def test_the_same_log_gives_the_same_bytes_in_any_order_of_rows(drifting: BacktestReport) -> None:
    table = log(x=shifted)
    shuffled = table.take(pa.array(np.random.default_rng(0).permutation(table.num_rows)))
    assert json.dumps(backtest(shuffled, spec()).to_dict()) == json.dumps(drifting.to_dict())


def test_no_finding_uses_what_was_not_known_at_its_time(drifting: BacktestReport) -> None:
    whole = [f.to_dict() for f in drifting.findings]
    cut = log(x=shifted).filter(pa.array(hours() < 46 * 24))
    part = [f.to_dict() for f in backtest(cut, spec()).findings]
    until = "2024-02-16T00:00:00+00:00"
    assert part == [f for f in whole if f["at"] <= until]
    assert all(f["at"] >= f["window_end"] for f in whole)


def test_a_months_drift_before_the_reference_is_ignored() -> None:
    report = backtest(log(x=shifted), spec(reference={"start": "2024-02-12", "end": "2024-02-19"}))
    assert report.reference == (from_iso("2024-02-12"), from_iso("2024-02-19"))
    assert report.rows == 14 * 24 * PER_HOUR
    assert report.reference_rows == 7 * 24 * PER_HOUR


def test_without_a_reference_the_first_two_weeks_are_it() -> None:
    report = backtest(log(), spec(reference=None))
    assert report.reference == (from_iso("2024-01-01"), from_iso("2024-01-15"))
    assert not report.reference_is_given


def test_of_a_short_log_the_first_third_is_the_reference() -> None:
    report = backtest(log().filter(pa.array(hours() < 72)), spec(reference=None, bucket="1h"))
    assert report.reference == (from_iso("2024-01-01"), from_iso("2024-01-01T23:00:00"))
    assert report.uncalibrated
    # A day cannot teach the daily rhythm of x; the others have none.
    assert set(alarms(report)) <= {("x", "drift")}


def test_a_training_file_with_times_is_a_reference(tmp_path: Path, drifting: BacktestReport) -> None:
    table, early = log(x=shifted), pa.array(hours() < 28 * 24)
    pyarrow.parquet.write_table(table.filter(early), tmp_path / "train.parquet")
    by_file = spec(reference={"file": str(tmp_path / "train.parquet")})
    report = backtest(table.filter(pa.compute.invert(early)), by_file)
    assert json.dumps(report.to_dict()) == json.dumps(drifting.to_dict())
    with pytest.raises(SpecError, match="must end before the log begins"):
        backtest(table, by_file)
    pyarrow.parquet.write_table(table.filter(early).drop_columns(["ts"]), tmp_path / "train.parquet")
    with pytest.raises(SpecError, match="no column 'ts'"):
        backtest(table, by_file)


def test_the_report_has_the_public_shape(drifting: BacktestReport) -> None:
    report = json.loads(json.dumps(drifting.to_dict(), allow_nan=False))
    assert {key: report[key] for key in ("schema", "model", "runs", "retraining_requests")} == {
        "schema": 1,
        "model": "demo",
        "runs": 28,
        "retraining_requests": [],
    }
    assert report["reference"] == {
        "start": "2024-01-01T00:00:00+00:00",
        "end": "2024-01-29T00:00:00+00:00",
        "rows": 28 * 24 * PER_HOUR,
    }
    assert report["false_alarms_per_month_target"] == 1.0
    assert {row["metric"] for row in report["performance"]} == {"throughput"}
    keys = {"window_start", "window_end", "at", "signal", "column", "segment", "version", "severity", "kind", "value"}
    for finding in report["findings"]:
        assert keys | {"threshold", "effect"} <= set(finding)
        assert finding["severity"] in {"watch", "warning", "critical"}
        if finding["severity"] != "watch":
            assert finding["value"] > finding["threshold"]
            assert set(finding["effect"]) >= {"kolmogorov_smirnov"}
    assert set(report["incidents"][0]) == {
        "id", "opened_at", "resolved_at", "severity", "signals", "columns", "title",
    }  # fmt: skip


def period(start: str, end: str) -> dict[str, Any]:
    return {"reference": {"start": start, "end": end}}


BAD: list[tuple[slice, dict[str, Any], type[Exception], str]] = [
    (slice(0, 0), {}, DataError, "no rows"),
    (slice(0, 1), {"reference": None}, DataError, "nothing is left to judge"),
    (slice(None), period("2024-01-01", "2024-01-01T06:00:00"), SpecError, "one window of 24 h"),
    (slice(None), period("2023-01-01", "2023-02-01"), SpecError, "2024-01-01"),
    (slice(None), period("2024-01-01", "2025-01-01"), DataError, "nothing is left to judge"),
    (slice(None), {"features": {"numeric": ["xx"]}}, SpecError, "'x'"),
]


@pytest.mark.parametrize(("rows", "changes", "kind", "words"), BAD, ids=[f"{i} {bad[3]}" for i, bad in enumerate(BAD)])
def test_bad_input_says_what_is_wrong(rows: slice, changes: dict[str, Any], kind: type[Exception], words: str) -> None:
    table = log()
    with pytest.raises(kind, match=words):
        backtest(table.take(pa.array(range(table.num_rows)[rows], pa.int64())), spec(**changes))


def test_a_log_that_is_short_for_its_repeated_ids_says_so() -> None:
    table = log()
    table = table.append_column("row", pa.array(["same"] * table.num_rows))
    repeated = f"left out: {table.num_rows - 1:,} for an id that an earlier row has"
    with pytest.raises(DataError, match=repeated):
        backtest(table, spec(columns={"timestamp": "ts", "id": "row"}, reference=None))
    with pytest.raises(SpecError, match=repeated):
        backtest(table, spec(columns={"timestamp": "ts", "id": "row"}, **period("2024-02-01", "2024-03-01")))


def test_a_specification_may_be_a_dictionary_or_a_file(tmp_path: Path, drifting: BacktestReport) -> None:
    document = spec().to_dict()
    (tmp_path / "model.yaml").write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML
    for form in (document, tmp_path / "model.yaml", str(tmp_path / "model.yaml")):
        assert backtest(log(x=shifted), form).incidents == drifting.incidents


def test_a_log_of_centuries_is_refused_before_the_memory_is_gone() -> None:
    times = pa.array([from_iso(f"{year}-01-01") for year in range(1990, 2021)], pa.timestamp("us"))
    with pytest.raises(DataError, match=r"spans 262,\d+ windows"):
        backtest(pa.table({"ts": times}), spec(bucket="1h", columns={"timestamp": "ts"}, reference=None))


def test_a_column_without_a_value_stops_no_other() -> None:
    table = log(x=shifted).append_column("empty", pa.nulls(len(hours()), pa.float64()))
    table = table.append_column("infinite", pa.array(np.full(len(hours()), np.inf)))
    table = table.append_column("huge", pa.array(np.tile([1e308, -1e308], len(hours()) // 2)))
    table = table.append_column("always", pa.array(["same"] * len(hours())))
    report = backtest(table, spec())
    assert set(alarms(report)) == {("x", "drift")}
    assert set(report.faults) == {"empty", "infinite"}
    assert report.results[0].judged["empty"] == "error"


def test_a_model_with_nothing_but_times_is_watched_for_its_traffic() -> None:
    table = log().select(["ts"])
    report = backtest(table, parse_model_spec({"model": "m", "task": "none", "columns": {"timestamp": "ts"}}))
    assert (list(report.findings), report.incidents) == ([], ())
    assert report.runs > 1000
