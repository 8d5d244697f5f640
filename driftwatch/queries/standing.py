"""Where a model stands: its one status, why, and since when."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from driftwatch.domain.instant import DAY
from driftwatch.domain.signal import RunStatus
from driftwatch.queries import format as fmt
from driftwatch.queries.catalogue import KnownModel, KnownReference, read_importance, read_reference
from driftwatch.queries.incident import IncidentLine, list_incidents
from driftwatch.queries.run import ColumnResult, Run, newest_judged, newest_run
from driftwatch.queries.status import Status, of_run, worst
from driftwatch.storage.schema import alerts

__all__ = ["Standing", "incident_reason", "named", "read_standing"]

_NAMED_COLUMNS = 3
_SIGNALS = {"traffic": "little or no traffic"}
_OPEN_STATES = ("firing", "recovering")


@dataclass(frozen=True)
class Standing:
    """Where a model stands.

    Attributes:
        model: which one.
        now: its own present, microseconds UTC: the newest row of a replay, else the database's clock.
        read_at: the database's clock; readers' years are counted by it.
        status: the one status.
        reason: one short line, "" for a healthy model.
        since: when that began, or None.
        incidents: open ones, worst first.
        firing: worst open alert by column.
        run: the newest finished run, or None.
        judged: the newest run that had enough rows to be judged, or None.
        reference: what it is compared with, or None before its first row.
        importance: by feature, shares of their sum; empty if unknown.
    """

    model: KnownModel
    now: int
    read_at: int
    status: Status
    reason: str
    since: int | None
    incidents: tuple[IncidentLine, ...]
    firing: dict[str, Status]
    run: Run | None
    judged: Run | None
    reference: KnownReference | None
    importance: dict[str, float]

    @property
    def drifting(self) -> tuple[str, ...]:
        """Features at warning or critical in the newest judged window."""
        return tuple(name for name, result in self._features.items() if result.status.firing)

    @property
    def watched(self) -> tuple[str, ...]:
        """Features on watch in it: fading, or too small a difference to tell anyone."""
        return tuple(name for name, result in self._features.items() if result.status is Status.WATCH)

    @property
    def n_features(self) -> int:
        """How many features were judged in it."""
        return len(self._features)

    @property
    def _features(self) -> dict[str, ColumnResult]:
        columns = self.judged.columns if self.judged is not None else {}
        return {
            name: result
            for name, result in columns.items()
            if result.signal == "drift" and result.times_threshold is not None
        }

    @property
    def drifting_share(self) -> float | None:
        """Share of the importance that drifts, of the features where no importance is known; None if not judged."""
        if not self.n_features or self.status in (Status.NO_DATA, Status.LEARNING, Status.RUN_ERROR):
            return None
        if self.importance:
            return sum(self.importance.get(name, 0.0) for name in self.drifting)
        return len(self.drifting) / self.n_features


def read_standing(conn: Connection, model: KnownModel, database_now: int) -> Standing:
    """Where the model stands in this snapshot."""
    now = model.now(database_now)
    open_incidents = list_incidents(conn, model_id=model.id, only_open=True)
    run = newest_run(conn, model.id)
    reference = read_reference(conn, model)
    status, reason, since = _judge(model, (now, database_now), open_incidents, run, reference)
    return Standing(
        model=model,
        now=now,
        read_at=database_now,
        status=status,
        reason=reason,
        since=since,
        incidents=tuple(open_incidents),
        firing=_firing(conn, model.id),
        run=run,
        judged=newest_judged(conn, model.id),
        reference=reference,
        importance=read_importance(conn, model),
    )


def _judge(
    model: KnownModel,
    clocks: tuple[int, int],
    open_incidents: Sequence[IncidentLine],
    run: Run | None,
    reference: KnownReference | None,
) -> tuple[Status, str, int | None]:
    if open_incidents:
        leading = open_incidents[0]
        return leading.status, incident_reason(leading), leading.opened_at
    if model.last_at is None and run is None:
        return Status.NO_DATA, "Registered; no row has come", None
    if run is None:
        return Status.LEARNING, _learning(clocks[0], reference), None
    return _judge_run(model, clocks[1], run)


def _judge_run(model: KnownModel, read_at: int, run: Run) -> tuple[Status, str, int | None]:
    status = of_run(run.status)
    if status is Status.RUN_ERROR:
        return status, f"Run failed: {run.error or 'no reason recorded'}", run.finished_at
    if status is Status.NO_DATA:
        return status, f"No data since {fmt.stamp(model.last_at, read_at)}", model.last_at
    if status is Status.LOW_DATA:
        return status, f"n {fmt.count(run.n)}, too few to judge", run.start
    watched = sorted(name for name, result in run.columns.items() if result.status in (Status.WATCH, Status.WARNING))
    if run.status is RunStatus.WARNING:
        return Status.WARNING, named(watched), run.start
    return (Status.WATCH, f"Watching {named(watched)}", None) if watched else (status, "", None)


def incident_reason(incident: IncidentLine) -> str:
    """An incident in a few words, without the model's name."""
    what = " and ".join(_SIGNALS.get(signal, signal.replace("_", " ")) for signal in incident.signals) or "incident"
    head = f"{what[:1].upper()}{what[1:]}"
    return f"{head}: {named(incident.columns)}" if incident.columns else head


def named(columns: Sequence[str]) -> str:
    """The first three names, and how many more."""
    more = len(columns) - _NAMED_COLUMNS
    return ", ".join(columns[:_NAMED_COLUMNS]) + (f" and {more} more" if more > 0 else "")


def _learning(now: int, reference: KnownReference | None) -> str:
    if reference is None or now >= reference.end:
        return "The first window is judged when it closes"
    day, days = (now - reference.start) // DAY + 1, -(-(reference.end - reference.start) // DAY)
    return f"Learning, day {max(1, day)} of {days}"


def _firing(conn: Connection, model_id: int) -> dict[str, Status]:
    rows = conn.execute(
        select(alerts.c.column_name, alerts.c.severity).where(
            alerts.c.model_id == model_id, alerts.c.state.in_(_OPEN_STATES), alerts.c.column_name.is_not(None)
        )
    )
    firing: dict[str, Status] = {}
    for column, severity in rows:
        status = Status(severity)
        firing[column] = worst([status, firing.get(column, status)]) or status
    return firing
