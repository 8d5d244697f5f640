"""The commands around ingestion: what they print, and how they end."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from ingesting import NOON, frame_of

from driftwatch.cli import ingest, key, log
from driftwatch.errors import NotFoundError, SpecError
from driftwatch.service.access import Gate
from driftwatch.service.refusal import Refusal
from driftwatch.storage import inbox
from driftwatch.storage.store import Store


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/driftwatch.db"


def run(*arguments: str) -> None:
    app = typer.Typer()
    for command in (ingest, key, log):
        command.register(app)
    app(args=list(arguments), standalone_mode=False)


def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_ingest_drain_takes_the_inbox_in(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Store.open(url) as store, store.begin() as conn:
        inbox.append(conn, "good", NOON, frame_of("good").raw)
        inbox.append(conn, "bad", NOON + 1, b"DWF1 nothing")
    run("ingest", "--drain", "--store", url, "--json")
    assert printed(capsys) == {"schema": 1, "frames": 2, "rows": 10, "duplicates": 0, "quarantined": 1}
    run("ingest", "--drain", "--store", url)
    assert capsys.readouterr().out == "The inbox is empty.\n"
    with pytest.raises(SpecError, match="--drain"):
        run("ingest", "--store", url)


def test_a_key_is_shown_once_and_opens_until_it_is_revoked(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    run("key", "create", "--name", "sdk", "--scope", "ingest", "--store", url, "--json")
    made = printed(capsys)
    prefix = made["key"].rpartition("_")[0][:11]
    run("key", "list", "--store", url, "--json")
    (listed,) = printed(capsys)["keys"]
    assert (listed["prefix"], listed["name"], listed["scopes"]) == (prefix, "sdk", ["ingest"])
    assert made["key"] not in json.dumps(listed)
    with Store.open(url) as store:
        assert Gate(store, host="10.0.0.1").admit(f"Bearer {made['key']}", "ingest", host=None).may("ingest")
        run("key", "revoke", prefix, "--store", url)
        with pytest.raises(Refusal, match="revoked"):
            Gate(store, host="10.0.0.1").admit(f"Bearer {made['key']}", "ingest", host=None)
    with pytest.raises(NotFoundError, match="key list"):
        run("key", "revoke", prefix, "--store", url)
    with pytest.raises(SpecError, match="ingest, read, admin"):
        run("key", "create", "--scope", "root", "--store", url)


def test_log_loads_a_file_once(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, spec = tmp_path / "log.csv", tmp_path / "model.yaml"
    file.write_text("ts,temp,yhat\n2013-01-15T12:00:00,1.5,yes\n2013-01-15T13:00:00,,no\nnever,2.5,no\n")
    spec.write_text("model: flights\ncolumns: {timestamp: ts, prediction: yhat}\nfeatures: {numeric: [temp]}\n")
    run("log", str(file), "--spec", str(spec), "--store", url, "--json")
    report = printed(capsys)
    assert (report["rows"], report["stored"], report["seen"]) == (3, 2, 0)
    assert report["left_out"] == [{"rows": 1, "column": "ts", "reason": "no time"}]
    run("log", str(file), "--spec", str(spec), "--store", url)
    assert "0 stored, 2 seen before" in capsys.readouterr().out
