"""Declarations from files, and the commands around receivers and incidents."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from acceptance.alert_world import World
from acceptance.listener import Webhook
from typer.testing import CliRunner, Result

from driftwatch.cli import apply, incident, receiver
from driftwatch.errors import NotFoundError, SpecError
from driftwatch.service.apply import apply_documents
from driftwatch.service.tick import Ticker
from driftwatch.storage import audit, registration
from driftwatch.storage import receiver as receivers
from driftwatch.storage.store import Store

FILE = """\
kind: model
model: flights
columns: {timestamp: ts}
clock: replay
---
kind: receiver
name: ops-slack
type: slack
webhook_url: env:OPS_WEBHOOK
---
kind: receiver
name: ops-mail
type: email
smtp_url: env:OPS_SMTP
to: [ops@example.com]
from: driftwatch@example.com
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/dw.db"


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    hook = Webhook()
    monkeypatch.setenv("OPS_WEBHOOK", hook.url)
    yield hook
    hook.close()


def command(*arguments: str) -> Result:
    app = typer.Typer()
    for module in (apply, incident, receiver):
        module.register(app)
    return CliRunner().invoke(app, list(arguments), standalone_mode=False, catch_exceptions=False)


def write(folder: Path, text: str = FILE) -> str:
    path = folder / "monitors.yaml"
    path.write_text(text)
    return str(path)


def test_a_file_of_declarations_is_stored_and_the_second_time_changes_nothing(tmp_path: Path, url: str) -> None:
    first = json.loads(command("apply", write(tmp_path), "--store", url, "--json").stdout)
    assert [(each["kind"], each["name"], each["verb"]) for each in first["changes"]] == [
        ("model", "production/flights", "created"),
        ("receiver", "ops-slack", "created"),
        ("receiver", "ops-mail", "created"),
    ]
    again = command("apply", write(tmp_path), "--store", url).stdout
    assert again.count(": unchanged") == 3
    changed = command("apply", write(tmp_path, FILE.replace("[ops@", "[lead@")), "--store", url).stdout
    assert "~ receiver ops-mail: changed" in changed
    with Store.open(url) as store, store.read() as conn:
        model = registration.find_model(conn, "production", "flights")
        assert model is not None
        assert model.spec is not None
        assert model.spec["clock"] == "replay"
        assert len(receivers.list_receivers(conn)) == 2
        assert [event.verb for event in audit.list_events(conn)] == ["changed", "created", "created", "created"]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (
            "webhook_url: https://hooks.slack.com/services/T/B/xyz-secret",
            "in document 2: webhook_url: .*env:DRIFTWATCH",
        ),
        ("webhook: env:OPS_WEBHOOK", "in document 2: webhook: .*webhook_url"),
        ("webhook_url: env:OPS_WEBHOOK\ntype: pager", "no notifier 'pager'"),
    ],
)
def test_one_wrong_document_stops_the_file_and_says_where(tmp_path: Path, url: str, broken: str, message: str) -> None:
    text = FILE.replace("webhook_url: env:OPS_WEBHOOK", broken)
    if "pager" in broken:
        text = text.replace("type: slack\n", "")
    with pytest.raises(Exception, match=message) as caught:
        command("apply", write(tmp_path, text), "--store", url)
    assert "xyz-secret" not in str(caught.value)
    with Store.open(url) as store, store.read() as conn:
        assert registration.list_models(conn) == []


def test_an_unknown_kind_and_an_empty_file_are_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(SpecError, match="kind: 'monitr' is not one of model, monitor, receiver, route"):
        command("apply", write(tmp_path, "kind: monitr\n"), "--store", url)
    with pytest.raises(SpecError, match="no document"):
        command("apply", write(tmp_path, ""), "--store", url)
    with pytest.raises(SpecError, match="cannot read"):
        command("apply", str(tmp_path / "nothing.yaml"), "--store", url)


def test_receivers_are_listed_with_their_references_and_tried(tmp_path: Path, url: str, webhook: Webhook) -> None:
    command("apply", write(tmp_path), "--store", url)
    listed = command("receiver", "list", "--store", url).stdout
    assert "ops-slack  slack  webhook_url: env:OPS_WEBHOOK" in listed
    tried = command("receiver", "test", "ops-slack", "--store", url)
    assert tried.return_value == 0
    assert "Test message: nothing is wrong" in webhook.bodies[0].decode()
    webhook.status = 500
    tried = command("receiver", "test", "ops-slack", "--store", url, "--json")
    assert tried.return_value == 1
    assert json.loads(tried.stdout)["delivered"] is False
    with pytest.raises(NotFoundError, match="Known: ops-mail, ops-slack"):
        command("receiver", "test", "nobody", "--store", url)


def test_an_incident_is_listed_and_shown_with_its_messages(url: str, webhook: Webhook) -> None:
    weeks = 14 * 24
    with Store.open(url) as store:
        world = World(store, hot=range(weeks, weeks + 3))
        world.add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
        world.log(0, weeks + 4)
        Ticker(store, public_url="http://127.0.0.1:8301").tick()
    (listed,) = json.loads(command("incident", "list", "--open", "--store", url, "--json").stdout)["incidents"]
    assert listed["columns"] == ["temp"]
    assert listed["id"] in command("incident", "list", "--store", url).stdout
    shown = command("incident", "show", listed["id"], "--store", url).stdout
    assert "temp  firing  values never seen before, KS 0." in shown
    assert "message 1 (first) to ops: waiting" in shown
    detail = json.loads(command("incident", "show", listed["id"], "--store", url, "--json").stdout)
    assert detail["messages"][0]["reason"] == "first"
    with pytest.raises(NotFoundError, match="no incident 'x'"):
        command("incident", "show", "x", "--store", url)


def test_applying_is_one_transaction(store: Store) -> None:
    documents: list[dict[str, Any]] = [
        {"model": "a", "columns": {"timestamp": "t"}},
        {"kind": "receiver", "name": "b", "type": "slack"},
    ]
    with pytest.raises(SpecError, match="in document 2: webhook_url"):
        apply_documents(store, documents, actor="test")
    with store.read() as conn:
        assert registration.list_models(conn) == []
    (change,) = apply_documents(store, documents[:1], actor="test")
    assert change.to_dict() == {"kind": "model", "name": "production/a", "verb": "created", "unused": [], "notes": []}
