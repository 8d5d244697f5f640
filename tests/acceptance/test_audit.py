"""The audit log as an operator meets it: every deed on record, sealed by the service, listed and verified."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from acceptance.alert_world import World
from acceptance.listener import Webhook
from api_server import serving
from sqlalchemy import delete

from driftwatch.cli.app import run
from driftwatch.service.access import create_key, revoke_key
from driftwatch.service.audit_verification import parse_checkpoint, verify
from driftwatch.service.denial import Denials
from driftwatch.service.outbox import Outbox
from driftwatch.service.receivers import remove_receiver, try_receiver
from driftwatch.service.sealing import Checkpoints, Sealer
from driftwatch.service.tick import Ticker
from driftwatch.storage import audit
from driftwatch.storage.audit import AuditRow
from driftwatch.storage.schema import audit_events
from driftwatch.storage.store import Store

WEEKS = 14 * 24


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/dw.db"


@pytest.fixture
def local(url: str) -> Iterator[Store]:
    with Store.open(url) as opened:
        yield opened


def events(store: Store, **filters: Any) -> list[AuditRow]:
    """Oldest first."""
    with store.read() as conn:
        return audit.list_events(conn, **filters)[::-1]


def test_every_move_of_an_incident_is_on_record_without_a_value(store: Store) -> None:
    world = World(store, hot=range(WEEKS, WEEKS + 3))
    world.log(0, WEEKS + 40)
    Ticker(store, public_url="http://127.0.0.1:8301").tick()
    recorded, *moves = events(store, actor="driftwatch")
    assert (recorded.verb, recorded.subject) == ("recorded", "reference/production/flights")
    opened, *between, resolved = moves
    assert (opened.verb, {each.verb for each in between}, resolved.verb) == ("opened", {"updated"}, "resolved")
    assert opened.state_before is None
    assert opened.state_after is not None
    assert (opened.state_after["state"], opened.state_after["reason"]) == ("open", "first")
    (alert,) = opened.state_after["alerts"]
    assert (alert["signal"], alert["column"], alert["from"], alert["to"]) == ("drift", "temp", "normal", "firing")
    assert opened.evidence_ref is not None
    assert opened.evidence_ref.startswith("run/")
    told = [alert for each in between for alert in (each.state_after or {})["alerts"] if alert["column"] == "temp"]
    assert ("firing", "recovering") in [(each["from"], each["to"]) for each in told]
    assert resolved.state_before == {"state": "open", "severity": opened.state_after["severity"]}
    assert resolved.state_after is not None
    assert resolved.state_after["state"] == "resolved"


def test_keys_are_made_and_revoked_on_record_without_their_secret(store: Store) -> None:
    text = create_key(store, name="ci", scopes=["read"], actor="cli:ann")
    prefix = "_".join(text.split("_")[:2])
    revoke_key(store, prefix, actor="cli:bob")
    made, gone = events(store, subject=f"key/{prefix}")
    assert (made.actor, made.verb, made.state_after) == ("cli:ann", "created", {"name": "ci", "scopes": ["read"]})
    assert (gone.actor, gone.verb) == ("cli:bob", "revoked")
    assert text.rpartition("_")[2] not in str([made, gone])


def test_what_the_api_denies_is_on_record_once_a_minute(store: Store) -> None:
    reader = create_key(store, name="r", scopes=["read"], actor="test")
    with serving(store) as client:
        for _ in range(3):
            assert client.post("/v1/batches", json={}, headers={"Authorization": f"Bearer {reader}"}).status_code == 403
            assert client.get("/v1/models").status_code == 401
    denied = events(store, verb="denied")
    assert [(each.actor, each.subject) for each in denied] == [
        (f"key:{'_'.join(reader.split('_')[:2])}", "api/ingest"),
        ("http:unknown", "api/read"),
    ]
    assert denied[1].state_after == {"status": 401, "address": "127.0.0.1", "more_before": 0}


def test_denials_that_were_not_noted_one_by_one_are_counted(local: Store) -> None:
    now = [0.0]
    denials = Denials(local, clock=lambda: now[0])
    for at in (0.0, 1.0, 59.0, 60.0):
        now[0] = at
        denials.note("http:unknown", "admin", 401, address="10.0.0.1")
    told = [each.state_after for each in events(local)]
    assert [each["more_before"] for each in told if each is not None] == [0, 2]


def test_receivers_are_tried_and_removed_on_record(local: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = Webhook()
    monkeypatch.setenv("OPS_WEBHOOK", hook.url)
    World(local).add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
    assert try_receiver(local, "ops", actor="cli:ann")[0]
    hook.close()
    assert not try_receiver(local, "ops", actor="cli:ann")[0]
    with local.begin() as conn:
        remove_receiver(conn, "ops", at=1, actor="cli:ann")
    assert [(each.verb, each.state_after) for each in events(local, subject="receiver/ops")] == [
        ("tested", {"delivered": True}),
        ("tested", {"delivered": False}),
        ("removed", None),
    ]


def test_a_checkpoint_reaches_its_receiver_and_holds(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = Webhook()
    monkeypatch.setenv("OPS_WEBHOOK", hook.url)
    World(store).add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
    create_key(store, name="ci", scopes=["read"], actor="cli:ann")
    Sealer(store, owner="a", checkpoints=Checkpoints.parse("receiver:ops")).seal()
    assert Outbox(store, pause=lambda _: None).deliver_due().delivered == 1
    hook.close()
    found = re.search(r"--checkpoint (1:[0-9a-f]{64})", hook.bodies[0].decode())
    assert found is not None
    assert verify(store, [parse_checkpoint(found[1])]).fault is None
    with store.begin() as conn:
        conn.execute(delete(audit_events))
    assert verify(store, [parse_checkpoint(found[1])]).fault is not None


def _said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    capsys.readouterr()
    code = run(["audit", *arguments])
    return code, capsys.readouterr().out


def test_the_log_is_listed_and_verified(
    local: Store, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "checkpoints.jsonl"
    with local.begin() as conn:
        for number, verb in enumerate(("created", "changed", "removed")):
            audit.append_event(conn, at=number * 10**6, actor="cli:ann", verb=verb, subject="route/payments")
        audit.append_event(conn, at=10**7, actor="key:dw_1", verb="created", subject="silence/3", after={"x": 1})
    head = Sealer(local, owner="a", checkpoints=Checkpoints.parse(f"file:{kept}")).seal()

    code, out = _said(capsys, "list", "--store", url)
    assert code == 0
    assert [line.split("  ")[-1] for line in out.splitlines()][:2] == ["created silence/3", "removed route/payments"]
    filters = ["--subject", "route", "--verb", "changed", "--actor", "cli:ann", "--since", "1970-01-01T00:00:01"]
    (event,) = json.loads(_said(capsys, "list", "--store", url, "--json", *filters)[1])["events"]
    assert (event["number"], event["verb"], event["at"]) == (2, "changed", "1970-01-01T00:00:01+00:00")
    assert _said(capsys, "list", "--store", url, "--since", "1970-01-02") == (0, "No events.\n")
    assert run(["audit", "list", "--store", url, "--since", "monday"]) == 2

    code, out = _said(capsys, "verify", "--store", url)
    assert (code, out.splitlines()[0]) == (0, "4 events are as they were sealed.")
    assert "No checkpoint was given" in out
    monkeypatch.setenv("DRIFTWATCH_AUDIT_CHECKPOINTS", f"file:{kept}")
    assert "1 checkpoint agrees." in _said(capsys, "verify", "--store", url)[1]
    with local.begin() as conn:
        conn.execute(delete(audit_events).where(audit_events.c.seal_number == 4))
    code, out = _said(capsys, "verify", "--store", url)
    assert code == 1
    assert "NOT what was sealed: the last 1 event is missing" in out
    monkeypatch.delenv("DRIFTWATCH_AUDIT_CHECKPOINTS")
    assert _said(capsys, "verify", "--store", url)[0] == 0
    for option in (["--checkpoints", str(kept)], ["--checkpoint", f"{head.count}:{head.hash.hex()}"]):
        code, out = _said(capsys, "verify", "--store", url, "--json", *option)
        told = json.loads(out)
        assert (code, told["schema"], told["whole"], told["fault"]["number"]) == (1, 1, False, 4)
    assert run(["audit", "verify", "--store", url, "--checkpoint", "x"]) == 2
