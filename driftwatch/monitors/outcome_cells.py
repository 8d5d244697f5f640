"""Labelled rows as cells of one number: what each row lost, and by how much the model was off.

A tally holds rows by score bin and outcome (or by error bin, or by right and wrong). Each such cell has one loss and
one residual, so that their means, and how far these stray, are sums over the cells that hold rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.estimation.calibration import CalibrationMap, fit_calibration
from driftwatch.performance.binary import BinaryTally
from driftwatch.performance.multiclass import MulticlassTally
from driftwatch.performance.ranking import RankingTally
from driftwatch.performance.regression import RegressionTally
from driftwatch.performance.score_table import score_edges
from driftwatch.performance.tally import Tally
from driftwatch.profiles.codec import NumericCodec

__all__ = [
    "CellValues",
    "LabelledCells",
    "bin_middles",
    "bin_values",
    "calibrate",
    "cells_of",
    "expected_loss",
    "in_score_bins",
    "loss_values",
    "residual_values",
    "score_cells",
]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledCells:
    """The labelled rows of one window, only the cells that hold any.

    Attributes:
        kind: "joint" (score bin × outcome, negatives first), "answers" (right, wrong), "errors" (error bins) or
            "scores" (score bins, whether labelled or not).
        size: how many cells there are.
        places: int32[k], ascending.
        counts: int64[k], rows.
        n: labelled rows.
        levels: rows by outcome, or None for outcomes that are no classes.
        metric: what the loss is, where the kind alone does not say.
    """

    kind: str
    size: int
    places: NDArray[np.int32]
    counts: NDArray[np.int64]
    n: int
    levels: Mapping[str, int] | None = None
    metric: str = ""

    def add(self, other: "LabelledCells") -> "LabelledCells":
        """Both together.

        Raises:
            ValueError: they are cells of different things.
        """
        if (self.kind, self.size) != (other.kind, other.size):
            raise ValueError("labelled rows of different kinds or bins do not add up")
        places, inverse = np.unique(np.concatenate((self.places, other.places)), return_inverse=True)
        counts = np.zeros(len(places), dtype=np.int64)
        np.add.at(counts, inverse, np.concatenate((self.counts, other.counts)))
        levels = None
        if self.levels is not None and other.levels is not None:
            names = {**self.levels, **other.levels}
            levels = {name: self.levels.get(name, 0) + other.levels.get(name, 0) for name in names}
        return LabelledCells(self.kind, self.size, places, counts, self.n + other.n, levels, self.metric)


@dataclass(frozen=True, slots=True, eq=False)
class CellValues:
    """One number for each cell.

    Attributes:
        name: what it is, a metric's key.
        kind: the cells that it belongs to.
        values: float64[C].
    """

    name: str
    kind: str
    values: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))


def in_score_bins(tally: Tally, codec: NumericCodec | None) -> Tally:
    """A tally that was made in the finer bins of :func:`score_edges`, in the codec's own; any other as it is."""
    if codec is None or not isinstance(tally, BinaryTally):
        return tally
    edges = score_edges(codec.edges)
    if len(tally.counts) != len(edges) + 2 or len(edges) == len(codec.edges):
        return tally
    return tally.rebinned(edges, codec.edges)


def cells_of(tally: Tally) -> LabelledCells:
    """The cells of a tally."""
    match tally:
        case BinaryTally():
            negative, positive = tally.counts.sum(axis=(0, 2)).tolist()
            levels = {name: n for name, n in (("0", negative), ("1", positive)) if n}
            joint = tally.counts[:-1].sum(axis=2).T.reshape(-1)
            if joint.any() or len(joint) > 2:  # an hour without a labelled row is of the kind of its neighbours
                return _occupied("joint", joint, tally.n, levels)
            c = tally.confusion
            return _answers(c.true_positive + c.true_negative, c.n, levels, "accuracy")
        case MulticlassTally():
            rows = tally.counts.sum(axis=1).tolist()
            levels = {name: n for name, n in zip(tally.classes, rows, strict=True) if n}
            return _answers(int(np.trace(tally.counts)), tally.n, levels, "accuracy")
        case RankingTally():
            return _answers(tally.hits, tally.n, None, f"hit_rate@{tally.depth}")
        case RegressionTally():
            counts = np.zeros(1, dtype=np.int64) if tally.errors is None else tally.errors.counts
            return _occupied("errors", counts, tally.n, None)


