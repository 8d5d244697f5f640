"""Comparing two files or frames: ``driftwatch.compare`` and the command of that name."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from driftwatch.domain.instant import DAY, HOUR
from driftwatch.domain.signal import ColumnKind
from driftwatch.drift.distribution import Distribution
from driftwatch.drift.measures import measure_categories, measure_distributions, measure_values, measures, measures_of
from driftwatch.drift.multivariate import MultivariateResult, compare_moments
from driftwatch.drift.pairwise import LEAST_ROWS, SIGNIFICANCE, PairVerdict, judge_pairs
from driftwatch.drift.result import MeasureResult
from driftwatch.errors import DataError, SpecError
from driftwatch.integrations.tabular import describe_source, read_table
from driftwatch.monitors.reading import nearest
from driftwatch.monitors.spec import ModelSpec
from driftwatch.profiles.bucket import NumericColumn
from driftwatch.profiles.numeric import NumericProfile
from driftwatch.service.arrow_column import NO_TIME, read_kind, read_times
from driftwatch.service.comparison_column import ReadColumn, read_column
from driftwatch.service.comparison_finding import describe_column
from driftwatch.service.comparison_history import LEAST_DAYS, Timeline, pairs_in_time
from driftwatch.service.comparison_result import ColumnComparison, Comparison

__all__ = ["Comparison", "compare"]

_NUMERIC = (
    "kolmogorov_smirnov",
    "wasserstein_distance_normalized",
    "population_stability_index",
    "jensen_shannon_distance",
)
_CATEGORICAL = ("total_variation_distance", "population_stability_index", "jensen_shannon_distance", "chi_square")
_RAW_ROWS = 200_000
_NOT_FEATURES = ("timestamp", "id", "label_timestamp", "request_id", "entity", "deployment", "query_id")


def compare(
    reference: Any, current: Any, spec: ModelSpec | None = None, *, methods: str | Sequence[str] | None = None
) -> Comparison:
    """Compare current data with a reference, column by column and all together.

    A column drifted if its location, spread, shape, mix of categories, missing share or share of never-seen values is
    off by more than sampling *and* the variation that is natural for it explain, at p < 0.01/F over F columns, with an
    effect worth having. The natural variation is learned from the reference where the specification names a timestamp
    and the reference has 14 days or more; else constants stand for it that are typical of columns in production.

    Args:
        reference: a path (Parquet, CSV, Arrow) or a frame (pandas, polars, pyarrow, dict of columns).
        current: the same.
        spec: the model's specification, for kinds, features and the timestamp; without it everything is inferred.
        methods: measures to report, by name or alias; "all" for every one, on the raw values. None for the usual four.

    Raises:
        DataError: a side cannot be read, or the two have no column in common.
        SpecError: the specification names columns that neither side has.
        UnknownNameError: there is no such measure.
    """
    wanted = _methods(methods)
    tables = read_table(reference), read_table(current)
    columns, not_compared = _read(tables, spec)
    times = _times(tables, spec)
    pairs = {column.name: pair for column in columns if (pair := column.pair()) is not None}
    if times is not None:
        compared = [column for column in columns if column.name in pairs]
        pairs = pairs_in_time(compared, Timeline(*times, spec.bucket if spec else HOUR))
    verdicts = judge_pairs(list(pairs.values()))
    rows = tables[0].num_rows, tables[1].num_rows
    results = [describe_column(column, verdicts.get(column.name), _measure(column, wanted), rows) for column in columns]
    together = _multivariate(columns, times)
    return Comparison(
        verdict=_verdict(results, together, rows),
        columns=tuple(sorted(results, key=lambda result: result.rank)),
        multivariate=together,
        reference_rows=rows[0],
        current_rows=rows[1],
        reference_name=describe_source(reference),
        current_name=describe_source(current),
        calibrated=times is not None and any(pair.calibrated for pair in pairs.values()),
        rule=_rule(verdicts, calibrated=times is not None),
        not_compared=tuple(not_compared),
    )


def _methods(methods: str | Sequence[str] | None) -> tuple[str, ...] | None:
    """The keys asked for; () for all; None for the usual ones."""
    if methods is None:
        return None
    names = [name.strip() for name in methods.split(",")] if isinstance(methods, str) else list(methods)
    return () if "all" in names else tuple(dict.fromkeys(measures.key(name) for name in names if name))


def _read(tables: tuple[pa.Table, pa.Table], spec: ModelSpec | None) -> tuple[list[ReadColumn], list[tuple[str, str]]]:
    """The columns to compare, in the order of the files, and those that are left out with the reason."""
    names = list(dict.fromkeys((*tables[0].column_names, *tables[1].column_names)))
    if not names or not set(tables[0].column_names) & set(tables[1].column_names):
        raise DataError(
            "the two files have no column in common: "
            f"{_listed(tables[0].column_names)} in the reference, {_listed(tables[1].column_names)} now"
        )
    kinds = spec.features.kinds() if spec else {}
    wanted = names
    if spec is not None:
        _check(spec, kinds, names)
        roles = spec.columns.roles()
        aside = {roles.get(role) for role in _NOT_FEATURES} | {spec.version_column}
        answers = [name for role, name in roles.items() if role not in _NOT_FEATURES]
        wanted = [name for name in names if (name in kinds or name in answers if kinds else name not in aside)]
    columns, left_out = [], []
    for name in wanted:
        sides = [table.column(name) if name in table.column_names else None for table in tables]
        column = read_column(name, sides[0], sides[1], kinds.get(name))
        if column is None:
            kind = next(str(side.type) for side in sides if side is not None)
            left_out.append((name, f"values of type {kind} are not compared"))
        else:
            columns.append(column)
            if column.identifier:
                left_out.append((name, "an identifier or a counter: only its missing values are compared"))
    if not columns:
        raise DataError(f"no column holds anything that can be compared: {_listed(wanted)}")
    return columns, left_out


def _check(spec: ModelSpec, kinds: dict[str, ColumnKind], names: list[str]) -> None:
    wanted = {f"columns.{role}": name for role, name in spec.columns.roles().items()}
    wanted |= {f"features.{kind.value}": name for name, kind in kinds.items() if name not in names}
    for path, name in wanted.items():
        if name not in names:
            raise SpecError(f"neither file has a column {name!r}.{nearest(name, names)}", path=path)


def _times(
    tables: tuple[pa.Table, pa.Table], spec: ModelSpec | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """The times of both sides, where there are such and the reference has 14 days of them."""
    name = spec.columns.timestamp if spec is not None else _only_timestamp(tables)
    if name is None or any(name not in table.column_names or not table.num_rows for table in tables):
        return None
    try:
        zone = (spec or ModelSpec("")).zone
        before, after = (read_times(table.column(name), zone) for table in tables)
    except DataError as error:
        if spec is None:
            return None
        raise SpecError(f"{name!r}: {error}", path="columns.timestamp") from None
    known = before[before != NO_TIME]
    if not len(known) or not np.any(after != NO_TIME) or int(known.max() - known.min()) < LEAST_DAYS * DAY:
        return None
    return before, after


def _only_timestamp(tables: tuple[pa.Table, pa.Table]) -> str | None:
    """Without a specification: the one column of times that both sides have, if there is exactly one."""
    found = [
        name
        for name in tables[0].column_names
        if name in tables[1].column_names
        and all(pa.types.is_timestamp(table.column(name).type) for table in tables)
        and read_kind(tables[0].column(name)) is None
    ]
    return found[0] if len(found) == 1 else None


def _measure(column: ReadColumn, wanted: tuple[str, ...] | None) -> tuple[MeasureResult, ...]:
    before, after = column.profiles
    if before is None or after is None or column.kind is None or not column.comparable:
        return ()
    if column.identifier and wanted is None:  # measured where somebody asks for it; it never counts as drift
        return ()
    numeric = isinstance(before, NumericProfile) and isinstance(after, NumericProfile)
    usual = _NUMERIC if numeric else _CATEGORICAL
    chosen = usual if wanted is None else wanted or measures_of("numeric" if numeric else "categorical")
    if not numeric:
        possible = measures_of("categorical")
        return tuple(measure_categories(name, *column.counts) for name in chosen if name in possible)
    if wanted is None and before.n + after.n > _RAW_ROWS:
        sides = [Distribution.of(side, column.codec) for side in (before, after) if isinstance(side, NumericProfile)]
        return tuple(measure_distributions(name, sides[0], sides[1]) for name in chosen)
    values = column.finite()
    return tuple(measure_values(name, *values) for name in chosen)


def _multivariate(
    columns: Sequence[ReadColumn], times: tuple[NDArray[np.int64], NDArray[np.int64]] | None
) -> MultivariateResult:
    used = [column for column in columns if column.comparable and not column.identifier]
    sides: list[list[NDArray[np.float64]]] = [[], []]
    for column in used:
        if isinstance(column.reference, NumericColumn) and isinstance(column.current, NumericColumn):
            for place, side in enumerate((column.reference, column.current)):
                values = side.values if side.nulls is None else np.where(side.nulls, np.nan, side.values)
                sides[place].append(values)
    if not sides[0]:
        return MultivariateResult(None, None, drifted=False, columns=0, reason="no numeric columns")
    reference, current = (np.column_stack(side) for side in sides)
    if times is not None:  # consecutive blocks of the reference are to be consecutive in time
        reference = reference[np.argsort(times[0], kind="stable")]
    return compare_moments(reference, current)


def _verdict(results: Sequence[ColumnComparison], together: MultivariateResult, rows: tuple[int, int]) -> str:
    if min(rows) < LEAST_ROWS or not any(result.judged or result.drifted for result in results):
        return "insufficient_data"
    return "drift" if together.drifted or any(result.drifted for result in results) else "no_drift"


def _rule(verdicts: dict[str, PairVerdict], *, calibrated: bool) -> str:
    each = f"p < {SIGNIFICANCE}/{max(1, len(verdicts))} for each column, and an effect worth having"
    if calibrated:
        return f"{each}; natural variation learned from the reference, hour of the week against hour of the week"
    return f"{each}; natural variation assumed, since there are no two weeks of reference with times to learn it from"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "") or "none"
