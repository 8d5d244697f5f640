"""`driftwatch db upgrade | status | partitions`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from driftwatch.cli import db
from driftwatch.errors import DataError, SchemaVersionError
from driftwatch.storage import migration
from driftwatch.storage.store import Store


def _run(*arguments: str) -> int:
    app = typer.Typer()
    app.callback()(lambda: None)
    db.register(app)
    try:
        code: Any = app(args=["db", *arguments], standalone_mode=False)
    except typer.Exit as stop:
        return stop.exit_code
    return code if isinstance(code, int) else 0


def test_upgrade_makes_the_tables_and_the_coming_months(
    empty_postgresql: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run("status", "--store", empty_postgresql, "--json") == 1
    assert json.loads(capsys.readouterr().out)["found"] is None
    assert _run("upgrade", "--store", empty_postgresql, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["from"], report["to"], len(report["partitions_made"])) == (None, migration.HEAD, 4)
    assert _run("upgrade", "--store", empty_postgresql) == 0
    assert "as it was" in capsys.readouterr().out
    assert _run("status", "--store", empty_postgresql, "--json") == 0
    assert json.loads(capsys.readouterr().out)["partitions"] == report["partitions_made"]
    Store.open(empty_postgresql).close()


def test_the_address_comes_from_the_environment_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DRIFTWATCH_STORE", f"sqlite:///{tmp_path}/store.db")
    assert _run("status") == 1
    assert not (tmp_path / "store.db").exists()  # looking makes nothing
    assert _run("upgrade") == 0
    assert _run("status") == 0
    assert f"{tmp_path}/store.db" in capsys.readouterr().out
    assert _run("partitions") == 0
    assert "needs no partitions" in capsys.readouterr().out


def test_partitions_of_a_span_are_made(new_postgresql: Callable[[], str], capsys: pytest.CaptureFixture[str]) -> None:
    url = new_postgresql()
    assert _run("partitions", "--from", "2019-12", "--to", "2020-01", "--store", url, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["made"] == ["2019-12", "2020-01"]
    assert _run("partitions", "--from", "2019-12", "--to", "2020-01", "--store", url) == 0
    assert "none, all were there" in capsys.readouterr().out
    with pytest.raises(DataError, match="as 2026-01"):
        _run("partitions", "--from", "soon", "--store", url)


def test_partitions_of_a_store_without_tables_are_refused(empty_postgresql: str) -> None:
    with pytest.raises(SchemaVersionError, match="driftwatch db upgrade"):
        _run("partitions", "--store", empty_postgresql)
