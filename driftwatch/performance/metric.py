"""Every metric by name, on raw rows: the built-in ones, and those that other packages bring."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch._registry import Registry
from driftwatch.performance import binary, multiclass, ranking
from driftwatch.performance.bootstrap import bootstrap_rows
from driftwatch.performance.calibration import tally_calibration
from driftwatch.performance.confusion import SHARES, Confusion, count_confusion
from driftwatch.performance.discrimination import average_precision, ks_separation, lift, roc_auc
from driftwatch.performance.result import PerformanceResult, direction_of
from driftwatch.performance.score_table import ScoreTable, tabulate_scores

__all__ = ["Metric", "MetricRows", "measure_rows", "metrics", "metrics_of"]


@dataclass(frozen=True, slots=True, eq=False)
class MetricRows:
    """Rows with their outcomes, as arrays of one length.

    Attributes:
        outcomes: what it was: bool[n] (binary), names (multiclass), float64[n] (regression; ranking: relevance).
        decisions: what was served, of the same type; None where nothing was.
        scores: float64[n], P(positive) or what the ranking was sorted by; None without.
        queries: int64[n] of a ranking, which query a row is of.
        features: whatever columns a metric of yours wants, by name.
    """

    outcomes: NDArray[Any]
    decisions: NDArray[Any] | None = None
    scores: NDArray[np.float64] | None = None
    queries: NDArray[np.int64] | None = None
    features: dict[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.outcomes)

    def take(self, rows: NDArray[np.int64]) -> "MetricRows":
        """Some of the rows, in that order; a row may be taken twice."""
        return MetricRows(
            self.outcomes[rows],
            None if self.decisions is None else self.decisions[rows],
            None if self.scores is None else self.scores[rows],
            None if self.queries is None else self.queries[rows],
            {name: column[rows] for name, column in self.features.items()},
        )


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. A plugin registers an instance in the entry point group ``driftwatch.metric``.

    Attributes:
        name: its key.
        tasks: of "binary", "multiclass", "regression", "ranking": the models that it is for.
        on_rows: pure, and safe to call from several threads; None where the metric is not defined for these rows.
        direction: "higher_is_better", "lower_is_better" or "zero_is_best".
    """

    name: str
    tasks: tuple[str, ...]
    on_rows: Callable[[MetricRows], float | None]
    direction: str = "higher_is_better"


metrics: Registry[Metric] = Registry("metric")


def metrics_of(task: str) -> tuple[str, ...]:
    """The keys of all metrics of a task."""
    return tuple(name for name in metrics if task in metrics[name].tasks)


def measure_rows(
    name: str, rows: MetricRows, *, rng: np.random.Generator, labelled_share: float = 1.0
) -> PerformanceResult:
    """One metric of raw rows, with the bootstrap interval over rows (over queries, for a ranking).

    The tallies give most metrics faster and with closer intervals; this is for those that no tally has.

    Args:
        name: a key.
        rows: with their outcomes.
        rng: of the bootstrap.
        labelled_share: labelled rows as a share of all.

    Raises:
        UnknownNameError: there is no such metric.
    """
    metric = metrics[name]
    value = _finite(metric.on_rows(rows)) if len(rows) else None
    interval = None
    if value is not None:
        groups = None if rows.queries is None else _groups(rows.queries)

        def redrawn(chosen: NDArray[np.int64]) -> float | None:
            if groups is None:
                return _finite(metric.on_rows(rows.take(chosen)))
            return _finite(metric.on_rows(_queries_of(rows, [groups[place] for place in chosen.tolist()])))

        interval = bootstrap_rows(redrawn, len(rows) if groups is None else len(groups), rng)
    return PerformanceResult(name, value, interval, len(rows), labelled_share, metric.direction)


def _groups(queries: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    order = np.argsort(queries, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(queries[order])) + 1)


def _queries_of(rows: MetricRows, chosen: list[NDArray[np.int64]]) -> MetricRows:
    """The rows of queries, each drawn one a query of its own."""
    taken = rows.take(np.concatenate(chosen))
    numbers = np.repeat(np.arange(len(chosen)), [len(each) for each in chosen])
    return MetricRows(taken.outcomes, taken.decisions, taken.scores, numbers, taken.features)


def _finite(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)


_DEPTH = 10


def _confusion(rows: MetricRows) -> Confusion | None:
    return None if rows.decisions is None else count_confusion(rows.decisions, rows.outcomes)


def _share(name: str) -> Callable[[MetricRows], float | None]:
    def on_rows(rows: MetricRows) -> float | None:
        if rows.decisions is None:
            return None
        if rows.outcomes.dtype != np.bool_:
            return multiclass.average(_classes(rows).counts, name, "macro")
        part, whole = SHARES[name](count_confusion(rows.decisions, rows.outcomes))
        return part / whole if whole else None

    return on_rows


def _classes(rows: MetricRows) -> multiclass.MulticlassTally:
    decisions = [] if rows.decisions is None else rows.decisions.tolist()
    return multiclass.tally_multiclass(decisions, rows.outcomes.tolist())


