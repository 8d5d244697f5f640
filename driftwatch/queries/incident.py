"""Incidents as pages show them: the list, and one with its alerts, its history and what was sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, case, func, select

from driftwatch.domain.alert import Alert
from driftwatch.domain.system import SYSTEM
from driftwatch.queries.status import Status, of_severity
from driftwatch.storage.profile import watermark
from driftwatch.storage.schema import alert_transitions, alerts, incidents, models, notifications, receivers
from driftwatch.storage.store import Store

__all__ = [
    "AlertLine",
    "Delivery",
    "IncidentDetail",
    "IncidentLine",
    "Move",
    "list_incidents",
    "read_incident",
    "read_incidents",
]

_MOST = 500


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """One incident in a list.

    Attributes:
        id: stands in its address.
        environment: of the model.
        model: its name.
        title: one line.
        status: critical or warning; the worst since it opened.
        open: whether an alert of it is still firing.
        signals: what is monitored.
        columns: largest effect first.
        opened_at: microseconds UTC, on the clock of the windows.
        resolved_at: None while it is open.
        reason: what ended it, or "".
        n_alerts: how many alerts it has had; one that came back later belongs to the newer incident too.
    """

    id: str
    environment: str
    model: str
    title: str
    status: Status
    open: bool
    signals: tuple[str, ...]
    columns: tuple[str, ...]
    opened_at: int
    resolved_at: int | None
    reason: str
    n_alerts: int

    @property
    def of_service(self) -> bool:
        """Whether it is about driftwatch itself, which has no page of a model."""
        return (self.environment, self.model) == SYSTEM


@dataclass(frozen=True, slots=True)
class AlertLine:
    """One alert of an incident.

    Attributes:
        column: the column, or None for the model as a whole.
        signal: what is monitored.
        state: firing, recovering, resolved.
        status: its severity.
        kind: what was seen, in the words of the rule.
        value: what was measured at its worst; threshold: what it was held against.
        threshold: see value.
        times_threshold: evidence as a multiple of the threshold, or None.
        effect: effect sizes by method key, at its worst.
        n: rows with a value in that window.
        n_reference: rows that they were compared with, or None.
        window: ``(start, end)`` of that window, microseconds UTC.
        since: start of the first alarming window since it last came back.
        first_fired_at: end of its first alarming window in this incident, when that was known.
        last_fired_at: end of the newest one.
        size: the largest effect, 0 to 1 where there is one that is bounded.
        matters: False for drift that changes nothing about how well the model is expected to do.
        segment: the segment, or None for all rows.
    """

    column: str | None
    signal: str
    state: str
    status: Status
    kind: str
    value: float | None
    threshold: float | None
    times_threshold: float | None
    effect: Mapping[str, float]
    n: int
    n_reference: int | None
    window: tuple[int, int]
    since: int
    first_fired_at: int
    last_fired_at: int
    size: float
    matters: bool = True
    segment: str | None = None

    @property
    def name(self) -> str:
        """The column, or else the signal, and the segment."""
        return _named(self.column, self.signal, self.segment)


@dataclass(frozen=True, slots=True)
class Move:
    """One alert changed its state."""

    at: int
    column: str | None
    signal: str
    before: str
    after: str
    status: Status
    reason: str
    segment: str | None = None

    @property
    def name(self) -> str:
        """The column, or else the signal, and the segment."""
        return _named(self.column, self.signal, self.segment)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one receiver.

    Attributes:
        receiver: its name.
        kind: slack, email ...
        reason: first, new_alerts, escalated, flapping, repeat, acknowledged, resolved.
        state: waiting, sending, delivered, dead, dropped, suppressed, storm (told together with others).
        attempts: how many times it was tried.
        created_at: when it was due, database time.
        finished_at: when it was delivered or given up, or None.
        error: the receiver's last refusal, or why it was dropped or suppressed, or "".
    """

    receiver: str
    kind: str
    reason: str
    state: str
    attempts: int
    created_at: int
    finished_at: int | None
    error: str


@dataclass(frozen=True, slots=True)
class IncidentDetail:
    """One incident with its proof.

    Attributes:
        line: what the list says of it.
        alerts: firing ones first, then the worst.
        moves: how they came there, newest first.
        resolved_before: when it was resolved before it came back, oldest first.
        deliveries: what was sent, newest first.
        now: database time of the snapshot.
        data_at: the newest row of the model, microseconds UTC, or None.
    """

    line: IncidentLine
    alerts: tuple[AlertLine, ...]
    moves: tuple[Move, ...]
    resolved_before: tuple[int, ...]
    deliveries: tuple[Delivery, ...]
    now: int
    data_at: int | None


def list_incidents(
    conn: Connection, *, model_id: int | None = None, since: int | None = None, only_open: bool = False
) -> list[IncidentLine]:
    """Incidents, open ones first, then the newest; at most 500.

    Args:
        conn: a reading connection.
        model_id: of this model only.
        since: open, or resolved at or after this instant.
        only_open: without the resolved ones.
    """
    query = _lines()
    if model_id is not None:
        query = query.where(incidents.c.model_id == model_id)
    if since is not None:
        query = query.where((incidents.c.resolved_at.is_(None)) | (incidents.c.resolved_at >= since))
    if only_open:
        query = query.where(incidents.c.resolved_at.is_(None))
    return [_line(row) for row in conn.execute(query.limit(_MOST))]


def read_incidents(store: Store) -> list[IncidentLine]:
    """Every incident in one snapshot, open ones first, then the newest; at most 500."""
    with store.read() as conn:
        return list_incidents(conn)


