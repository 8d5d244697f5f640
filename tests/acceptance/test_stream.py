"""``driftwatch stream``, as typed: a column of errors, errors of a labelled log, a kept state, bad input."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
import yaml
from typer.testing import CliRunner

from driftwatch.cli import stream
from driftwatch.domain.instant import HOUR, from_iso, to_iso
from driftwatch.errors import DataError, SpecError, UnknownNameError, UserError

BEGIN = from_iso("2024-01-01T00:00")
SPEC: dict[str, Any] = {
    "kind": "model",
    "model": "m",
    "task": "binary",
    "columns": {"timestamp": "at", "prediction": "yhat", "label": "y", "label_timestamp": "known"},
}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """4,000 labelled predictions in no order, wrong in 10% before the middle and in 35% after it; 5 without a label."""
    rng = np.random.default_rng(0)
    n = 4000
    wrong = np.concatenate((rng.random(n // 2) < 0.1, rng.random(n // 2) < 0.35))
    label = rng.random(n) < 0.5
    at = BEGIN + np.arange(n) * HOUR
    labels = [None if place < 5 else bool(value) for place, value in enumerate(label.tolist())]
    columns = {
        "at": pa.array(at, pa.timestamp("us")),
        "known": pa.array(at + 24 * HOUR, pa.timestamp("us")),
        "y": labels,
        "yhat": (label ^ wrong).astype(np.int8),
        "error": wrong.astype(float),
        "p": np.where(label, 0.8, 0.2),
    }
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table(columns).take(pa.array(rng.permutation(n))), path)
    return path


def run(*arguments: object) -> str:
    """What the command prints; our own errors come out as they are."""
    app = typer.Typer()
    app.callback()(lambda: None)
    stream.register(app)
    result = CliRunner().invoke(app, ["stream", *map(str, arguments)], env={"COLUMNS": "160"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def spec_file(folder: Path, **columns: Any) -> Path:
    path = folder / "model.yaml"
    kept = {key: value for key, value in {**SPEC["columns"], **columns}.items() if value is not None}
    path.write_text(yaml.safe_dump({**SPEC, "columns": kept}), encoding="utf-8")
    return path


@pytest.mark.parametrize("detector", ["adwin", "page_hinkley"])
def test_the_change_of_a_labelled_log_is_found_in_the_order_of_its_labels(log: Path, detector: str) -> None:
    told = json.loads(run(log, "--spec", spec_file(log.parent), "--detector", detector, "--json"))
    assert (told["schema"], told["detector"], told["of"]) == (1, detector, "wrong predictions")
    assert (told["n"], told["left_out"]) == (3995, 5)
    (change,) = told["changes"]
    assert 1995 <= change["row"] < 2300
    assert change["at"] == to_iso(BEGIN + (change["row"] + 5 + 24) * HOUR)
    assert change["mean_before"] < 0.15
    assert change["mean_after"] == pytest.approx(0.35, abs=0.04)


def test_a_column_of_errors_is_read_in_order_of_a_timestamp(log: Path) -> None:
    printed = run(log, "--column", "error", "--timestamp", "at")
    assert printed.startswith("error: 4,000 values, mean 0.2")
    assert "adwin at value 2," in printed
    assert "no change" in run(log, "--column", "error")  # as they stand: shuffled


def test_a_score_is_held_against_its_label(log: Path) -> None:
    told = json.loads(run(log, "--spec", spec_file(log.parent, prediction=None, score="p"), "--json"))
    assert told["of"] == "squared error of the score"
    assert told["mean"] == pytest.approx(0.04)


def test_parameters_reach_the_detector(log: Path) -> None:
    told = json.loads(run(log, "--column", "error", "--parameter", "delta=0.5", "--parameter", "clock=8", "--json"))
    assert told["parameters"]["delta"] == 0.5
    assert told["parameters"]["clock"] == 8
    assert told["parameters"]["max_buckets"] == 5


@pytest.mark.parametrize("detector", ["adwin", "ddm", "page_hinkley"])
def test_two_runs_with_a_state_are_as_good_as_one(log: Path, detector: str) -> None:
    table = pq.read_table(log).sort_by("at")
    halves = [log.parent / name for name in ("one.parquet", "two.parquet")]
    pq.write_table(table.slice(0, 1500), halves[0])
    pq.write_table(table.slice(1500), halves[1])
    options = ("--column", "error", "--timestamp", "at", "--detector", detector, "--json")
    whole = json.loads(run(log, *options))["changes"]
    parts = [json.loads(run(half, *options, "--state", log.parent / "state.json"))["changes"] for half in halves]
    assert [each["row"] for part in parts for each in part] == [each["row"] for each in whole] != []


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((), UserError, "--column of errors, or --spec"),
        (("--column", "eror"), DataError, "Did you mean 'error'"),
        (("--column", "error", "--detector", "adwinn"), UnknownNameError, "Did you mean 'adwin'"),
        (("--column", "error", "--parameter", "dleta=1"), UserError, "no parameter 'dleta'; it has delta"),
        (("--column", "error", "--parameter", "delta"), UserError, "write, for example, --parameter delta=0.01"),
        (
            ("--column", "p", "--detector", "ddm"),
            DataError,
            "value 1: ddm takes 0 ",
        ),
        (("--column", "error", "--state", "broken.json"), UserError, "Delete it to begin anew"),
        (("--spec", "model.yaml"), SpecError, "made of the label and the prediction"),
    ],
)
def test_a_wrong_question_is_answered_with_what_to_do(
    log: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], error: type[Exception], words: str
) -> None:
    monkeypatch.chdir(log.parent)
    Path("broken.json").write_text("{}", encoding="utf-8")
    spec_file(log.parent, label=None, label_timestamp=None)
    with pytest.raises(error, match=words):
        run(log, *arguments)


def test_the_state_of_another_detector_is_refused_and_kept(log: Path) -> None:
    state = log.parent / "state.json"
    run(log, "--column", "error", "--state", state)
    before = state.read_bytes()
    with pytest.raises(UserError, match="it is the state of adwin, not of ddm"):
        run(log, "--column", "error", "--detector", "ddm", "--state", state)
    with pytest.raises(UserError, match="made with other parameters"):
        run(log, "--column", "error", "--parameter", "delta=0.1", "--state", state)
    assert state.read_bytes() == before
