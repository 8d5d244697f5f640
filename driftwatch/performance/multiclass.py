"""A classifier of several classes against its outcomes: the tally that adds up, its metrics per class and averaged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.performance.bootstrap import bootstrap_counts
from driftwatch.performance.confusion import SHARES, Confusion
from driftwatch.performance.discrimination import delong_interval, roc_auc
from driftwatch.performance.interval import wilson
from driftwatch.performance.mean_tally import MeanTally, tally_mean
from driftwatch.performance.result import Interval, PerformanceResult, direction_of
from driftwatch.performance.score_table import ScoreTable, bin_scores, pack_scores, unpack_scores
from driftwatch.profiles.packing import pack_counts, unpack_counts

__all__ = [
    "MulticlassTally",
    "add_by_class",
    "average",
    "multiclass_correlation",
    "multiclass_performance",
    "tally_multiclass",
]

_PER_CLASS = ("precision", "recall", "specificity", "f1")
_LEAST_PROBABILITY = 2.0**-52
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class MulticlassTally:
    """Labelled rows of a classifier; adds up, also when the classes differ.

    Attributes:
        classes: names, sorted.
        counts: int64[K, K], rows by outcome (first axis) and decision.
        log_loss: logarithmic losses of the rows with a score for every class.
        brier: their squared distances from the outcome, 0 to 2.
        unlabelled: rows without an outcome.
        scored: int64[B, 2] by class: the rows with a score of it, by bin (:data:`~.score_table.CLASS_EDGES`) and
            whether they turned out to be of it.
    """

    classes: tuple[str, ...]
    counts: Counts
    log_loss: MeanTally = field(default_factory=MeanTally)
    brier: MeanTally = field(default_factory=MeanTally)
    unlabelled: int = 0
    scored: Mapping[str, Counts] = field(default_factory=dict)

    def __add__(self, other: "MulticlassTally") -> "MulticlassTally":
        """Both together."""
        classes = tuple(sorted({*self.classes, *other.classes}))
        return MulticlassTally(
            classes,
            self._spread(classes) + other._spread(classes),
            self.log_loss + other.log_loss,
            self.brier + other.brier,
            self.unlabelled + other.unlabelled,
            add_by_class(self.scored, other.scored),
        )

    def _spread(self, classes: Sequence[str]) -> Counts:
        places = np.array([classes.index(name) for name in self.classes], dtype=np.int64)
        counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
        counts[np.ix_(places, places)] = self.counts
        return counts

    @property
    def n(self) -> int:
        """Labelled rows."""
        return int(self.counts.sum())

    @property
    def labelled_share(self) -> float:
        """Of all rows; 0 without rows."""
        total = self.n + self.unlabelled
        return self.n / total if total else 0.0

    @property
    def tables(self) -> dict[str, ScoreTable]:
        """By class with scores, those of the rows that are of it and that are not."""
        return {name: ScoreTable(counts[:, 1], counts[:, 0], exact=False) for name, counts in self.scored.items()}

    def one_against_rest(self, name: str) -> Confusion:
        """The binary confusion of one class."""
        place = self.classes.index(name)
        hit = int(self.counts[place, place])
        decided, was = int(self.counts[:, place].sum()), int(self.counts[place].sum())
        return Confusion(self.n - decided - was + hit, decided - hit, was - hit, hit)

    def to_fields(self) -> list[Any]:
        """Plain values for msgpack."""
        losses = [self.log_loss.to_fields(), self.brier.to_fields()]
        scored = {name: pack_scores(counts) for name, counts in self.scored.items()}
        return [list(self.classes), pack_counts(self.counts.reshape(-1)), *losses, self.unlabelled, scored]

    @classmethod
    def from_fields(cls, fields: list[Any]) -> "MulticlassTally":
        """Read what :meth:`to_fields` wrote."""
        classes, counts, log_loss, brier, unlabelled, *rest = fields
        shape = (len(classes), len(classes))
        return cls(
            tuple(classes),
            unpack_counts(counts).reshape(shape),
            MeanTally.from_fields(log_loss),
            MeanTally.from_fields(brier),
            unlabelled,
            {name: unpack_scores(packed) for name, packed in (rest[0] if rest else {}).items()},
        )


def tally_multiclass(
    decisions: Sequence[str],
    outcomes: Sequence[str],
    *,
    scores: Mapping[str, NDArray[np.float64]] | None = None,
    unlabelled: int = 0,
) -> MulticlassTally:
    """The tally of labelled rows.

    Args:
        decisions: the class served, a name a row.
        outcomes: the class it was.
        scores: float64[n] by class, NaN where a row has none; rows with all of them, adding up to 1, give the losses.
        unlabelled: rows of the same window without an outcome.
    """
    classes = tuple(sorted({*decisions, *outcomes, *(scores or {})}))
    place = {name: index for index, name in enumerate(classes)}
    was = np.array([place[name] for name in outcomes], dtype=np.int64)
    decided = np.array([place[name] for name in decisions], dtype=np.int64)
    cells = np.bincount(was * len(classes) + decided, minlength=len(classes) ** 2).astype(np.int64)
    counts = cells.reshape(len(classes), len(classes))
    losses = _losses(classes, was, scores) if scores else (MeanTally(), MeanTally())
    of = np.array(outcomes, dtype=object)
    scored = {name: bin_scores(values, of == name) for name, values in (scores or {}).items()}
    return MulticlassTally(classes, counts, *losses, unlabelled, scored)


def add_by_class(left: Mapping[str, Counts], right: Mapping[str, Counts]) -> dict[str, Counts]:
    """Counts of the same bins, class by class."""
    return {
        name: left[name] + right[name] if name in left and name in right else (left if name in left else right)[name]
        for name in {**left, **right}
    }


def _losses(
    classes: Sequence[str], was: NDArray[np.int64], scores: Mapping[str, NDArray[np.float64]]
) -> tuple[MeanTally, MeanTally]:
    matrix = np.stack([scores[name] if name in scores else np.zeros(len(was)) for name in classes], axis=1)
    with np.errstate(invalid="ignore"):
        whole = np.isfinite(matrix).all(axis=1) & (matrix >= 0).all(axis=1) & (np.abs(matrix.sum(axis=1) - 1) < 1e-6)
    matrix, was = matrix[whole], was[whole]
    of_outcome = matrix[np.arange(len(was)), was]
    squared = np.sum(matrix * matrix, axis=1) - 2 * of_outcome + 1
    likelihood = np.clip(of_outcome, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
    return tally_mean(-np.log(likelihood)), tally_mean(squared)


def multiclass_performance(
    tally: MulticlassTally,
    *,
    rng: np.random.Generator | None = None,
    tables: Mapping[str, ScoreTable] | None = None,
) -> list[PerformanceResult]:
    """Every metric: of the whole, by class (`of` names it) and averaged (`of` is "macro" or "weighted").

    Args:
        tally: its labelled rows.
        rng: of the bootstrap intervals; without one the metrics that need it have none.
        tables: for each class the scores of the rows that are of it and that are not, for ROC AUC one against the rest;
            without them those of the tally's bins.
    """
    if not tally.n:
        return []
    results = [*_whole(tally, rng)]
    for metric in _PER_CLASS:
        results += [_result(tally, metric, *_one(tally, metric, name), of=name) for name in tally.classes]
        for weighting in ("macro", "weighted"):
            of_counts = partial(average, metric=metric, weighting=weighting)
            interval = None if rng is None else bootstrap_counts(of_counts, tally.counts, rng)
            results.append(_result(tally, metric, average(tally.counts, metric, weighting), interval, of=weighting))
    return results + _areas(tally, tally.tables if tables is None else tables)


def average(counts: Counts, metric: str, weighting: str) -> float | None:
    """A per-class metric over the classes: their mean ("macro"), or weighted by their rows ("weighted").

    A class in which the metric is not defined counts as 0, as in scikit-learn; classes without any row are left out.

    Args:
        counts: int64[K, K], outcome by decision.
        metric: "precision", "recall", "specificity" or "f1".
        weighting: "macro" or "weighted".
    """
    hit, was, decided = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    total = int(counts.sum())
    part, whole = {
        "precision": (hit, decided),
        "recall": (hit, was),
        "specificity": (total - was - decided + hit, total - was),
        "f1": (2 * hit, was + decided),
    }[metric]
    seen = (was + decided) > 0
    values = np.divide(part, whole, out=np.zeros(len(hit)), where=whole > 0)[seen]
    weights = was[seen] if weighting == "weighted" else np.ones(int(seen.sum()))
    return float(values @ weights / weights.sum()) if weights.sum() else None


def multiclass_correlation(counts: Counts) -> float | None:
    """Gorodkin's generalisation (2004) of Matthews' correlation; None where a side is constant."""
    n, hit = int(counts.sum()), int(np.trace(counts))
    was, decided = counts.sum(axis=1).tolist(), counts.sum(axis=0).tolist()
    together = hit * n - sum(a * b for a, b in zip(was, decided, strict=True))
    spread = (n * n - sum(a * a for a in decided)) * (n * n - sum(a * a for a in was))
    return together / float(np.sqrt(float(spread))) if spread else None


def _whole(tally: MulticlassTally, rng: np.random.Generator | None) -> list[PerformanceResult]:
    hit = int(np.trace(tally.counts))
    correlation = multiclass_correlation(tally.counts)
    around = None
    if correlation is not None and rng is not None:
        around = bootstrap_counts(multiclass_correlation, tally.counts, rng)
    return [
        _result(tally, "accuracy", hit / tally.n, wilson(hit, tally.n)),
        _result(tally, "matthews_correlation", correlation, around),
        _result(tally, "log_loss", tally.log_loss.mean, tally.log_loss.interval, n=tally.log_loss.n),
        _result(tally, "brier_score", tally.brier.mean, tally.brier.interval, n=tally.brier.n),
    ]


def _one(tally: MulticlassTally, metric: str, name: str) -> tuple[float | None, Interval | None]:
    confusion = tally.one_against_rest(name)
    if metric == "f1":
        return confusion.f1, confusion.f1_interval
    part, whole = SHARES[metric](confusion)
    return (part / whole, wilson(part, whole)) if whole else (None, None)


def _areas(tally: MulticlassTally, tables: Mapping[str, ScoreTable]) -> list[PerformanceResult]:
    values = {name: roc_auc(table) for name, table in sorted(tables.items())}
    results = [
        _result(tally, "roc_auc", value, delong_interval(tables[name].occupied()), n=tables[name].n, of=name)
        for name, value in values.items()
    ]
    known = {name: value for name, value in values.items() if value is not None}
    if known:
        weights = [tables[name].n_positive for name in known]
        mean = sum(known.values()) / len(known)
        weighted = sum(value * weight for value, weight in zip(known.values(), weights, strict=True)) / sum(weights)
        results += [
            _result(tally, "roc_auc", mean, None, of="macro"),
            _result(tally, "roc_auc", weighted, None, of="weighted"),
        ]
    return results


def _result(
    tally: MulticlassTally,
    metric: str,
    value: float | None,
    interval: Interval | None,
    *,
    n: int | None = None,
    of: str | None = None,
) -> PerformanceResult:
    rows = tally.n if n is None else n
    return PerformanceResult(metric, value, interval, rows, tally.labelled_share, direction_of(metric), of)
