"""A binary classifier against its outcomes: the tally that adds up, and every metric of it.

The tally counts score bin × outcome × decision as integers, and keeps exact sums of the losses. What depends on the
decision, the losses and the calibration are the same as from raw rows; ROC AUC, average precision and KS separation
hold the rows of a bin for ties, and say how far off that may be: for AUC at most half the share of pairs that fall into
one bin (below 1e-3 with 1,024 even bins, nothing where each score has a bin of its own).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.performance.calibration import CalibrationTally, tally_calibration
from driftwatch.performance.confusion import SHARES, Confusion
from driftwatch.performance.discrimination import (
    average_precision,
    average_precision_error,
    delong_interval,
    ks_separation,
    lift,
    resample_interval,
    roc_auc,
    roc_auc_error,
)
from driftwatch.performance.interval import student_t, wilson
from driftwatch.performance.mean_tally import MeanTally, tally_mean
from driftwatch.performance.result import Interval, PerformanceResult, direction_of
from driftwatch.performance.score_table import ScoreTable
from driftwatch.profiles.packing import pack_counts, unpack_counts

__all__ = ["BINARY_METRICS", "BinaryTally", "binary_performance", "tally_binary"]

BINARY_METRICS = (
    *("accuracy", "precision", "recall", "specificity", "f1", "matthews_correlation", "roc_auc", "gini"),
    *("average_precision", "ks_separation", "lift", "log_loss", "brier_score", "expected_calibration_error"),
    *("calibration_bias", "selection_rate", "negative_predictive_value", "value"),
)
"""In the order of the results; "value" only with costs."""

_LEAST_PROBABILITY = 2.0**-52  # scikit-learn's: the spacing of float64 at 1
_EXACT: tuple[str, ...] = ()
_AT_EDGES = ("at the edges of score bins: not above the raw scores'",)


@dataclass(frozen=True, slots=True, eq=False)
class BinaryTally:
    """Labelled rows of a binary classifier; adds up.

    Attributes:
        counts: int64[B + 1, 2, 2]: rows by score bin (the last: without a score), outcome and decision.
        calibration: of the rows with a score.
        brier: squared errors of the scores that are probabilities.
        log_loss: their logarithmic losses.
        unlabelled: rows without an outcome.
    """

    counts: NDArray[np.int64]
    calibration: CalibrationTally
    brier: MeanTally
    log_loss: MeanTally
    unlabelled: int = 0

    def __add__(self, other: "BinaryTally") -> "BinaryTally":
        """Both together.

        Raises:
            ValueError: the two have different bins.
        """
        if self.counts.shape != other.counts.shape:
            raise ValueError(f"tallies of {len(self.counts) - 1} and {len(other.counts) - 1} score bins do not add up")
        return BinaryTally(
            self.counts + other.counts,
            self.calibration + other.calibration,
            self.brier + other.brier,
            self.log_loss + other.log_loss,
            self.unlabelled + other.unlabelled,
        )

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
    def confusion(self) -> Confusion:
        """Of the decisions that were served."""
        return Confusion(*self.counts.sum(axis=0).reshape(-1).tolist())

    def table(self, *, exact: bool = False) -> ScoreTable:
        """The rows with a score by bin; `exact` where each bin is known to hold one score."""
        by_outcome = self.counts[:-1].sum(axis=2)
        return ScoreTable(by_outcome[:, 1], by_outcome[:, 0], exact)

    def rebinned(self, edges: NDArray[np.float64], coarser: NDArray[np.float64]) -> "BinaryTally":
        """The same rows in coarser score bins.

        Args:
            edges: boundaries of the bins of this tally.
            coarser: those of the new bins, all of them among `edges`.

        Raises:
            ValueError: a boundary of the new bins lies within a bin, or `edges` are not this tally's.
        """
        if len(edges) + 2 != len(self.counts) or not np.isin(coarser, edges).all():
            raise ValueError("score bins can only be joined, at boundaries that they have")
        place = np.append(np.searchsorted(coarser, edges, side="left"), [len(coarser), len(coarser) + 1])
        counts = np.zeros((len(coarser) + 2, 2, 2), dtype=np.int64)
        np.add.at(counts, place, self.counts)
        return replace(self, counts=counts)

    def to_fields(self) -> list[Any]:
        """Plain values for msgpack; only the occupied cells are written."""
        flat = self.counts.reshape(-1)
        occupied = np.flatnonzero(flat)
        counts = [len(self.counts), pack_counts(np.diff(occupied, prepend=0)), pack_counts(flat[occupied])]
        parts = (self.calibration, self.brier, self.log_loss)
        return [counts, *(part.to_fields() for part in parts), self.unlabelled]

    @classmethod
    def from_fields(cls, fields: list[Any]) -> "BinaryTally":
        """Read what :meth:`to_fields` wrote."""
        (bins, places, values), calibration, brier, log_loss, unlabelled = fields
        counts = np.zeros((bins, 2, 2), dtype=np.int64)
        counts.reshape(-1)[np.cumsum(unpack_counts(places))] = unpack_counts(values)
        return cls(
            counts,
            CalibrationTally.from_fields(calibration),
            MeanTally.from_fields(brier),
            MeanTally.from_fields(log_loss),
            unlabelled,
        )


def tally_binary(
    scores: NDArray[np.float64],
    decisions: NDArray[np.bool_],
    outcomes: NDArray[np.bool_],
    edges: NDArray[np.float64],
    *,
    unlabelled: int = 0,
) -> BinaryTally:
    """The tally of labelled rows.

    Args:
        scores: float64[n], P(positive); NaN or infinite where a row has none.
        decisions: bool[n], what was served.
        outcomes: bool[n].
        edges: float64[B - 1] of the model's score bins, ascending; bin b is (edges[b-1], edges[b]].
        unlabelled: rows of the same window without an outcome.
    """
    known = np.isfinite(scores)
    place = np.where(known, np.searchsorted(edges, scores, side="left"), len(edges) + 1)
    cells = (place * 2 + outcomes) * 2 + decisions
    counts = np.bincount(cells, minlength=4 * (len(edges) + 2)).astype(np.int64).reshape(-1, 2, 2)
    return BinaryTally(counts, *_losses(scores[known], outcomes[known]), unlabelled)


def _losses(scores: NDArray[np.float64], outcomes: NDArray[np.bool_]) -> tuple[CalibrationTally, MeanTally, MeanTally]:
    calibration = tally_calibration(scores, outcomes)
    probable = (scores >= 0) & (scores <= 1)
    scores, outcomes = scores[probable], outcomes[probable]
    likelihood = np.clip(np.where(outcomes, scores, 1 - scores), _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
    return calibration, tally_mean((scores - outcomes) ** 2), tally_mean(-np.log(likelihood))


def binary_performance(
    tally: BinaryTally,
    *,
    rng: np.random.Generator | None = None,
    table: ScoreTable | None = None,
    costs: Mapping[str, float] | None = None,
) -> dict[str, PerformanceResult]:
    """Every metric of a binary classifier.

    Args:
        tally: its labelled rows.
        rng: of the bootstrap intervals; without one the metrics that need it have none, at a hundredth of the time.
        table: the raw scores, where they are at hand: AUC, average precision, KS and lift are exact then.
        costs: value by confusion cell, for "value".
    """
    scores = tally.table() if table is None else table
    results = [*_decision_results(tally.confusion, costs, rng), *_score_results(scores.occupied(), rng)]
    results += _probability_results(tally, rng)
    share = tally.labelled_share
    found = {
        metric: PerformanceResult(metric, value, interval, n, share, direction_of(metric), None, notes)
        for metric, value, interval, n, notes in results
    }
    return {metric: found[metric] for metric in BINARY_METRICS if metric in found}


_Row = tuple[str, float | None, Interval | None, int, tuple[str, ...]]


def _decision_results(c: Confusion, costs: Mapping[str, float] | None, rng: np.random.Generator | None) -> list[_Row]:
    rows: list[_Row] = []
    for metric, share in SHARES.items():
        part, whole = share(c)
        value, interval = (part / whole, wilson(part, whole)) if whole else (None, None)
        rows.append((metric, value, interval, c.n, _EXACT))
    rows.append(("f1", c.f1, c.f1_interval, c.n, _EXACT))
    correlation = c.matthews_correlation
    around = None if correlation is None or rng is None else c.matthews_interval(rng)
    rows.append(("matthews_correlation", correlation, around, c.n, _EXACT))
    if costs:
        interval = None if rng is None else c.value_interval(costs, rng)
        rows.append(("value", c.value(costs), interval, c.n, _EXACT))
    return rows


def _score_results(table: ScoreTable, rng: np.random.Generator | None) -> list[_Row]:
    value, interval = roc_auc(table), delong_interval(table)
    doubled = None if interval is None else Interval(2 * interval.low - 1, 2 * interval.high - 1, interval.method)
    auc_off, precision_off = roc_auc_error(table), average_precision_error(table)
    return [
        ("roc_auc", value, interval, table.n, _within(auc_off)),
        ("gini", None if value is None else 2 * value - 1, doubled, table.n, _within(2 * auc_off)),
        _resampled("average_precision", average_precision, table, rng, _within(precision_off)),
        _resampled(
            "ks_separation", ks_separation, table, rng, _EXACT if table.exact else ("taken at the bins' edges",)
        ),
        _resampled("lift", lift, table, rng, ("of the highest-scored tenth",)),
    ]


def _resampled(
    metric: str, of: Any, table: ScoreTable, rng: np.random.Generator | None, notes: tuple[str, ...]
) -> _Row:
    value = of(table)
    interval = None if value is None or rng is None else resample_interval(of, table, rng)
    return metric, value, interval, table.n, notes


def _within(error: float) -> tuple[str, ...]:
    return (f"from score bins: within {error:.2g} of the raw scores'",) if error else _EXACT


def _probability_results(tally: BinaryTally, rng: np.random.Generator | None) -> list[_Row]:
    beyond = tally.calibration.beyond
    notes = (f"{beyond} scores are no probability",) if beyond else _EXACT
    log_loss, brier = (MeanTally(), MeanTally()) if beyond else (tally.log_loss, tally.brier)
    calibration = tally.calibration
    bias = calibration.calibration_bias
    # Squared errors are the squares of score - outcome, of which the bias is the mean.
    around = student_t(bias * brier.n, float(brier.total), brier.n) if bias is not None else None
    return [
        ("log_loss", log_loss.mean, log_loss.interval, tally.log_loss.n, notes),
        ("brier_score", brier.mean, brier.interval, tally.brier.n, notes),
        (
            "expected_calibration_error",
            calibration.expected_calibration_error,
            None if rng is None else calibration.error_interval(rng),
            calibration.n,
            notes,
        ),
        ("calibration_bias", bias, around, calibration.n, notes),
    ]
