"""Comparing two files or frames: ``driftwatch.compare`` and the command of that name."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from driftwatch.domain.instant import DAY, HOUR
from driftwatch.domain.signal import ColumnKind
from driftwatch.drift.distribution import Distribution
from driftwatch.drift.joint import multivariate_methods
from driftwatch.drift.measures import measure_categories, measure_distributions, measure_values, measures, measures_of
from driftwatch.drift.multivariate import MULTIVARIATE, MultivariateResult
from driftwatch.drift.pairwise import (
    LEAST_ROWS,
    SIGNIFICANCE,
    ColumnPair,
    PairVerdict,
    calibrated_pairs,
    judge_pairs,
)
from driftwatch.drift.result import MeasureResult
from driftwatch.drift.rule import Series
from driftwatch.errors import DataError, SpecError
from driftwatch.integrations.columns import ColumnSource, open_columns
from driftwatch.integrations.tabular import describe_source
from driftwatch.monitors.reading import nearest
from driftwatch.monitors.spec import ModelSpec
from driftwatch.profiles.numeric import NumericProfile
from driftwatch.service.arrow_column import NO_TIME, read_kind, read_times
from driftwatch.service.comparison_column import ReadColumn, read_column
from driftwatch.service.comparison_demand import check_demands, hold_to_demands
from driftwatch.service.comparison_finding import describe_column
from driftwatch.service.comparison_history import LEAST_DAYS, Timeline, series_in_time
from driftwatch.service.comparison_joint import ColumnSample, Rows, judge_together, pick_rows, sample_column
from driftwatch.service.comparison_result import ColumnComparison, Comparison
from driftwatch.service.comparison_text import compare_embeddings, read_texts

__all__ = ["Comparison", "compare"]

_NUMERIC = (
    "kolmogorov_smirnov",
    "wasserstein_distance_normalized",
    "population_stability_index",
    "jensen_shannon_distance",
)
_CATEGORICAL = ("total_variation_distance", "population_stability_index", "jensen_shannon_distance", "chi_square")
_RAW_ROWS = 200_000
_THREADED_ROWS = 200_000
_MOST_THREADS = 4
_NOT_FEATURES = ("timestamp", "id", "label_timestamp", "request_id", "entity", "deployment", "query_id")


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked of every column."""

    wanted: tuple[str, ...] | None
    picked: tuple[Rows, Rows]
    categories: bool
    timeline: Timeline | None


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is left of a column when its rows are gone."""

    column: ReadColumn
    pair: ColumnPair | None
    series: Series | None
    measures: tuple[MeasureResult, ...]
    sample: ColumnSample | None


def compare(
    reference: Any,
    current: Any,
    spec: ModelSpec | None = None,
    *,
    methods: str | Sequence[str] | None = None,
    multivariate: str = MULTIVARIATE,
) -> Comparison:
    """Compare current data with a reference, column by column and all together.

    A column drifted if its location, spread, shape, mix of categories, missing share or share of never-seen values is
    off by more than sampling *and* the variation that is natural for it explain, at p < 0.01/F over F columns, with an
    effect worth having. The natural variation is learned from the reference where the specification names a timestamp
    and the reference has 14 days or more; else constants stand for it that are typical of columns in production.

    A Parquet file is read a column at a time, so that memory holds a few columns and never the table.

    Args:
        reference: a path (Parquet, CSV, Arrow) or a frame (pandas, polars, pyarrow, dict of columns).
        current: the same.
        spec: the model's specification, for kinds, features and the timestamp; without it everything is inferred.
        methods: measures to report, by name or alias; "all" for every one, on the raw values. None for the usual four.
        multivariate: what judges all columns together: "hotelling", "pca" or "domain_classifier".

    Raises:
        DataError: a side cannot be read, or the two have no column in common.
        SpecError: the specification names columns that neither side has.
        UnknownNameError: there is no such measure or method.
    """
    wanted, together = _methods(methods), multivariate_methods[multivariate]
    sources = open_columns(reference), open_columns(current)
    names, kinds = _names(sources, spec)
    rows = sources[0].num_rows, sources[1].num_rows
    times = _times(sources, spec)
    timeline = None if times is None else Timeline(*times, spec.bucket if spec else HOUR)
    picked = pick_rows(rows[0], None if times is None else times[0]), pick_rows(rows[1])
    question = _Question(wanted, picked, together.categories, timeline)
    answers, embeddings, not_compared = _ask(sources, names, kinds, question)
    pairs = _pairs(answers, timeline)
    verdicts = judge_pairs(list(pairs.values()))
    results = [
        describe_column(answer.column, verdicts.get(answer.column.name), answer.measures, rows) for answer in answers
    ]
    results = hold_to_demands([*results, *embeddings], sources[1], spec)
    samples = [answer.sample for answer in answers if answer.sample is not None]
    joint = judge_together(samples, together, multivariate_methods.key(multivariate))
    return Comparison(
        verdict=_verdict(results, joint, rows),
        columns=tuple(sorted(results, key=lambda result: result.rank)),
        multivariate=joint,
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


def _names(
    sources: tuple[ColumnSource, ColumnSource], spec: ModelSpec | None
) -> tuple[list[str], dict[str, ColumnKind]]:
    """The columns to compare, in the order of the files, and the kinds that are declared."""
    names = list(dict.fromkeys((*sources[0].column_names, *sources[1].column_names)))
    if not names or not set(sources[0].column_names) & set(sources[1].column_names):
        raise DataError(
            "the two files have no column in common: "
            f"{_listed(sources[0].column_names)} in the reference, {_listed(sources[1].column_names)} now"
        )
    if spec is None:
        return names, {}
    kinds = spec.features.kinds()
    _check(spec, kinds, names)
    check_demands(spec, names)
    roles = spec.columns.roles()
    aside = {roles.get(role) for role in _NOT_FEATURES} | {spec.version_column}
    answers = [name for role, name in roles.items() if role not in _NOT_FEATURES]
    return [name for name in names if (name in kinds or name in answers if kinds else name not in aside)], kinds


def _ask(
    sources: tuple[ColumnSource, ColumnSource], names: Sequence[str], kinds: dict[str, ColumnKind], question: _Question
) -> tuple[list[_Answer], list[ColumnComparison], list[tuple[str, str]]]:
    """Every column in turn (large ones on a few threads), embeddings, and what is left out with the reason."""

    def answer(name: str) -> list[_Answer] | ColumnComparison | str:
        return _answer(name, sources, kinds.get(name), question)

    if max(source.num_rows for source in sources) > _THREADED_ROWS:
        with ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1), "driftwatch-compare") as pool:
            found = list(pool.map(answer, names))
    else:
        found = [answer(name) for name in names]
    answers: list[_Answer] = []
    embeddings: list[ColumnComparison] = []
    left_out: list[tuple[str, str]] = []
    for name, result in zip(names, found, strict=True):
        if isinstance(result, str):
            left_out.append((name, result))
        elif isinstance(result, ColumnComparison):
            embeddings.append(result)
        else:
            answers += result
            if any(each.column.identifier for each in result):
                left_out.append((name, "an identifier or a counter: only its missing values are compared"))
    if not answers and not embeddings:
        raise DataError(f"no column holds anything that can be compared: {_listed(names)}")
    return answers, embeddings, left_out


def _answer(
    name: str, sources: tuple[ColumnSource, ColumnSource], kind: ColumnKind | None, question: _Question
) -> list[_Answer] | ColumnComparison | str:
    """One column, from its rows to what is kept of it (of a text, what it is derived to); or why it is left out."""
    sides = [source.column(name) if name in source.column_names else None for source in sources]
    if kind is ColumnKind.TEXT:
        return [_keep(column, question) for column in read_texts(name, (sides[0], sides[1]))]
    if all(side is None or read_kind(side) is ColumnKind.EMBEDDING for side in sides):
        return compare_embeddings(name, (sides[0], sides[1]))
    column = read_column(name, sides[0], sides[1], kind)
    if column is None:
        return f"values of type {next(str(side.type) for side in sides if side is not None)} are not compared"
    return [_keep(column, question)]


def _keep(column: ReadColumn, question: _Question) -> _Answer:
    """What is left of a column when its rows are gone."""
    pair = column.pair()
    series = None if pair is None or question.timeline is None else series_in_time(column, question.timeline)
    sample = sample_column(column, question.picked, categories=question.categories)
    return _Answer(column.released(), pair, series, _measure(column, question.wanted), sample)


def _pairs(answers: Sequence[_Answer], timeline: Timeline | None) -> dict[str, ColumnPair]:
    if timeline is None:
        return {answer.column.name: answer.pair for answer in answers if answer.pair is not None}
    series = [answer.series for answer in answers if answer.series is not None]
    return calibrated_pairs(series, timeline.calendar, timeline.n_reference, timeline.start)


def _check(spec: ModelSpec, kinds: dict[str, ColumnKind], names: list[str]) -> None:
    wanted = {f"columns.{role}": name for role, name in spec.columns.roles().items()}
    wanted |= {f"features.{kind.value}": name for name, kind in kinds.items() if name not in names}
    for path, name in wanted.items():
        if name not in names:
            raise SpecError(f"neither file has a column {name!r}.{nearest(name, names)}", path=path)


def _times(
    tables: tuple[ColumnSource, ColumnSource], spec: ModelSpec | None
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


def _only_timestamp(tables: tuple[ColumnSource, ColumnSource]) -> str | None:
    """Without a specification: the one column of times that both sides have, if there is exactly one."""
    found = [
        name
        for name in tables[0].column_names
        if name in tables[1].column_names
        and all(pa.types.is_timestamp(table.schema.field(name).type) for table in tables)
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
    kind = "numeric" if numeric else "binary" if len(set().union(*column.counts)) == 2 else "categorical"
    possible = measures_of(kind)
    chosen = usual if wanted is None else wanted or possible
    if not numeric:
        return tuple(measure_categories(name, *column.counts) for name in chosen if name in possible)
    if wanted is None and before.n + after.n > _RAW_ROWS:
        sides = [Distribution.of(side, column.codec) for side in (before, after) if isinstance(side, NumericProfile)]
        return tuple(measure_distributions(name, sides[0], sides[1]) for name in chosen)
    values = column.finite()
    return tuple(measure_values(name, *values) for name in chosen)


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