def _accuracy(rows: MetricRows) -> float | None:
    return None if rows.decisions is None else float(np.mean(rows.decisions == rows.outcomes))


def _f1(rows: MetricRows) -> float | None:
    if rows.outcomes.dtype != np.bool_:
        return None if rows.decisions is None else multiclass.average(_classes(rows).counts, "f1", "macro")
    confusion = _confusion(rows)
    return None if confusion is None else confusion.f1


def _correlation(rows: MetricRows) -> float | None:
    if rows.outcomes.dtype != np.bool_:
        return None if rows.decisions is None else multiclass.multiclass_correlation(_classes(rows).counts)
    confusion = _confusion(rows)
    return None if confusion is None else confusion.matthews_correlation


def _on_table(of: Callable[[ScoreTable], float | None]) -> Callable[[MetricRows], float | None]:
    return lambda rows: None if rows.scores is None else of(tabulate_scores(rows.scores, rows.outcomes))


def _gini(table: ScoreTable) -> float | None:
    area = roc_auc(table)
    return None if area is None else 2 * area - 1


def _on_losses(name: str) -> Callable[[MetricRows], float | None]:
    def on_rows(rows: MetricRows) -> float | None:
        if rows.scores is None or tally_calibration(rows.scores, rows.outcomes).beyond:
            return None
        nothing = np.zeros(len(rows), dtype=np.bool_)
        tally = binary.tally_binary(rows.scores, nothing, rows.outcomes, np.zeros(0))
        return (tally.log_loss if name == "log_loss" else tally.brier).mean

    return on_rows


def _on_calibration(name: str) -> Callable[[MetricRows], float | None]:
    def on_rows(rows: MetricRows) -> float | None:
        if rows.scores is None:
            return None
        found: float | None = getattr(tally_calibration(rows.scores, rows.outcomes), name)
        return found

    return on_rows


_Values = NDArray[np.float64]
_ERRORS: dict[str, Callable[[_Values, _Values], float]] = {
    "mean_absolute_error": lambda p, y: float(np.mean(np.abs(p - y))),
    "root_mean_squared_error": lambda p, y: float(np.sqrt(np.mean((p - y) ** 2))),
    "mean_error": lambda p, y: float(np.mean(p - y)),
    "mean_absolute_percentage_error": lambda p, y: float(np.mean(np.abs((p - y)[y != 0] / y[y != 0]))),
    "mean_squared_log_error": lambda p, y: float(np.mean((np.log1p(p) - np.log1p(y)) ** 2)),
    "r2": lambda p, y: float(1 - np.sum((p - y) ** 2) / np.sum((y - y.mean()) ** 2)),
    "quantile_loss": lambda p, y: float(np.mean(np.abs(p - y)) / 2),  # of the median
}


def _on_errors(name: str) -> Callable[[MetricRows], float | None]:
    def on_rows(rows: MetricRows) -> float | None:
        if rows.decisions is None:
            return None
        with np.errstate(all="ignore"):  # what is not finite is not defined
            return _ERRORS[name](rows.decisions, rows.outcomes)

    return on_rows


def _on_queries(name: str) -> Callable[[MetricRows], float | None]:
    def on_rows(rows: MetricRows) -> float | None:
        if rows.scores is None or rows.queries is None:
            return None
        tally = ranking.tally_ranking(rows.queries, rows.scores, rows.outcomes, depth=_DEPTH)
        return ranking.ranking_performance(tally)[name].value

    return on_rows


def _add(name: str, tasks: tuple[str, ...], on_rows: Callable[[MetricRows], float | None]) -> None:
    metrics.add(name, Metric(name, tasks, on_rows, direction_of(name)))


_BINARY, _CLASSES = ("binary",), ("binary", "multiclass")
_add("accuracy", _CLASSES, _accuracy)
_add("f1", _CLASSES, _f1)
_add("matthews_correlation", _CLASSES, _correlation)
for _name in ("precision", "recall", "specificity"):
    _add(_name, _CLASSES, _share(_name))
for _name in ("selection_rate", "negative_predictive_value"):
    _add(_name, _BINARY, _share(_name))
for _name, _of in (
    *(("roc_auc", roc_auc), ("gini", _gini), ("average_precision", average_precision)),
    *(("ks_separation", ks_separation), ("lift", lift)),
):
    _add(_name, _BINARY, _on_table(_of))
for _name in ("log_loss", "brier_score"):
    _add(_name, _BINARY, _on_losses(_name))
for _name in ("expected_calibration_error", "calibration_bias"):
    _add(_name, _BINARY, _on_calibration(_name))
for _name in _ERRORS:
    _add(_name, ("regression",), _on_errors(_name))
for _name in (f"ndcg@{_DEPTH}", f"map@{_DEPTH}", "mrr", f"hit_rate@{_DEPTH}"):
    _add(_name, ("ranking",), _on_queries(_name))
