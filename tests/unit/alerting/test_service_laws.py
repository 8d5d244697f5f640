"""Laws of alerting over any course of events: judging, silences, acknowledgements and a receiver that comes and goes.

The state machine, the store (SQLite), the outbox and an HTTP receiver are the real ones; verdicts are made up.
"""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from acceptance.listener import Webhook
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from driftwatch.alerting.book import IncidentBook
from driftwatch.alerting.machine import Transition
from driftwatch.domain.finding import Finding
from driftwatch.domain.incident import Incident
from driftwatch.domain.instant import DAY, HOUR, from_iso
from driftwatch.domain.signal import RunStatus, Severity, Signal
from driftwatch.monitors.baseline import WindowResult
from driftwatch.notifiers.receiver import parse_receiver
from driftwatch.service.acknowledging import acknowledge
from driftwatch.service.apply import apply_documents
from driftwatch.service.effect import Failure, write_effects
from driftwatch.service.follow_up import follow_up
from driftwatch.service.judging import ModelJudge, spec_of
from driftwatch.service.outbox import Outbox
from driftwatch.service.telling import last_told
from driftwatch.storage import alert, incident, monitor, notification, receiver, registration, run, silence
from driftwatch.storage.notification import NotificationRow
from driftwatch.storage.store import Store

COLUMNS = ("temp", "wind")
START = from_iso("2013-01-07T00:00")
URL = "http://127.0.0.1:8301"
SPEC = {"kind": "model", "model": "flights", "columns": {"timestamp": "ts"}, "clock": "live"}

STATES = st.sampled_from(["judged", "judged", "judged", "low_data", "no_data", "gone"])
SEVERITIES = st.sampled_from([None, None, Severity.WATCH, Severity.WARNING, Severity.WARNING, Severity.CRITICAL])
VERDICTS = st.fixed_dictionaries({column: st.tuples(STATES, SEVERITIES) for column in COLUMNS})


class Clocked(Store):
    """A store whose clock stands where the test puts it."""

    clock: int = START

    def now(self, conn: object) -> int:  # noqa: ARG002 - the signature is the store's
        return self.clock


