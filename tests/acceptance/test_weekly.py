"""One message a week to a model's owner: what it says, how it looks, and that it comes once."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from acceptance.alert_world import World
from acceptance.clocked import Clocked
from acceptance.listener import Webhook
from sqlalchemy import func, select

from driftwatch.domain.instant import DAY, HOUR, MINUTE, from_iso
from driftwatch.domain.notification import Message
from driftwatch.errors import SpecError
from driftwatch.notifiers.email import email_message
from driftwatch.notifiers.teams import teams_card
from driftwatch.service.apply import apply_documents
from driftwatch.service.outbox import Outbox
from driftwatch.service.tick import Ticker
from driftwatch.service.weekly import send_summaries
from driftwatch.storage import registration
from driftwatch.storage.notification import NotificationRow
from driftwatch.storage.schema import notifications, routes
from driftwatch.storage.store import Store

URL = "http://127.0.0.1:8301"
WEEKS = 14 * 24
START = from_iso("2013-01-07T00:00")  # a Monday
MONDAY = START + 21 * DAY + 8 * HOUR
ROUTE = {
    "kind": "route",
    "name": "air",
    "match": {"owner": "air", "severity": "critical"},
    "receivers": ["ops", "pager"],
    "summary": {"day": "mon", "at": "09:00", "zone": "Europe/Paris"},
}


@pytest.fixture
def clocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clocked]:
    with Clocked.open(f"sqlite:///{tmp_path_factory.mktemp('store')}/dw.db") as store:
        yield store


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    hook = Webhook()
    monkeypatch.setenv("OPS_WEBHOOK", hook.url)
    yield hook
    hook.close()


def fleet(store: Clocked) -> None:
    """Three models of one owner, of which one drifts and one falls silent, and one of another owner."""
    store.clock = START + 15 * DAY
    for name in ("calm", "hot", "gone", "other"):
        hot = range(WEEKS + 96, WEEKS + 100) if name == "hot" else ()
        world = World(store, name, clock="live", hot=hot)
        owner = "sea" if name == "other" else "air"
        spec = {"kind": "model", "model": name, "columns": {"timestamp": "ts"}, "clock": "live", "owner": owner}
        with store.begin() as conn:
            registration.set_spec(conn, world.model_id, spec, at=0)
        world.log(0, WEEKS if name == "gone" else WEEKS + 7 * 24)
    world.add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
    world.add_receiver("pager", type="pagerduty", routing_key="env:PAGER")
    apply_documents(store, [ROUTE], actor="t")


def sent(store: Store) -> list[NotificationRow]:
    with store.read() as conn:
        query = select(notifications).where(notifications.c.reason == "summary").order_by(notifications.c.id)
        columns = NotificationRow.__dataclass_fields__
        return [NotificationRow(*(getattr(row, name) for name in columns)) for row in conn.execute(query)]


def test_the_owner_is_told_once_a_week_of_the_models_of_the_route(clocked: Clocked, webhook: Webhook) -> None:
    fleet(clocked)
    clocked.clock = MONDAY - MINUTE
    Ticker(clocked, public_url=URL).tick()
    assert send_summaries(clocked, public_url=URL) == 0
    clocked.clock = MONDAY + MINUTE
    assert [send_summaries(clocked, public_url=URL) for _ in range(3)] == [1, 0, 0]
    (row,) = sent(clocked)  # the pager is left alone
    assert row.seq == date(2013, 1, 28).toordinal()
    message = Message.from_dict(row.payload)
    assert message.title == "Week of 3 models (air)"
    assert "Without data: gone." in message.summary
    lines = {each[1]: each for each in message.table[1:]}
    assert set(lines) == {"calm", "hot", "gone"}
    assert lines["calm"][2:] == ("no incident", "no drift", "performance not known", "9,600 rows (−5 %)")
    assert "drift: temp" in lines["hot"][3]
    assert "new" in lines["hot"][2]
    assert lines["gone"][0] in "○◆▲"
    assert lines["gone"][5] == "no data since 20 Jan 23:59 UTC"
    Outbox(clocked, pause=lambda _: None).deliver_due()
    (body,) = (json.loads(body) for body in webhook.bodies if b"Week of" in body)
    assert body["text"] == "≡ Week of 3 models (air)"
    assert "hot · " in json.dumps(body, ensure_ascii=False)
    letter = email_message(message, to=("a@example.com",), sender="dw@example.com")
    assert letter["Subject"] == "[Summary] Week of 3 models (air)"
    assert letter["References"] is None
    text, html = (part.get_content() for part in letter.iter_parts())
    assert "calm · no incident · no drift" in text
    assert '<th scope="col"' in html
    assert "Open the dashboard" in html
    assert any("calm · no incident" in line["text"] for line in teams_card(message)["body"])


def test_after_a_downtime_of_weeks_there_is_one_message_about_all_of_them(clocked: Clocked) -> None:
    fleet(clocked)
    clocked.clock = MONDAY + MINUTE
    send_summaries(clocked, public_url=URL)
    clocked.clock += 24 * DAY
    assert [send_summaries(clocked, public_url=URL) for _ in range(2)] == [1, 0]
    second = sent(clocked)[1].payload
    assert second["window"] == "28 Jan 2013 08:00 – 18 Feb 2013 08:00 UTC"


def test_what_was_not_asked_for_then_is_not_told(clocked: Clocked) -> None:
    fleet(clocked)
    clocked.clock = MONDAY + 2 * DAY
    changed = ROUTE | {"summary": {"day": "tue"}}
    apply_documents(clocked, [changed], actor="t")
    assert send_summaries(clocked, public_url=URL) == 0
    clocked.clock = MONDAY + 8 * DAY
    assert send_summaries(clocked, public_url=URL) == 1


def test_without_the_key_nobody_gets_one(clocked: Clocked) -> None:
    fleet(clocked)
    apply_documents(clocked, [{key: value for key, value in ROUTE.items() if key != "summary"}], actor="t")
    clocked.clock = MONDAY + DAY
    assert send_summaries(clocked, public_url=URL) == 0


SENDER = """
import sys
from driftwatch.service.weekly import send_summaries
from driftwatch.storage.store import Store

