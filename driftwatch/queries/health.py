"""The service's own health, as the store tells it."""

from dataclasses import dataclass

from sqlalchemy import func, select

from driftwatch.domain.instant import DAY
from driftwatch.storage.engine import Database
from driftwatch.storage.schema import client_drops, heartbeats, monitor_runs, notifications, quarantine, receivers

__all__ = ["Health", "ReceiverRow", "read_health"]


@dataclass(frozen=True)
class ReceiverRow:
    """A receiver as configured; secrets are references.

    Attributes:
        name: as messages and pages call it.
        kind: slack, email ...
        spec: its document.
    """

    name: str
    kind: str
    spec: dict[str, object]


@dataclass(frozen=True)
class Health:
    """What the store knows of the service's work. Times in microseconds UTC, None where nothing happened yet.

    Attributes:
        now: the database's clock.
        beats: the newest heartbeat of each component.
        failed_runs: runs that ended in error within a day.
        waiting: notifications that wait to be sent.
        oldest_waiting_at: when the oldest of them was written.
        dead: notifications that no receiver took, of the last seven days.
        last_error: what the newest dead letter's receiver said.
        quarantined: rows put aside within a day, with a reason each.
        dropped: rows that clients dropped and counted, within a day.
        receivers: all enabled receivers.
    """

    now: int
    beats: dict[str, int]
    failed_runs: int
    waiting: int
    oldest_waiting_at: int | None
    dead: int
    last_error: str | None
    quarantined: int
    dropped: int
    receivers: tuple[ReceiverRow, ...]


def read_health(store: Database) -> Health:
    """Read everything in one snapshot."""
    with store.read() as conn:
        now = store.now(conn)
        since = now - DAY
        beats = conn.execute(
            select(heartbeats.c.component, func.max(heartbeats.c.beat_at).label("beat_at")).group_by(
                heartbeats.c.component
            )
        )
        waiting, oldest = conn.execute(
            select(func.count(), func.min(notifications.c.created_at)).where(
                notifications.c.status.in_(("waiting", "sending"))
            )
        ).one()
        dead = conn.execute(
            select(notifications.c.last_error)
            .where(notifications.c.status == "dead", notifications.c.created_at >= now - 7 * DAY)
            .order_by(notifications.c.id.desc())
        ).scalars()
        errors = list(dead)
        known = conn.execute(
            select(receivers.c.name, receivers.c.kind, receivers.c.spec)
            .where(receivers.c.enabled)
            .order_by(receivers.c.name)
        )
        return Health(
            now=now,
            beats={row.component: row.beat_at for row in beats},
            failed_runs=conn.execute(
                select(func.count()).where(monitor_runs.c.status == "error", monitor_runs.c.finished_at >= since)
            ).scalar_one(),
            waiting=waiting,
            oldest_waiting_at=oldest,
            dead=len(errors),
            last_error=errors[0] if errors else None,
            quarantined=conn.execute(
                select(func.count()).select_from(quarantine).where(quarantine.c.received_at >= since)
            ).scalar_one(),
            dropped=conn.execute(
                select(func.coalesce(func.sum(client_drops.c.n), 0)).where(client_drops.c.received_at >= since)
            ).scalar_one(),
            receivers=tuple(ReceiverRow(row.name, row.kind, dict(row.spec)) for row in known),
        )
