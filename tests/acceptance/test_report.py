"""``driftwatch report MODEL --evidently``, as typed: with a stand-in for Evidently, and with the real package."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from environments import EVIDENTLY
from seeding import REPLAYED, register, shared_url
from typer.testing import CliRunner

from driftwatch.cli import report
from driftwatch.domain.instant import DAY, to_iso
from driftwatch.errors import DataError, DriftwatchError, MissingPartError, NotFoundError, UserError
from driftwatch.integrations import evidently_script
from driftwatch.queries.catalogue import find_model
from driftwatch.service import second_opinion as opinions
from driftwatch.storage.store import Store

START, END = to_iso(REPLAYED + 7 * DAY), to_iso(REPLAYED + 9 * DAY)

# Stands where an interpreter with Evidently would: keeps what it was given, and answers in Evidently's shape.
_STAND_IN = """#!{python}
import json, pathlib, shutil, sys
folder = pathlib.Path(sys.argv[2])
shutil.copytree(folder, {kept!r}, dirs_exist_ok=True)
assert folder.stat().st_mode & 0o077 == 0
columns = json.loads((folder / "columns.json").read_text())
answers = dict({answers})
metrics, tests = [], []
for place, name in enumerate(columns["numerical"] + columns["categorical"]):
    method, value, threshold, status = answers.get(name, ("K-S p_value", 0.5, 0.05, "SUCCESS"))
    config = {{"column": name, "method": method, "threshold": threshold}}
    metrics.append({{"id": str(place), "config": config, "value": value}})
    tests.append({{"metric_config": {{"metric_id": str(place)}}, "status": status}})
