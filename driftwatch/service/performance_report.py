"""Performance in its public shape: what ``driftwatch performance --json`` prints and the API answers."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection

from driftwatch.domain.instant import DAY, to_iso
from driftwatch.errors import DataError
from driftwatch.monitors.reading import read_instant
from driftwatch.monitors.spec import ModelSpec
from driftwatch.performance.metric import MetricRows, measure_rows, metrics
from driftwatch.performance.result import PerformanceResult
from driftwatch.performance.tally import as_class, as_flag
from driftwatch.queries.label_arrival import ArrivalCurve
from driftwatch.queries.performance import Performance, PerformanceView, read_performance
from driftwatch.queries.span import Span
from driftwatch.queries.vintage import read_vintages
from driftwatch.service.judging import spec_of
from driftwatch.service.model_view import find_model
from driftwatch.service.outcome_roles import read_role_rows
from driftwatch.service.segment_report import report_fairness, report_segments
from driftwatch.storage import outcome, profile, registration
from driftwatch.storage.outcome import LabelledRow
from driftwatch.storage.store import Store

__all__ = ["report_performance"]

_DEFAULT = "30d"
_MOST_ROWS = 1_000_000  # that are read back for one metric of a period


def report_performance(
    store: Store,
    environment: str,
    name: str,
    *,
    start: str | None = None,
    end: str | None = None,
    period: str = "day",
    metric: str | None = None,
    by: str | None = None,
    fairness: bool = False,
    bands: bool = False,
    vintage: str | None = None,
) -> dict[str, Any]:
    """Realised and estimated performance by period.

    Args:
        store: whose.
        environment: of the model.
        name: of the model.
        start: ISO 8601, else in the model's time zone; without start and end the last 30 days.
        end: excluded.
        period: day, week or month.
        metric: only this one; of a metric that no tally holds, such as one of an installed package, the labelled rows
            are read back.
        by: a declared split, or "all": the segments of the whole window too.
        fairness: the gaps between the groups of each protected column too.
        bands: whether the table of score bands is there too.
        vintage: day, week or month: the share of positives by age, of the predictions of each; None: not there.

    Raises:
        NotFoundError: no such model.
        SpecError: times that cannot be read.
        DataError: too many periods or rows, a metric of another task, or no such split.
        UnknownNameError: no such metric.
    """
    with store.read() as conn:
        model = find_model(conn, environment, name)
        now = store.now(conn)
        newest = profile.watermark(conn, model.id)
    window: str | Span = _DEFAULT
    if start is not None or end is not None:
        zone = spec_of(model).zone
        stop = read_instant(end, "end", zone) if end is not None else max(now, newest or 0)
        first = read_instant(start, "start", zone) if start is not None else stop - 30 * DAY
        if stop <= first:
            raise DataError(f"the end, {to_iso(stop)}, is not after the start, {to_iso(first)}")
        window = Span(first, stop)
    view = read_performance(store, name, environment, window, period)
    if view is None:  # deleted in between
        raise DataError(f"the model {name!r} is gone")
    if metric is not None:
        metric = metrics.key(metric)
    rows = [row for part in view.periods for row in _rows(part, view.standing.now, metric)]
    if metric is not None and not any(row["metric"] == metric and not row["estimated"] for row in rows):
        rows += _measured(store, view, model.id, metric)
    more: dict[str, Any] = {}
    if by is not None:
        more |= report_segments(store, environment, name, view.span, by=by, period=period, metric=metric)
    if fairness:
        more |= report_fairness(store, environment, name, view.span)
    if bands:
        more["bands"] = [band.to_dict() for band in view.bands]
    if vintage is not None:
        more["vintages"] = _vintages(store, view, vintage)
    return {
        "schema": 1,
        "model": name,
        "environment": environment,
        "period": period,
        "start": to_iso(view.span.start),
        "end": to_iso(view.span.end),
        "as_of": to_iso(view.standing.now),
        "predictions": view.whole.n,
        "decided": view.whole.n_decided,
        "labelled": view.whole.n_labelled,
        "undecided_outcomes": view.whole.n_undecided,
        "labelled_share": view.whole.labelled_share,
        "judged_age_seconds": None if view.judged_age is None else view.judged_age / 1e6,
        "performance": rows,
        "whole": list(_rows(view.whole, view.standing.now, metric)),
        "reference": [] if view.reference is None else list(_rows(view.reference, view.standing.now, metric)),
        "confusion": _confusion(view.whole),
        "calibration": [
            {"low": band.low, "high": band.high, "n": band.n, "mean_score": band.mean_score, "rate": band.rate,
             "rate_low": band.interval.low, "rate_high": band.interval.high}
            for band in view.whole.calibration
        ],
        "label_arrival": [] if view.arrival is None else [
            _arrival(curve) for curve in (view.arrival.everything, *view.arrival.classes)
        ],
        **more,
    }  # fmt: skip


def _rows(part: Performance, as_of: int, metric: str | None) -> Iterator[dict[str, Any]]:
    """In the shape of a replay's performance list."""
    shared = {"window_start": to_iso(part.span.start), "window_end": to_iso(part.span.end)}
    said = {"mature": part.mature, "as_of": to_iso(as_of)}
    for result in part.realised.values():
        if metric is None or result.metric == metric:
            yield {
                **shared,
                **result.to_dict(),
                "labelled_share": part.labelled_share,
                "estimated": False,
                "realised_minus_estimated": part.difference(result.metric),
                "outside_band": part.disagrees(result.metric),
                **said,
            }
    for estimate in part.estimated.values():
        if metric is None or estimate.metric == metric:
            yield {
                **shared,
                "metric": estimate.metric,
                "value": estimate.value,
                "low": estimate.low,
                "high": estimate.high,
                "interval": estimate.method,
                "n": estimate.n,
                "labelled_share": part.labelled_share,
                "estimated": True,
                **said,
            }


