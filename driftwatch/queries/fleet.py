"""The Fleet page: every model, worst first, and the service's pulse."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from driftwatch.domain.instant import DAY, HOUR
from driftwatch.domain.signal import RunStatus
from driftwatch.queries.catalogue import KnownModel, list_models
from driftwatch.queries.incident import list_incidents
from driftwatch.queries.profile import Traffic, read_traffic
from driftwatch.queries.run import newest_status
from driftwatch.queries.span import Span, span_of
from driftwatch.queries.standing import Standing, read_standing
from driftwatch.queries.status import Status
from driftwatch.storage.notification import oldest_waiting_at
from driftwatch.storage.profile import count_buckets
from driftwatch.storage.schema import heartbeats, notifications
from driftwatch.storage.store import Store

__all__ = ["TRAFFIC_WINDOWS", "Fleet", "FleetModel", "Pulse", "read_fleet", "read_pulse"]

TRAFFIC_WINDOWS = 48
"""How many windows the traffic of a row covers."""


@dataclass(frozen=True)
class FleetModel:
    """One row of the fleet.

    Attributes:
        standing: its status and why.
        traffic: of the last 24 hours of its own time.
        recent: rows of each of the last 48 windows, oldest first; fewer for a model that is younger.
        span: the 24 hours.
    """

    standing: Standing
    traffic: Traffic
    recent: tuple[int, ...]
    span: Span

    @property
    def model(self) -> KnownModel:
        """The model."""
        return self.standing.model

    @property
    def data_age(self) -> int | None:
        """Microseconds since its newest row, None for a replay and before the first row."""
        if self.model.replay or self.model.last_at is None:
            return None
        return max(0, self.standing.now - self.model.last_at)


@dataclass(frozen=True)
class Fleet:
    """All models, worst first."""

    models: tuple[FleetModel, ...]
    now: int
    last_resolved_at: int | None

    def width_of(self, name: str, environment: str) -> int:
        """Microseconds of one judged window of that model, which must be in the fleet."""
        return next(
            each.model.width for each in self.models if (each.model.name, each.model.environment) == (name, environment)
        )

    @property
    def needing_attention(self) -> tuple[FleetModel, ...]:
        """Those that fire, failed or fell silent."""
        return tuple(each for each in self.models if each.standing.status.rank <= Status.NO_DATA.rank)


@dataclass(frozen=True, slots=True)
class Pulse:
    """What is true this second.

    Attributes:
        now: the database's clock, microseconds UTC.
        critical: open critical incidents.
        warning: open warnings.
        no_data: models without data.
        oldest_open_at: when the oldest open incident began, or None.
        models: how many models there are.
        rows_24h: rows of the last 24 hours, each model on its own clock.
        tick_at: the scheduler's newest heartbeat, or None.
        outbox: messages that wait.
        dead: messages that no receiver took, of the last seven days.
        waiting_at: when the oldest message that waits was written, or None.
    """

    now: int
    critical: int
    warning: int
    no_data: int
    oldest_open_at: int | None
    models: int
    rows_24h: int
    tick_at: int | None
    outbox: int
    dead: int
    waiting_at: int | None = None


def read_fleet(store: Store) -> Fleet:
    """Every model in one snapshot."""
    with store.read() as conn:
        now = store.now(conn)
        rows = [_fleet_model(conn, model, now) for model in list_models(conn)]
        resolved = [line.resolved_at for line in list_incidents(conn) if line.resolved_at is not None]
    return Fleet(tuple(sorted(rows, key=_worst_first)), now, max(resolved, default=None))


def read_pulse(store: Store) -> Pulse:
    """The live strip in one snapshot: a few counts, no profile."""
    with store.read() as conn:
        now = store.now(conn)
        models = list_models(conn)
        open_incidents = list_incidents(conn, only_open=True)
        silent = sum(1 for model in models if _is_silent(conn, model))
        received = sum(_received(conn, model, now) for model in models)
        tick_at = conn.execute(select(func.max(heartbeats.c.beat_at)).where(heartbeats.c.component == "tick")).scalar()
        outbox, dead = _outbox(conn, now)
        waiting_at = oldest_waiting_at(conn)
    return Pulse(
        now=now,
        critical=sum(1 for each in open_incidents if each.status is Status.CRITICAL),
        warning=sum(1 for each in open_incidents if each.status is Status.WARNING),
        no_data=silent,
        oldest_open_at=min((each.opened_at for each in open_incidents), default=None),
        models=len(models),
        rows_24h=received,
        tick_at=tick_at,
        outbox=outbox,
        dead=dead,
        waiting_at=waiting_at,
    )


def _fleet_model(conn: Connection, model: KnownModel, database_now: int) -> FleetModel:
    standing = read_standing(conn, model, database_now)
    span = span_of("24h", end=standing.now, width=HOUR)
    width = model.width
    end = -(-standing.now // width) * width
    start = end - TRAFFIC_WINDOWS * width
    recent = [0] * TRAFFIC_WINDOWS
    for bucket in count_buckets(conn, list(model.versions.values()), start, end):
        recent[(bucket.bucket_at - start) // width] += bucket.n
    before = 0 if model.first_at is None else max(0, model.first_at - start) // width
    return FleetModel(standing, read_traffic(conn, model, span, width=HOUR), tuple(recent[before:]), span)


def _worst_first(each: FleetModel) -> tuple[int, float, str]:
    return (each.standing.status.rank, -(each.standing.drifting_share or 0.0), each.model.name)


def _is_silent(conn: Connection, model: KnownModel) -> bool:
    return model.last_at is None or newest_status(conn, model.id) is RunStatus.NO_DATA


def _received(conn: Connection, model: KnownModel, now: int) -> int:
    end = model.now(now)
    buckets = count_buckets(conn, list(model.versions.values()), end - DAY, end)
    return sum(bucket.n for bucket in buckets)


def _outbox(conn: Connection, now: int) -> tuple[int, int]:
    waiting = select(func.count()).select_from(notifications).where(notifications.c.status.in_(("waiting", "sending")))
    dead = (
        select(func.count())
        .select_from(notifications)
        .where(notifications.c.status == "dead", notifications.c.created_at >= now - 7 * DAY)
    )
    return int(conn.execute(waiting).scalar_one()), int(conn.execute(dead).scalar_one())
