"""The apprise notifier: what is its own. What every notifier promises is in test_conformance.py."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from acceptance.alert_world import World
from acceptance.listener import Webhook
from parts import require

from driftwatch.domain.notification import Message
from driftwatch.domain.signal import Severity
from driftwatch.errors import DeliveryError
from driftwatch.notifiers.apprise import AppriseNotifier
from driftwatch.service.outbox import Outbox, OutboxReport
from driftwatch.service.tick import Ticker
from driftwatch.storage import incident, notification
from driftwatch.storage.store import Store

WEEKS = 14 * 24
MESSAGE = Message("dw:x:1", 1, "first", Severity.WARNING, "Drift in flights", "temp has drifted.")


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    require("apprise")
    hook = Webhook()
    monkeypatch.setenv("OPS_TARGET", hook.url.replace("http://", "json://"))
    yield hook
    hook.close()


def notifier() -> AppriseNotifier:
    return AppriseNotifier.parse({"url": "env:OPS_TARGET", "timeout_seconds": 10})


def test_a_message_arrives_with_its_kind(webhook: Webhook) -> None:
    kinds = []
    for reason, severity in (
        ("first", Severity.WARNING),
        ("escalated", Severity.CRITICAL),
        ("acknowledged", Severity.CRITICAL),
        ("resolved", Severity.CRITICAL),
    ):
        receipt = notifier().send(Message("dw:x:1", 1, reason, severity, "Drift in flights", "temp has drifted."))
        assert receipt.detail == "apprise handed it to JSON"
        kinds.append(json.loads(webhook.bodies[-1])["type"])
    assert kinds == ["warning", "failure", "info", "success"]


@pytest.mark.parametrize("address", ["nosuch://x", "not an address", "https://"])
def test_an_address_that_apprise_cannot_read_is_told_by_its_reference(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("OPS_TARGET", address)
    with pytest.raises(DeliveryError, match="env:OPS_TARGET: it does not hold an address that apprise") as caught:
        notifier().send(MESSAGE)
    assert caught.value.retryable
    assert address not in str(caught.value)
    assert webhook.bodies == []


def test_what_the_target_says_is_told_without_the_address(webhook: Webhook) -> None:
    webhook.status = 500
    with pytest.raises(DeliveryError, match="error=500") as caught:
        notifier().send(MESSAGE)
    assert "secret-part" not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


def test_a_dead_target_holds_up_no_other(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("DEAD_TARGET", "json://127.0.0.1:1/secret-part")
    with Store.open(f"sqlite:///{tmp_path_factory.mktemp('store')}/dw.db") as store:
        world = World(store, hot=range(WEEKS + 1, WEEKS + 4))
        world.add_receiver("dead", type="apprise", url="env:DEAD_TARGET")
        world.add_receiver("phone", type="apprise", url="env:OPS_TARGET")
        world.log(0, WEEKS + 5)
        Ticker(store, public_url="http://127.0.0.1:8301").tick()
        report = Outbox(store, pause=lambda _: None).deliver_due()
        with store.read() as conn:
            (found,) = incident.list_incidents(conn)
            rows = notification.list_notifications(conn, found.id)
    assert report == OutboxReport(delivered=1, postponed=1)
    assert [row.status for row in rows] == ["waiting", "delivered"]
    assert "temp" in json.loads(webhook.bodies[0])["title"]


def test_without_the_package_the_message_waits_and_says_how_to_get_it(tmp_path: Path) -> None:
    """In an interpreter that finds no apprise."""
    (tmp_path / "apprise.py").write_text("raise ModuleNotFoundError(\"No module named 'apprise'\", name='apprise')\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from driftwatch.errors import DeliveryError\n"
        "from driftwatch.notifiers.apprise import AppriseNotifier\n"
        "from driftwatch.service.wording import sample_message\n"
        "try:\n"
        "    AppriseNotifier.parse({'url': 'env:HOME'}).send(sample_message('phone'))\n"
        "except DeliveryError as error:\n"
        "    print(error.retryable, error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == (
        "True A receiver of type apprise needs the package 'apprise'. "
        "Install it with: pip install 'driftwatch-monitor[apprise]'\n"
    )
