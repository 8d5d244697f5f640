"""``driftwatch explain``, as typed: two files, a period and an incident of a store, and what goes wrong."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
import yaml
from seeding import REPLAYED, shared_url
from typer.testing import CliRunner

from driftwatch.cli import explain
from driftwatch.domain.instant import DAY, HOUR, from_iso, to_iso
from driftwatch.errors import DataError, NotFoundError, SpecError, UserError
from driftwatch.monitors.spec import parse_model_spec
from driftwatch.queries.catalogue import find_model
from driftwatch.queries.explanation import read_explanation
from driftwatch.service.explaining import explain_period
from driftwatch.service.log_load import load_log
from driftwatch.storage.store import Store

SPEC: dict[str, Any] = {
    "kind": "model",
    "model": "hotel",
    "task": "binary",
    "columns": {"timestamp": "at", "score": "p_cancel"},
    "features": {"numeric": ["price", "lead"], "categorical": ["country", "name"]},
    "pii": ["name"],
    "clock": "replay",
    "reference": {"start": "2024-01-01", "end": "2024-01-11"},
}
BEGIN = from_iso("2024-01-01T00:00")


def table(
    n: int, seed: int, *, start: int = BEGIN, factor: float = 1.0, weights: tuple[float, float] = (3.0, 1.0)
) -> pa.Table:
    """Bookings of which the price of those from PT is multiplied; the score follows price and lead."""
    rng = np.random.default_rng(seed)
    country = rng.choice(["DE", "GB", "PT"], n, p=[0.4, 0.3, 0.3])
    price = rng.lognormal(4, 0.4, n) * np.where(country == "PT", factor, 1.0)
    lead = rng.gamma(2, 20, n)
    return pa.table(
        {
            "at": pa.array(start + np.arange(n) * (10 * DAY // n), pa.timestamp("us")),
            "price": price,
            "lead": lead,
            "country": country.tolist(),
            "name": rng.choice(["Ana", "Bob"], n).tolist(),
            "p_cancel": 1 / (1 + np.exp(3 - price / 40 - lead / 100)),
            "attribution.price": rng.normal(0, weights[0], n),
            "attribution.lead": rng.normal(0, weights[1], n),
        }
    )


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Reference, current and specification."""
    paths = tmp_path / "reference.parquet", tmp_path / "current.parquet", tmp_path / "model.yaml"
    pq.write_table(table(2000, 1), paths[0])
    pq.write_table(table(1500, 2, start=BEGIN + 10 * DAY, factor=1.5, weights=(1.0, 3.0)), paths[1])
    paths[2].write_text(yaml.safe_dump(SPEC), encoding="utf-8")
    return paths


