"""Thresholds that users fixed: judged beside the rule, two of three windows, with their cost told beforehand."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from acceptance.alert_world import START, World, runs_of
from typer.testing import CliRunner

from driftwatch.cli import apply, monitor
from driftwatch.domain.instant import HOUR, from_iso
from driftwatch.errors import NotFoundError, SpecError
from driftwatch.service.apply import apply_documents
from driftwatch.service.tick import Ticker
from driftwatch.storage import run
from driftwatch.storage.store import Store

PUBLIC = "http://localhost:8301"
REFERENCE = 14 * 24
MONITOR: dict[str, Any] = {
    "kind": "monitor",
    "model": "flights",
    "name": "temp-psi",
    "column": "temp",
    "method": "psi",
    "threshold": 0.5,
    "window": "6h",
}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/dw.db"


@pytest.fixture
def world(url: str) -> World:
    return World(Store.open(url))


def judge(world: World, first: int, stop: int) -> None:
    world.log(first, stop)
    Ticker(world.store, public_url=PUBLIC).tick()


def told(world: World) -> dict[int, tuple[str, float]]:
    """By hour since the reference's end: severity and value of the monitor's findings."""
    found = {}
    for row in runs_of(world):
        for each in run.decode_result(row.result or b"")["findings"]:
            if each["kind"] == "threshold":
                hour = (from_iso(each["window_start"]) - START) // HOUR - REFERENCE
                found[hour] = (each["severity"], each["value"])
    return found


def command(*arguments: str) -> str:
    app = typer.Typer()
    for module in (apply, monitor):
        module.register(app)
    return CliRunner().invoke(app, list(arguments), standalone_mode=False, catch_exceptions=False).stdout


def test_two_breaches_of_three_whole_windows_are_an_alarm_until_eighty_percent(world: World) -> None:
    world.hot = range(REFERENCE + 6, REFERENCE + 18)  # two windows of six hours
    apply_documents(world.store, [MONITOR], actor="test")
    judge(world, 0, REFERENCE + 31)
    found = told(world)
    assert {hour for hour, (severity, _) in found.items() if severity == "watch"} == set(range(11, 17))
    assert {hour for hour, (severity, _) in found.items() if severity == "warning"} == set(range(17, 23))
    assert all(value > 0.5 for _, value in found.values())


def test_the_same_is_told_one_window_at_a_time(world: World, tmp_path: Path) -> None:
    world.hot = range(REFERENCE + 6, REFERENCE + 18)
    apply_documents(world.store, [MONITOR], actor="test")
    judge(world, 0, REFERENCE + 1)
    ticker = Ticker(world.store, public_url=PUBLIC)
    for hour in range(REFERENCE + 1, REFERENCE + 31):
        world.log(hour, hour + 1)
        ticker.tick()
    other = World(Store.open(f"sqlite:///{tmp_path}/other.db"), hot=world.hot)
    apply_documents(other.store, [MONITOR], actor="test")
    judge(other, 0, REFERENCE + 31)
    assert told(world) == told(other)


def test_a_threshold_that_noise_crosses_says_what_it_costs(world: World, url: str, tmp_path: Path) -> None:
    judge(world, 0, REFERENCE + 4)
    documents = tmp_path / "monitors.yaml"
    documents.write_text(json.dumps(MONITOR | {"threshold": 0.02}))
    assert "expected false alarms a month: " in command("apply", str(documents), "--store", url)
    [listed] = json.loads(command("monitor", "list", "flights", "--store", url, "--json"))["monitors"]
    expected = listed["expected_false_alarms"]
    assert expected["windows"] == 56  # of six hours, in fourteen days
    assert expected["alarms"] >= 1
    assert 0 < expected["low"] < expected["per_month"] < expected["high"]
    assert expected["per_month"] == pytest.approx(expected["alarms"] * 30 / 14)
    strict = tmp_path / "strict.yaml"
    strict.write_text(json.dumps(MONITOR))
    command("apply", str(strict), "--store", url)
    shown = command("monitor", "show", "flights", "temp-psi", "--store", url)
    assert "threshold: 0.5" in shown
    assert "expected false alarms a month: 0.0 (95%: 0.0 to 7.9)" in shown  # 3.69 × 30 / 14, exact Poisson


def test_the_cost_is_told_as_soon_as_the_reference_is_over(world: World, url: str) -> None:
    [change] = apply_documents(world.store, [MONITOR], actor="test")
    assert change.notes == ("expected false alarms: not known before the reference is over",)
    judge(world, 0, REFERENCE + 4)
    [listed] = json.loads(command("monitor", "list", "flights", "--store", url, "--json"))["monitors"]
    assert listed["expected_false_alarms"]["windows"] == 56


def test_a_removed_monitor_says_nothing_more(world: World, url: str) -> None:
    world.hot = range(REFERENCE, REFERENCE + 30)
    apply_documents(world.store, [MONITOR], actor="test")
    judge(world, 0, REFERENCE + 20)
    assert max(told(world)) == 17
    command("monitor", "remove", "flights", "temp-psi", "--store", url)
    judge(world, REFERENCE + 20, REFERENCE + 26)
    assert max(told(world)) == 17
    assert "No declared monitors" in command("monitor", "list", "flights", "--store", url)
    with pytest.raises(NotFoundError, match="no declared monitor"):
        command("monitor", "show", "flights", "temp-psi", "--store", url)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"method": "spi"}, "psi"),
        ({"method": None}, "is no measure"),
        ({"threshold": 0}, "threshold"),
        ({"window": "90m"}, "buckets"),
        ({"window": "15m"}, "shorter than an hour"),
        ({"model": "flight"}, "flights"),
        ({"name": "drift"}, "every model has"),
        ({"column": None}, "name what is watched"),
        ({"signal": "skew"}, "signal"),
    ],
)
def test_a_wrong_document_says_what_is_wrong(world: World, change: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        apply_documents(world.store, [MONITOR | change], actor="test")


def test_a_monitor_may_stand_before_its_model_in_the_file(url: str) -> None:
    model = {"model": "new", "columns": {"timestamp": "ts"}}
    with Store.open(url) as store:
        changes = apply_documents(store, [MONITOR | {"model": "new"}, model], actor="test")
        assert [each.verb for each in changes] == ["created", "created"]
        assert apply_documents(store, [MONITOR | {"model": "new"}], actor="test")[0].verb == "unchanged"
