"""Everything that is declared, as code: exported, compared, applied again, and the same over HTTP."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from api_server import ApiClient, serving

from driftwatch.cli.app import run
from driftwatch.domain.instant import DAY, to_iso
from driftwatch.errors import ConflictError, NotFoundError, SpecError
from driftwatch.service.access import create_key
from driftwatch.service.apply import apply_documents
from driftwatch.service.declared import list_declared, remove_declared, to_yaml
from driftwatch.service.silencing import add_silence, read_silence
from driftwatch.storage import audit, registration
from driftwatch.storage.store import Store

MODEL: dict[str, Any] = {
    "kind": "model",
    "model": "team/flights",
    "environment": "staging",
    "task": "binary",
    "timezone": "Europe/Paris",
    "columns": {"timestamp": "ts", "score": "p", "label": "late"},
    "features": {"numeric": ["temp", "wind"], "categorical": ["carrier"]},
    "importance": {"temp": 0.5},
    "segments": ["carrier", {"column": "temp", "bands": [0, 20]}],
    "constraints": [{"column": "carrier", "in": ["AA", "yes", "1e3"]}],
    "exclude": [{"start": "2024-02-11", "end": "2024-02-12", "why": "test: ü"}],
    "holidays": ["2024-12-25"],
    "bucket": "1d",
}
MONITOR = {"kind": "monitor", "model": "team/flights", "environment": "staging", "name": "psi", "column": "temp",
           "method": "psi", "threshold": 0.2}  # fmt: skip
RECEIVER = {"kind": "receiver", "name": "ops", "type": "slack", "webhook_url": "env:OPS_WEBHOOK"}
ROUTE: dict[str, Any] = {
    "kind": "route",
    "name": "payments",
    "match": {"model": {"regex": "card_.*"}},
    "receivers": ["ops"],
    "mute": [{"days": ["sat"], "from": "20:00", "zone": "Europe/Lisbon"}],
}


def silence_until(store: Store) -> dict[str, Any]:
    with store.read() as conn:
        end = to_iso(store.now(conn) + DAY)
    return {"kind": "silence", "name": "swap", "match": {"model": "a"}, "end": end, "comment": "sensor swap"}


def everything(store: Store) -> list[dict[str, Any]]:
    """Written backwards: each stands before what it names."""
    return [silence_until(store), ROUTE, MONITOR, MODEL, RECEIVER]


def declared(store: Store) -> dict[tuple[str, str], dict[str, Any]]:
    with store.read() as conn:
        return list_declared(conn, at=store.now(conn))


def n_events(store: Store) -> int:
    with store.read() as conn:
        return len(audit.list_events(conn, limit=1_000))


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/dw.db"


@pytest.fixture
def local(url: str) -> Iterator[Store]:
    with Store.open(url) as opened:
        yield opened


def test_what_is_exported_is_taken_back_unchanged(store: Store) -> None:
    apply_documents(store, everything(store), actor="test")
    with store.begin() as conn:  # made by hand: it has no name, and is no declaration
        by_hand = read_silence({"match": {"model": "b"}, "for": "1h", "comment": "x"})
        add_silence(conn, by_hand, at=store.now(conn), actor="test")
    before, events = declared(store), n_events(store)
    assert [kind for kind, _ in before] == ["receiver", "model", "monitor", "route", "silence"]
    documents = list(yaml.safe_load_all(to_yaml(before.values())))
    changes = apply_documents(store, documents, actor="test")
    assert {each.verb for each in changes} == {"unchanged"}
    assert not any(each.differs for each in changes)
    assert (declared(store), n_events(store)) == (before, events)


def test_an_export_makes_an_empty_store_the_same(store: Store, local: Store) -> None:
    apply_documents(store, everything(store), actor="test")
    text = to_yaml(declared(store).values())
    apply_documents(local, list(yaml.safe_load_all(text)), actor="test")
    assert to_yaml(declared(local).values()) == text


def test_a_dry_run_stores_nothing_and_says_what_applying_says(store: Store) -> None:
    documents = everything(store)
    events = n_events(store)
    dry = apply_documents(store, documents, actor="test", dry_run=True)
    assert (declared(store), n_events(store)) == ({}, events)
    wet = apply_documents(store, documents, actor="test")
    assert [(each.kind, each.name, each.verb) for each in dry] == [(each.kind, each.name, each.verb) for each in wet]
    (changed,) = apply_documents(store, [MODEL | {"bucket": "6h"}], actor="test", dry_run=True)
    assert changed.verb == "changed"
    assert changed.before is not None
    assert changed.after is not None
    assert (changed.before["bucket"], changed.after["bucket"]) == ("1d", "6h")
    with pytest.raises(SpecError, match=r"receivers: there is no receiver 'nobody'"):
        apply_documents(store, [ROUTE | {"receivers": ["nobody"]}], actor="test", dry_run=True)


def test_declarations_are_taken_back_one_by_one(store: Store) -> None:
    apply_documents(store, everything(store), actor="test")
    with pytest.raises(ConflictError, match="'ops' is named by payments"):
        remove_declared(store, "receiver", "ops", actor="cli:ann")
    for kind, name in [key for key in declared(store) if key[0] != "receiver"][::-1]:
        remove_declared(store, kind, name, actor="cli:ann")
    remove_declared(store, "receiver", "ops", actor="cli:ann")
    assert declared(store) == {}
    with store.read() as conn:
        verbs = [each.verb for each in audit.list_events(conn, actor="cli:ann")]
        model = registration.find_model(conn, "staging", "team/flights")
    assert sorted(verbs) == ["ended", *["removed"] * 4]
    assert model is not None  # its rows stay, judged as those of a model of which nothing is declared
    assert model.spec is None
    with pytest.raises(NotFoundError, match="no declared receiver 'ops'"):
        remove_declared(store, "receiver", "ops", actor="cli:ann")
    assert {each.verb for each in apply_documents(store, everything(store), actor="test")} <= {"created", "changed"}
    assert len(declared(store)) == 5


def test_a_training_file_on_record_need_not_be_at_hand(local: Store, tmp_path: Path) -> None:
    spec = {"model": "m", "columns": {"timestamp": "ts"}, "features": {"numeric": ["x"]}}
    spec["reference"] = {"file": "train.parquet"}
    pq.write_table(pa.table({"x": np.arange(100.0)}), tmp_path / "train.parquet")
    (first,) = apply_documents(local, [spec], actor="test", beside=tmp_path)
    assert first.notes == ("training reference: 100 rows of train.parquet",)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (again,) = apply_documents(local, list(declared(local).values()), actor="test", beside=elsewhere)
    assert (again.verb, again.differs) == ("unchanged", False)
    with pytest.raises(SpecError, match=r"reference.file: cannot read"):
        apply_documents(local, [spec | {"reference": {"file": "other.parquet"}}], actor="test", beside=elsewhere)
    pq.write_table(pa.table({"x": np.arange(50.0)}), tmp_path / "train.parquet")
    (fresh,) = apply_documents(local, [spec], actor="test", beside=tmp_path, dry_run=True)
    assert (fresh.verb, fresh.differs) == ("unchanged", True)


def _said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    capsys.readouterr()
    code = run(list(arguments))
    return code, capsys.readouterr().out


def test_the_commands(local: Store, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump_all(everything(local)))
    code, out = _said(capsys, "apply", str(file), "--dry-run", "--store", url)
    assert (code, declared(local)) == (0, {})
    assert "+ receiver ops: would be created" in out
    code, out = _said(capsys, "diff", str(file), "--store", url, "--exit-code")
    assert code == 1
    assert "+ model staging/team/flights\n" in out
    assert "  +bucket: 1d\n" in out
    assert _said(capsys, "apply", str(file), "--store", url)[0] == 0
    assert _said(capsys, "diff", str(file), "--store", url, "--exit-code") == (0, "Nothing would change.\n")
    code, out = _said(capsys, "export", "--store", url)
    assert code == 0
    assert "webhook_url: env:OPS_WEBHOOK" in out
    (tmp_path / "out.yaml").write_text(out.replace("bucket: 1d", "bucket: 6h"))
    code, out = _said(capsys, "diff", str(tmp_path / "out.yaml"), "--store", url)
    assert (code, out.splitlines()[0]) == (0, "~ model staging/team/flights")
    assert "  -bucket: 1d\n  +bucket: 6h\n" in out
    changes = json.loads(_said(capsys, "diff", str(tmp_path / "out.yaml"), "--store", url, "--json")[1])["changes"]
    assert [each["verb"] for each in changes].count("changed") == 1
    listed = json.loads(_said(capsys, "export", "--kind", "route", "--json", "--store", url)[1])
    assert listed == {"schema": 1, "documents": [ROUTE]}
    assert run(["export", "--kind", "rout", "--store", url]) == 2


@pytest.fixture
def admin(store: Store) -> Iterator[ApiClient]:
    key = create_key(store, name="ops", scopes=["admin"], actor="test")
    with serving(store) as client:
        client.headers["Authorization"] = f"Bearer {key}"
        yield client


def test_the_api_takes_gives_and_removes_the_same_documents(store: Store, admin: ApiClient) -> None:
    body = {"documents": everything(store)}
    dry = admin.post("/v1/apply", params={"dry_run": True}, json=body)
    assert (dry.status_code, dry.json()["dry_run"], declared(store)) == (200, True, {})
    made = admin.post("/v1/apply", json=body)
    assert [each["verb"] for each in made.json()["changes"]] == ["created"] * 5
    got = admin.get("/v1/documents").json()
    assert got["documents"] == list(declared(store).values())
    assert {each["verb"] for each in admin.post("/v1/apply", json=got).json()["changes"]} == {"unchanged"}
    assert admin.get("/v1/documents", params={"kind": "route"}).json() == {"documents": [ROUTE]}
    assert admin.get("/v1/documents/model/staging/team/flights").json()["bucket"] == "1d"
    assert admin.delete("/v1/documents/monitor/staging/team/flights/psi").json()["verb"] == "removed"
    assert admin.delete("/v1/documents/monitor/staging/team/flights/psi").status_code == 404
    assert admin.delete("/v1/documents/receiver/ops").status_code == 409
    with store.read() as conn:
        (event,) = audit.list_events(conn, subject="monitor", verb="removed")
    assert event.actor.startswith("key:dw_")


@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        (b"{", 400, None),
        (b"[]", 422, "documents"),
        (b'{"documents": []}', 422, None),
        (b'{"documents": [1]}', 422, "documents[0]"),
        (b'{"documents": [{"kind": "rout"}]}', 422, "kind"),
        (b'{"documents": [{"model": "a", "columns": {"timestmp": "t"}}]}', 422, "columns.timestmp"),
        (b'{"documents": [{"model": "a", "columns": {"timestamp": "t"}}, {"kind": "route", "name": "r"}]}', 422,
         "documents[1].receivers"),
        (b'{"documents": [{"model": "a", "columns": {"timestamp": "t"}, "reference": {"file": "/etc/passwd"}}]}', 422,
         "reference.file"),
        (b'{"documents": [{"kind": "route", "name": "r", "receivers": ["nobody"]}]}', 422, "receivers"),
    ],
)  # fmt: skip
def test_a_wrong_document_is_answered_with_its_place(
    store: Store, admin: ApiClient, body: bytes, status: int, path: str | None
) -> None:
    reply = admin.post("/v1/apply", content=body)
    assert (reply.status_code, reply.json()["path"]) == (status, path)
    assert declared(store) == {}
    assert admin.get("/v1/documents/rout/x").status_code == 422
    assert admin.get("/v1/documents", params={"kind": "rout"}).json()["path"] == "kind"


def test_only_an_admin_sees_or_changes_what_is_declared(store: Store, admin: ApiClient) -> None:
    other = create_key(store, name="sdk", scopes=["ingest", "read"], actor="test")
    calls = [("GET", "/v1/documents"), ("GET", "/v1/documents/route/a"), ("POST", "/v1/apply")]
    for method, path in [*calls, ("DELETE", "/v1/documents/route/a")]:
        refused = admin.request(method, path, headers={"Authorization": f"Bearer {other}"}, content=b"{")
        assert (refused.status_code, refused.json()["detail"]) == (
            403,
            "this key may ingest, read; this needs the scope admin",
        )
        assert admin.request(method, path, headers={"Authorization": "Bearer dw_0_0"}).status_code == 401
    with store.read() as conn:
        denied = audit.list_events(conn, subject="api/admin", verb="denied")
    assert [each.state_after["status"] for each in denied if each.state_after] == [401, 403]


def test_the_open_door_of_a_fresh_install_is_none_for_admins(local: Store) -> None:
    with serving(local) as client:
        assert client.get("/v1/models").status_code == 200
        refused = client.post("/v1/apply", json={"documents": [RECEIVER]})
    assert (refused.status_code, declared(local)) == (401, {})
    assert "driftwatch key create --scope admin" in refused.json()["detail"]


def test_openapi_shows_the_routes(admin: ApiClient) -> None:
    paths = admin.get("/openapi.json").json()["paths"]
    assert set(paths["/v1/documents/{kind}/{name}"]) == {"get", "delete"}
    assert "requestBody" in paths["/v1/apply"]["post"]
    assert "/v1/documents" in paths