(folder / "report.html").write_text("<html>")
(folder / "report.json").write_text(json.dumps({{"metrics": metrics, "tests": tests}}))
(folder / "result.json").write_text(json.dumps({{"evidently": "0.7.23", "left_out": {{}}}}))
"""


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    answers = {"temp": ("Wasserstein distance (normed)", 2.0, 0.1, "FAIL"), "hour": ("K-S p_value", 0.01, 0.05, "FAIL")}
    return script(tmp_path, _STAND_IN.format(python=sys.executable, kept=str(tmp_path / "kept"), answers=answers))


def script(folder: Path, text: str) -> Path:
    path = folder / "python-elsewhere"
    path.write_text(text, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def run(*arguments: object, url: str | None = None) -> str:
    """What the command prints; our own errors come out as they are."""
    app = typer.Typer()
    app.callback()(lambda: None)
    report.register(app)
    environment = {"DRIFTWATCH_STORE": url or shared_url(), "COLUMNS": "160", "DRIFTWATCH_EVIDENTLY_PYTHON": ""}
    result = CliRunner().invoke(app, ["report", *map(str, arguments)], env=environment)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def run_flights(python: Path, output: Path, *more: str) -> str:
    return run("flights", "--evidently", "--start", START, "--end", END, "--python", python, "--output", output, *more)


def by_column(printed: str) -> dict[str, dict[str, Any]]:
    return {each["column"]: each for each in json.loads(printed)["columns"]}


def test_both_verdicts_stand_side_by_side(stand_in: Path, tmp_path: Path) -> None:
    printed = run_flights(stand_in, tmp_path / "reports", "--json")
    columns = by_column(printed)
    assert set(columns) == {"carrier", "hour", "prediction", "score", "temp", "wind_speed"}
    assert columns["temp"]["agree"] is True
    assert columns["temp"]["ours"]["drifted"] is True
    assert columns["temp"]["ours"]["kinds"][0] == "location"
    assert columns["temp"]["ours"]["windows_judged"] >= columns["temp"]["ours"]["windows_alarmed"] > 24
    assert columns["temp"]["evidently"] == {
        "drifted": True,
        "method": "Wasserstein distance (normed)",
        "value": 2.0,
        "threshold": 0.1,
        "direction": "higher_is_drift",
    }
    assert (columns["hour"]["agree"], columns["hour"]["evidently"]["direction"]) == (False, "lower_is_drift")
    assert (columns["wind_speed"]["agree"], columns["wind_speed"]["ours"]["drifted"]) == (True, False)


def test_the_report_is_written_as_html_and_json_and_named(stand_in: Path, tmp_path: Path) -> None:
    printed = json.loads(run_flights(stand_in, tmp_path / "reports", "--json"))
    html, text = (Path(printed["files"][kind]) for kind in ("html", "json"))
    assert html.read_text(encoding="utf-8") == "<html>"
    assert len(json.loads(text.read_text(encoding="utf-8"))["metrics"]) == 6
    table = run_flights(stand_in, tmp_path / "reports")
    assert html.name in table
    assert "Both judged 6 columns and agree on" in table


def test_evidently_is_handed_the_rows_of_both_sides_by_registered_kind(stand_in: Path, tmp_path: Path) -> None:
    printed = json.loads(run_flights(stand_in, tmp_path, "--json"))
    columns = json.loads((tmp_path / "kept" / "columns.json").read_text(encoding="utf-8"))
    assert sorted(columns["numerical"]) == ["hour", "score", "temp", "wind_speed"]
    assert sorted(columns["categorical"]) == ["carrier", "prediction"]
    for side in ("reference", "current"):
        table = pq.read_table(tmp_path / "kept" / f"{side}.parquet")
        assert table.num_rows == printed[side]["rows"] == printed[side]["sampled"] > 1_000
        assert 0 < table.column("temp").null_count < table.num_rows / 50


@pytest.fixture
def private_url(tmp_path: Path) -> str:
    """A copy of the shared store in which a column is personal."""
    path = tmp_path / "private.db"
    path.write_bytes(Path(shared_url().removeprefix("sqlite:///")).read_bytes())
    url = f"sqlite:///{path}"
    with Store.open(url) as store:
        reference = {"start": to_iso(REPLAYED), "end": to_iso(REPLAYED + 6 * DAY)}
        register(store, "flights", {"clock": "replay", "pii": ["carrier"], "reference": reference})
    return url


def test_personal_columns_and_more_rows_than_allowed_never_leave(
    stand_in: Path, tmp_path: Path, private_url: str
) -> None:
    with Store.open(private_url) as store:
        with store.read() as conn:
            model = find_model(conn, "flights")
        assert model is not None
        bounds = (REPLAYED + 7 * DAY, REPLAYED + 9 * DAY)
        opinion = opinions.second_opinion(store, model, *bounds, python=str(stand_in), limit=500)
    table = pq.read_table(tmp_path / "kept" / "reference.parquet")
    assert "carrier" not in table.column_names
    assert table.num_rows == 500
    left_out = {each.column: each.left_out for each in opinion.columns if each.left_out}
    assert set(left_out) == {"carrier"}
    assert "personal" in left_out["carrier"]


@pytest.mark.parametrize("python", ["no-such-python", sys.executable])
def test_without_evidently_the_error_is_the_commands_that_bring_it(python: str, tmp_path: Path) -> None:
    with pytest.raises(MissingPartError) as caught:
        run_flights(Path(python), tmp_path)
    for part in ("venv .venv-evidently", "'evidently==0.7.23' 'pandas<3.1'", "DRIFTWATCH_EVIDENTLY_PYTHON", python):
        assert part in str(caught.value)


def test_an_evidently_that_fails_is_quoted(tmp_path: Path) -> None:
    broken = script(tmp_path, f"#!{sys.executable}\nimport sys\nsys.exit('MemoryError: no room')\n")
    with pytest.raises(DriftwatchError, match="MemoryError: no room"):
        run_flights(broken, tmp_path)


def test_wrong_questions_are_answered_with_what_to_do(stand_in: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--evidently"):
        run("flights")
    with pytest.raises(NotFoundError, match="Did you mean 'flights'"):
        run("flight", "--evidently")
    with pytest.raises(UserError, match="is not before"):
        run("flights", "--evidently", "--start", END, "--end", START)
    with pytest.raises(DataError, match="no features of the period 2013-06-01"):
        run("flights", "--evidently", "--start", "2013-06-01", "--end", "2013-06-02", "--python", stand_in)
    with pytest.raises(DataError, match="no rows yet"):
        run("registered-only", "--evidently", "--start", START, "--end", END)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write the report"):
        run_flights(stand_in, tmp_path / "file")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_real_evidently_reports_a_window_of_the_store(tmp_path: Path) -> None:
    python = EVIDENTLY.require() / "bin" / "python"
    printed = run_flights(python, tmp_path, "--json")
    columns = by_column(printed)
    assert json.loads(printed)["evidently"] == "0.7.23"
    drifted = {name for name, each in columns.items() if each["evidently"]["drifted"]}
    assert "temp" in drifted
    assert not {"carrier", "hour", "wind_speed"} & drifted
    assert all(each["evidently"]["method"] and each["evidently"]["threshold"] > 0 for each in columns.values())
    page = Path(json.loads(printed)["files"]["html"]).read_text(encoding="utf-8")
    assert "</html>" in page
    assert "wind_speed" in page


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_column_that_aborts_evidently_costs_itself_alone(tmp_path: Path) -> None:
    """What the script does by itself, with a column that Evidently refuses: nothing but nulls."""
    python = EVIDENTLY.require() / "bin" / "python"
    table = pa.table({"fine": [float(value) for value in range(100)], "empty": pa.array([None] * 100, pa.float64())})
    for side in ("reference", "current"):
        pq.write_table(table, tmp_path / f"{side}.parquet")
    columns = {"numerical": ["fine", "empty"], "categorical": []}
    (tmp_path / "columns.json").write_text(json.dumps(columns), encoding="utf-8")
    subprocess.run(
        [python, evidently_script.__file__, tmp_path], check=True, env={**os.environ, "PYTHONWARNINGS": "ignore"}
    )
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert "empty column" in result["left_out"]["empty"].lower()
    assert (tmp_path / "report.html").exists()
