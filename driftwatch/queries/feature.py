"""The Feature page: one column, reference beside current, and its history."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from driftwatch.domain.instant import DAY
from driftwatch.drift.distribution import Distribution
from driftwatch.drift.measures import measure_categories, measure_distributions
from driftwatch.drift.result import MeasureResult
from driftwatch.profiles.bucket import ColumnProfile
from driftwatch.profiles.categorical import CategoricalProfile
from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.numeric import NumericProfile
from driftwatch.queries.catalogue import KnownModel, find_model
from driftwatch.queries.distribution import Categories, Histogram, compare_categories, compare_histograms, quantile
from driftwatch.queries.incident import IncidentLine
from driftwatch.queries.model import column_status
from driftwatch.queries.profile import list_columns, read_column
from driftwatch.queries.run import ColumnResult, Run, drift_points, read_runs
from driftwatch.queries.segment import JudgedSegments, SegmentLine, segment_lines
from driftwatch.queries.series import DriftPoint
from driftwatch.queries.span import Span, span_of
from driftwatch.queries.standing import Standing, read_standing
from driftwatch.queries.status import Status, of_run
from driftwatch.storage.store import Store

__all__ = ["ColumnSide", "FeatureView", "list_model_columns", "read_feature"]

_NUMERIC_MEASURES = ("kolmogorov_smirnov", "wasserstein_distance_normalized", "jensen_shannon_distance")
_CATEGORICAL_MEASURES = ("total_variation_distance", "jensen_shannon_distance")


@dataclass(frozen=True)
class ColumnSide:
    """One side of the comparison.

    Attributes:
        span: its window.
        rows: all rows.
        n: rows with a usable value.
        missing: rows without one.
        median: of the numbers, else None.
        distinct: categories, else None.
        low: smallest number, else None.
        high: largest number, else None.
    """

    span: Span
    rows: int
    n: int
    missing: int
    median: float | None
    distinct: int | None
    low: float | None
    high: float | None

    @property
    def missing_share(self) -> float | None:
        """Share of rows without a value, None without rows."""
        return self.missing / self.rows if self.rows else None


@dataclass(frozen=True)
class FeatureView:
    """Everything on the Feature page.

    Attributes:
        standing: of the model.
        columns: every column of the model, for choosing.
        column: this one, or None if the model has no such column.
        kind: numeric, categorical, or "" where it has no rows.
        status: of its newest window, inside `span` or before it; see :func:`driftwatch.queries.model.column_status`.
        span: the window.
        current: that side, None without rows.
        reference: the reference's side, None without rows.
        histogram: of a numeric column.
        categories: of a categorical one.
        measures: distances between the two sides, of this window as a whole.
        result: what the newest judged window said, inside `span` or before it.
        result_end: when that window ended.
        points: × threshold per window.
        alarms: windows that alarmed.
        importance: share of the importance of all features, or None.
        rank: 1 for the most important feature, None where unknown.
        incident: the open incident that names the column, or None.
        segments: where it stands in each segment, worst first; empty for a model that is not split.
    """

    standing: Standing
    columns: tuple[str, ...]
    column: str | None
    kind: str
    status: Status
    span: Span
    current: ColumnSide | None
    reference: ColumnSide | None
    histogram: Histogram | None
    categories: Categories | None
    measures: tuple[MeasureResult, ...]
    result: ColumnResult | None
    result_end: int | None
    points: tuple[DriftPoint, ...]
    alarms: int
    importance: float | None
    rank: int | None
    incident: IncidentLine | None
    segments: tuple[SegmentLine, ...] = ()


@dataclass(frozen=True)
class _Compared:
    kind: str = ""
    current: ColumnSide | None = None
    reference: ColumnSide | None = None
    histogram: Histogram | None = None
    categories: Categories | None = None
    measures: tuple[MeasureResult, ...] = ()


def list_model_columns(store: Store, name: str, environment: str) -> tuple[str, ...]:
    """Every column of the model: features by importance, then by name; empty if there is no such model."""
    with store.read() as conn:
        model = find_model(conn, name, environment)
        if model is None:
            return ()
        return tuple(_columns(conn, model, read_standing(conn, model, store.now(conn))))


def read_feature(store: Store, name: str, environment: str, column: str | None, span_name: str) -> FeatureView | None:
    """The page in one snapshot, or None if there is no such model.

    Args:
        store: the store.
        name: of the model.
        environment: of the model.
        column: the column; one that does not exist gives a view whose `column` is None.
        span_name: a key of :data:`driftwatch.queries.span.SPANS`.
    """
    with store.read() as conn:
        read_at = store.now(conn)
        model = find_model(conn, name, environment)
        if model is None:
            return None
        standing = read_standing(conn, model, read_at)
        span = span_of(span_name, end=standing.now, width=model.width)
        columns = tuple(_columns(conn, model, standing))
        known = column if column in columns else None
        runs = read_runs(conn, model.id, span) if known else []
        compared = _compare(conn, standing, known, span) if known else _Compared()
    points = drift_points(runs, known) if known else ()
    status, result, result_end = _verdict(known or "", runs, standing)
    ranked = sorted(standing.importance.items(), key=lambda item: (-item[1], item[0]))
    return FeatureView(
        standing=standing,
        columns=columns,
        column=known,
        kind=compared.kind,
        status=status,
        span=span,
        current=compared.current,
        reference=compared.reference,
        histogram=compared.histogram,
        categories=compared.categories,
        measures=compared.measures,
        result=result,
        result_end=result_end,
        points=points,
        alarms=sum(1 for point in points if point.status.firing),
        importance=standing.importance.get(known or ""),
        rank=next((place for place, (each, _) in enumerate(ranked, 1) if each == known), None),
        incident=next((each for each in standing.incidents if known in each.columns), None),
        segments=segment_lines([JudgedSegments(run.start, run.end, run.segments) for run in runs], known or ""),
    )


def _verdict(column: str, runs: Sequence[Run], standing: Standing) -> tuple[Status, ColumnResult | None, int | None]:
    """Where the column stands, the newest verdict on it, and when that window ended."""
    empty = standing.run is not None and not standing.run.columns
    kept = [run for run in (standing.judged, standing.run) if run is not None]
    known = sorted((run for run in (*kept, *runs) if column in run.columns), key=lambda run: run.end)
    if not known:
        if standing.run is None:
            return Status.LEARNING, None, None
        unjudged = (Status.RUN_ERROR, Status.NO_DATA, Status.LOW_DATA)
        return standing.status if standing.status in unjudged else Status.NO_DATA, None, None
    newest = known[-1].columns[column]
    judged = next((run for run in reversed(known) if run.columns[column].times_threshold is not None), None)
    result = newest if judged is None else judged.columns[column]
    status = column_status(newest, result, standing.firing.get(column))
    if empty and standing.run is not None and not status.firing:
        status = of_run(standing.run.status)
    return status, None if judged is None else result, None if judged is None else judged.end


def _columns(conn: Connection, model: KnownModel, standing: Standing) -> list[str]:
    """Every column that was judged, registered or seen: features by importance, then by name."""
    end = standing.now if model.last_at is None else min(standing.now, model.last_at + 1)
    names = list_columns(conn, model, Span(end - DAY, end))
    if standing.run is not None:
        names |= standing.run.columns.keys()
    return sorted(names, key=lambda name: (-standing.importance.get(name, 0.0), name))


def _compare(conn: Connection, standing: Standing, column: str, span: Span) -> _Compared:
    model, reference = standing.model, standing.reference
    before = None if reference is None else Span(reference.start, min(reference.end, standing.now))
    profiles, codec = read_column(conn, model, column, [span] if before is None else [span, before])
    current_profile, before_profile = profiles[0], profiles[1] if before is not None else None
    compared = _Compared(
        kind=_kind(current_profile or before_profile),
        current=_side(current_profile, codec, span),
        reference=None if before is None else _side(before_profile, codec, before),
    )
    if codec is not None:
        return _with_numbers(compared, before_profile, current_profile, codec)
    return _with_categories(compared, before_profile, current_profile)


def _with_numbers(
    compared: _Compared, before: ColumnProfile | None, after: ColumnProfile | None, codec: NumericCodec
) -> _Compared:
    reference = before if isinstance(before, NumericProfile) else None
    current = after if isinstance(after, NumericProfile) else None
    measured: tuple[MeasureResult, ...] = ()
    if reference is not None and current is not None and reference.n and current.n:
        sides = Distribution.of(reference, codec), Distribution.of(current, codec)
        measured = tuple(measure_distributions(method, *sides) for method in _NUMERIC_MEASURES)
    return replace(compared, histogram=compare_histograms(reference, current, codec), measures=measured)


def _with_categories(compared: _Compared, before: ColumnProfile | None, after: ColumnProfile | None) -> _Compared:
    reference = before if isinstance(before, CategoricalProfile) else None
    current = after if isinstance(after, CategoricalProfile) else None
    measured: tuple[MeasureResult, ...] = ()
    if reference is not None and current is not None and reference.n and current.n:
        sides = reference.counts, current.counts
        measured = tuple(measure_categories(method, *sides) for method in _CATEGORICAL_MEASURES)
    return replace(compared, categories=compare_categories(reference, current), measures=measured)


def _kind(profile: ColumnProfile | None) -> str:
    if profile is None:
        return ""
    return "numeric" if isinstance(profile, NumericProfile) else "categorical"


def _side(profile: ColumnProfile | None, codec: NumericCodec | None, span: Span) -> ColumnSide | None:
    if profile is None:
        return None
    if isinstance(profile, CategoricalProfile):
        return ColumnSide(span, profile.rows, profile.n, profile.missing, None, profile.distinct, None, None)
    return ColumnSide(
        span,
        profile.rows,
        profile.n,
        profile.missing,
        None if codec is None else quantile(profile, codec, 0.5),
        None,
        profile.low if profile.n else None,
        profile.high if profile.n else None,
    )
