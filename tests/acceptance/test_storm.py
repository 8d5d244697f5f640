"""Much at once: one message a receiver with a table, one when it is over, and all say why they were not told."""

import json
from collections.abc import Iterator

import pytest
from acceptance.alert_world import START
from acceptance.clocked import Clocked
from acceptance.listener import Webhook

from driftwatch.alerting.book import IncidentBook, JudgedWindow
from driftwatch.alerting.machine import advance
from driftwatch.alerting.matching import Facts
from driftwatch.domain.finding import Finding
from driftwatch.domain.instant import DAY, HOUR, MINUTE
from driftwatch.domain.signal import Severity, Signal
from driftwatch.errors import SpecError
from driftwatch.notifiers.receiver import parse_receiver
from driftwatch.service.apply import apply_documents
from driftwatch.service.follow_up import follow_up
from driftwatch.service.outbox import Outbox
from driftwatch.service.recording import close, record
from driftwatch.service.storm import watch_storms
from driftwatch.service.telling import tell
from driftwatch.service.wording import Context
from driftwatch.storage import incident, notification, receiver, registration
from driftwatch.storage.notification import NotificationRow

URL = "http://127.0.0.1:8301"
NAMES = [f"model-{number:02}" for number in range(40)]


@pytest.fixture
def clocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clocked]:
    with Clocked.open(f"sqlite:///{tmp_path_factory.mktemp('store')}/dw.db") as store:
        store.clock = START + 60 * DAY
        with store.begin() as conn:
            for name in ("ops", "lead"):
                document = {"kind": "receiver", "name": name, "type": "slack", "webhook_url": f"env:{name.upper()}"}
                receiver.put_receiver(conn, name, "slack", parse_receiver(document).to_dict(), at=0)
        yield store


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Webhook]]:
    """What each receiver gets."""
    found = {name: Webhook() for name in ("ops", "lead")}
    for name, hook in found.items():
        monkeypatch.setenv(name.upper(), hook.url)
    yield found
    for hook in found.values():
        hook.close()


def judge(store: Clocked, name: str, severity: Severity | None) -> None:
    """One window of one model, with an alarm of that severity or with none, as judging writes it."""
    with store.begin() as conn:
        now = store.clock
        model_id = registration.ensure_model(conn, "production", name, at=now)
        stored, revision = incident.read_book(conn, model_id, "default")
        book = IncidentBook("production", name) if stored is None else IncidentBook.from_dict(stored)
        found = () if severity is None else (_finding(now, severity),)
        window = JudgedWindow(now - DAY if severity is None else now - HOUR, now, now, found, {"temp": "judged"})
        book, transitions = advance(book, window)
        for each in transitions:
            record(conn, model_id, each, now=now)
            if each.notify and not tell(conn, each, Context(URL), Facts(), now=now):
                book = book.with_opening_owed(each.incident.id)
        close(conn, model_id, book, revision=revision, now=now)


def _finding(now: int, severity: Severity) -> Finding:
    effect = {"kolmogorov_smirnov": 0.4}
    return Finding(now - HOUR, now, now, Signal.DRIFT, "temp", severity, "location", 9.0, 4.0, effect, n=60)


def round_of(store: Clocked, minutes: int = 0) -> None:
    """What the worker does again and again."""
    store.clock += minutes * MINUTE
    outbox = Outbox(store, pause=lambda _: None)
    outbox.deliver_due()
    watch_storms(store, public_url=URL)
    follow_up(store, public_url=URL)
    outbox.deliver_due()


def titles(hook: Webhook) -> list[str]:
    return [json.loads(body)["text"] for body in hook.bodies]


def log_of(store: Clocked, name: str) -> list[NotificationRow]:
    with store.read() as conn:
        model_id = registration.ensure_model(conn, "production", name, at=0)
        return [
            row
            for each in incident.list_incidents(conn, model_id=model_id)
            for row in notification.list_notifications(conn, each.id)
        ]


def test_forty_models_that_break_at_once_are_one_message_a_receiver_and_one_when_it_is_over(
    clocked: Clocked, hooks: dict[str, Webhook]
) -> None:
    for name in NAMES:
        judge(clocked, name, Severity.WARNING)
    for _ in range(5):
        round_of(clocked, 1)
    for hook in hooks.values():
        assert titles(hook) == ["◆ 40 incidents at once in 40 models"]
        (body,) = hook.bodies
        assert b"model-00" in body
        assert b"more on the page" not in body
    for name in NAMES:
        rows = log_of(clocked, name)
        assert {row.status for row in rows} == {"storm"}
        assert rows[0].last_error == "suppressed by a storm: 40 incidents within 10 min are told in one message"
    for name in NAMES[:3]:
        clocked.clock += 1
        judge(clocked, name, None)
    for _ in range(60):
        round_of(clocked, 1)
    for hook in hooks.values():
        assert titles(hook)[1:] == ["◆ The storm is over: 37 of 40 incidents still fire"]
    for name in NAMES[3:]:
        judge(clocked, name, None)
    round_of(clocked, 5)
    for hook in hooks.values():
        assert titles(hook)[2:] == ["✓ All 40 incidents of the storm have ended"]
    round_of(clocked, 60)
    assert [len(hook.bodies) for hook in hooks.values()] == [3, 3]


