"""The dead man's switch: it is called while windows are judged, and not when they are not."""

from collections.abc import Iterator

import pytest
from acceptance.alert_world import World
from acceptance.listener import Webhook

from driftwatch.domain.instant import MINUTE
from driftwatch.errors import SpecError
from driftwatch.service.apply import apply_documents
from driftwatch.service.pulse import Pulse
from driftwatch.service.routing import read_policy
from driftwatch.storage import heartbeat
from driftwatch.storage.store import Store


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    hook = Webhook()
    monkeypatch.setenv("WATCHDOG", hook.url)
    yield hook
    hook.close()


def tick(store: Store, *, minutes_ago: int = 0) -> None:
    """A round of judging that ended so long ago."""
    with store.begin() as conn:
        heartbeat.beat(conn, "tick", "w", at=store.now(conn) - minutes_ago * MINUTE)


def test_it_is_called_once_a_minute_while_windows_are_judged(store: Store, webhook: Webhook) -> None:
    World(store).add_receiver("watchdog", type="heartbeat", url="env:WATCHDOG")
    times = iter([0.0, 15.0, 59.0, 60.0, 61.0, 600.0])
    pulse = Pulse(store, clock=lambda: next(times))
    assert pulse.beat() == 0  # nothing was judged yet
    tick(store)
    assert [pulse.beat() for _ in range(5)] == [1, 0, 0, 1, 0]
    assert webhook.bodies == [b'{"status": "alive", "from": "driftwatch"}'] * 2
    tick(store, minutes_ago=6)
    assert pulse.beat() == 0


def test_one_that_does_not_answer_is_called_again_next_time(store: Store, webhook: Webhook) -> None:
    World(store).add_receiver("watchdog", type="heartbeat", url="env:WATCHDOG")
    tick(store)
    pulse = Pulse(store, clock=lambda: 0.0)
    webhook.status = 500
    assert pulse.beat() == 0
    webhook.status = 200
    assert pulse.beat() == 1


def test_it_takes_no_messages_and_no_route_may_name_it(store: Store) -> None:
    world = World(store)
    world.add_receiver("watchdog", type="heartbeat", url="env:WATCHDOG")
    world.add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
    with store.read() as conn:
        assert read_policy(conn, at=0).receivers == ("ops",)
    with pytest.raises(SpecError, match="no receiver 'watchdog' that takes messages"):
        apply_documents(store, [{"kind": "route", "name": "r", "receivers": ["watchdog"]}], actor="t")


def test_its_address_is_a_secret_and_its_pace_has_bounds(store: Store) -> None:
    document = {"kind": "receiver", "name": "w", "type": "heartbeat", "url": "env:WATCHDOG"}
    with pytest.raises(SpecError, match="every_seconds: 1 is out of range"):
        apply_documents(store, [document | {"every_seconds": 1}], actor="t")
    with pytest.raises(SpecError, match="url"):
        apply_documents(store, [document | {"url": "https://example.com/ping/secret"}], actor="t")
