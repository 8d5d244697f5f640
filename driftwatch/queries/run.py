"""Results of runs: what the rule said of every column in every window."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, select

from driftwatch.domain.finding import Finding
from driftwatch.domain.signal import RunStatus, Severity
from driftwatch.queries.series import MOST_POINTS, DriftPoint
from driftwatch.queries.span import Span
from driftwatch.queries.status import Status, of_severity
from driftwatch.storage import finding, run
from driftwatch.storage.schema import monitor_runs, monitors

__all__ = [
    "ColumnResult",
    "Run",
    "ServiceResult",
    "drift_points",
    "newest_judged",
    "newest_run",
    "newest_status",
    "read_runs",
]

_STATES = {
    "low_data": Status.LOW_DATA,
    "no_data": Status.NO_DATA,
    "excluded": Status.NO_DATA,
    "error": Status.RUN_ERROR,
}
_JUDGED = (RunStatus.OK, RunStatus.WARNING, RunStatus.CRITICAL)
_DISTANCES = ("kolmogorov_smirnov", "total_variation_distance", "jensen_shannon_distance", "hotelling_distance")


@dataclass(frozen=True, slots=True)
class ColumnResult:
    """One column in one window.

    Attributes:
        signal: drift for a feature, prediction_drift for an output; "" where it cannot be judged.
        kind: numeric or categorical; "" where it cannot be judged.
        status: healthy, watch, warning, critical, or why it was not judged.
        times_threshold: evidence of drift; 1 is where an alarm begins. None where nothing was judged.
        effect: effect sizes by method key.
        n: rows with a value, of the scale that was most surprising.
        n_reference: rows that they were compared with.
        missing_share: share of rows without a value.
        reference_missing_share: the same in the reference.
        component: what was seen: location, spread, shape, categories, missing_share, new_values, material_shift.
        scale: microseconds of the window that was most surprising.
        p_value: of the score, or None.
        reason: why it cannot be judged, or "".
        fading: a longer window would alarm, but its newest part is back to normal.
        minor: it alarms, but differs from the reference too little to tell anyone.
    """

    signal: str
    kind: str
    status: Status
    times_threshold: float | None
    effect: Mapping[str, float]
    n: int
    n_reference: int
    missing_share: float | None
    reference_missing_share: float | None
    component: str | None
    scale: int
    p_value: float | None
    reason: str
    fading: bool = False
    minor: bool = False

    @property
    def distance(self) -> tuple[str, float] | None:
        """The leading effect size, as (method key, value)."""
        return next(((method, self.effect[method]) for method in _DISTANCES if method in self.effect), None)


@dataclass(frozen=True, slots=True)
class ServiceResult:
    """Latency or errors in one window.

    Attributes:
        signal: latency or error.
        status: healthy, watch, warning, or why it was not judged.
        times_threshold: evidence; 1 is where an alarm begins. None where nothing was judged.
        value: seconds, or the share of calls that failed; None where it was not measured.
        expected: the same from the reference.
        metric: latency_p95 or another quantile; "" where there is none to name.
        n: calls.
    """

    signal: str
    status: Status
    times_threshold: float | None
    value: float | None
    expected: float | None
    metric: str
    n: int


@dataclass(frozen=True, slots=True)
class Run:
    """One judged window.

    Attributes:
        id: of the store.
        start: microseconds UTC, included.
        end: excluded.
        status: what came of it.
        n: rows of the model in the window.
        finished_at: database time.
        error: what went wrong, or "".
        attempt: how many times it was tried.
        columns: result by column; empty where nothing was judged.
        service: latency and errors, where they were judged.
        segments: by segment, as in the window's summary.
    """

    id: int
    start: int
    end: int
    status: RunStatus
    n: int
    finished_at: int | None
    error: str
    attempt: int
    columns: Mapping[str, ColumnResult]
    service: tuple[ServiceResult, ...] = ()
    segments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read_runs(conn: Connection, model_id: int, span: Span) -> list[Run]:
    """The finished runs of the model's windows that end in ``(start, end]``, oldest first; at most 2,000, the newest.

    Of a window that was judged again the newest result counts.
    """
    rows = run.list_results(conn, model_id, span.start, span.end)[-MOST_POINTS:]
    if not rows:
        return []
    worst = _leading_findings(finding.list_findings(conn, model_id, rows[0].window_end - 1, span.end))
    return [_run(row, worst) for row in rows]


def newest_run(conn: Connection, model_id: int) -> Run | None:
    """The model's newest finished run, or None."""
    return _newest(conn, model_id, tuple(RunStatus))


def newest_judged(conn: Connection, model_id: int) -> Run | None:
    """The model's newest run that had enough rows to be judged, or None."""
    return _newest(conn, model_id, _JUDGED)