class Alerting(RuleBasedStateMachine):
    """One live model, hourly, with two receivers behind a route that repeats."""

    template: Path
    webhook: Webhook

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=self.template.parent))
        shutil.copy(self.template, self.folder / "dw.db")
        self.store = Clocked.open(f"sqlite:///{self.folder}/dw.db")
        self.webhook.status = 200
        with self.store.begin() as conn:
            model_id = registration.ensure_model(conn, "production", "flights", at=0)
            registration.set_spec(conn, model_id, SPEC, at=0)
            for name in ("ops", "lead"):
                spec = parse_receiver(
                    {"kind": "receiver", "name": name, "type": "slack", "webhook_url": "env:OPS_WEBHOOK"}
                )
                receiver.put_receiver(conn, spec.name, spec.type, spec.to_dict(), at=0)
            self.monitor_id = monitor.put_monitor(conn, model_id, "drift", "drift", {}, at=0).id
            model = registration.find_model(conn, "production", "flights")
        assert model is not None
        route = {"kind": "route", "name": "all", "receivers": ["ops", "lead"], "repeat": {"warning": "6h"}}
        apply_documents(self.store, [route], actor="t")
        self.judge_of = ModelJudge(model, spec_of(model), (START - 14 * DAY, START))
        self.outbox = Outbox(self.store, pause=lambda _: None)
        self.hour = 0
        self.silenced_until = 0
        self.in_hand: str | None = None
        self._judge({"temp": ("judged", Severity.WARNING), "wind": ("judged", None)})
        self.deliver()

    @rule(verdicts=st.lists(VERDICTS, min_size=1, max_size=4), late=st.integers(0, 9))
    def judge(self, verdicts: list[Mapping[str, tuple[str, Severity | None]]], late: int) -> None:
        for verdict in verdicts:
            self._judge(verdict, backfill=late == 0)

    @rule(hours=st.sampled_from([1, 12, 24, 24, 30]))
    def stay_quiet(self, hours: int) -> None:
        starts = [START + (self.hour + hour) * HOUR for hour in range(hours)]
        states = dict.fromkeys(COLUMNS, "judged")
        quiet = [WindowResult(each, each + HOUR, RunStatus.OK, (), states, 60, {"columns": {}}) for each in starts]
        assert {each.kind for each in self._write(quiet)} <= {"updated", "resolved"}
        self._check_hand(())

    @rule(status=st.sampled_from([RunStatus.ERROR, RunStatus.PARTIAL]))
    def fail_to_judge(self, status: RunStatus) -> None:
        before = self._current()
        assert self._write([Failure("it broke", status)]) == []
        assert self._current() == before

    @rule(status=st.sampled_from([200, 503]))
    def receiver_comes_or_goes(self, status: int) -> None:
        self.webhook.status = status

    @rule(hours=st.integers(1, 9))
    def time_passes(self, hours: int) -> None:
        self.store.clock += hours * HOUR
        self.follow_up()

    @rule()
    def follow_up(self) -> None:
        before = {row.id for row in self._rows()}
        follow_up(self.store, public_url=URL)
        reasons = {row.reason for row in self._rows() if row.id not in before}
        assert reasons <= {"first", "escalated", "repeat"}
        if self.in_hand is not None:
            assert "repeat" not in reasons
        if self.store.clock < self.silenced_until:
            assert reasons == set()

    @rule()
    def deliver(self) -> None:
        taken = len(self.webhook.bodies)
        report = self.outbox.deliver_due()
        if self.webhook.status == 200:
            assert len(self.webhook.bodies) - taken == report.delivered

    @rule(hours=st.integers(1, 12))
    def silence_all(self, hours: int) -> None:
        end = self.store.clock + hours * HOUR
        with self.store.begin() as conn:
            silence.put_silence(
                conn, {"model": "flights"}, start=self.store.clock, end=end, author="a", note="n", at=self.store.clock
            )
        self.silenced_until = max(self.silenced_until, end)

    @precondition(lambda self: self.in_hand is None and self._current() is not None)
    @rule()
    def take_in_hand(self) -> None:
        current = self._current()
        assert current is not None
        acknowledge(self.store, current.id, actor="ana")
        self.in_hand = current.id
        self.settle()
        self.time_passes(7)

    @rule()
    def settle(self) -> None:
        """Silences end and the receiver is there: whoever is to know of an open incident knows."""
        self.webhook.status = 200
        self.store.clock = max(self.store.clock, self.silenced_until) + HOUR
        self.outbox.deliver_due()
        follow_up(self.store, public_url=URL)
        self.outbox.deliver_due()
        current = self._current()
        assert not any(row.status in {"waiting", "sending", "dead"} for row in self._rows())
        if current is not None and current.announced:
            told = last_told([row for row in self._rows() if row.incident_id == current.id])
            assert len(told) == 2
            for row in told.values():
                assert (row.status, row.reason == "resolved") == ("delivered", False)
                worst = max(each.severity.rank for each in current.firing)
                assert Severity(row.payload["severity"]).rank >= worst

    @invariant()
    def alerts_and_incidents_agree(self) -> None:
        with self.store.read() as conn:
            found = incident.list_incidents(conn)
        assert sum(each.is_open for each in found) <= 1
        for each in found:
            assert each.is_open is bool(each.firing)
            assert (each.resolved_at is None) is each.is_open

    @invariant()
    def a_message_has_one_number_and_comes_once(self) -> None:
        rows = self._rows()
        assert len({(row.receiver_id, row.group_key, row.seq) for row in rows}) == len(rows)
        with self.store.read() as conn:
            messages = {each.id: each.messages for each in incident.list_incidents(conn)}
        assert all(row.seq <= messages[str(row.incident_id)] for row in rows)

    def _judge(self, verdict: Mapping[str, tuple[str, Severity | None]], *, backfill: bool = False) -> None:
        start = START + self.hour * HOUR
        alarms = [
            Finding(
                window_start=start,
                window_end=start + HOUR,
                at=start + HOUR,
                signal=Signal.DRIFT,
                column=column,
                severity=severity,
                kind="location",
                value=4.0,
                threshold=3.0,
                effect={"kolmogorov_smirnov": 0.3},
            )
            for column, (state, severity) in verdict.items()
            if state == "judged" and severity is not None
        ]
        states = {column: state for column, (state, _) in verdict.items() if state != "gone"}
        result = WindowResult(start, start + HOUR, RunStatus.OK, tuple(alarms), states, 60, {"columns": {}})
        transitions = self._write([result], backfill=backfill)
        fires = any(each.severity.rank >= Severity.WARNING.rank for each in alarms)
        for each in transitions:
            assert fires or each.kind not in {"opened", "reopened", "escalated"}
            assert not (each.notify and backfill)
        if fires:
            assert self._current() is not None
        self._check_hand(transitions)

    def _check_hand(self, transitions: Sequence[Transition]) -> None:
        """An acknowledgement lasts as long as its incident, and until that gets worse or comes back."""
        anew = {each.incident.id for each in transitions if each.kind in {"escalated", "reopened"}}
        current = self._current()
        if current is None or self.in_hand != current.id or self.in_hand in anew:
            self.in_hand = None
        if current is not None:
            with self.store.read() as conn:
                known = incident.find_acknowledgement(conn, current.id)
            assert (known is not None) is (self.in_hand == current.id)

    def _write(self, verdicts: Sequence[WindowResult | Failure], *, backfill: bool = False) -> list[Transition]:
        starts = [START + (self.hour + hour) * HOUR for hour in range(len(verdicts))]
        self.hour += len(verdicts)
        now = self.store.clock = max(self.store.clock, starts[-1] + HOUR)
        due = [(start, start + HOUR, 0, backfill) for start in starts]
        with self.store.begin() as conn:
            run.insert_all_due(conn, self.monitor_id, due, config_hash="c", at=now)
            rows = run.claim_span(conn, "w", now=now, lease_seconds=60, limit=len(due))
            claimed = list(zip(rows, verdicts, strict=True))
            return write_effects(conn, self.judge_of, claimed, owner="w", now=now, public_url=URL)

    def _current(self) -> Incident | None:
        with self.store.read() as conn:
            stored, _ = incident.read_book(conn, self.judge_of.model.id, "default")
        return None if stored is None else IncidentBook.from_dict(stored).current

    def _rows(self) -> list[NotificationRow]:
        with self.store.read() as conn:
            found = incident.list_incidents(conn)
            return [row for each in found for row in notification.list_notifications(conn, each.id)]

    def teardown(self) -> None:
        """A quiet day ends everything, and whoever was told of the opening is told of the end."""
        if not hasattr(self, "store"):
            return
        try:
            self.settle()
            self.stay_quiet(24)
            self.settle()
            assert self._current() is None
            with self.store.read() as conn:
                assert all(not each.is_open for each in incident.list_incidents(conn))
                open_alerts = alert.list_alerts(conn, self.judge_of.model.id)
            assert open_alerts == []
            by_place: dict[tuple[int, str], list[NotificationRow]] = {}
            for row in self._rows():
                if row.status == "delivered":
                    by_place.setdefault((row.receiver_id, row.group_key), []).append(row)
            assert all(rows[-1].reason == "resolved" for rows in by_place.values())
        finally:
            self.store.close()
            shutil.rmtree(self.folder)


@pytest.mark.slow
def test_alerting_keeps_its_laws_whatever_happens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/dw.db"):
        pass
    hook = Webhook()
    monkeypatch.setenv("OPS_WEBHOOK", hook.url)
    try:
        Alerting.template, Alerting.webhook = tmp_path / "dw.db", hook
        case = Alerting.TestCase
        case.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
        case().runTest()
    finally:
        hook.close()
