"""Alerts: the present state of every label set that ever fired, and how it came there."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from driftwatch.domain.alert import Alert
from driftwatch.storage.schema import alert_transitions, alerts
from driftwatch.storage.upsert import insert

__all__ = ["TransitionRow", "list_alerts", "list_transitions", "put_alerts"]


@dataclass(frozen=True, slots=True)
class TransitionRow:
    """One step of one alert."""

    fingerprint: str
    incident_id: str | None
    run_id: int | None
    from_state: str
    to_state: str
    severity: str
    reason: str | None
    moved_at: int


def put_alerts(
    conn: Connection,
    model_id: int,
    given: Sequence[Alert],
    *,
    incident_id: str | None,
    at: int,
    monitor_id: int | None = None,
    run_id: int | None = None,
    reason: str | None = None,
) -> list[TransitionRow]:
    """Store alerts as they are now, and a transition for each whose state or severity has changed; returns these.

    Args:
        conn: a writing connection.
        model_id: whose.
        given: the alerts.
        incident_id: the incident that they belong to; it was stored before.
        at: when they moved, on the clock of the windows.
        monitor_id: what found them.
        run_id: the run that moved them.
        reason: why, for people.
    """
    ordered = sorted(given, key=lambda each: each.fingerprint)
    moves = [_put(conn, model_id, alert, incident_id, at, monitor_id, run_id, reason) for alert in ordered]
    return [move for move in moves if move is not None]


def _put(
    conn: Connection,
    model_id: int,
    alert: Alert,
    incident_id: str | None,
    at: int,
    monitor_id: int | None,
    run_id: int | None,
    reason: str | None,
) -> TransitionRow | None:
    made = {
        "fingerprint": alert.fingerprint,
        "model_id": model_id,
        "monitor_id": monitor_id,
        "labels": alert.key.labels,
        "signal": alert.key.signal.value,
        "column_name": alert.key.column,
        "segment": alert.key.segment,
        "state": "normal",
        "severity": "none",
        "changed_at": at,
        "details": {},
    }
    conn.execute(insert(conn, alerts).values(**made).on_conflict_do_nothing())
    before = conn.execute(
        select(alerts.c.id, alerts.c.state, alerts.c.severity)
        .where(alerts.c.fingerprint == alert.fingerprint)
        .with_for_update()
    ).one()
    firing_again = before.state == "recovering" and alert.state.value == "firing"
    conn.execute(
        update(alerts)
        .where(alerts.c.id == before.id)
        .values(
            incident_id=incident_id,
            state=alert.state.value,
            severity=alert.severity.value,
            value=float(alert.latest.value),
            threshold=float(alert.latest.threshold),
            opened_at=alert.since,
            last_fired_at=alert.last_alarm_at,
            resolved_at=at if alert.state.value == "resolved" else None,
            changed_at=at,
            reason=reason,
            n_flaps=alerts.c.n_flaps + (1 if firing_again else 0),
            details=alert.to_dict(),
        )
    )
    state, severity = alert.state.value, alert.severity.value
    if (before.state, before.severity) == (state, severity):
        return None
    conn.execute(
        alert_transitions.insert().values(
            alert_id=before.id,
            incident_id=incident_id,
            run_id=run_id,
            from_state=before.state,
            to_state=state,
            severity=severity,
            reason=reason,
            window_start=alert.latest.window_start,
            window_end=alert.latest.window_end,
            moved_at=at,
        )
    )
    return TransitionRow(alert.fingerprint, incident_id, run_id, before.state, state, severity, reason, at)


def list_alerts(conn: Connection, model_id: int, *, states: Sequence[str] = ("firing", "recovering")) -> list[Alert]:
    """A model's alerts in these states, by fingerprint."""
    rows = conn.execute(
        select(alerts.c.details)
        .where(alerts.c.model_id == model_id, alerts.c.state.in_(states))
        .order_by(alerts.c.fingerprint)
    )
    return [Alert.from_dict(details) for (details,) in rows]


def list_transitions(conn: Connection, incident_id: str) -> list[TransitionRow]:
    """How the alerts of an incident moved, in order."""
    rows = conn.execute(
        select(
            alerts.c.fingerprint,
            alert_transitions.c.incident_id,
            alert_transitions.c.run_id,
            alert_transitions.c.from_state,
            alert_transitions.c.to_state,
            alert_transitions.c.severity,
            alert_transitions.c.reason,
            alert_transitions.c.moved_at,
        )
        .join_from(alert_transitions, alerts, alerts.c.id == alert_transitions.c.alert_id)
        .where(alert_transitions.c.incident_id == incident_id)
        .order_by(alert_transitions.c.moved_at, alert_transitions.c.id)
    )
    return [TransitionRow(*row) for row in rows]
