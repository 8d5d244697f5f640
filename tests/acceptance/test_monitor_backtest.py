"""A changed rule before it is applied: the preview is what the service finds once it is."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from acceptance.alert_world import START, World
from acceptance.test_segments import payments, spec_of
from sqlalchemy import func, select

from driftwatch.cli.app import run
from driftwatch.domain.instant import HOUR, from_iso, to_iso
from driftwatch.errors import SpecError, UserError
from driftwatch.service.apply import apply_documents
from driftwatch.service.log_load import load_log
from driftwatch.service.model_view import find_model
from driftwatch.service.preview import Preview, preview
from driftwatch.service.tick import Ticker
from driftwatch.storage import incident
from driftwatch.storage.schema import metadata
from driftwatch.storage.store import Store

PUBLIC = "http://localhost:8301"
WEEKS = 14 * 24
MODEL: dict[str, Any] = {"kind": "model", "model": "flights", "columns": {"timestamp": "ts"}, "clock": "replay"}
MONITOR: dict[str, Any] = {
    "kind": "monitor",
    "model": "flights",
    "name": "temp-psi",
    "column": "temp",
    "method": "psi",
    "threshold": 0.5,
    "window": "6h",
}


def judged(store: Store, *documents: Mapping[str, Any], hours: int = WEEKS + 60) -> World:
    """A world of its own in which these documents were applied from the start."""
    world = World(store, hot=range(WEEKS + 30, WEEKS + 42))
    apply_documents(store, [MODEL, *documents], actor="test")
    world.log(0, hours)
    Ticker(store, public_url=PUBLIC).tick()
    return world


def previewed(store: Store, document: Mapping[str, Any], *, days: int = 30, name: str = "flights") -> Preview:
    with store.read() as conn:
        model = find_model(conn, "production", name)
    return preview(store, model, document, days=days)


def incidents(store: Store) -> list[dict[str, Any]]:
    with store.read() as conn:
        return [each.summary() for each in incident.list_incidents(conn)][::-1]


def rows(store: Store) -> dict[str, int]:
    with store.read() as conn:
        tables = metadata.tables.items()
        return {name: conn.execute(select(func.count()).select_from(table)).scalar_one() for name, table in tables}


def test_the_present_rule_raises_in_the_preview_what_it_raised(store: Store) -> None:
    judged(store)
    before = rows(store)
    found = previewed(store, MODEL)
    assert [each.summary() for each in found.now.incidents] == incidents(store) != []
    assert found.then.incidents == found.now.incidents
    assert found.differences == []
    assert found.to_dict()["then"]["false_alarms_per_month_expected"] == 1.0
    assert rows(store) == before


@pytest.mark.parametrize(
    "change",
    [
        {"bucket": "6h"},
        {"false_alarms_per_month": 30},
        {"exclude": [{"start": to_iso(START + (WEEKS + 24) * HOUR), "end": to_iso(START + (WEEKS + 48) * HOUR)}]},
        {"holidays": ["2013-01-22"]},
    ],
)
def test_what_is_previewed_is_what_a_service_with_that_rule_finds(tmp_path: Path, change: dict[str, Any]) -> None:
    with Store.open(f"sqlite:///{tmp_path}/now.db") as store, Store.open(f"sqlite:///{tmp_path}/then.db") as other:
        judged(store)
        judged(other, MODEL | change)
        found = previewed(store, MODEL | change)
        assert [each.summary() for each in found.then.incidents] == incidents(other)
        assert [each.summary() for each in found.now.incidents] == incidents(store)


def test_an_excluded_period_is_not_judged_and_its_windows_differ(store: Store) -> None:
    judged(store)
    out = {"start": to_iso(START + WEEKS * HOUR), "end": to_iso(START + (WEEKS + 60) * HOUR)}
    found = previewed(store, MODEL | {"exclude": [out]})
    assert (len(found.now.incidents), len(found.then.incidents)) == (1, 0)
    assert found.then.months == 0
    assert found.to_dict()["then"]["incidents_per_month"] is None
    first = found.differences[0]
    assert from_iso(first["window_start"]) >= START + (WEEKS + 30) * HOUR
    assert any("drift of temp" in each for each in first["now"])
    assert first["then"] == []


def test_a_monitor_is_previewed_as_it_is_judged_with_what_it_costs(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/now.db") as store, Store.open(f"sqlite:///{tmp_path}/then.db") as other:
        judged(store)
        judged(other, MONITOR)
        found = previewed(store, MONITOR)
        assert [each.summary() for each in found.then.incidents] == incidents(other)
        cost = found.to_dict()["then"]["thresholds"]["temp-psi"]
        assert found.then.expected_per_month == 1.0 + cost["per_month"]
        assert all(each["then"] != each["now"] for each in found.differences)
        by = [alarm for each in found.differences for alarm in each["then"] if alarm.endswith("by temp-psi")]
        assert by
        tighter = previewed(other, MONITOR | {"threshold": 0.001})
        assert tighter.then.expected_per_month > tighter.now.expected_per_month == found.then.expected_per_month


def test_only_the_last_days_are_judged(store: Store) -> None:
    judged(store)
    found = previewed(store, MODEL, days=1)
    assert found.now.period[1] - found.now.period[0] == 24 * HOUR
    assert len(found.now.results) == 24


def test_segments_that_are_dropped_say_nothing_and_new_ones_cannot_be_previewed(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/dw.db") as store:
        spec = spec_of()
        apply_documents(store, [spec.to_dict()], actor="test")
        load_log(store, payments(), spec)
        found = previewed(store, spec_of(segments=["device"]).to_dict(), name="fraud")

    def named(results: Any) -> set[str | None]:
        return {each.segment for result in results for each in result.findings}

    assert "country=PT" in named(found.now.results)
    assert named(found.then.results) == {None}
    (note,) = found.notes
    assert "rows are split by device from the time of applying on" in note


def test_what_cannot_be_previewed_is_refused(store: Store) -> None:
    world = World(store)
    with pytest.raises(UserError, match="flights has no rows yet"):
        previewed(store, MODEL)
    world.log(0, 48)
    with pytest.raises(UserError, match="no window of flights is over"):
        previewed(store, MODEL)
    for document, fault in (
        (MODEL | {"model": "other"}, "model: the document is of production/other"),
        (MODEL | {"bucket": "15m"}, "bucket: the store holds buckets of 60 minutes"),
        (MODEL | {"buckt": "1d"}, "buckt: unknown key"),
        (MONITOR | {"name": "drift"}, "name: 'drift' is the monitor that every model has"),
        ({"kind": "route"}, "kind: 'route' is not one of model, monitor"),
    ):
        with pytest.raises(SpecError, match=fault):
            previewed(store, document)


def test_the_command_prints_now_against_then(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path}/dw.db"
    with Store.open(url) as store:
        judged(store)
    file = tmp_path / "monitor.yaml"
    file.write_text(yaml.safe_dump(MONITOR))
    capsys.readouterr()
    assert run(["monitor", "backtest", "flights", str(file), "--store", url]) == 0
    out = capsys.readouterr().out
    assert "flights  21 Jan 2013 00:00 UTC to 23 Jan 2013 10:00 UTC, 2.4 days" in out
    assert "windows would differ:" in out
    assert "by temp-psi" in out
    assert run(["monitor", "backtest", "flights", str(file), "--store", url, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["model"], len(told["now"]["incidents"])) == (1, "flights", 1)
    file.write_text(yaml.safe_dump_all([MODEL, MONITOR]))
    assert run(["monitor", "backtest", "flights", str(file), "--store", url]) == 2
    assert "expected one document, found 2" in capsys.readouterr().err
