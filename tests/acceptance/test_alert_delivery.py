"""What happens to messages on their way: real servers, refusals, silence, and a service that goes on."""

import json
import socket
from collections.abc import Iterator

import pytest
from acceptance.alert_world import World
from acceptance.listener import Webhook
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.domain.instant import SECOND
from driftwatch.service.outbox import Backoff, Outbox, OutboxReport, TokenBucket
from driftwatch.service.tick import Ticker
from driftwatch.storage import heartbeat, incident, notification, receiver
from driftwatch.storage.notification import NotificationRow
from driftwatch.storage.schema import notifications
from driftwatch.storage.store import Store

WEEKS = 14 * 24


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    hook = Webhook()
    monkeypatch.setenv("OPS_WEBHOOK", hook.url)
    yield hook
    hook.close()


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An open incident, on SQLite: how rows are claimed is tested on both databases with the store."""
    with Store.open(f"sqlite:///{tmp_path_factory.mktemp('store')}/dw.db") as store:
        yield World(store, hot=range(WEEKS + 1, WEEKS + 4))


def alarm(world: World) -> None:
    world.log(0, WEEKS + 5)
    assert Ticker(world.store, public_url="http://127.0.0.1:8301").tick().messages == 1


def resolve(world: World) -> None:
    world.log(WEEKS + 5, WEEKS + 40)
    Ticker(world.store, public_url="http://127.0.0.1:8301").tick()


def rows(world: World) -> list[NotificationRow]:
    with world.store.read() as conn:
        (found,) = incident.list_incidents(conn)
        return notification.list_notifications(conn, found.id)


def hurry(world: World) -> None:
    """Let every wait be over."""
    with world.store.begin() as conn:
        conn.execute(notifications.update().where(notifications.c.status == "waiting").values(next_attempt_at=0))


def outbox(world: World, **backoff: float) -> Outbox:
    return Outbox(world.store, backoff=Backoff(**backoff), pause=lambda _: None)  # type: ignore[arg-type]


def test_a_message_is_delivered_once(world: World, webhook: Webhook) -> None:
    world.add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
    alarm(world)
    worker = outbox(world)
    assert worker.deliver_due() == OutboxReport(delivered=1)
    assert worker.deliver_due() == OutboxReport()
    assert len(webhook.bodies) == 1
    assert "temp" in json.loads(webhook.bodies[0])["text"]
    assert [row.status for row in rows(world)] == ["delivered"]
    with world.store.read() as conn:
        assert {beat.component for beat in heartbeat.list_heartbeats(conn)} == {"tick", "outbox"}


def test_a_busy_receiver_is_asked_again_not_before_it_said(world: World, webhook: Webhook) -> None:
    world.add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
    alarm(world)
    webhook.status, webhook.headers = 429, {"Retry-After": "120"}
    assert outbox(world).deliver_due() == OutboxReport(postponed=1)
    (row,) = rows(world)
    with world.store.read() as conn:
        assert row.next_attempt_at >= world.store.now(conn) + 110 * SECOND
    assert row.last_error is not None
    assert "429" in row.last_error
    assert outbox(world).deliver_due() == OutboxReport()
    webhook.status = 200
    hurry(world)
    assert outbox(world).deliver_due() == OutboxReport(delivered=1)


def test_an_unreachable_mail_server_is_visible_and_stops_nothing_else(world: World, webhook: Webhook) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mail = world.add_receiver(
        "mail",
        type="email",
        smtp_url=f"smtp://127.0.0.1:{port}",
        to=["ops@example.com"],
        **{"from": "dw@example.com"},
    )
    world.add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
    alarm(world)
    assert outbox(world).deliver_due() == OutboxReport(delivered=1, postponed=1)
    failed = next(row for row in rows(world) if row.receiver_id == mail)
    assert failed.status == "waiting"
    assert failed.last_error is not None
    assert "cannot be reached" in failed.last_error
    world.log(WEEKS + 5, WEEKS + 8)
    report = Ticker(world.store, public_url="x").tick()
    assert (report.judged, report.failed) == (3, 0)


def test_after_the_last_try_it_is_a_dead_letter(world: World, webhook: Webhook) -> None:
    world.add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
    alarm(world)
    webhook.status = 500
    for _ in range(2):
        assert outbox(world, attempts=3).deliver_due() == OutboxReport(postponed=1)
        hurry(world)
    assert outbox(world, attempts=3).deliver_due() == OutboxReport(dead=1)
    (row,) = rows(world)
    assert (row.status, row.attempts) == ("dead", 3)


def test_a_refusal_for_good_is_a_dead_letter_at_once(world: World, webhook: Webhook) -> None:
    world.add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
    alarm(world)
    webhook.status, webhook.answer = 404, b"no_service"
    assert outbox(world).deliver_due() == OutboxReport(dead=1)


def test_a_missing_secret_is_said_by_name_and_mended_without_a_restart(
    world: World, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.add_receiver("ops", type="slack", webhook_url="env:LATER_WEBHOOK")
    alarm(world)
    worker = outbox(world, first_seconds=0.0)
    assert worker.deliver_due(stop_after(1)) == OutboxReport(postponed=1)
    assert rows(world)[0].last_error == (
        "env:LATER_WEBHOOK is not set or empty. Set the variable in the service's environment."
    )
    monkeypatch.setenv("LATER_WEBHOOK", webhook.url)
    assert worker.deliver_due() == OutboxReport(delivered=1)


def stop_after(rounds: int) -> "Stop":
    return Stop(rounds)


class Stop:
    """Says stop after so many questions."""

    def __init__(self, rounds: int) -> None:
        self._left = rounds

    def __call__(self) -> bool:
        self._left -= 1
        return self._left < 0


def test_a_backlog_pages_for_nothing_that_is_over(world: World, webhook: Webhook) -> None:
    world.add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
    alarm(world)
    resolve(world)
    assert [row.reason for row in rows(world)] == ["first", "resolved"]
    assert outbox(world).deliver_due() == OutboxReport(dropped=2)
    assert webhook.bodies == []


def test_an_incident_that_nobody_was_told_of_is_told_when_it_comes_back(
    tmp_path_factory: pytest.TempPathFactory, webhook: Webhook
) -> None:
    hot = [*range(WEEKS + 1, WEEKS + 4), *range(WEEKS + 60, WEEKS + 64)]
    with Store.open(f"sqlite:///{tmp_path_factory.mktemp('store')}/dw.db") as store:
        world = World(store, hot=hot)
        world.add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
        alarm(world)
        resolve(world)
        assert outbox(world).deliver_due() == OutboxReport(dropped=2)
        world.log(WEEKS + 40, WEEKS + 64)
        Ticker(store, public_url="http://127.0.0.1:8301").tick()
        assert outbox(world).deliver_due() == OutboxReport(delivered=1)
    assert [row.reason for row in rows(world)] == ["first", "resolved", "first"]
    assert json.loads(webhook.bodies[0])["text"].startswith("◆")


def test_the_end_is_told_to_those_who_know_of_the_beginning(world: World, webhook: Webhook) -> None:
    world.add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
    alarm(world)
    outbox(world).deliver_due()
    world.add_receiver("late", type="slack", webhook_url="env:OPS_WEBHOOK")
    resolve(world)
    assert outbox(world).deliver_due() == OutboxReport(delivered=1)
    texts = [json.loads(body)["text"] for body in webhook.bodies]
    assert [text[0] for text in texts] == ["◆", "✓"]


def test_a_receiver_that_was_switched_off_gets_nothing(world: World, webhook: Webhook) -> None:
    world.add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
    alarm(world)
    with world.store.begin() as conn:
        known = receiver.find_receiver(conn, "ops")
        assert known is not None
        receiver.put_receiver(conn, "ops", known.kind, known.spec, at=1, enabled=False)
    assert outbox(world).deliver_due() == OutboxReport(dropped=1)
    assert webhook.bodies == []


def test_a_receiver_that_failed_rests_before_its_next_message(world: World, webhook: Webhook) -> None:
    ops = world.add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
    alarm(world)
    payload = rows(world)[0].payload
    with world.store.begin() as conn:
        for number in range(3):
            notification.enqueue(
                conn, receiver_id=ops, group_key=f"other-{number}", seq=1, reason="first", payload=payload, at=0
            )
    webhook.status = 500
    assert outbox(world).deliver_due() == OutboxReport(postponed=4)
    assert len(webhook.bodies) == 1


@given(
    attempt=st.integers(1, 200),
    retry_after=st.none() | st.floats(0, 1e6),
    chance=st.floats(0, 1),
)
def test_the_wait_grows_is_bounded_and_honours_the_receiver(
    attempt: int, retry_after: float | None, chance: float
) -> None:
    backoff = Backoff()
    wait = backoff.wait_seconds(attempt, retry_after_seconds=retry_after, chance=chance)
    assert wait >= (retry_after or 0.0)
    assert wait <= max(1800.0, retry_after or 0.0)
    assert wait >= min(1800.0, 5.0 * 2 ** (attempt - 1)) / 2


@given(gaps=st.lists(st.floats(0, 5), min_size=1, max_size=60))
def test_a_receiver_is_written_to_no_faster_than_its_bucket_allows(gaps: list[float]) -> None:
    bucket = TokenBucket(per_second=1.0, burst=3.0)
    at, sent = 0.0, []
    for gap in gaps:
        at += gap
        at += bucket.wait_seconds(at)
        sent.append(at)
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            assert last - first + 1 <= 3.0 + (sent[last] - sent[first]) + 1e-6
