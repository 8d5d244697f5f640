"""driftwatch about itself: what is in trouble is an incident, told by a way that still works."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from acceptance.alert_world import START, World
from acceptance.clocked import Clocked
from acceptance.listener import Webhook
from streamlit.testing.v1 import AppTest

from driftwatch._layout import bundled_dir
from driftwatch.domain.incident import Incident
from driftwatch.domain.instant import DAY, HOUR, MINUTE, SECOND
from driftwatch.errors import SpecError
from driftwatch.service.apply import apply_documents
from driftwatch.service.outbox import Backoff, Outbox
from driftwatch.service.pulse import Pulse
from driftwatch.service.system_watch import SystemWatch, watch_system
from driftwatch.service.tick import Ticker
from driftwatch.storage import heartbeat, incident, monitor, notification, receiver, registration, run
from driftwatch.storage.notification import NotificationRow
from driftwatch.storage.schema import notifications
from driftwatch.storage.store import Store

URL = "http://127.0.0.1:8301"
NOW = START + 60 * DAY


@pytest.fixture
def clocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clocked]:
    with Clocked.open(f"sqlite:///{tmp_path_factory.mktemp('store')}/dw.db") as store:
        store.clock = NOW
        yield store


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Webhook, Webhook]]:
    """The receivers behind two addresses."""
    found = Webhook(), Webhook()
    for name, hook in zip(("OPS_WEBHOOK", "LEAD_WEBHOOK"), found, strict=True):
        monkeypatch.setenv(name, hook.url)
    yield found
    for hook in found:
        hook.close()


def alive(store: Clocked, *, tick_ago: int = 0, outbox_ago: int = 0) -> None:
    with store.begin() as conn:
        heartbeat.beat(conn, "tick", "w", at=store.clock - tick_ago)
        heartbeat.beat(conn, "outbox", "w", at=store.clock - outbox_ago)


def watch(store: Clocked, minutes: int, *, step: int = 1, taken: bool = True, **ago: int) -> int:
    """Look every `step` minutes; returns how often readers were told. Every message is `taken` at once, or none."""
    told = 0
    for _ in range(0, minutes, step):
        store.clock += step * MINUTE
        alive(store, **ago)
        told += watch_system(store, public_url=URL)
        with store.begin() as conn:
            while taken and (row := notification.claim(conn, "t", now=store.clock, lease_seconds=60)) is not None:
                notification.deliver(conn, row, at=store.clock)
    return told


def incidents(store: Clocked) -> list[Incident]:
    with store.read() as conn:
        return incident.list_incidents(conn)


def messages(store: Clocked) -> list[NotificationRow]:
    with store.read() as conn:
        return [
            row
            for each in reversed(incident.list_incidents(conn))
            for row in notification.list_notifications(conn, each.id)
        ]


def test_a_service_that_is_well_leaves_no_trace(clocked: Clocked) -> None:
    world = World(clocked)
    world.add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
    assert watch(clocked, 120, step=5) == 0
    assert incidents(clocked) == []
    with clocked.read() as conn:
        assert registration.find_model(conn, "system", "driftwatch") is None


def test_judging_that_stands_still_is_told_once_gets_critical_and_ends(clocked: Clocked) -> None:
    World(clocked).add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
    assert watch(clocked, 5, tick_ago=11 * MINUTE) == 1
    assert watch(clocked, 5, tick_ago=61 * MINUTE) == 1
    assert watch(clocked, 59) == 0
    assert watch(clocked, 2) == 1
    (found,) = incidents(clocked)
    assert (found.environment, found.model, found.columns, found.is_open) == (
        "system",
        "driftwatch",
        ("judging",),
        False,
    )
    assert [row.reason for row in messages(clocked)] == ["first", "escalated", "resolved"]
    first = messages(clocked)[0].payload
    assert first["title"] == "driftwatch itself: judging"
    assert "no sign of life for 11 min" in first["summary"]
    assert "doctor" in first["next_action"]
    with clocked.read() as conn:
        assert [each.name for each in registration.list_models(conn)] == ["flights"]


def test_what_comes_and_goes_all_day_is_told_a_few_times_and_then_kept_open(clocked: Clocked) -> None:
    World(clocked).add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
    told = 0
    for _ in range(8):  # a fault of some minutes every hour and a half
        told += watch(clocked, 5, step=5, tick_ago=11 * MINUTE)
        told += watch(clocked, 85, step=5)
    assert told == 3
    assert [each.is_open for each in incidents(clocked)] == [True, False]


def test_a_receiver_that_takes_nothing_is_told_of_by_the_others(
    clocked: Clocked, hooks: tuple[Webhook, Webhook]
) -> None:
    broken, well = hooks
    broken.status = 500
    world = World(clocked, hot=range(14 * 24 + 1, 14 * 24 + 4))
    world.add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
    world.add_receiver("lead", type="slack", webhook_url="env:LEAD_WEBHOOK")
    apply_documents(clocked, [{"kind": "route", "name": "all", "receivers": ["ops"]}], actor="t")
    world.log(0, 14 * 24 + 5)
    Ticker(clocked, public_url=URL).tick()
    outbox = Outbox(clocked, pause=lambda _: None)
    outbox.deliver_due()
    assert watch(clocked, 5, taken=False) == 0  # a short hiccup is none
    assert watch(clocked, 10, taken=False) == 1
    outbox.deliver_due()
    assert [json.loads(body)["text"] for body in well.bodies] == ["◆ driftwatch itself: receiver ops"]
    told = next(row for row in messages(clocked) if row.reason == "first" and row.group_key.startswith("dw:system/"))
    assert "1 message not taken for" in told.payload["summary"]
    assert "answered 500" in told.payload["summary"]


def test_a_message_given_up_is_critical_until_the_receiver_takes_one_again(
    clocked: Clocked, hooks: tuple[Webhook, Webhook]
) -> None:
    broken, well = hooks
    broken.status = 404
    world = World(clocked, hot=range(14 * 24 + 1, 14 * 24 + 4))
    world.add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
    world.add_receiver("lead", type="slack", webhook_url="env:LEAD_WEBHOOK")
    world.log(0, 14 * 24 + 5)
    Ticker(clocked, public_url=URL).tick()
    Outbox(clocked, pause=lambda _: None).deliver_due()
    assert watch(clocked, 1, taken=False) == 1
    Outbox(clocked, pause=lambda _: None).deliver_due()
    assert json.loads(well.bodies[-1])["text"] == "▲ driftwatch itself: receiver ops"
    assert watch(clocked, 3 * 60, step=5) == 0  # none was taken since
    found = next(each for each in incidents(clocked) if each.model == "driftwatch")
    assert found.is_open
    broken.status = 200
    with clocked.begin() as conn:
        ops = receiver.find_receiver(conn, "ops")
        assert ops is not None
        notification.enqueue(
            conn, receiver_id=ops.id, group_key="g", seq=1, reason="first", payload={}, at=clocked.clock
        )
        row = notification.claim(conn, "t", now=clocked.clock, lease_seconds=60)
        assert row is not None
        notification.deliver(conn, row, at=clocked.clock)
    assert watch(clocked, 65, step=5) == 1
    assert not next(each for each in incidents(clocked) if each.model == "driftwatch").is_open


def test_a_model_that_cannot_be_judged_joins_what_is_open_and_is_told(clocked: Clocked) -> None:
    world = World(clocked, clock="live", start=NOW - 10 * DAY)
    world.add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
    assert watch(clocked, 2, tick_ago=11 * MINUTE) == 1
    with clocked.begin() as conn:
        row = monitor.put_monitor(conn, world.model_id, "m", "calibrated", {}, at=0)
        run.insert_due(conn, row.id, NOW - HOUR, NOW, row.config_hash, 1, at=NOW)
        taken = run.claim(conn, "w", now=clocked.clock, lease_seconds=60)
        assert taken is not None
        run.finish(conn, taken.id, "w", taken.fence, at=clocked.clock, status="error", last_error="bins are gone")
    assert watch(clocked, 3, tick_ago=11 * MINUTE) == 1
    (found,) = incidents(clocked)
    assert set(found.columns) == {"judging", "runs of flights"}
    assert [row.reason for row in messages(clocked)] == ["first", "new_alerts"]
    assert any("bins are gone" in line["effect"] for line in messages(clocked)[1].payload["evidence"])


def test_a_service_that_begins_is_given_time_to_catch_up(clocked: Clocked) -> None:
    World(clocked).add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
    alive(clocked, tick_ago=8 * HOUR)
    times = iter([0.0, 60.0, 240.0, 301.0])
    watcher = SystemWatch(clocked, public_url=URL, clock=lambda: next(times))
    assert [watcher.look() for _ in range(3)] == [0, 0, 1]


def test_the_dead_mans_switch_is_not_called_when_nobody_can_be_told(
    clocked: Clocked, hooks: tuple[Webhook, Webhook]
) -> None:
    _, ops = hooks
    ops.status = 500
    world = World(clocked, hot=range(14 * 24 + 1, 14 * 24 + 4))
    world.add_receiver("watchdog", type="heartbeat", url="env:OPS_WEBHOOK", every_seconds=10)
    world.add_receiver("only", type="slack", webhook_url="env:LEAD_WEBHOOK")
    world.log(0, 14 * 24 + 5)
    Ticker(clocked, public_url=URL).tick()
    times = iter(range(0, 1000, 60))
    pulse = Pulse(clocked, clock=lambda: float(next(times)))
    Outbox(clocked, pause=lambda _: None, backoff=Backoff()).deliver_due()
    alive(clocked)
    assert pulse.beat() == 1
    clocked.clock += 61 * MINUTE  # the only receiver has taken nothing for an hour
    alive(clocked)
    assert pulse.beat() == 0
    ops.status = 200
    clocked.clock += 10 * SECOND
    Outbox(clocked, pause=lambda _: None).deliver_due()
    assert pulse.beat() == 1
    clocked.clock += 11 * MINUTE
    alive(clocked, outbox_ago=11 * MINUTE)
    assert pulse.beat() == 0


def test_no_model_takes_the_name_of_the_service(clocked: Clocked) -> None:
    document = {"kind": "model", "model": "driftwatch", "environment": "system", "columns": {"timestamp": "ts"}}
    with pytest.raises(SpecError, match="model: 'driftwatch' in 'system' is driftwatch itself"):
        apply_documents(clocked, [document], actor="t")


def test_the_dashboard_says_what_stands_still_and_shows_the_incident(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/dw.db"
    with Store.open(url) as store:
        world = World(store)
        world.add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
        with store.begin() as conn:
            now = store.now(conn)
            heartbeat.beat(conn, "tick", "w", at=now - 22 * MINUTE)
        assert watch_system(store, public_url=URL) == 1
        with store.begin() as conn:
            conn.execute(notifications.update().values(created_at=now - 15 * MINUTE))
            (found,) = incident.list_incidents(conn)
    monkeypatch.setenv("DRIFTWATCH_STORE", url)
    app = AppTest.from_file(bundled_dir("dashboards") / "app.py", default_timeout=60).run()
    assert not app.exception
    assert "No window has been judged for 22 min." in app.error[0].value
    assert "1 message could not be delivered yet, the oldest for 15 min." in app.warning[0].value
    assert {card.label: card.value for card in app.metric}[":orange[◆] Warning"] == "1"
    app.switch_page("views/incidents.py")
    app.query_params["incident"] = found.id
    app.run()
    assert not app.exception
    assert app.title[0].value.replace("\\", "") == "System in driftwatch: judging"
    assert any("no window is judged" in str(each.proto.body) for each in app.get("html"))
    assert not app.get("page_link")[1:]  # nothing but the way back: it has no page of a model