with Store.open(sys.argv[1]) as store:
    while True:
        send_summaries(store, public_url="http://127.0.0.1:8301")
"""


@pytest.mark.slow
def test_a_process_that_is_killed_over_and_over_sends_it_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/dw.db"
    with Store.open(url) as store:
        world = World(store, clock="live")
        world.log(0, 2)
        world.add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
        apply_documents(store, [{"kind": "route", "name": "r", "receivers": ["ops"], "summary": {}}], actor="t")
        with store.begin() as conn:  # asked for a month ago
            conn.execute(routes.update().values(changed_at=store.now(conn) - 30 * DAY))
        for _ in range(4):
            with subprocess.Popen([sys.executable, "-c", SENDER, url]) as worker:
                deadline = time.monotonic() + 60
                while not sent(store) and time.monotonic() < deadline:
                    assert worker.poll() is None
                    time.sleep(0.002)
                os.kill(worker.pid, signal.SIGKILL)
        with store.read() as conn:
            n = conn.execute(select(func.count()).select_from(notifications)).scalar_one()
        assert n == 1
        assert len(sent(store)) == 1


@pytest.mark.parametrize(
    ("summary", "message"),
    [
        ({"day": "monday"}, "summary.day: 'monday' is not one of mon, tue"),
        ({"at": "25:00"}, "summary.at: '25:00' is not a time of day"),
        ({"zone": "Lisbon"}, "summary.zone: 'Lisbon' is not an IANA time zone"),
        ({"weekday": "mon"}, "summary.weekday: unknown key"),
    ],
)
def test_a_wrong_summary_is_refused(clocked: Clocked, summary: object, message: str) -> None:
    World(clocked).add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
    document = {"kind": "route", "name": "r", "receivers": ["ops"], "summary": summary}
    with pytest.raises(SpecError, match=message):
        apply_documents(clocked, [document], actor="t")
    with pytest.raises(SpecError, match="summary: there is nobody to send it to"):
        apply_documents(clocked, [document | {"receivers": [], "summary": {}}], actor="t")
