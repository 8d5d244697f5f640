"""The tally of a model's labelled rows, whatever its task: made from rows, added up, stored, and read as metrics."""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, TypeAlias

import numpy as np
import ormsgpack
import zstandard
from numpy.typing import NDArray

from driftwatch.performance.binary import BinaryTally, binary_performance, tally_binary
from driftwatch.performance.multiclass import MulticlassTally, multiclass_performance, tally_multiclass
from driftwatch.performance.ranking import RankingTally, ranking_performance, tally_ranking
from driftwatch.performance.regression import RegressionTally, regression_performance, tally_regression
from driftwatch.performance.result import PerformanceResult
from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.grid import KeyGrid

__all__ = [
    "LabelledRows",
    "Tally",
    "TallyPlan",
    "add_tallies",
    "as_class",
    "as_flag",
    "decisions_of",
    "decode_tally",
    "encode_tally",
    "fields_of",
    "from_fields",
    "performance_of",
    "tally_rows",
]

Tally: TypeAlias = BinaryTally | MulticlassTally | RegressionTally | RankingTally

_FORMAT = 1
_KINDS: Mapping[str, type[Tally]] = {
    "binary": BinaryTally,
    "multiclass": MulticlassTally,
    "regression": RegressionTally,
    "ranking": RankingTally,
}
_TRUE = frozenset({"1", "true", "t", "yes", "y", "positive"})
_FALSE = frozenset({"0", "false", "f", "no", "n", "negative"})


@dataclass(frozen=True, slots=True)
class TallyPlan:
    """How the rows of a model are tallied.

    Attributes:
        task: binary, multiclass, regression or ranking.
        edges: float64[B - 1], of the score's bins.
        errors: bins of a regression's errors, or None.
        threshold: score from which the decision is positive, where a row carries no decision of its own.
    """

    task: str
    edges: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    errors: NumericCodec | KeyGrid | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LabelledRows:
    """Rows whose outcome is known, n of each.

    Attributes:
        outcomes: a number, flag or text a row.
        predictions: likewise; None where the model gave none.
        scores: float64[n], NaN where a row has none.
        queries: int64[n], which query an item of a ranking was for; None otherwise.
        class_scores: float64[n] by class, of several classes.
    """

    outcomes: Sequence[Any]
    predictions: Sequence[Any]
    scores: NDArray[np.float64]
    queries: NDArray[np.int64] | None = None
    class_scores: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.outcomes)

    def take(self, rows: NDArray[np.int64]) -> "LabelledRows":
        """Some of the rows, int64[k] positions."""
        places = rows.tolist()
        return LabelledRows(
            [self.outcomes[place] for place in places],
            [self.predictions[place] for place in places],
            self.scores[rows],
            None if self.queries is None else self.queries[rows],
            {name: values[rows] for name, values in self.class_scores.items()},
        )


def tally_rows(plan: TallyPlan, rows: LabelledRows, *, unlabelled: int = 0) -> Tally:
    """The tally of labelled rows.

    Rows whose outcome (or decision) cannot be read for the task count as unlabelled.

    Args:
        plan: how.
        rows: n of them.
        unlabelled: rows of the same window without an outcome.

    Raises:
        ValueError: the task has no labels.
    """
    match plan.task:
        case "binary":
            return _binary(plan, rows, unlabelled)
        case "multiclass":
            return _multiclass(rows, unlabelled)
        case "regression":
            predicted, was = _numbers(rows.predictions), _numbers(rows.outcomes)
            known = np.isfinite(predicted) & np.isfinite(was)
            missing = unlabelled + int(np.count_nonzero(~known))
            return tally_regression(predicted[known], was[known], binning=plan.errors, unlabelled=missing)
        case "ranking":
            return _ranking(rows, unlabelled)
    raise ValueError(f"a model of task {plan.task!r} has no outcomes to hold its answers against")


def add_tallies(tallies: Sequence[Tally]) -> Tally | None:
    """All of them together, or None of none.

    Raises:
        ValueError: they are of different tasks or bins.
    """
    if len({type(tally) for tally in tallies}) > 1:
        raise ValueError("tallies of different tasks do not add up")
    parts: Sequence[Any] = tallies
    return reduce(operator.add, parts) if parts else None


def encode_tally(tally: Tally) -> bytes:
    """One compressed msgpack map."""
    fields = {"v": _FORMAT, **fields_of(tally)}
    return zstandard.ZstdCompressor(level=3).compress(ormsgpack.packb(fields))