def _newest(conn: Connection, model_id: int, statuses: Sequence[RunStatus]) -> Run | None:
    end = conn.execute(
        select(func.max(monitor_runs.c.window_end))
        .join(monitors, monitors.c.id == monitor_runs.c.monitor_id)
        .where(
            monitors.c.model_id == model_id,
            monitor_runs.c.state == "finished",
            monitor_runs.c.status.in_([status.value for status in statuses]),
        )
    ).scalar()
    if end is None:
        return None
    found = [run for run in read_runs(conn, model_id, Span(end - 1, end)) if run.status in statuses]
    return found[-1] if found else None


def newest_status(conn: Connection, model_id: int) -> RunStatus | None:
    """What came of the model's newest finished run, without reading its result; None before the first."""
    status = conn.execute(
        select(monitor_runs.c.status)
        .join(monitors, monitors.c.id == monitor_runs.c.monitor_id)
        .where(monitors.c.model_id == model_id, monitor_runs.c.state == "finished")
        .order_by(monitor_runs.c.window_end.desc(), monitor_runs.c.id.desc())
        .limit(1)
    ).scalar()
    return None if status is None else RunStatus(status)


def drift_points(runs: Sequence[Run], column: str) -> tuple[DriftPoint, ...]:
    """The history of one column; a run that failed, or did not know the column, is a point without a value."""
    points = []
    for each in runs:
        result = each.columns.get(column)
        if result is None:
            if each.status in (RunStatus.ERROR, RunStatus.NO_DATA, RunStatus.LOW_DATA):
                status = Status.RUN_ERROR if each.status is RunStatus.ERROR else Status(each.status.value)
                points.append(DriftPoint(each.start, each.end, None, None, status, each.n))
            continue
        distance = result.distance
        points.append(
            DriftPoint(
                each.start,
                each.end,
                None if distance is None else distance[1],
                result.times_threshold,
                result.status,
                result.n,
                column,
            )
        )
    return tuple(points)


def _run(row: run.RunRow, worst: Mapping[tuple[int, int, str], Finding]) -> Run:
    summary = _decoded(row.result)
    width = row.window_end - row.window_start
    return Run(
        id=row.id,
        start=row.window_start,
        end=row.window_end,
        status=RunStatus(row.status or "error"),
        n=row.n,
        finished_at=row.finished_at,
        error=row.last_error or "",
        attempt=row.attempt,
        columns={
            name: _column(fields, worst.get((row.window_start, row.window_end, name)), width)
            for name, fields in summary.get("columns", {}).items()
        },
        service=tuple(_service(signal, fields) for signal, fields in sorted(summary.get("service", {}).items())),
        segments=summary.get("segments", {}),
    )


def _service(signal: str, fields: Mapping[str, Any]) -> ServiceResult:
    judged = fields.get("state") == "judged"
    status = of_severity(Severity(fields.get("severity", "none"))) if judged else _STATES.get(str(fields.get("state")))
    return ServiceResult(
        signal,
        status or Status.NO_DATA,
        fields.get("times_threshold") if judged else None,
        fields.get("value"),
        fields.get("expected"),
        str(fields.get("metric", "")),
        int(fields.get("n", 0)),
    )


def _decoded(result: bytes | None) -> Mapping[str, Any]:
    if result is None:
        return {}
    summary: Mapping[str, Any] = run.decode_result(result).get("summary", {})
    return summary


def _leading_findings(found: Sequence[Finding]) -> dict[tuple[int, int, str], Finding]:
    worst: dict[tuple[int, int, str], Finding] = {}
    for each in found:
        if each.column is None or each.segment is not None:
            continue
        key = (each.window_start, each.window_end, each.column)
        if key not in worst or each.severity.rank > worst[key].severity.rank:
            worst[key] = each
    return worst


def _column(fields: Mapping[str, Any], found: Finding | None, width: int) -> ColumnResult:
    state = fields.get("state", "error")
    judged = state == "judged"
    status = Status.HEALTHY if judged else _STATES.get(state, Status.RUN_ERROR)
    if found is not None:
        status = of_severity(found.severity)
    details: Mapping[str, Any] = found.details if found is not None and status is Status.WATCH else {}
    effect = {method: fields[method] for method in _DISTANCES if fields.get(method) is not None}
    return ColumnResult(
        signal=fields.get("signal", ""),
        kind=fields.get("kind", ""),
        status=status,
        times_threshold=_not_below_zero(fields.get("times_threshold")) if judged else None,
        effect=effect,
        n=fields.get("n", 0),
        n_reference=fields.get("n_reference", 0),
        missing_share=fields.get("missing_share"),
        reference_missing_share=fields.get("reference_missing_share"),
        component=fields.get("component"),
        scale=fields.get("scale_buckets", 1) * width,
        p_value=fields.get("p_value") if judged else None,
        reason=fields.get("reason", ""),
        fading=bool(details.get("fading")),
        minor=bool(details.get("minor")),
    )


def _not_below_zero(value: float | None) -> float | None:
    return None if value is None else max(0.0, value)