def loss_values(cells: LabelledCells, scores: NDArray[np.float64], errors: NDArray[np.float64]) -> CellValues | None:
    """What a row of each cell lost; more is worse.

    Args:
        cells: of any window.
        scores: float64[B], the score that stands for each bin.
        errors: float64[E], the error that stands for each bin.
    """
    if cells.kind == "joint" and cells.size == 2 * len(scores):
        probable = np.clip(scores, 0.0, 1.0)
        return CellValues("brier_score", "joint", np.concatenate((probable**2, (1 - probable) ** 2)))
    if cells.kind == "answers":
        return CellValues(cells.metric, "answers", np.array([0.0, 1.0]))
    if cells.kind == "errors" and cells.size == len(errors):
        return CellValues("mean_absolute_error", "errors", np.abs(errors))
    return None


def residual_values(
    cells: LabelledCells, calibration: CalibrationMap | None, errors: NDArray[np.float64]
) -> CellValues | None:
    """How far a row of each cell was from what the reference says of it: the mean is 0 while the concept holds."""
    if cells.kind == "joint" and calibration is not None and cells.size == 2 * calibration.bins:
        m = calibration.probability
        return CellValues("calibration_bias", "joint", np.concatenate((m, m - 1)))
    if cells.kind == "errors" and cells.size == len(errors):
        return CellValues("mean_error", "errors", errors)
    return None


def score_cells(counts: NDArray[np.integer[Any]]) -> LabelledCells:
    """The rows of a window by score bin, labelled or not."""
    places = np.flatnonzero(counts)
    held = counts[places].astype(np.int64)
    return LabelledCells("scores", len(counts), places.astype(np.int32), held, int(held.sum()))


def expected_loss(calibration: CalibrationMap, scores: NDArray[np.float64]) -> CellValues:
    """The squared error that a row of each score bin lets expect; more is worse.

    Args:
        calibration: from score bin to probability.
        scores: float64[B], the score that stands for each bin.
    """
    m, s = calibration.probability, np.clip(scores, 0.0, 1.0)
    return CellValues("brier_score", "scores", m * (1 - s) ** 2 + (1 - m) * s**2)


def calibrate(windows: Sequence[LabelledCells]) -> CalibrationMap | None:
    """From score bins to the probability of the positive class; None for a model without scores."""
    joint = [each for each in windows if each.kind == "joint"]
    if not joint:
        return None
    total = np.zeros(joint[0].size, dtype=np.int64)
    for each in joint:
        total[each.places] += each.counts
    negatives, positives = total.reshape(2, -1)
    return fit_calibration(negatives + positives, positives)


def bin_values(codec: NumericCodec | None) -> NDArray[np.float64]:
    """float64[B], the middle of each bin of a codec; the outermost bins stand at their edge."""
    return np.zeros(0) if codec is None or not len(codec.edges) else bin_middles(codec.edges)


def bin_middles(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[B], the middle of each bin between float64[B - 1] boundaries; the outermost bins stand at their edge."""
    return np.concatenate(([edges[0]], (edges[:-1] + edges[1:]) / 2, [edges[-1]]))


def _answers(right: int, n: int, levels: Mapping[str, int] | None, metric: str) -> LabelledCells:
    return _occupied("answers", np.array([right, n - right], dtype=np.int64), n, levels, metric)


def _occupied(
    kind: str, counts: NDArray[np.int64], n: int, levels: Mapping[str, int] | None, metric: str = ""
) -> LabelledCells:
    places = np.flatnonzero(counts)
    return LabelledCells(kind, len(counts), places.astype(np.int32), counts[places], n, levels, metric)