def _confusion(part: Performance) -> dict[str, int] | None:
    if part.confusion is None:
        return None
    names = ("true_negative", "false_positive", "false_negative", "true_positive")
    return dict(zip(names, part.confusion.cells, strict=True))


def _arrival(curve: ArrivalCurve) -> dict[str, Any]:
    return {
        "class": curve.name or None,
        "n": curve.n,
        "median_seconds": curve.median / 1e6,
        "by_age": [{"age_seconds": age / 1e6, "share": share} for age, share in curve.points],
    }


def _vintages(store: Store, view: PerformanceView, period: str) -> list[dict[str, Any]]:
    known, spec = view.standing.model, view.standing.model.spec

    def only_decided(
        conn: Connection, version_id: int, span: Span, rows: Sequence[LabelledRow]
    ) -> Sequence[LabelledRow]:
        roles = read_role_rows(conn, spec, version_id, span.start, span.end)
        return rows if roles is None else roles.kept(rows)

    found = read_vintages(store, known.name, known.environment, view.span, period, only_decided=only_decided)
    return [
        {
            "start": to_iso(each.span.start),
            "end": to_iso(each.span.end),
            "n": each.n,
            "by_age": [
                {"age_seconds": point.age / 1e6, "positives": point.positives, "rate": point.rate,
                 "rate_low": point.interval.low, "rate_high": point.interval.high}
                for point in each.points
            ],
        }
        for each in found
    ]  # fmt: skip


def _measured(store: Store, view: PerformanceView, model_id: int, metric: str) -> list[dict[str, Any]]:
    task = view.standing.model.spec.task
    if task not in metrics[metric].tasks:
        raise DataError(
            f"the metric {metric!r} is for {', '.join(metrics[metric].tasks)}, and this model's task is {task}"
        )
    found = []
    for part in view.periods:
        rows: list[LabelledRow] = []
        with store.read() as conn:
            for version in registration.list_versions(conn, model_id):
                rows += _counted(conn, view.standing.model.spec, model_id, version.id, part.span)
                if len(rows) > _MOST_ROWS:
                    raise DataError(
                        f"more than {_MOST_ROWS:,} labelled rows in one {view.period}; ask for shorter ones"
                    )
        read = _metric_rows(rows, task, view.standing.model.spec.decision_threshold)
        if not len(read):
            continue
        result: PerformanceResult = measure_rows(
            metric, read, rng=np.random.default_rng(0), labelled_share=part.labelled_share
        )
        if result.value is None:
            continue
        shared = {"window_start": to_iso(part.span.start), "window_end": to_iso(part.span.end)}
        said = {"estimated": False, "mature": part.mature, "as_of": to_iso(view.standing.now)}
        found.append({**shared, **result.to_dict(), **said})
    return found


def _counted(conn: Connection, spec: ModelSpec, model_id: int, version_id: int, span: Span) -> Iterator[LabelledRow]:
    """The labelled rows of a period; of a model with a decision only those that were decided, read day by day."""
    if spec.columns.decision is None:
        yield from outcome.current_outcomes(conn, model_id, version_id, span.start, span.end)
        return
    for start in range(span.start, span.end, DAY):
        end = min(start + DAY, span.end)
        roles = read_role_rows(conn, spec, version_id, start, end)
        rows = outcome.current_outcomes(conn, model_id, version_id, start, end)
        yield from rows if roles is None else roles.kept(rows)


def _metric_rows(rows: Sequence[LabelledRow], task: str, threshold: float | None) -> MetricRows:
    """The rows whose outcome and decision can be read for the task."""
    scores = np.array([np.nan if row.score is None else row.score for row in rows], dtype=np.float64)
    outcomes: list[Any] = []
    decisions: list[Any] = []
    for row, score in zip(rows, scores.tolist(), strict=True):
        if task == "binary":
            was, said = as_flag(row.value), as_flag(row.prediction)
            if said < 0 and threshold is not None and score == score:  # noqa: PLR0124 - NaN
                said = int(score >= threshold)
            pair = (None if was < 0 else bool(was), None if said < 0 else bool(said))
        elif task == "multiclass":
            pair = (as_class(row.value), as_class(row.prediction))  # type: ignore[assignment]
        else:
            pair = (_number(row.value), _number(row.prediction))  # type: ignore[assignment]
        outcomes.append(pair[0])
        decisions.append(pair[1])
    known = [i for i, (was, said) in enumerate(zip(outcomes, decisions, strict=True)) if None not in (was, said)]
    kept = scores[known]
    return MetricRows(
        np.array([outcomes[i] for i in known]),
        np.array([decisions[i] for i in known]),
        kept if len(kept) and np.isfinite(kept).all() else None,
    )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None
