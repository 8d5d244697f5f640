"""The table of population stability indexes of a period, from stored profiles."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from driftwatch.cli.app import run
from driftwatch.monitors.spec import parse_model_spec
from driftwatch.service.log_load import load_log
from driftwatch.storage.store import Store

START = datetime(2013, 1, 7, tzinfo=UTC)
DAYS, ROWS = 21, 300


def log() -> pa.Table:
    rng = np.random.default_rng(3)
    n = DAYS * ROWS
    late = np.repeat(np.arange(DAYS), ROWS) >= 14
    return pa.table({
        "ts": [START + timedelta(seconds=288 * each) for each in range(n)],
        "steady": rng.normal(size=n), "moved": rng.normal(size=n) + np.where(late, 1.0, 0.0),
        "mix": np.where(rng.random(n) < np.where(late, 0.65, 0.5), "a", "b").tolist(),
    })  # fmt: skip


def psi(before: np.ndarray, after: np.ndarray) -> float:
    """By the book: ten bins at the deciles of the reference."""
    edges = np.quantile(before, np.arange(1, 10) / 10, method="inverted_cdf")
    p, q = (
        np.bincount(np.searchsorted(edges, side, side="left"), minlength=10) / len(side) for side in (before, after)
    )
    return float(np.sum((q - p) * np.log(q / p)))


def test_the_table_is_the_book_s_and_says_what_the_policy_calls_it(
    store: Store, store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    reference = {"start": START.isoformat(), "end": (START + timedelta(days=14)).isoformat()}
    load_log(store, log(), parse_model_spec({"model": "m", "columns": {"timestamp": "ts"}, "reference": reference}))
    period = ["--start", (START + timedelta(days=14)).isoformat(), "--end", (START + timedelta(days=21)).isoformat()]
    assert run(["report", "m", "--psi", "--json", "--store", store_url, *period]) == 0
    said = json.loads(capsys.readouterr().out)
    lines = {each["column"]: each for each in said["columns"]}
    assert [each["column"] for each in said["columns"]] == ["moved", "mix", "steady"]
    assert {name: line["policy"] for name, line in lines.items()} == {
        "moved": "significant", "mix": "stable", "steady": "stable",
    }  # fmt: skip
    columns = log().to_pydict()
    for name in ("moved", "steady"):
        values = np.array(columns[name])
        assert lines[name]["value"] == pytest.approx(psi(values[: 14 * ROWS], values[14 * ROWS :]), rel=0.02, abs=1e-3)
    assert lines["steady"]["p_value"] > 0.001
    assert lines["mix"]["p_value"] < 1e-6  # stable by the policy, and no accident
    assert (lines["mix"]["n_reference"], lines["mix"]["n_current"]) == (14 * ROWS, 7 * ROWS)
    assert run(["report", "m", "--psi", "--store", store_url, *period]) == 0
    assert "significant" in capsys.readouterr().out


def test_one_report_at_a_time(store: Store, store_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "m", "--store", store_url]) == 2
    assert "--evidently, or --psi" in capsys.readouterr().err
