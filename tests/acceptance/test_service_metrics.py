"""A service-metric model from its rows to an incident, in the service and in a replay of its log."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from driftwatch.domain.instant import HOUR, from_iso, to_iso
from driftwatch.domain.signal import Signal
from driftwatch.profiles.bucket import BucketProfile
from driftwatch.profiles.latency import profile_latency
from driftwatch.queries.model import read_model
from driftwatch.queries.status import Status
from driftwatch.queries.wording import service_line
from driftwatch.service.backtest import backtest
from driftwatch.service.tick import Ticker
from driftwatch.storage import batch, finding, profile, registration
from driftwatch.storage.batch import Receipt
from driftwatch.storage.store import Store

START = from_iso("2024-01-01T00:00")
REFERENCE = 14 * 24
AFTER = 36
CALLS = 200
DOCUMENT: dict[str, Any] = {
    "model": "checkout",
    "task": "none",
    "columns": {"timestamp": "ts", "latency_seconds": "seconds", "error": "error"},
    "reference": {"start": to_iso(START), "end": to_iso(START + REFERENCE * HOUR)},
}


def seconds_of(hour: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Twice as slow from 12 hours after the reference on."""
    slower = 2.0 if hour >= REFERENCE + 12 else 1.0
    return np.random.default_rng(hour).lognormal(np.log(0.08), 0.3, CALLS) * slower


def failed_of(hour: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """One in 100, and one in five from 18 hours after the reference on."""
    share = 0.2 if hour >= REFERENCE + 18 else 0.01
    return np.random.default_rng([hour, 1]).random(CALLS) < share


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'service.db'}")
    with opened.begin() as conn:
        model_id = registration.ensure_model(conn, "production", "checkout", at=1)
        version_id = registration.ensure_version(conn, model_id, "1", at=1)
        registration.set_spec(conn, model_id, {**DOCUMENT, "clock": "replay"})
        for hour in range(REFERENCE + AFTER):
            at = START + hour * HOUR
            errors = int(failed_of(hour).sum())
            payload = BucketProfile(CALLS, errors=errors, latency=profile_latency(seconds_of(hour)))
            receipt = Receipt(str(hour), "predictions", model_id, b"", CALLS, 1, first_at=at, last_at=at + HOUR - 1)
            batch.insert_receipt(conn, receipt)
            profile.insert_delta(conn, version_id, at, CALLS, payload.to_bytes(), batch_id=str(hour), at=1)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    hours = range(REFERENCE + AFTER)
    starts = np.repeat([START + hour * HOUR for hour in hours], CALLS)
    at = starts + np.tile(np.arange(CALLS) * (HOUR // CALLS), len(hours))
    return pd.DataFrame(
        {
            "ts": pd.to_datetime(at, unit="us", utc=True),
            "seconds": np.concatenate([seconds_of(hour) for hour in hours]),
            "error": np.concatenate([failed_of(hour) for hour in hours]),
            "series": "checkout",
        }
    )


def test_the_service_finds_what_got_slower_and_what_fails_and_opens_one_incident(store: Store) -> None:
    report = Ticker(store, public_url="http://localhost").tick()
    assert (report.failed, report.faults) == (0, {})
    with store.read() as conn:
        model_id = registration.list_models(conn)[0].id
        found = finding.list_findings(conn, model_id, START, START + (REFERENCE + AFTER) * HOUR)
    alarms = [each for each in found if each.severity.value != "watch"]
    first = {each.signal: each.window_start for each in sorted(alarms, key=lambda each: -each.window_start)}
    assert first == {
        Signal.LATENCY: START + (REFERENCE + 12) * HOUR,
        Signal.ERROR: START + (REFERENCE + 18) * HOUR,
    }
    view = read_model(store, "checkout", "production", "7d")
    assert view is not None
    assert view.standing.status is Status.WARNING
    assert len(view.standing.incidents) == 1
    assert view.standing.reason in {"Latency and error", "Error and latency"}
    assert view.traffic.p95 is not None
    assert view.runs == AFTER - 2  # the newest wait for rows after them
    assert len(view.strongest) == view.runs
    assert all(point.times_threshold is not None for point in view.strongest)
    lines = [service_line(each) for each in view.service]
    assert any(line.startswith(("Errors 1", "Errors 2")) for line in lines)
    assert any(line.startswith("Latency p") for line in lines)


def test_a_replay_of_the_log_says_the_same_and_reports_days(log: pd.DataFrame) -> None:
    report = backtest(log, DOCUMENT)
    alarms = [each for each in report.findings if each.severity.value != "watch"]
    assert {each.signal for each in alarms} == {Signal.LATENCY, Signal.ERROR}
    assert {each.column for each in alarms} == {None}
    assert min(each.window_start for each in alarms) == START + (REFERENCE + 12) * HOUR
    assert len(report.incidents) == 1
    assert report.left_out == ()
    assert report.performance == tuple(
        sorted(report.performance, key=lambda row: (row["window_start"], row["window_end"], row["metric"]))
    )
    day = {row["metric"]: row for row in report.performance if row["window_start"] == "2024-01-15T00:00:00+00:00"}
    assert set(day) == {
        "latency_p50", "latency_p75", "latency_p90", "latency_p95", "latency_p99", "latency_p999",
        "error_rate", "throughput",
    }  # fmt: skip
    of_day = log[(log.ts >= "2024-01-15") & (log.ts < "2024-01-16")]
    assert day["error_rate"]["value"] == of_day.error.mean()
    assert day["throughput"]["value"] == pytest.approx(CALLS / 3_600)
    for metric, share in (("latency_p50", 0.5), ("latency_p99", 0.99)):
        row = day[metric]
        assert row["value"] == pytest.approx(of_day.seconds.quantile(share, interpolation="higher"), rel=0.01)
        assert row["low"] <= row["value"] <= row["high"]
        assert (row["n"], row["estimated"], row["labelled_share"]) == (len(of_day), False, None)


def test_months_come_with_days(log: pd.DataFrame) -> None:
    rows = backtest(log, DOCUMENT, months=True).performance
    months = [row for row in rows if row["window_end"] == "2024-02-01T00:00:00+00:00"]
    assert {row["window_start"] for row in months} == {"2024-01-01T00:00:00+00:00"}
    assert next(row["n"] for row in months if row["metric"] == "error_rate") == len(log)
