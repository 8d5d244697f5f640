"""What is told again while nobody has it in hand, and how somebody takes it in hand."""

import json
from collections.abc import Iterator

import pytest
import typer
from acceptance.alert_world import START, World
from acceptance.clocked import Clocked
from typer.testing import CliRunner, Result

from driftwatch.cli import incident as incident_command
from driftwatch.domain.instant import HOUR, MINUTE
from driftwatch.domain.notification import Message
from driftwatch.errors import NotFoundError, UserError
from driftwatch.notifiers.pagerduty import pagerduty_event
from driftwatch.service.acknowledging import acknowledge, take_back
from driftwatch.service.apply import apply_documents
from driftwatch.service.follow_up import follow_up
from driftwatch.service.tick import Ticker
from driftwatch.storage import audit, incident, notification, receiver
from driftwatch.storage.store import Store

WEEKS = 14 * 24
URL = "http://127.0.0.1:8301"


@pytest.fixture
def clocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clocked]:
    with Clocked.open(f"sqlite:///{tmp_path_factory.mktemp('store')}/dw.db") as store:
        yield store


def fire(store: Clocked, *, clock: str = "live", **route: object) -> str:
    """An open incident that slack and pager have been told of; returns its id."""
    world = World(store, clock=clock, hot=range(WEEKS + 1, WEEKS + 400))
    world.add_receiver("slack", type="slack", webhook_url="env:OPS_WEBHOOK")
    world.add_receiver("pager", type="pagerduty", routing_key="env:OPS_KEY")
    if route:
        apply_documents(store, [{"kind": "route", "name": "r", "receivers": ["slack", "pager"], **route}], actor="t")
    world.log(0, WEEKS + 6)
    store.clock = START + (WEEKS + 6) * HOUR + 3 * MINUTE
    Ticker(store, public_url=URL).tick()
    deliver(store)
    with store.read() as conn:
        (found,) = incident.list_incidents(conn)
    return found.id


def deliver(store: Clocked) -> None:
    """Everything that waits arrives."""
    with store.begin() as conn:
        while (row := notification.claim(conn, "w", now=store.clock, lease_seconds=60)) is not None:
            notification.deliver(conn, row, at=store.clock)


def told_after(store: Clocked, hours: float) -> int:
    """Messages that are due so much later."""
    store.clock += int(hours * HOUR)
    made = follow_up(store, public_url=URL)
    deliver(store)
    return made


def log_of(store: Store, incident_id: str, name: str) -> list[tuple[int, str]]:
    with store.read() as conn:
        ids = {each.id: each.name for each in receiver.list_receivers(conn)}
        rows = notification.list_notifications(conn, incident_id)
    return [(row.seq, row.reason) for row in rows if ids[row.receiver_id] == name]


def test_a_route_repeats_what_still_fires_after_a_day(clocked: Clocked) -> None:
    found = fire(clocked, repeat={"warning": "24h"})
    assert [told_after(clocked, hours) for hours in (0, 23.9, 0.2, 1, 23)] == [0, 0, 2, 0, 2]
    assert log_of(clocked, found, "slack") == [(1, "first"), (2, "repeat"), (3, "repeat")]
    with clocked.read() as conn:
        last = notification.list_notifications(conn, found)[-1]
    assert "It goes on, and nobody has acknowledged it." in Message.from_dict(last.payload).summary


def test_nothing_is_repeated_without_a_route(clocked: Clocked) -> None:
    fire(clocked)
    assert told_after(clocked, 1_000) == 0


def test_a_replay_is_not_repeated(clocked: Clocked) -> None:
    fire(clocked, clock="replay", repeat="5m")
    assert told_after(clocked, 1_000) == 0


def test_a_message_that_waits_is_not_repeated(clocked: Clocked) -> None:
    fire(clocked, repeat="1h")
    clocked.clock += 2 * HOUR
    assert follow_up(clocked, public_url=URL) == 2
    clocked.clock += 2 * HOUR
    assert follow_up(clocked, public_url=URL) == 0


def test_an_acknowledgement_stops_repeats_and_reaches_the_pager_alone(clocked: Clocked) -> None:
    found = fire(clocked, repeat="1h")
    acknowledge(clocked, found, actor="ana")
    assert told_after(clocked, 5) == 0
    assert log_of(clocked, found, "slack") == [(1, "first")]
    assert log_of(clocked, found, "pager") == [(1, "first"), (2, "acknowledged")]
    with clocked.read() as conn:
        rows = notification.list_notifications(conn, found)
        assert [event.verb for event in audit.list_events(conn, subject=f"incident/{found}", actor="ana")] == [
            "acknowledged"
        ]
    (passed,) = [Message.from_dict(row.payload) for row in rows if row.reason == "acknowledged"]
    assert pagerduty_event(passed, "k")["event_action"] == "acknowledge"
    assert pagerduty_event(passed, "k")["dedup_key"] == Message.from_dict(rows[0].payload).dedup_key
    with pytest.raises(UserError, match="acknowledged already, by ana"):
        acknowledge(clocked, found, actor="bob")
    take_back(clocked, found, actor="ana")
    assert told_after(clocked, 1) == 2
    with pytest.raises(UserError, match="is not acknowledged"):
        take_back(clocked, found, actor="ana")


def test_an_acknowledged_incident_is_resolved_as_any_other(clocked: Clocked) -> None:
    world = World(clocked, hot=range(WEEKS + 1, WEEKS + 6))
    world.add_receiver("slack", type="slack", webhook_url="env:OPS_WEBHOOK")
    world.log(0, WEEKS + 6)
    clocked.clock = START + (WEEKS + 200) * HOUR
    Ticker(clocked, public_url=URL).tick()
    with clocked.read() as conn:
        (found,) = incident.list_incidents(conn)
    acknowledge(clocked, found.id, actor="ana")
    world.log(WEEKS + 6, WEEKS + 90)
    Ticker(clocked, public_url=URL).tick()
    assert log_of(clocked, found.id, "slack") == [(1, "first"), (3, "resolved")]
    with pytest.raises(UserError, match="is resolved already"):
        acknowledge(clocked, found.id, actor="ana")
    with pytest.raises(NotFoundError, match="no incident 'x'"):
        acknowledge(clocked, "x", actor="ana")
    world.hot = range(WEEKS + 91, WEEKS + 96)
    world.log(WEEKS + 90, WEEKS + 96)
    Ticker(clocked, public_url=URL).tick()
    with clocked.read() as conn:
        assert incident.find_acknowledgement(conn, found.id) is None  # it has come back


def command(*arguments: str) -> Result:
    app = typer.Typer()
    incident_command.register(app)
    return CliRunner().invoke(app, list(arguments), standalone_mode=False, catch_exceptions=False)


def test_the_command_acknowledges_and_shows_who_has_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('store')}/dw.db"
    with Clocked.open(url) as store:
        found = fire(store)
    assert command("incident", "acknowledge", found, "--store", url).stdout == f"{found}: acknowledged\n"
    assert "acknowledged by cli:" in command("incident", "show", found, "--store", url).stdout
    shown = json.loads(command("incident", "show", found, "--store", url, "--json").stdout)
    assert shown["acknowledged"]["by"].startswith("cli:")
    assert command("incident", "acknowledge", found, "--undo", "--store", url).stdout == f"{found}: taken back\n"
    assert json.loads(command("incident", "show", found, "--store", url, "--json").stdout)["acknowledged"] is None
