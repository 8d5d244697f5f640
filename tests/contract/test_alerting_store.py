"""Alerts, incidents, receivers and the outbox."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from sqlalchemy import Connection

from driftwatch.domain.alert import Alert, AlertKey, AlertState
from driftwatch.domain.finding import Finding
from driftwatch.domain.incident import Incident
from driftwatch.domain.instant import HOUR, SECOND, from_iso
from driftwatch.domain.signal import Severity, Signal
from driftwatch.storage import alert, incident, notification, receiver, registration
from driftwatch.storage.store import Store

AT = from_iso("2013-01-05T00:00:00")


def _model(conn: Connection) -> int:
    return registration.ensure_model(conn, "production", "flights", at=1)


def _alert(column: str, state: AlertState = AlertState.FIRING, severity: Severity = Severity.WARNING) -> Alert:
    found = Finding(
        AT - HOUR, AT, AT, Signal.DRIFT, column, severity, "location", 9.0, 4.0, {"kolmogorov_smirnov": 0.2}
    )
    key = AlertKey("production", "flights", None, "default", Signal.DRIFT, column, None)
    return Alert(key, state, severity, AT - HOUR, AT, 0, found, found)


def _incident(sequence: int, *alerts: Alert, resolved_at: int | None = None) -> Incident:
    return Incident("production", "flights", "default", sequence, AT, resolved_at, Severity.WARNING, alerts)


def test_an_incident_comes_back_as_it_went_in_and_is_listed_newest_first(store: Store) -> None:
    first, second = _incident(1, _alert("temp")), replace(_incident(2, _alert("wind")), opened_at=AT + HOUR)
    with store.begin() as conn:
        model_id = _model(conn)
        for each in (first, second):
            incident.put_incident(conn, model_id, each, at=AT)
        assert incident.find_incident(conn, first.id) == first
        assert incident.find_incident(conn, "none") is None
        assert incident.list_incidents(conn) == [second, first]
        closed = replace(first, resolved_at=AT + 2 * HOUR, why_resolved="recovered")
        incident.put_incident(conn, model_id, closed, at=AT + 2 * HOUR)
        assert incident.list_incidents(conn, model_id=model_id, is_open=True) == [second]
        assert incident.list_incidents(conn, is_open=False) == [closed]
        assert incident.list_incidents(conn, model_id=model_id + 1) == []
        assert incident.list_incidents(conn, limit=1) == [second]


def test_an_acknowledgement_stays_until_it_is_cleared(store: Store) -> None:
    one = _incident(1, _alert("temp"))
    with store.begin() as conn:
        model_id = _model(conn)
        incident.put_incident(conn, model_id, one, at=AT)
        assert incident.find_acknowledgement(conn, one.id) is None
        incident.acknowledge(conn, one.id, by="ana", at=AT + 1)
        incident.put_incident(conn, model_id, replace(one, messages=2), at=AT + 2)
        assert incident.find_acknowledgement(conn, one.id) == incident.Acknowledgement(AT + 1, "ana")
        assert incident.find_acknowledgement(conn, "none") is None
        assert incident.clear_acknowledgement(conn, one.id)
        assert not incident.clear_acknowledgement(conn, one.id)
        assert incident.find_acknowledgement(conn, one.id) is None


def test_the_book_moves_on_from_the_revision_that_was_read(store: Store) -> None:
    with store.begin() as conn:
        model_id = _model(conn)
        assert incident.read_book(conn, model_id, "default") == (None, 0)
        assert incident.write_book(conn, model_id, "default", {"sequence": 1}, revision=0, at=AT)
        assert not incident.write_book(conn, model_id, "default", {"sequence": 9}, revision=0, at=AT)
        assert incident.read_book(conn, model_id, "default") == ({"sequence": 1}, 1)
        assert incident.write_book(conn, model_id, "default", {"sequence": 2}, revision=1, at=AT)
        assert not incident.write_book(conn, model_id, "default", {"sequence": 9}, revision=1, at=AT)
        assert incident.read_book(conn, model_id, "default") == ({"sequence": 2}, 2)
        assert incident.read_book(conn, model_id, "canary") == (None, 0)


def test_alerts_keep_their_state_and_every_step(store: Store) -> None:
    with store.begin() as conn:
        model_id = _model(conn)
        one = _incident(1, _alert("temp"), _alert("wind"))
        incident.put_incident(conn, model_id, one, at=AT)
        steps = (
            (_alert("temp"), _alert("wind")),
            (_alert("temp"),),  # nothing has changed: no step
            (_alert("temp", AlertState.RECOVERING),),
            (_alert("temp", severity=Severity.CRITICAL),),
            (_alert("temp", AlertState.RESOLVED, Severity.CRITICAL),),
        )
        for number, alerts in enumerate(steps):
            alert.put_alerts(conn, model_id, alerts, incident_id=one.id, at=AT + number, reason="because")
        assert alert.list_alerts(conn, model_id) == [_alert("wind")]
        assert alert.list_alerts(conn, model_id, states=["resolved"]) == [steps[-1][0]]
        temp = [
            (step.from_state, step.to_state, step.severity)
            for step in alert.list_transitions(conn, one.id)
            if step.fingerprint == _alert("temp").fingerprint
        ]
    assert temp == [
        ("normal", "firing", "warning"),
        ("firing", "recovering", "warning"),
        ("recovering", "firing", "critical"),
        ("firing", "resolved", "critical"),
    ]


def test_receivers_are_made_changed_and_forgotten(store: Store) -> None:
    with store.begin() as conn:
        first = receiver.put_receiver(conn, "team", "slack", {"url": "env:SLACK_URL"}, at=1)
        assert receiver.put_receiver(conn, "team", "slack", {"url": "file:/run/url"}, at=2) == first
        receiver.put_receiver(conn, "mail", "email", {}, at=3, enabled=False)
        assert receiver.list_receivers(conn, enabled=True) == [
            receiver.ReceiverRow(first, "team", "slack", {"url": "file:/run/url"}, True)
        ]
        assert [row.name for row in receiver.list_receivers(conn)] == ["mail", "team"]
        assert receiver.find_receiver(conn, "none") is None


def _enqueue(conn: Connection, receiver_id: int, seq: int, group: str = "dw:flights:1", at: int = AT) -> int | None:
    return notification.enqueue(
        conn, receiver_id=receiver_id, group_key=group, seq=seq, reason="first", payload={"title": "Drift"}, at=at
    )


def test_a_message_is_in_the_outbox_once(store: Store) -> None:
    with store.begin() as conn:
        team = receiver.put_receiver(conn, "team", "slack", {}, at=1)
        mail = receiver.put_receiver(conn, "mail", "email", {}, at=1)
        assert _enqueue(conn, team, 1) is not None
        assert _enqueue(conn, team, 1) is None
        assert _enqueue(conn, mail, 1) is not None
        assert notification.count_statuses(conn) == {"waiting": 2}
        assert notification.oldest_waiting_at(conn) == AT


def test_messages_of_a_group_reach_a_receiver_in_their_order(store: Store) -> None:
    with store.begin() as conn:
        team = receiver.put_receiver(conn, "team", "slack", {}, at=1)
        for seq in (1, 2):
            _enqueue(conn, team, seq)
        _enqueue(conn, team, 1, group="dw:other:1", at=AT + 1)
        first = notification.claim(conn, "w1", now=AT + 1, lease_seconds=30)
        other = notification.claim(conn, "w2", now=AT + 1, lease_seconds=30)
        assert first is not None
        assert other is not None
        assert (first.seq, first.attempts, first.status, first.payload) == (1, 1, "sending", {"title": "Drift"})
        assert other.group_key == "dw:other:1"
        assert notification.claim(conn, "w3", now=AT + 1, lease_seconds=30) is None
        assert notification.postpone(conn, first, retry_at=AT + 10, error="429")
        assert notification.claim(conn, "w3", now=AT + 9, lease_seconds=30) is None  # the second waits for the first
        again = notification.claim(conn, "w3", now=AT + 10, lease_seconds=30)
        assert again is not None
        assert (again.id, again.attempts, again.last_error) == (first.id, 2, "429")
        assert notification.deliver(conn, again, at=AT + 11, external_id="ts-1")
        second = notification.claim(conn, "w3", now=AT + 11, lease_seconds=30)
        assert second is not None
        assert second.seq == 2
        assert notification.external_id(conn, team, "dw:flights:1") == "ts-1"
        assert notification.external_id(conn, team, "dw:unknown:1") is None
        assert notification.list_numbers(conn, "dw:flights:1") == {team: 2}
        assert notification.list_numbers(conn, "dw:unknown:1") == {}


def test_a_sender_that_lost_its_claim_can_not_end_the_message(store: Store) -> None:
    with store.begin() as conn:
        team = receiver.put_receiver(conn, "team", "slack", {}, at=1)
        _enqueue(conn, team, 1)
        first = notification.claim(conn, "w1", now=AT, lease_seconds=30)
        assert first is not None
        assert notification.claim(conn, "w2", now=AT + 30 * SECOND, lease_seconds=30) is None
        second = notification.claim(conn, "w1", now=AT + 31 * SECOND, lease_seconds=30)
        assert second is not None
        for end in (
            notification.deliver(conn, first, at=AT),
            notification.postpone(conn, first, retry_at=AT, error="x"),
            notification.bury(conn, first, at=AT, error="x"),
            notification.discard(conn, first, at=AT, reason="x"),
        ):
            assert not end
        assert notification.bury(conn, second, at=AT + 40, error="no such channel")
        (dead,) = notification.list_dead(conn)
        assert (dead.id, dead.last_error, dead.finished_at) == (second.id, "no such channel", AT + 40)


def test_what_nobody_needs_any_more_is_dropped_and_lets_the_next_go(store: Store) -> None:
    with store.begin() as conn:
        team = receiver.put_receiver(conn, "team", "slack", {}, at=1)
        one = _incident(1, _alert("temp"))
        incident.put_incident(conn, _model(conn), one, at=AT)
        for seq in (1, 2):
            notification.enqueue(
                conn,
                incident_id=one.id,
                receiver_id=team,
                group_key="g",
                seq=seq,
                reason="first",
                payload={},
                at=AT,
                send_at=AT + seq,
            )
        assert notification.claim(conn, "w", now=AT, lease_seconds=30) is None
        claimed = notification.claim(conn, "w", now=AT + 5, lease_seconds=30)
        assert claimed is not None
        assert notification.discard(conn, claimed, at=AT + 5, reason="resolved before it was sent")
        claimed = notification.claim(conn, "w", now=AT + 5, lease_seconds=30)
        assert claimed is not None
        assert claimed.seq == 2
        assert [row.status for row in notification.list_notifications(conn, one.id)] == ["dropped", "sending"]


def test_each_message_is_claimed_by_one_of_many_senders(store: Store) -> None:
    with store.begin() as conn:
        team = receiver.put_receiver(conn, "team", "slack", {}, at=1)
        for number in range(30):
            _enqueue(conn, team, 1, group=f"g{number}")

    def send(worker: int) -> list[int]:
        sent: list[int] = []
        while True:
            with store.begin() as conn:
                claimed = notification.claim(conn, f"w{worker}", now=AT, lease_seconds=30)
            if claimed is None:
                return sent
            with store.begin() as conn:
                assert notification.deliver(conn, claimed, at=AT)
            sent.append(claimed.id)

    with ThreadPoolExecutor(4) as pool:
        sent = [each for part in pool.map(send, range(4)) for each in part]
    with store.read() as conn:
        # A worker may find the queue empty while another still holds a row; nothing is lost or doubled all the same.
        assert notification.count_statuses(conn) == {"delivered": 30}
    assert len(sent) == len(set(sent)) == 30
