"""The Model page: traffic with what happened, features by drift × importance, latency and errors."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from driftwatch.domain.signal import RunStatus
from driftwatch.queries.catalogue import find_model
from driftwatch.queries.incident import list_incidents
from driftwatch.queries.profile import Traffic, read_traffic
from driftwatch.queries.run import ColumnResult, Run, ServiceResult, read_runs
from driftwatch.queries.series import DriftPoint, Event, EventKind, collapse
from driftwatch.queries.span import Span, span_of
from driftwatch.queries.standing import Standing, incident_reason, read_standing
from driftwatch.queries.status import Status, worst
from driftwatch.queries.wording import watched
from driftwatch.storage.schema import annotations, deployments
from driftwatch.storage.store import Store

__all__ = ["CAP", "FeatureRow", "ModelView", "column_status", "read_model", "thinned"]

CAP = 10.0
"""Evidence beyond so many times the threshold is written "> 10×" and ranks alike."""

_SPARKLINE = 60


@dataclass(frozen=True)
class FeatureRow:
    """One column of the model.

    Attributes:
        name: the column.
        kind: numeric or categorical, "" where unknown.
        output: a score or prediction, not a feature.
        status: of its newest window; that of its open alert while the newest judged window alarms; else watch.
        times_threshold: of its newest judged window, None if there is none.
        weight: `times_threshold` (at most 10) × importance, None where either is unknown.
        importance: share of the importance of all features, or None.
        history: × threshold per judged window, at most 60 points.
        method: the key of `distance`.
        distance: leading effect size of the newest judged window.
        missing_share: of the newest judged window.
        n: rows with a value in it.
        reason: why it cannot be judged or is on watch, or "".
    """

    name: str
    kind: str
    output: bool
    status: Status
    times_threshold: float | None
    weight: float | None
    importance: float | None
    history: tuple[float, ...]
    method: str | None
    distance: float | None
    missing_share: float | None
    n: int
    reason: str


@dataclass(frozen=True)
class ModelView:
    """Everything on the Model page.

    Attributes:
        standing: status and why.
        span: the window.
        traffic: of the window.
        strongest: the strongest evidence per window over all columns.
        events: what happened in the window, oldest first.
        features: features and outputs, largest drift × importance first.
        runs: how many windows were judged.
        failed: the newest failed run, if it is the newest of all.
        service: latency and errors as the newest run judged them.
    """

    standing: Standing
    span: Span
    traffic: Traffic
    strongest: tuple[DriftPoint, ...]
    events: tuple[Event, ...]
    features: tuple[FeatureRow, ...]
    runs: int
    failed: Run | None
    service: tuple[ServiceResult, ...] = ()


def read_model(store: Store, name: str, environment: str, span_name: str) -> ModelView | None:
    """The page in one snapshot, or None if there is no such model."""
    with store.read() as conn:
        read_at = store.now(conn)
        model = find_model(conn, name, environment)
        if model is None:
            return None
        standing = read_standing(conn, model, read_at)
        span = span_of(span_name, end=standing.now, width=model.width)
        runs = read_runs(conn, model.id, span)
        traffic = read_traffic(conn, model, span, width=model.width)
        events = _events(conn, model.id, span)
    newest = runs[-1] if runs else None
    return ModelView(
        standing=standing,
        span=span,
        traffic=traffic,
        strongest=_strongest(runs),
        events=collapse(events, span.width),
        features=_features(runs, standing),
        runs=sum(1 for run in runs if run.columns or run.service),
        failed=newest if newest is not None and newest.status is RunStatus.ERROR else None,
        service=newest.service if newest is not None else (),
    )


def _features(runs: Sequence[Run], standing: Standing) -> tuple[FeatureRow, ...]:
    names = dict.fromkeys(name for run in reversed(runs) for name in run.columns)
    rows = [_feature(name, runs, standing) for name in names]
    return tuple(sorted(rows, key=_leading_first))


def _feature(name: str, runs: Sequence[Run], standing: Standing) -> FeatureRow:
    results = [(run, run.columns[name]) for run in runs if name in run.columns]
    newest = results[-1][1]
    judged = next((result for _, result in reversed(results) if result.times_threshold is not None), newest)
    status = column_status(newest, judged, standing.firing.get(name))
    importance = standing.importance.get(name)
    evidence = judged.times_threshold
    return FeatureRow(
        name=name,
        kind=judged.kind,
        output=judged.signal == "prediction_drift",
        status=status,
        times_threshold=evidence,
        weight=None if evidence is None or importance is None else min(evidence, CAP) * importance,
        importance=importance,
        history=thinned([result.times_threshold for _, result in results], _SPARKLINE),
        method=judged.distance[0] if judged.distance else None,
        distance=judged.distance[1] if judged.distance else None,
        missing_share=judged.missing_share,
        n=judged.n,
        reason=newest.reason or (watched(judged, recovering=name in standing.firing) if status is Status.WATCH else ""),
    )


def column_status(newest: ColumnResult, judged: ColumnResult, fires: Status | None) -> Status:
    """The status of a column; it never says less than an alarm beside an alarming window, nor more beside a quiet one.

    Args:
        newest: what the newest window said.
        judged: what the newest judged window said.
        fires: the severity of its open alert, or None.
    """
    if fires is None:
        return newest.status
    if judged.times_threshold is None or judged.status.firing:
        return worst([newest.status, judged.status, fires]) or fires
    return Status.WATCH if newest.status is Status.HEALTHY else newest.status


def _leading_first(row: FeatureRow) -> tuple[float, float, int, str]:
    return (-(row.weight or 0.0), -min(row.times_threshold or 0.0, CAP), row.status.rank, row.name)


def thinned(values: Sequence[float | None], most: int) -> tuple[float, ...]:
    """At most so many of the known values: the largest of each stretch, so that no peak is lost."""
    known = [value for value in values if value is not None]
    if len(known) <= most:
        return tuple(known)
    stretch = len(known) / most
    return tuple(max(known[round(k * stretch) : round((k + 1) * stretch)]) for k in range(most))


def _strongest(runs: Sequence[Run]) -> tuple[DriftPoint, ...]:
    points = []
    for run in runs:
        judged = {name: result for name, result in run.columns.items() if result.times_threshold is not None}
        if not judged:
            service = max(
                (each for each in run.service if each.times_threshold is not None),
                key=lambda each: each.times_threshold or 0.0,
                default=None,
            )
            if service is not None and not run.columns:
                points.append(
                    DriftPoint(run.start, run.end, None, service.times_threshold, service.status, run.n, service.signal)
                )
                continue
            status = Status.RUN_ERROR if run.status is RunStatus.ERROR else _unjudged(run)
            points.append(DriftPoint(run.start, run.end, None, None, status, run.n))
            continue
        name, leading = max(judged.items(), key=_strength)
        status = worst(result.status for result in judged.values()) or Status.HEALTHY
        distance = leading.distance[1] if leading.distance else None
        points.append(DriftPoint(run.start, run.end, distance, leading.times_threshold, status, run.n, name))
    return tuple(points)


def _strength(item: tuple[str, ColumnResult]) -> tuple[float, float]:
    """Evidence up to where it ranks alike, then the distance."""
    result = item[1]
    return min(result.times_threshold or 0.0, CAP), result.distance[1] if result.distance else 0.0


def _unjudged(run: Run) -> Status:
    return Status.LOW_DATA if run.n else Status.NO_DATA


def _events(conn: Connection, model_id: int, span: Span) -> list[Event]:
    events = []
    for line in list_incidents(conn, model_id=model_id):
        if span.start <= line.opened_at <= span.end:
            text = incident_reason(line)
            events.append(Event(line.opened_at, EventKind.INCIDENT, line.status, text, incident_id=line.id))
        if line.resolved_at is not None and span.start <= line.resolved_at <= span.end:
            text = f"resolved ({line.reason})" if line.reason else "resolved"
            events.append(Event(line.resolved_at, EventKind.RESOLVED, Status.HEALTHY, text, incident_id=line.id))
    released = select(deployments).where(
        deployments.c.model_id == model_id,
        deployments.c.deployed_at >= span.start,
        deployments.c.deployed_at <= span.end,
    )
    for row in conn.execute(released):
        text = f"{row.role or 'version'} deployed to {row.deployment}"
        events.append(Event(row.deployed_at, EventKind.DEPLOYMENT, Status.HEALTHY, text))
    noted = select(annotations).where(
        annotations.c.model_id == model_id, annotations.c.start_at >= span.start, annotations.c.start_at <= span.end
    )
    return events + [
        Event(row.start_at, EventKind.NOTE, Status.HEALTHY, str(row.note)[:80]) for row in conn.execute(noted)
    ]