def test_one_that_gets_critical_in_a_storm_makes_the_storm_critical(
    clocked: Clocked, hooks: dict[str, Webhook]
) -> None:
    for name in NAMES:
        judge(clocked, name, Severity.WARNING)
    round_of(clocked, 1)
    judge(clocked, NAMES[7], Severity.CRITICAL)
    round_of(clocked, 1)
    assert titles(hooks["ops"]) == ["◆ 40 incidents at once in 40 models", "▲ 40 incidents at once in 40 models"]
    assert "▲ model-07" in json.dumps(json.loads(hooks["ops"].bodies[1]), ensure_ascii=False)


def test_few_are_told_one_by_one_and_a_storm_later_tells_of_the_rest(
    clocked: Clocked, hooks: dict[str, Webhook]
) -> None:
    for name in NAMES[:5]:
        judge(clocked, name, Severity.WARNING)
    round_of(clocked, 1)
    assert len(hooks["ops"].bodies) == 5
    for name in NAMES[5:8]:
        judge(clocked, name, Severity.CRITICAL)
    round_of(clocked, 1)
    assert titles(hooks["ops"])[5:] == ["▲ 3 incidents at once in 3 models"]
    for name in NAMES[8:10]:
        judge(clocked, name, Severity.WARNING)
    round_of(clocked, 30)  # that storm is over: these are told by themselves
    assert titles(hooks["ops"])[6:] == [
        "◆ Drift in model-08: temp",
        "◆ Drift in model-09: temp",
        "▲ The storm is over: 3 of 3 incidents still fire",
    ]


def test_a_second_storm_is_another_one(clocked: Clocked, hooks: dict[str, Webhook]) -> None:
    for name in NAMES[:20]:
        judge(clocked, name, Severity.WARNING)
    round_of(clocked, 1)
    round_of(clocked, 60)
    for name in NAMES[20:]:
        judge(clocked, name, Severity.WARNING)
    round_of(clocked, 1)
    assert titles(hooks["lead"]) == [
        "◆ 20 incidents at once in 20 models",
        "◆ The storm is over: 20 of 20 incidents still fire",
        "◆ 20 incidents at once in 20 models",
    ]


def test_members_of_a_storm_are_not_repeated_by_themselves_but_the_storm_is(
    clocked: Clocked, hooks: dict[str, Webhook]
) -> None:
    apply_documents(clocked, [{"kind": "route", "name": "all", "receivers": ["ops", "lead"]}], actor="t")
    for name in NAMES:
        judge(clocked, name, Severity.WARNING)
    round_of(clocked, 1)
    round_of(clocked, 11)
    before = len(hooks["ops"].bodies)
    round_of(clocked, 25 * 60)
    assert titles(hooks["ops"])[before:] == ["◆ 40 incidents at once in 40 models"]


def test_how_much_a_receiver_bears_is_declared(clocked: Clocked, hooks: dict[str, Webhook]) -> None:
    ops = {"kind": "receiver", "name": "ops", "type": "slack", "webhook_url": "env:OPS", "storm": "never"}
    lead = ops | {"name": "lead", "webhook_url": "env:LEAD", "storm": {"incidents": 2, "within": "1h"}}
    assert [each.verb for each in apply_documents(clocked, [ops, lead], actor="t")] == ["changed", "changed"]
    assert [each.verb for each in apply_documents(clocked, [ops, lead], actor="t")] == ["unchanged", "unchanged"]
    for name in NAMES[:8]:
        judge(clocked, name, Severity.WARNING)
    round_of(clocked, 1)
    assert len(hooks["ops"].bodies) == 8
    assert titles(hooks["lead"]) == ["◆ 8 incidents at once in 8 models"]


@pytest.mark.parametrize(
    ("storm", "message"),
    [
        ({"incidents": 0}, r"storm.incidents: 0 is not a number of incidents"),
        ({"within": "2d"}, r"storm.within: '2d' is too long"),
        ({"within": "soon"}, r"storm.within: 'soon' is not a length of time"),
        ({"incident": 3}, r"storm.incident: unknown key.*incidents"),
    ],
)
def test_a_wrong_limit_is_refused(clocked: Clocked, storm: object, message: str) -> None:
    document = {"kind": "receiver", "name": "ops", "type": "slack", "webhook_url": "env:OPS", "storm": storm}
    with pytest.raises(SpecError, match=message):
        apply_documents(clocked, [document], actor="t")
