"""``driftwatch backtest FILE --spec model.yaml``, as typed."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
import typer
from typer.testing import CliRunner

from driftwatch.cli.backtest import register
from driftwatch.domain.instant import HOUR, from_iso
from driftwatch.errors import SpecError, UserError

HOURS = 24 * 42
SPEC = """
kind: model
model: "[demo]"
columns: {timestamp: ts}
reference: {start: 2024-01-01, end: 2024-01-29}
bucket: 1d
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(5)
    hour = np.repeat(np.arange(HOURS), 8)
    x = rng.normal(size=len(hour)) + np.where(hour >= 24 * 35, 2.0, 0.0)
    columns = {"ts": pa.array(from_iso("2024-01-01") + hour * HOUR, pa.timestamp("us")), "x": x}
    table = pa.table({**columns, "[y]": rng.choice(["a", "b"], len(hour))})
    pyarrow.parquet.write_table(table, tmp_path / "log.parquet")
    pyarrow.csv.write_csv(table, tmp_path / "log.csv")
    (tmp_path / "model.yaml").write_text(SPEC, encoding="utf-8")
    return tmp_path


def run(*arguments: object) -> str:
    """What the command prints; our own errors come out as they are."""
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    result = CliRunner().invoke(app, ["backtest", *map(str, arguments)], env={"COLUMNS": "160"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return result.stdout


def test_json_is_the_whole_report_and_the_same_twice(folder: Path) -> None:
    first = run(folder / "log.parquet", "--spec", folder / "model.yaml", "--json")
    assert run(folder / "log.parquet", "--spec", folder / "model.yaml", "--json") == first
    report = json.loads(first)
    assert report["rows"] == HOURS * 8
    assert [incident["columns"] for incident in report["incidents"]] == [["x"]]


def test_a_csv_gives_the_same_verdicts_as_parquet(folder: Path) -> None:
    parquet, csv = (
        json.loads(run(folder / name, "--spec", folder / "model.yaml", "--json")) for name in ("log.parquet", "log.csv")
    )
    assert csv == parquet


def test_people_read_what_alarmed_since_when_and_what_did_not(folder: Path) -> None:
    text = run(folder / "log.parquet", "--spec", folder / "model.yaml")
    assert "[demo]  8,064 rows" in text
    assert "2024-01-01 to 2024-01-29, 28 days" in text
    assert "14.0 days in 14 daily windows" in text
    lines = {line.split()[0]: line for line in text.splitlines() if line.strip()}
    assert "2024-02-05 00:00" in lines["x"]
    assert "drift" in lines["x"]
    assert lines["[y]"].split() == ["[y]", "14", "0"]
    assert "1 incidents" not in text
    assert "Drift in [demo]: x" in text
    assert "still open" in text


def test_performance_by_month_is_accepted_and_another_period_is_not(folder: Path) -> None:
    arguments = (folder / "log.parquet", "--spec", folder / "model.yaml", "--json", "--performance-period")
    rows = json.loads(run(*arguments, "month"))["performance"]
    assert {row["metric"] for row in rows} == {"throughput"}  # neither labels nor latencies
    assert {"2024-01-01T00:00:00+00:00", "2024-02-01T00:00:00+00:00"} <= {row["window_start"] for row in rows}
    with pytest.raises(UserError, match="'fortnight'"):
        run(*arguments, "fortnight")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind: model\nmodle: m", "modle"),
        ("a: [", "not YAML in line 1"),
        ("- just\n- a list", "map of keys"),
        ("", "found 0"),
        ("kind: receiver\nname: x", "receiver"),
        ("kind: model\nmodel: m\n---\nkind: model\nmodel: n", "found 2"),
    ],
)
def test_a_wrong_specification_is_named(folder: Path, text: str, words: str) -> None:
    (folder / "model.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match=words):
        run(folder / "log.parquet", "--spec", folder / "model.yaml")


def test_files_that_are_not_there_are_named(folder: Path) -> None:
    with pytest.raises(SpecError, match=r"no\.yaml"):
        run(folder / "log.parquet", "--spec", folder / "no.yaml")
    with pytest.raises(UserError, match=r"no\.parquet"):
        run(folder / "no.parquet", "--spec", folder / "model.yaml")
