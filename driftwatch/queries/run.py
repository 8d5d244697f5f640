"""Results of runs: what the rule said of every column in every window."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from driftwatch.domain.signal import RunStatus
from driftwatch.queries.series import MOST_POINTS, DriftPoint
from driftwatch.queries.span import Span
from driftwatch.queries.status import Status
from driftwatch.storage.run import decode_result
from driftwatch.storage.schema import monitor_runs, monitors

__all__ = ["ColumnResult", "Run", "drift_points", "newest_run", "newest_status", "read_runs"]

_STATES = {
    "low_data": Status.LOW_DATA,
    "no_data": Status.NO_DATA,
    "excluded": Status.NO_DATA,
    "error": Status.RUN_ERROR,
}
_DISTANCES = ("kolmogorov_smirnov", "total_variation_distance", "jensen_shannon_distance")


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

    @property
    def distance(self) -> tuple[str, float] | None:
        """The leading effect size, as (method key, value)."""
        return next(((method, self.effect[method]) for method in _DISTANCES if method in self.effect), None)


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


def read_runs(conn: Connection, model_id: int, span: Span) -> list[Run]:
    """The finished runs of the model's windows that end in ``(start, end]``, oldest first.

    Of a window that was judged again the newest result counts. At most 2,000, the newest.
    """
    rows = conn.execute(
        _finished(model_id)
        .where(monitor_runs.c.window_end > span.start, monitor_runs.c.window_end <= span.end)
        .order_by(monitor_runs.c.window_end.desc(), monitor_runs.c.id.desc())
        .limit(MOST_POINTS)
    ).mappings()
    newest: dict[tuple[int, int], Run] = {}
    for row in rows:
        if (row["window_start"], row["window_end"]) not in newest:
            newest[row["window_start"], row["window_end"]] = _run(row)
    return sorted(newest.values(), key=lambda run: run.end)


def newest_run(conn: Connection, model_id: int) -> Run | None:
    """The model's newest finished run, or None."""
    row = (
        conn.execute(_finished(model_id).order_by(monitor_runs.c.window_end.desc(), monitor_runs.c.id.desc()).limit(1))
        .mappings()
        .first()
    )
    return None if row is None else _run(row)


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
    for run in runs:
        result = run.columns.get(column)
        if result is None:
            if run.status in (RunStatus.ERROR, RunStatus.NO_DATA, RunStatus.LOW_DATA):
                status = Status.RUN_ERROR if run.status is RunStatus.ERROR else Status(run.status.value)
                points.append(DriftPoint(run.start, run.end, None, None, status, run.n))
            continue
        distance = result.distance
        points.append(
            DriftPoint(
                run.start,
                run.end,
                None if distance is None else distance[1],
                result.times_threshold,
                result.status,
                result.n,
            )
        )
    return tuple(points)


def _finished(model_id: int) -> Any:
    return (
        select(monitor_runs)
        .join(monitors, monitors.c.id == monitor_runs.c.monitor_id)
        .where(monitors.c.model_id == model_id, monitor_runs.c.state == "finished")
    )


def _run(row: RowMapping) -> Run:
    result = decode_result(row["result"]) if row["result"] is not None else {}
    summary = result.get("summary", {})
    worst = _worst_findings(result.get("findings", ()))
    width = row["window_end"] - row["window_start"]
    return Run(
        id=row["id"],
        start=row["window_start"],
        end=row["window_end"],
        status=RunStatus(row["status"] or "error"),
        n=row["n"],
        finished_at=row["finished_at"],
        error=row["last_error"] or "",
        attempt=row["attempt"],
        columns={name: _column(fields, worst.get(name), width) for name, fields in summary.get("columns", {}).items()},
    )


def _worst_findings(findings: Sequence[Mapping[str, Any]]) -> dict[str, Status]:
    worst: dict[str, Status] = {}
    for finding in findings:
        column, status = finding.get("column"), Status(finding["severity"])
        if column is not None and (column not in worst or status.rank < worst[column].rank):
            worst[column] = status
    return worst


def _column(fields: Mapping[str, Any], finding: Status | None, width: int) -> ColumnResult:
    state = fields.get("state", "error")
    judged = state == "judged"
    status = finding or (Status.HEALTHY if judged else _STATES.get(state, Status.RUN_ERROR))
    effect = {method: fields[method] for method in _DISTANCES if fields.get(method) is not None}
    return ColumnResult(
        signal=fields.get("signal", ""),
        kind=fields.get("kind", ""),
        status=status,
        times_threshold=fields.get("times_threshold") if judged else None,
        effect=effect,
        n=fields.get("n", 0),
        n_reference=fields.get("n_reference", 0),
        missing_share=fields.get("missing_share"),
        reference_missing_share=fields.get("reference_missing_share"),
        component=fields.get("component"),
        scale=fields.get("scale_buckets", 1) * width,
        p_value=fields.get("p_value") if judged else None,
        reason=fields.get("reason", ""),
    )