def decode_tally(payload: bytes) -> Tally:
    """Read what :func:`encode_tally` wrote.

    Raises:
        ValueError: these are not the bytes of a tally, or they are of a later release.
    """
    try:
        fields = ormsgpack.unpackb(zstandard.ZstdDecompressor().decompress(payload))
        if fields["v"] != _FORMAT:
            raise ValueError(f"a tally of format {fields['v']!r} cannot be read by this release")
        return from_fields(fields)
    except (KeyError, TypeError, zstandard.ZstdError) as error:
        raise ValueError("these bytes are not a tally") from error


def fields_of(tally: Tally) -> dict[str, Any]:
    """Plain values for msgpack."""
    kind = next(name for name, each in _KINDS.items() if isinstance(tally, each))
    return {"kind": kind, "tally": tally.to_fields()}


def from_fields(fields: Mapping[str, Any]) -> Tally:
    """Read what :func:`fields_of` gave."""
    return _KINDS[fields["kind"]].from_fields(fields["tally"])


def performance_of(
    tally: Tally, *, rng: np.random.Generator | None, costs: Mapping[str, float] | None = None
) -> list[PerformanceResult]:
    """Every metric of the tally's task.

    Args:
        tally: labelled rows.
        rng: of the bootstrap intervals.
        costs: value by confusion cell, for a binary model's "value".
    """
    match tally:
        case BinaryTally():
            return list(binary_performance(tally, rng=rng, costs=costs).values())
        case MulticlassTally():
            return multiclass_performance(tally, rng=rng)
        case RegressionTally():
            return list(regression_performance(tally).values())
        case RankingTally():
            return list(ranking_performance(tally).values())


def as_flag(value: Any) -> int:
    """A binary outcome or decision as 1 or 0; -1 where it is neither.

    >>> [as_flag(value) for value in (True, 0.0, "Yes", "2", None)]
    [1, 0, 1, -1, -1]
    """
    text = as_class(value)
    if text is None:
        return -1
    return 1 if text.lower() in _TRUE else 0 if text.lower() in _FALSE else -1


def as_class(value: Any) -> str | None:
    """A class's name; whole numbers without a point.

    >>> [as_class(value) for value in (2.0, "spam", True, None)]
    ['2', 'spam', 'true', None]
    """
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return None
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | float | np.number):
        return str(int(value)) if float(value).is_integer() else repr(float(value))
    return str(value)


def decisions_of(plan: TallyPlan, predictions: Sequence[Any], scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """int64[n], the decisions of a binary model: 1, 0, or -1 where there is none.

    Args:
        plan: whose threshold stands in for a decision that a row does not carry.
        predictions: n of them.
        scores: float64[n], NaN where a row has none.
    """
    decisions = _flags(predictions)
    if plan.threshold is None:
        return decisions
    by_score = np.where(np.isfinite(scores), scores >= plan.threshold, -1)
    return np.where(decisions < 0, by_score, decisions)


def _binary(plan: TallyPlan, rows: LabelledRows, unlabelled: int) -> BinaryTally:
    outcomes = _flags(rows.outcomes)
    decisions = decisions_of(plan, rows.predictions, rows.scores)
    known = (outcomes >= 0) & (decisions >= 0)
    return tally_binary(
        rows.scores[known],
        decisions[known] == 1,
        outcomes[known] == 1,
        plan.edges,
        unlabelled=unlabelled + int(np.count_nonzero(~known)),
    )


def _multiclass(rows: LabelledRows, unlabelled: int) -> MulticlassTally:
    was, said = [as_class(value) for value in rows.outcomes], [as_class(value) for value in rows.predictions]
    known = [place for place, pair in enumerate(zip(was, said, strict=True)) if None not in pair]
    return tally_multiclass(
        [str(said[place]) for place in known],
        [str(was[place]) for place in known],
        scores={name: values[known] for name, values in rows.class_scores.items()} or None,
        unlabelled=unlabelled + len(rows) - len(known),
    )


def _ranking(rows: LabelledRows, unlabelled: int) -> RankingTally:
    relevance = _numbers(rows.outcomes)
    shown = np.where(np.isfinite(rows.scores), rows.scores, _numbers(rows.predictions))
    known = np.isfinite(relevance) & np.isfinite(shown)
    queries = np.zeros(len(rows), dtype=np.int64) if rows.queries is None else rows.queries
    known &= queries >= 0
    missing = unlabelled + int(np.count_nonzero(~known))
    return tally_ranking(queries[known], shown[known], np.maximum(relevance[known], 0.0), unlabelled=missing)


def _flags(values: Sequence[Any]) -> NDArray[np.int64]:
    known = {value: as_flag(value) for value in {*values}}
    return np.array([known[value] for value in values], dtype=np.int64)


def _numbers(values: Sequence[Any]) -> NDArray[np.float64]:
    numbers = np.full(len(values), np.nan)
    for place, value in enumerate(values):
        if value is not None:
            try:
                numbers[place] = float(value)
            except ValueError:
                continue
    return numbers
