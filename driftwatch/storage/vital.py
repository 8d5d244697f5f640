"""Signs of life that are counted over the tables of others: deliveries by receiver, failing models, refused rows."""

from dataclasses import dataclass

from sqlalchemy import Connection, case, func, select

from driftwatch.storage.schema import batches, models, monitor_runs, monitors, notifications

__all__ = ["DeliveryRow", "IntakeRow", "list_deliveries", "list_failing", "list_intake"]


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """How messages to one receiver get on; instants in microseconds UTC, None where there is nothing."""

    receiver_id: int
    waiting: int
    oldest_at: int | None
    dead: int
    dead_at: int | None
    delivered_at: int | None
    error: str


@dataclass(frozen=True, slots=True)
class IntakeRow:
    """What came of the rows of one model."""

    environment: str
    model: str
    rows: int
    refused: int


def list_deliveries(conn: Connection, *, since: int) -> list[DeliveryRow]:
    """By receiver, its messages that wait, and those that were delivered or given up since an instant."""
    sent = notifications.c
    is_waiting = sent.status.in_(["waiting", "sending"])
    rows = conn.execute(
        select(
            sent.receiver_id,
            func.sum(case((is_waiting, 1), else_=0)).label("waiting"),
            func.min(case((is_waiting, sent.created_at))).label("oldest_at"),
            func.sum(case((sent.status == "dead", 1), else_=0)).label("dead"),
            func.max(case((sent.status == "dead", sent.finished_at))).label("dead_at"),
            func.max(case((sent.status == "delivered", sent.finished_at))).label("delivered_at"),
        )
        .where(is_waiting | (sent.status.in_(["dead", "delivered"]) & (sent.finished_at >= since)))
        .group_by(sent.receiver_id)
        .order_by(sent.receiver_id)
    ).all()
    return [
        DeliveryRow(
            receiver_id=row.receiver_id,
            waiting=int(row.waiting),
            oldest_at=row.oldest_at,
            dead=int(row.dead),
            dead_at=row.dead_at,
            delivered_at=row.delivered_at,
            error=_newest_error(conn, row.receiver_id) if row.waiting or row.dead else "",
        )
        for row in rows
    ]


def _newest_error(conn: Connection, receiver_id: int) -> str:
    sent = notifications.c
    found = conn.execute(
        select(sent.last_error)
        .where(
            sent.receiver_id == receiver_id,
            sent.status.in_(["waiting", "sending", "dead"]),
            sent.last_error.is_not(None),
        )
        .order_by(sent.id.desc())
        .limit(1)
    ).scalar()
    return found or ""


def list_failing(conn: Connection, environment: str, *, since: int) -> dict[str, str]:
    """By model of an environment, why its newest finished window could not be judged.

    Args:
        conn: a connection.
        environment: of the models.
        since: windows that ended before are left out: a replay has no present in which it fails.
    """
    failed = conn.execute(
        select(models.c.name, monitor_runs.c.monitor_id)
        .join_from(monitor_runs, monitors, monitors.c.id == monitor_runs.c.monitor_id)
        .join(models, models.c.id == monitors.c.model_id)
        .where(
            monitor_runs.c.state == "finished",
            monitor_runs.c.status == "error",
            monitor_runs.c.window_end >= since,
            models.c.environment == environment,
        )
        .distinct()
        .order_by(models.c.name, monitor_runs.c.monitor_id)
    ).all()
    failing: dict[str, str] = {}
    for model, monitor_id in failed:
        status, error = conn.execute(
            select(monitor_runs.c.status, monitor_runs.c.last_error)
            .where(monitor_runs.c.monitor_id == monitor_id, monitor_runs.c.state == "finished")
            .order_by(monitor_runs.c.window_end.desc(), monitor_runs.c.id.desc())
            .limit(1)
        ).one()
        if status == "error":
            failing[model] = error or ""
    return failing


def list_intake(conn: Connection, *, since: int) -> list[IntakeRow]:
    """By model that rows were refused of since an instant, how many came and how many were refused."""
    refused = func.sum(batches.c.n_quarantined)
    rows = conn.execute(
        select(models.c.environment, models.c.name, func.sum(batches.c.n).label("n"), refused.label("refused"))
        .join_from(batches, models, models.c.id == batches.c.model_id)
        .where(batches.c.received_at >= since)
        .group_by(models.c.environment, models.c.name)
        .having(refused > 0)
        .order_by(models.c.environment, models.c.name)
    )
    return [IntakeRow(row.environment, row.name, int(row.n), int(row.refused)) for row in rows]
