"""Signs of life that are counted in the store, and what the storm guard asks the outbox."""

from sqlalchemy import Connection

from driftwatch.domain.alert import Alert, AlertKey, AlertState
from driftwatch.domain.finding import Finding
from driftwatch.domain.incident import Incident
from driftwatch.domain.instant import HOUR, MINUTE, SECOND, from_iso
from driftwatch.domain.signal import Severity, Signal
from driftwatch.storage import batch, incident, monitor, notification, receiver, registration, run, vital
from driftwatch.storage.batch import Receipt
from driftwatch.storage.notification import NotificationRow
from driftwatch.storage.store import Store

AT = from_iso("2013-01-05T00:00:00")


def _receiver(conn: Connection, name: str) -> int:
    return receiver.put_receiver(conn, name, "slack", {}, at=1)


def _sent(conn: Connection, receiver_id: int, group: str, *, at: int = AT, reason: str = "first") -> NotificationRow:
    """A message that has just been claimed."""
    notification.enqueue(conn, receiver_id=receiver_id, group_key=group, seq=1, reason=reason, payload={}, at=at)
    row = notification.claim(conn, "w", now=at, lease_seconds=60)
    assert row is not None
    assert row.group_key == group
    return row


def test_deliveries_are_counted_by_receiver(store: Store) -> None:
    with store.begin() as conn:
        ops, lead, idle = (_receiver(conn, name) for name in ("ops", "lead", "idle"))
        notification.deliver(conn, _sent(conn, ops, "a"), at=AT + 1)
        notification.bury(conn, _sent(conn, ops, "b"), at=AT + 2, error="no such channel")
        notification.postpone(conn, _sent(conn, lead, "c"), retry_at=AT + HOUR, error="away")
        _sent(conn, lead, "d", at=AT + 5)
        found = vital.list_deliveries(conn, since=AT)
        assert found == [
            vital.DeliveryRow(ops, 0, None, 1, AT + 2, AT + 1, "no such channel"),
            vital.DeliveryRow(lead, 2, AT, 0, None, None, "away"),
        ]
        assert [row.receiver_id for row in vital.list_deliveries(conn, since=AT + 3)] == [lead]
        assert idle not in {row.receiver_id for row in found}


def _alert() -> Alert:
    found = Finding(AT - HOUR, AT, AT, Signal.DRIFT, "temp", Severity.WARNING, "location", 9.0, 4.0)
    key = AlertKey("production", "flights", None, "default", Signal.DRIFT, "temp", None)
    return Alert(key, AlertState.FIRING, Severity.WARNING, AT - HOUR, AT, 0, found, found)


def _finished(conn: Connection, monitor_id: int, end: int, status: str, error: str | None = None) -> None:
    run.insert_due(conn, monitor_id, end - HOUR, end, "c", 1, at=AT)
    row = run.claim(conn, "w", now=AT + HOUR, lease_seconds=60)
    assert row is not None
    assert run.finish(conn, row.id, "w", row.fence, at=AT + HOUR, status=status, last_error=error)


def test_a_model_fails_while_its_newest_finished_window_does(store: Store) -> None:
    with store.begin() as conn:
        ids = {}
        for environment, name in (("production", "bad"), ("production", "mended"), ("staging", "trial")):
            model_id = registration.ensure_model(conn, environment, name, at=1)
            ids[name] = monitor.put_monitor(conn, model_id, "m", "calibrated", {}, at=1).id
        for name, monitor_id in ids.items():
            _finished(conn, monitor_id, AT, "error", "first")
            _finished(conn, monitor_id, AT + HOUR, "ok" if name == "mended" else "error", "bins are gone")
        run.insert_due(conn, ids["bad"], AT + HOUR, AT + 2 * HOUR, "c", 1, at=AT)
        assert vital.list_failing(conn, "production", since=AT) == {"bad": "bins are gone"}
        assert vital.list_failing(conn, "production", since=AT + 2 * HOUR) == {}


def test_refused_rows_are_counted_beside_those_that_came(store: Store) -> None:
    with store.begin() as conn:
        for name, refused in (("flights", 30), ("calm", 0)):
            model_id = registration.ensure_model(conn, "production", name, at=1)
            for number, at in enumerate((AT, AT + HOUR)):
                receipt = Receipt(f"{name}-{number}", "predictions", model_id, b"", 100, at, n_quarantined=refused)
                batch.insert_receipt(conn, receipt)
        assert vital.list_intake(conn, since=AT) == [vital.IntakeRow("production", "flights", 200, 60)]
        assert vital.list_intake(conn, since=AT + 1) == [vital.IntakeRow("production", "flights", 100, 30)]


def test_news_waits_for_what_comes_with_it_and_an_end_does_not(store: Store) -> None:
    with store.begin() as conn:
        ops = _receiver(conn, "ops")
        for group, reason in (("news", "first"), ("end", "resolved")):
            notification.enqueue(conn, receiver_id=ops, group_key=group, seq=1, reason=reason, payload={}, at=AT)

        def claimed(seconds: int) -> str | None:
            now = AT + seconds * SECOND
            row = notification.claim(conn, "w", now=now, lease_seconds=3600, gather_seconds=10)
            return None if row is None else row.group_key

        assert [claimed(seconds) for seconds in (0, 9, 10)] == ["end", None, "news"]


def test_what_is_gathered_counts_as_news_and_names_its_storm(store: Store) -> None:
    with store.begin() as conn:
        ops, lead = _receiver(conn, "ops"), _receiver(conn, "lead")
        model_id = registration.ensure_model(conn, "production", "flights", at=1)

        one = Incident("production", "flights", "default", 1, AT, None, Severity.WARNING, (_alert(),))
        incident.put_incident(conn, model_id, one, at=AT)

        def put(group: str, *, at: int = AT, reason: str = "first", to: int = ops) -> None:
            notification.enqueue(
                conn,
                receiver_id=to,
                group_key=group,
                seq=1,
                reason=reason,
                payload={},
                at=at,
                incident_id=one.id,
            )

        def taken() -> NotificationRow:
            row = notification.claim(conn, "w", now=AT, lease_seconds=3600)
            assert row is not None
            return row

        put("a")
        assert notification.gather(conn, taken(), at=AT, storm="storm-1-2", reason="a storm")
        put("b")
        notification.deliver(conn, taken(), at=AT + MINUTE)
        put("c")
        put("ended", reason="resolved")
        put("dw:system/x")
        put("elsewhere", to=lead)

        def count(since: int) -> int:
            return notification.count_groups(conn, ops, since=since, besides="dw:system/")

        assert [count(since) for since in (AT - 1, AT, AT + MINUTE)] == [3, 2, 1]
        assert notification.newest_storm(conn, ops, since=AT - 1) == "storm-1-2"
        assert notification.newest_storm(conn, ops, since=AT) is None
        assert notification.newest_storm(conn, lead, since=0) is None
        (kept,) = notification.list_gathered(conn, since=0)
        assert (kept.group_key, kept.status, kept.last_error) == ("a", "storm", "a storm")
        assert notification.list_gathered(conn, since=AT) == []
        assert notification.external_id(conn, ops, "a") is None
