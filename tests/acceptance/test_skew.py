"""Features computed again offline against what was served, by id, through the command line."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from driftwatch.cli.app import run
from driftwatch.monitors.spec import parse_model_spec
from driftwatch.service.log_load import load_log
from driftwatch.storage.store import Store

START = datetime(2013, 1, 7, tzinfo=UTC)
ROWS = 400


def served() -> pa.Table:
    rng = np.random.default_rng(1)
    return pa.table({
        "ts": [START + timedelta(minutes=each) for each in range(ROWS)],
        "id": [f"row-{each}" for each in range(ROWS)],
        "temp": rng.normal(10, 3, ROWS), "wind": rng.normal(5, 1, ROWS),
        "carrier": rng.choice(["AA", "UA"], ROWS).tolist(), "home": rng.choice(["x", "y"], ROWS).tolist(),
    })  # fmt: skip


def test_rows_that_differ_are_counted_by_feature_with_examples(
    store: Store, store_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = {"model": "flights", "columns": {"timestamp": "ts", "id": "id"}, "pii": ["home"], "version": "1"}
    load_log(store, served(), parse_model_spec(spec))
    offline = served().drop_columns(["ts"]).slice(100, 200).to_pydict()
    offline["temp"] = [value + 273.15 for value in offline["temp"]]
    offline["carrier"][7] = "ZZ"
    offline["home"] = ["z"] * 200
    offline["new"] = [1.0] * 200
    offline["id"][0] = "unknown"
    path = tmp_path / "offline.parquet"
    pq.write_table(pa.table(offline), path)
    assert run(["skew", "flights", str(path), "--store", store_url, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["offline_rows"], said["served_rows"], said["joined"]) == (200, ROWS, 199)
    found = {each["feature"]: each for each in said["features"]}
    assert found["temp"]["share"] == 1.0
    assert found["temp"]["constant_gap"] is True
    assert found["temp"]["median_gap"] == pytest.approx(273.15)
    assert (found["carrier"]["mismatched"], found["wind"]["mismatched"]) == (1, 0)
    (example,) = found["carrier"]["examples"]
    assert (example["id"], example["offline"]) == ("row-107", "ZZ")
    assert {each["served"] for each in found["home"]["examples"]} == {"masked"}
    assert "no such feature" in said["left_out"]["new"]
    assert run(["skew", "flights", str(path), "--store", store_url]) == 0
    shown = capsys.readouterr().out
    assert "199 of 200 rows joined" in shown
    assert "273" in shown
    assert "always" in shown
    assert "masked" not in shown


@pytest.mark.parametrize(
    ("change", "says"),
    [({"--id": "key"}, "has no column 'key'"), ({"--start": "2015-01-01", "--end": "2015-01-02"}, "no rows with")],
)
def test_what_cannot_be_joined_is_said(
    store: Store, store_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, str], says: str
) -> None:
    load_log(store, served(), parse_model_spec({"model": "flights", "columns": {"timestamp": "ts", "id": "id"}}))
    path = tmp_path / "offline.parquet"
    pq.write_table(served().drop_columns(["ts"]), path)
    options = [each for pair in change.items() for each in pair]
    assert run(["skew", "flights", str(path), "--store", store_url, *options]) == 2
    assert says in capsys.readouterr().err
