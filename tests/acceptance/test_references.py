"""The references of a model: the training file is told apart from production once, and a person has the last word."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from acceptance.alert_world import START, World, runs_of
from typer.testing import CliRunner

from driftwatch.cli import reference as command_group
from driftwatch.domain.instant import DAY, HOUR, from_iso, to_iso
from driftwatch.errors import NotFoundError, SpecError
from driftwatch.service.apply import apply_documents
from driftwatch.service.model_view import show_model
from driftwatch.service.references import move_reference
from driftwatch.service.tick import Ticker
from driftwatch.storage import audit, finding, registration, run
from driftwatch.storage.store import Store

PUBLIC = "http://localhost:8301"
REFERENCE = 14 * 24


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(Store.open(f"sqlite:///{tmp_path}/dw.db"))


def declare(world: World, folder: Path, *, temp: float) -> list[str]:
    """Apply a model whose training file has `temp` around that mean; returns what apply had to say."""
    rng = np.random.default_rng(5)
    columns = {"temp": rng.normal(temp, 2.0, 4_000), "wind": rng.normal(10.0, 2.0, 4_000)}
    carriers = rng.choice(["AA", "WN"], 4_000)
    pq.write_table(pa.table({**columns, "carrier": carriers}), folder / "train.parquet")
    document = {
        "model": world.name,
        "columns": {"timestamp": "ts"},
        "clock": "replay",
        "reference": {"file": "train.parquet"},
    }
    [change] = apply_documents(world.store, [document], actor="test", beside=folder)
    return list(change.notes)


def judge(world: World, hours: int = 6) -> None:
    world.log(0, REFERENCE + hours)
    Ticker(world.store, public_url=PUBLIC).tick()


def skews(world: World) -> list[dict[str, object]]:
    results = [run.decode_result(row.result) for row in runs_of(world) if row.result is not None]
    return [each for result in results for each in result["findings"] if each["signal"] == "skew"]


def test_a_model_trained_on_other_data_is_told_once_when_the_reference_is_over(world: World, tmp_path: Path) -> None:
    assert declare(world, tmp_path, temp=14.0) == ["training reference: 4,000 rows of train.parquet"]
    judge(world)
    [found] = skews(world)
    assert found["window_start"] == to_iso(START + REFERENCE * HOUR)
    assert (found["severity"], found["column"], found["kind"]) == ("warning", None, "skew")
    details = found["details"]
    assert isinstance(details, dict)
    assert list(details["columns"]) == ["temp"]
    assert details["columns"]["temp"]["kolmogorov_smirnov"] == pytest.approx(0.68, abs=0.05)  # of N(14, 2), N(10, 2)
    Ticker(world.store, public_url=PUBLIC).tick()
    assert len(skews(world)) == 1


def test_a_model_trained_on_the_same_data_has_no_skew(world: World, tmp_path: Path) -> None:
    declare(world, tmp_path, temp=10.0)
    judge(world)
    assert skews(world) == []
    assert {row.status for row in runs_of(world)} == {"ok"}


def test_a_training_file_that_is_stored_late_is_compared_with_the_next_window(world: World, tmp_path: Path) -> None:
    judge(world)
    declare(world, tmp_path, temp=14.0)
    assert declare(world, tmp_path, temp=14.0) == []  # the same file again
    world.log(REFERENCE + 6, REFERENCE + 9)
    Ticker(world.store, public_url=PUBLIC).tick()
    assert [each["window_start"] for each in skews(world)] == [to_iso(START + (REFERENCE + 4) * HOUR)]


def test_a_training_file_that_is_not_there_stops_apply(world: World, tmp_path: Path) -> None:
    document = {"model": "m", "columns": {"timestamp": "ts"}, "reference": {"file": "nowhere.parquet"}}
    with pytest.raises(SpecError, match=r"reference\.file.*nowhere\.parquet"):
        apply_documents(world.store, [document], actor="test", beside=tmp_path)
    with world.store.read() as conn:
        assert registration.find_model(conn, "production", "m") is None


def command(world: World, *arguments: str) -> str:
    app = typer.Typer()
    command_group.register(app)
    url = str(world.store.url)
    return CliRunner().invoke(app, [*arguments, "--store", url], standalone_mode=False, catch_exceptions=False).stdout


def test_a_person_confirms_the_reference_or_moves_it(world: World) -> None:
    with pytest.raises(NotFoundError, match="first 14 days"):
        command(world, "reference", "confirm", "flights")
    judge(world)
    assert "not confirmed by anybody" in command(world, "reference", "show", "flights")
    assert "confirmed" in command(world, "reference", "confirm", "flights")
    shown = show_model(world.store, "production", "flights")["references"]["operating"]
    assert (shown["confirmed"], shown["rows"]) == (True, REFERENCE * 60)
    moved = json.loads(
        command(world, "reference", "move", "flights", "--start", "2013-01-08", "--end", "2013-01-15", "--json")
    )
    assert (moved["operating"]["start"], moved["operating"]["end"]) == (
        "2013-01-08T00:00:00+00:00",
        "2013-01-15T00:00:00+00:00",
    )
    with world.store.read() as conn:
        verbs = [each.verb for each in audit.list_events(conn, subject="reference/production/flights")]
    assert verbs == ["moved", "confirmed", "recorded"]


def test_after_a_move_later_windows_are_held_against_the_new_period(world: World) -> None:
    world.hot = range(24, 7 * 24)
    judge(world)
    with world.store.read() as conn:
        model = registration.find_model(conn, "production", "flights")
    assert model is not None
    move_reference(world.store, model, START + 7 * DAY, START + 14 * DAY, actor="test")
    world.hot = range(REFERENCE + 6, REFERENCE + 12)
    world.log(REFERENCE + 6, REFERENCE + 12)
    Ticker(world.store, public_url=PUBLIC).tick()
    with world.store.read() as conn:
        found = finding.list_findings(conn, model.id, START, START + 30 * DAY)
    alarms = {each.window_start for each in found if each.severity.value == "warning" and each.column == "temp"}
    assert START + (REFERENCE + 6) * HOUR in alarms  # hot hours were usual in the old reference


def test_a_declared_reference_is_moved_where_it_is_declared(world: World) -> None:
    document = {
        "model": world.name,
        "columns": {"timestamp": "ts"},
        "reference": {"start": "2013-01-07", "end": "2013-01-21"},
    }
    apply_documents(world.store, [document], actor="test")
    with world.store.read() as conn:
        model = registration.find_model(conn, "production", "flights")
    assert model is not None
    with pytest.raises(SpecError, match=r"model\.yaml"):
        move_reference(world.store, model, from_iso("2013-01-08"), from_iso("2013-01-15"), actor="test")
