"""An incident in Slack by a bot's token: from the outbox to the thread, through refusals, a crash and the command."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from acceptance.alert_world import World
from slack_api import CHANNEL, TOKEN, SlackApi
from typer.testing import CliRunner, Result

from driftwatch.cli import receiver as receiver_command
from driftwatch.service.acknowledging import acknowledge
from driftwatch.service.outbox import Outbox, OutboxReport
from driftwatch.service.tick import Ticker
from driftwatch.storage import incident, notification
from driftwatch.storage.notification import NotificationRow
from driftwatch.storage.schema import notifications
from driftwatch.storage.store import Store

WEEKS = 14 * 24
URL = "http://127.0.0.1:8301"

SENDER = """
import sys
from driftwatch.service.outbox import Outbox
from driftwatch.storage.store import Store

with Store.open(sys.argv[1]) as store:
    Outbox(store).deliver_due()
"""


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackApi]:
    made = SlackApi()
    monkeypatch.setenv("OPS_TOKEN", TOKEN)
    yield made
    made.close()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/dw.db"


@pytest.fixture
def world(url: str, api: SlackApi) -> Iterator[World]:
    with Store.open(url) as store:
        made = World(store, hot=range(WEEKS + 1, WEEKS + 4))
        made.add_receiver("ops", type="slack_bot", token="env:OPS_TOKEN", channel=CHANNEL, api_url=api.url)
        made.log(0, WEEKS + 5)
        assert Ticker(store, public_url=URL).tick().messages == 1
        yield made


def outbox(world: World) -> Outbox:
    return Outbox(world.store, pause=lambda _: None)


def rows(world: World) -> list[NotificationRow]:
    with world.store.read() as conn:
        (found,) = incident.list_incidents(conn)
        return notification.list_notifications(conn, found.id)


def shown(api: SlackApi) -> list[tuple[str, str | None]]:
    """Every message in the channel: how it begins, and the thread that it is in."""
    return [(post["text"][0], post.get("thread_ts")) for post in api.posts.values()]


def test_an_incident_is_one_thread_from_its_opening_to_its_end(world: World, api: SlackApi) -> None:
    assert outbox(world).deliver_due() == OutboxReport(delivered=1)
    (root,) = api.posts
    acknowledge(world.store, rows(world)[0].incident_id or "", actor="ana")
    assert outbox(world).deliver_due() == OutboxReport(delivered=1)
    assert shown(api) == [("◆", None), ("◆", root)]
    assert "ana has it in hand." in json.dumps(api.posts[root])
    world.log(WEEKS + 5, WEEKS + 40)
    Ticker(world.store, public_url=URL).tick()
    assert outbox(world).deliver_due() == OutboxReport(delivered=1)
    assert shown(api) == [("✓", None), ("◆", root), ("✓", root)]
    assert [row.external_id for row in rows(world)] == [f"{CHANNEL}/{stamp}" for stamp in api.posts]
    assert [row.reason for row in rows(world)] == ["first", "acknowledged", "resolved"]


def test_a_wrong_token_is_a_dead_letter_that_says_what_to_do(world: World, api: SlackApi) -> None:
    api.tokens.clear()
    assert outbox(world).deliver_due() == OutboxReport(dead=1)
    (row,) = rows(world)
    assert row.last_error == (
        "Slack did not take it: invalid_auth. Install the app again and put its Bot User OAuth Token where "
        "env:OPS_TOKEN is kept."
    )
    assert api.posts == {}


def test_a_busy_workspace_is_asked_again_when_it_said(world: World, api: SlackApi) -> None:
    api.answers.append((429, {"Retry-After": "30"}, {"ok": False, "error": "ratelimited"}))
    worker = outbox(world)
    assert worker.deliver_due() == OutboxReport(postponed=1)
    assert worker.deliver_due() == OutboxReport()
    with world.store.begin() as conn:
        assert rows(world)[0].next_attempt_at > world.store.now(conn) + 20_000_000
        conn.execute(notifications.update().values(next_attempt_at=0))
    assert outbox(world).deliver_due() == OutboxReport(delivered=1)


def test_a_sender_killed_after_slack_took_it_sends_it_again_with_the_same_key(
    world: World, api: SlackApi, url: str
) -> None:
    """The answer never comes: the message stands in the channel, and the store does not know."""
    taken = api.do

    def take_and_hang(method: str, headers: dict[str, str], body: bytes) -> dict[str, object]:
        answer = taken(method, headers, body)
        os.kill(sender.pid, signal.SIGKILL)
        return answer

    api.do = take_and_hang  # type: ignore[method-assign]
    with subprocess.Popen([sys.executable, "-c", SENDER, url]) as sender:
        assert sender.wait(60) == -signal.SIGKILL
    api.do = taken  # type: ignore[method-assign]
    assert [row.status for row in rows(world)] == ["sending"]
    assert outbox(world).deliver_due() == OutboxReport()  # its lease is not over
    with world.store.begin() as conn:
        conn.execute(notifications.update().values(lease_until=0))
    assert outbox(world).deliver_due() == OutboxReport(delivered=1)
    keys = [post["metadata"]["event_payload"] for post in api.posts.values()]
    assert len(keys) == 2
    assert keys[0] == keys[1]


def test_the_command_says_what_came_back(world: World, api: SlackApi, url: str) -> None:
    def tried() -> Result:
        app = typer.Typer()
        receiver_command.register(app)
        arguments = ["receiver", "test", "ops", "--store", url]
        return CliRunner().invoke(app, arguments, standalone_mode=False, catch_exceptions=False)

    good = tried()
    assert (good.return_value, good.stdout) == (0, f"delivered: Slack posted it as {CHANNEL}/{next(iter(api.posts))}\n")
    api.members.clear()
    bad = tried()
    assert bad.return_value == 1
    assert (
        bad.stdout
        == "NOT delivered: Slack did not take it: not_in_channel. Invite the bot to the channel: /invite @its-name.\n"
    )