def run(*arguments: object, url: str = "sqlite:///none.db") -> str:
    """What the command prints; our own errors come out as they are."""
    app = typer.Typer()
    app.callback()(lambda: None)
    explain.register(app)
    result = CliRunner().invoke(app, ["explain", *map(str, arguments)], env={"DRIFTWATCH_STORE": url, "COLUMNS": "160"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_two_files_are_explained_by_cause_and_by_place(files: tuple[Path, Path, Path]) -> None:
    reference, current, spec = files
    told = json.loads(run(reference, current, "--spec", spec, "--json"))
    assert (told["schema"], told["n_reference"], told["n_current"]) == (1, 2000, 1500)
    assert told["movement"]["target"] == "score"
    assert told["movement"]["features"][0]["feature"] == "price"
    assert told["movement"]["features"][0]["moves"]
    assert [each["column"] for each in told["segments"]] == ["score", "price"]
    assert [each["segments"][0]["segment"] for each in told["segments"]] == ["country is PT"] * 2
    assert told["segments"][1]["segments"][0]["accounts_for"] > 0.8
    assert told["attributions"]["drifted"]
    assert told["attributions"]["features"][0]["feature"] == "lead"
    assert told["not_searched"] == []


def test_people_are_told_in_sentences(files: tuple[Path, Path, Path]) -> None:
    reference, current, spec = files
    printed = run(reference, current, "--spec", spec)
    assert "price moved most where country is PT (" in printed
    assert "the features matter in another order" in printed
    assert "What moves score (of a surrogate" in printed


def test_the_same_seed_gives_the_same_bytes(files: tuple[Path, Path, Path]) -> None:
    reference, current, spec = files
    texts = [run(reference, current, "--spec", spec, "--seed", 1, "--json") for _ in range(2)]
    assert texts[0] == texts[1]


def test_values_of_personal_columns_are_not_shown(tmp_path: Path, files: tuple[Path, Path, Path]) -> None:
    reference, current, spec = files
    spec.write_text(yaml.safe_dump({**SPEC, "pii": ["country", "name"]}), encoding="utf-8")
    printed = run(reference, current, "--spec", spec, "--json")
    assert "country is a private value" in printed
    assert '"PT"' not in printed
    assert "Ana" not in printed


def test_without_a_specification_columns_are_searched_and_nothing_is_said_of_predictions(
    files: tuple[Path, Path, Path],
) -> None:
    told = json.loads(run(files[0], files[1], "--column", "price", "--json"))
    assert told["movement"] is None
    assert told["attributions"] is None
    assert told["segments"][0]["segments"][0]["segment"].startswith("country is PT")


def test_declared_attributions_are_read_and_are_no_features(files: tuple[Path, Path, Path]) -> None:
    reference, current, spec = files
    for path in files[:2]:
        renamed = pq.read_table(path).rename_columns(
            ["at", "price", "lead", "country", "name", "p_cancel", "shap_price", "shap_lead"]
        )
        pq.write_table(renamed, path)
    declared = {"attributions": {"price": "shap_price", "lead": "shap_lead"}}
    plain = {key: value for key, value in SPEC.items() if key != "features"}
    spec.write_text(yaml.safe_dump({**plain, **declared}), encoding="utf-8")
    told = json.loads(run(reference, current, "--spec", spec, "--json"))
    assert told["attributions"]["drifted"]
    assert {each["feature"] for each in told["movement"]["features"]} == {"price", "lead", "country", "name"}


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("absent.parquet", "current.parquet"), DataError, "no file"),
        (("reference.parquet", "current.parquet", "--column", "prize"), DataError, "Did you mean 'price'"),
        (
            ("reference.parquet", "current.parquet", "--spec", "wrong.yaml"),
            SpecError,
            "attributions.price: there is no",
        ),
        (("flgihts",), NotFoundError, "Did you mean 'flights'"),
        (("flights", "--incident", "none"), NotFoundError, "There is no incident 'none'"),
        (("flights", "--incident", "none", "--start", "2013-04-08"), UserError, "an incident has its own window"),
        (("flights", "--column", "tmp"), DataError, "Did you mean 'temp'"),
        (("flights", "--start", "2019-01-01", "--end", "2019-01-02"), DataError, "holds no features of the period"),
    ],
)
def test_a_wrong_question_is_answered_with_what_to_do(
    files: tuple[Path, Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    error: type[Exception],
    words: str,
) -> None:
    monkeypatch.chdir(files[0].parent)
    wrong = {**SPEC, "attributions": {"price": "shap"}}
    Path("wrong.yaml").write_text(yaml.safe_dump(wrong), encoding="utf-8")
    with pytest.raises(error, match=words):
        run(*arguments, url=shared_url())


def test_a_period_of_a_stored_model_is_explained() -> None:
    start, end = to_iso(REPLAYED + 7 * DAY), to_iso(REPLAYED + 9 * DAY)
    told = json.loads(run("flights", "--start", start, "--end", end, "--json", url=shared_url()))
    assert (told["model"], told["incident"]) == ("flights", None)
    assert told["current"]["rows"] == told["n_current"] > 1000
    assert told["movement"]["features"][0]["feature"] == "temp"
    assert told["movement"]["importance_source"] == "given"
    assert "temp" in [each["column"] for each in told["segments"]]


def test_a_period_of_hours_is_held_against_the_same_hours() -> None:
    start, end = to_iso(REPLAYED + 8 * DAY), to_iso(REPLAYED + 8 * DAY + 6 * HOUR)
    told = json.loads(run("flights", "--start", start, "--end", end, "--json", url=shared_url()))
    assert told["n_reference"] < told["reference"]["rows"] / 2
    parts = {each["feature"]: each["drift"] for each in told["movement"]["features"]}
    assert parts["hour"] < 0.1 < parts["temp"]


def test_the_explanation_of_an_incident_is_kept_with_it(tmp_path: Path) -> None:
    shutil.copy(shared_url().removeprefix("sqlite:///"), tmp_path / "store.db")
    url = f"sqlite:///{tmp_path / 'store.db'}"
    with Store.open(url) as store, store.read() as conn:
        from driftwatch.storage import incident

        known = find_model(conn, "flights")
        assert known is not None
        (opened,) = incident.list_incidents(conn, model_id=known.id)
    with Store.open(url) as store:
        assert read_explanation(store, opened.id) is None
    told = json.loads(run("flights", "--incident", opened.id, "--json", url=url))
    assert told["incident"] == opened.id
    assert told["current"]["end"] == to_iso(opened.last_alarm_at)
    with Store.open(url) as store:
        kept = read_explanation(store, opened.id)
        assert read_explanation(store, "none") is None
    assert kept is not None
    assert list(kept.sentences) == told["sentences"]
    assert {"schema": 1, **kept.document} == told


def test_attributions_in_a_log_come_back_from_the_store(tmp_path: Path, files: tuple[Path, Path, Path]) -> None:
    spec = parse_model_spec(SPEC)
    with Store.open(f"sqlite:///{tmp_path / 'store.db'}") as store:
        for path in files[:2]:
            load_log(store, path, spec)
        with store.read() as conn:
            known = find_model(conn, "hotel")
        assert known is not None
        found = explain_period(store, known, BEGIN + 10 * DAY, BEGIN + 20 * DAY)
    assert found.rows == (2000, 1500)
    assert found.explanation.attributions is not None
    assert found.explanation.attributions.drifted
    assert found.explanation.attributions.n_reference == 2000
    assert [each.segments[0].words for each in found.explanation.segments] == ["country is PT", "country is PT"]