def read_incident(store: Store, incident_id: str) -> IncidentDetail | None:
    """One incident in one snapshot, or None."""
    with store.read() as conn:
        row = conn.execute(_lines().where(incidents.c.id == incident_id)).first()
        if row is None:
            return None
        alert_rows = conn.execute(
            select(alerts.c.id, alerts.c.details).where(alerts.c.incident_id == incident_id)
        ).all()
        first = _first_fired(conn, incident_id)
        move_rows = conn.execute(
            select(alert_transitions, alerts.c.column_name, alerts.c.segment, alerts.c.signal)
            .join(alerts, alerts.c.id == alert_transitions.c.alert_id)
            .where(alert_transitions.c.incident_id == incident_id)
            .order_by(alert_transitions.c.moved_at.desc(), alert_transitions.c.id.desc())
            .limit(_MOST)
        ).all()
        sent_rows = conn.execute(
            select(notifications, receivers.c.name, receivers.c.kind)
            .join(receivers, receivers.c.id == notifications.c.receiver_id)
            .where(notifications.c.incident_id == incident_id)
            .order_by(notifications.c.created_at.desc(), notifications.c.id.desc())
            .limit(_MOST)
        ).all()
        now, data_at = store.now(conn), watermark(conn, row.model_id)
    ranked = sorted((_alert(details, first.get(alert_id)) for alert_id, details in alert_rows), key=_rank)
    ends = sorted({move.moved_at for move in move_rows if (move.reason, move.to_state) == ("resolved", "resolved")})
    return IncidentDetail(
        line=_line(row),
        alerts=tuple(ranked),
        moves=tuple(_move(move) for move in move_rows),
        resolved_before=tuple(at for at in ends if row.resolved_at is None or at < row.resolved_at),
        deliveries=tuple(_delivery(sent) for sent in sent_rows),
        now=now,
        data_at=data_at,
    )


def _lines() -> Select[Any]:
    counted = (
        select(
            alert_transitions.c.incident_id,
            func.count(alert_transitions.c.alert_id.distinct()).label("n_alerts"),
        )
        .where(alert_transitions.c.incident_id.is_not(None))
        .group_by(alert_transitions.c.incident_id)
        .subquery()
    )
    return (
        select(incidents, models.c.name.label("model"), models.c.environment, counted.c.n_alerts)
        .join(models, models.c.id == incidents.c.model_id)
        .outerjoin(counted, counted.c.incident_id == incidents.c.id)
        .order_by(
            case((incidents.c.resolved_at.is_(None), 0), else_=1),
            case((incidents.c.severity == "critical", 0), else_=1),
            incidents.c.opened_at.desc(),
        )
    )


def _line(row: Row[Any]) -> IncidentLine:
    return IncidentLine(
        id=row.id,
        environment=row.environment,
        model=row.model,
        title=row.title,
        status=_status(row.severity),
        open=row.resolved_at is None,
        signals=tuple(row.signals or ()),
        columns=tuple(row.column_names or ()),
        opened_at=row.opened_at,
        resolved_at=row.resolved_at,
        reason=row.reason or "",
        n_alerts=row.n_alerts or 0,
    )


def _first_fired(conn: Connection, incident_id: str) -> dict[int, int]:
    """When each alert of the incident fired first, by its id."""
    rows = conn.execute(
        select(alert_transitions.c.alert_id, func.min(alert_transitions.c.moved_at))
        .where(alert_transitions.c.incident_id == incident_id, alert_transitions.c.to_state == "firing")
        .group_by(alert_transitions.c.alert_id)
    )
    return {alert_id: int(at) for alert_id, at in rows}


def _alert(details: Mapping[str, Any], first_fired_at: int | None) -> AlertLine:
    alert = Alert.from_dict(details)
    peak = alert.peak
    return AlertLine(
        column=alert.key.column,
        signal=alert.key.signal.value,
        state=alert.state.value,
        status=of_severity(alert.severity),
        kind=peak.kind,
        value=peak.value,
        threshold=peak.threshold,
        times_threshold=peak.details.get("times_threshold"),
        effect=peak.effect,
        n=peak.n,
        n_reference=peak.details.get("n_reference"),
        window=(peak.window_start, peak.window_end),
        since=alert.since,
        first_fired_at=alert.last_alarm_at if first_fired_at is None else min(first_fired_at, alert.last_alarm_at),
        last_fired_at=alert.last_alarm_at,
        size=alert.effect,
        matters=peak.matters,
        segment=alert.key.segment,
    )


def _named(column: str | None, signal: str, segment: str | None) -> str:
    name = column or signal.replace("_", " ")
    return f"{name} ({segment})" if segment else name


def _rank(alert: AlertLine) -> tuple[bool, int, bool, float, str]:
    return (alert.state == "resolved", alert.status.rank, not alert.matters, -alert.size, alert.column or "")


def _move(row: Row[Any]) -> Move:
    return Move(
        at=row.moved_at,
        column=row.column_name,
        signal=row.signal,
        before=row.from_state,
        after=row.to_state,
        status=_status(row.severity),
        reason=row.reason or "",
        segment=row.segment,
    )


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        receiver=row.name,
        kind=row.kind,
        reason=row.reason,
        state=row.status,
        attempts=row.attempts,
        created_at=row.created_at,
        finished_at=row.finished_at,
        error=row.last_error or "",
    )


def _status(severity: str) -> Status:
    return Status(severity) if severity in ("critical", "warning", "watch") else Status.WARNING
