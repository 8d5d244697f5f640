"""Silences: from a command to messages that are kept back, and told afterwards."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from acceptance.alert_world import World
from acceptance.listener import Webhook
from typer.testing import CliRunner, Result

from driftwatch.cli import apply, incident, silence
from driftwatch.domain.instant import HOUR
from driftwatch.domain.notification import Message
from driftwatch.errors import NotFoundError, SpecError
from driftwatch.service.apply import apply_documents
from driftwatch.service.follow_up import follow_up
from driftwatch.service.outbox import Outbox, OutboxReport
from driftwatch.service.tick import Ticker
from driftwatch.storage import audit, notification
from driftwatch.storage import incident as incidents
from driftwatch.storage import silence as silences
from driftwatch.storage.notification import NotificationRow
from driftwatch.storage.store import Store

WEEKS = 14 * 24
URL = "http://127.0.0.1:8301"


def command(*arguments: str) -> Result:
    app = typer.Typer()
    for module in (apply, incident, silence):
        module.register(app)
    return CliRunner().invoke(app, list(arguments), standalone_mode=False, catch_exceptions=False)


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    hook = Webhook()
    monkeypatch.setenv("OPS_WEBHOOK", hook.url)
    yield hook
    hook.close()


def fire(store: Store) -> World:
    """A model with an open incident of its column temp."""
    world = World(store, hot=range(WEEKS, WEEKS + 12))
    world.add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
    world.log(0, WEEKS + 6)
    return world


def tick(store: Store) -> None:
    Ticker(store, public_url=URL).tick()


def silenced(store: Store, **conditions: str) -> int:
    with store.begin() as conn:
        now = store.now(conn)
        return silences.put_silence(
            conn, conditions, start=now - HOUR, end=now + HOUR, author="ana", note="known", at=now
        )


def end(store: Store, silence_id: int) -> None:
    with store.begin() as conn:
        assert silences.end_silence(conn, silence_id, at=store.now(conn))


def sent(store: Store) -> list[NotificationRow]:
    with store.read() as conn:
        return [
            row for each in incidents.list_incidents(conn) for row in notification.list_notifications(conn, each.id)
        ]


def log_of(store: Store) -> list[tuple[int, str, str]]:
    return [(row.seq, row.reason, row.status) for row in sent(store)]


def test_a_silenced_incident_is_kept_back_with_the_reason_and_told_when_the_silence_ends(store: Store) -> None:
    world = fire(store)
    made = silenced(store, model="flights")
    tick(store)
    (kept,) = sent(store)
    assert kept.status == "suppressed"
    assert kept.last_error is not None
    assert kept.last_error.endswith(f"by ana: known (silence {made})")
    assert follow_up(store, public_url=URL) == 0
    end(store, made)
    assert follow_up(store, public_url=URL) == 1
    assert follow_up(store, public_url=URL) == 0
    assert log_of(store) == [(1, "first", "suppressed"), (2, "first", "waiting")]
    told = Message.from_dict(sent(store)[1].payload)
    assert (told.title, told.number) == ("Drift in flights: temp", 2)
    assert told.evidence[0].change.startswith("median ")
    assert told.evidence[0].trend
    world.log(WEEKS + 6, WEEKS + 90)
    tick(store)
    assert log_of(store)[2:] == [(3, "resolved", "waiting")]


def test_what_was_silenced_to_its_end_is_told_of_in_no_way_but_if_it_comes_back_it_is_news(store: Store) -> None:
    world = fire(store)
    made = silenced(store, model="flights")
    world.log(WEEKS + 6, WEEKS + 90)
    tick(store)
    assert log_of(store) == [(1, "first", "suppressed")]
    end(store, made)
    assert follow_up(store, public_url=URL) == 0
    world.hot = range(WEEKS + 92, WEEKS + 99)
    world.log(WEEKS + 90, WEEKS + 98)
    tick(store)
    assert log_of(store)[1:] == [(3, "first", "waiting")]


def test_a_silence_of_another_column_holds_nothing_back(store: Store) -> None:
    fire(store)
    silenced(store, model="flights", feature="wind")
    tick(store)
    assert log_of(store) == [(1, "first", "waiting")]


def test_a_silence_made_while_a_message_waits_keeps_it_back_too(store: Store, webhook: Webhook) -> None:
    fire(store)
    tick(store)
    made = silenced(store, severity="warning")
    assert Outbox(store, pause=lambda _: None).deliver_due() == OutboxReport(suppressed=1)
    assert log_of(store) == [(1, "first", "suppressed")]
    end(store, made)
    follow_up(store, public_url=URL)
    assert Outbox(store, pause=lambda _: None).deliver_due() == OutboxReport(delivered=1)
    assert len(webhook.bodies) == 1


def test_a_receiver_that_comes_while_an_incident_is_open_is_told_of_it_once(store: Store, webhook: Webhook) -> None:
    world = fire(store)
    tick(store)
    world.add_receiver("late", type="slack", webhook_url="env:OPS_WEBHOOK")
    assert follow_up(store, public_url=URL) == 1
    assert follow_up(store, public_url=URL) == 0
    assert Outbox(store, pause=lambda _: None).deliver_due() == OutboxReport(delivered=2)
    assert follow_up(store, public_url=URL) == 0


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/dw.db"


def test_a_silence_is_previewed_made_listed_and_ended_on_record(url: str) -> None:
    with Store.open(url) as store:
        fire(store)
        tick(store)
    dry = command(
        "silence", "add", "model=flights", "--for", "2h", "--comment", "x", "--dry-run", "--store", url
    ).stdout
    assert dry.startswith("Nothing was made.\nIt matches 1 open alert:\n  flights-")
    assert dry.endswith("warning  drift of temp\n")
    times = ("--for", "2h", "--store", url)
    made = command("silence", "add", "model=flights", "feature=~te.p", *times, "--comment", "moved", "--json")
    assert json.loads(made.stdout)["id"] == 1
    assert json.loads(made.stdout)["matches"][0]["labels"]["feature"] == "temp"
    listed = command("silence", "list", "--store", url).stdout
    assert "1  active " in listed
    assert "model is flights, feature fits te.p" in listed
    assert listed.endswith(": moved\n")
    assert command("silence", "end", "1", "--store", url).stdout == "ended silence 1\n"
    assert command("silence", "list", "--store", url).stdout == "No silences.\n"
    assert "1  ended" in command("silence", "list", "--all", "--store", url).stdout
    (past,) = json.loads(command("silence", "list", "--all", "--json", "--store", url).stdout)["silences"]
    assert (past["match"], past["active"]) == ({"model": "flights", "feature": {"regex": "te.p"}}, False)
    with pytest.raises(NotFoundError, match=r"no silence 1 that has not ended. Known: none"):
        command("silence", "end", "1", "--store", url)
    with Store.open(url) as store, store.read() as conn:
        assert [event.verb for event in audit.list_events(conn, subject="silence/1")] == ["ended", "created"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model"], "'model' is not a condition"),
        (["modle=x"], r"match.modle: .*'model'"),
        (["model=a", "model=b"], "model: there are two conditions"),
        (["model=a", "--end", "2001-01-01"], "end: it was over at 2001-01-01"),
        (["model=a", "--for", "1h", "--end", "2100-01-01"], "give one of end and for"),
        (["model=a", "--start", "2100-01-02", "--end", "2100-01-01"], "it ends before it begins"),
        (["model=a", "--for", "soon"], "for: 'soon' is not a length of time"),
    ],
)
def test_a_wrong_silence_is_refused(url: str, arguments: list[str], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        command("silence", "add", *arguments, "--comment", "x", "--store", url)


def test_a_declared_silence_is_applied_once(store: Store) -> None:
    document = {"kind": "silence", "name": "move", "match": {"model": "flights"}, "end": "2999-01-01", "comment": "x"}
    assert [apply_documents(store, [document], actor="t")[0].verb for _ in range(2)] == ["created", "unchanged"]
    (changed,) = apply_documents(store, [document | {"comment": "still"}], actor="someone else")
    assert changed.to_dict()["verb"] == "changed"
    with store.read() as conn:
        (row,) = silences.list_silences(conn)
    assert (row.note, row.author) == ("still", "t")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"match": {}}, "would silence everything"),
        ({"comment": " "}, "comment: say why"),
        ({"name": None}, "needs a name"),
        ({"end": None, "for": "2h"}, "for: a declared silence"),
    ],
)
def test_a_wrong_declaration_is_refused(store: Store, keys: dict[str, object], message: str) -> None:
    document = {"kind": "silence", "name": "s", "match": {"model": "x"}, "end": "2999-01-01", "comment": "x", **keys}
    with pytest.raises(SpecError, match=message):
        apply_documents(store, [document], actor="t")
