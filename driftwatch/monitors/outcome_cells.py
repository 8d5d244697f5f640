"""Labelled rows as cells of one number: what each row lost, and by how much the model was off.

A tally holds rows by score bin and outcome (or by error bin, or by right and wrong). Each such cell has one loss and
one residual, so that their means, and how far these stray, are sums over cells.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.estimation.calibration import CalibrationMap
from driftwatch.performance.binary import BinaryTally
from driftwatch.performance.multiclass import MulticlassTally
from driftwatch.performance.ranking import RankingTally
from driftwatch.performance.regression import RegressionTally
from driftwatch.performance.tally import Tally
from driftwatch.profiles.codec import NumericCodec

__all__ = ["Cells", "bin_values", "loss_cells", "outcome_levels", "residual_cells"]


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Rows by value.

    Attributes:
        name: what the value is, a metric's key.
        values: float64[C].
        counts: int64[T, C].
    """

    name: str
    values: NDArray[np.float64]
    counts: NDArray[np.int64]


def loss_cells(tallies: list[Tally | None], scores: NDArray[np.float64], errors: NDArray[np.float64]) -> Cells | None:
    """What rows lost; more is worse. None for a model whose rows say nothing of it.

    Args:
        tallies: of T buckets; None where nothing is labelled.
        scores: float64[B], the score that stands for each bin.
        errors: float64[E], the error that stands for each bin.
    """
    match _first(tallies):
        case BinaryTally():
            probable = np.clip(scores, 0.0, 1.0)
            values = np.concatenate((probable**2, (1 - probable) ** 2))
            joint = _joint(tallies, len(scores))
            if joint.any():
                return Cells("brier_score", values, joint)
            return Cells("accuracy", np.array([0.0, 1.0]), _right_and_wrong(tallies))
        case MulticlassTally():
            return Cells("accuracy", np.array([0.0, 1.0]), _right_and_wrong(tallies))
        case RegressionTally():
            return Cells("mean_absolute_error", np.abs(errors), _errors(tallies, len(errors)))
        case RankingTally() as first:
            return Cells(f"hit_rate@{first.depth}", np.array([0.0, 1.0]), _right_and_wrong(tallies))
    return None


def residual_cells(
    tallies: list[Tally | None],
    calibration: CalibrationMap | None,
    errors: NDArray[np.float64],
) -> Cells | None:
    """How far the outcome was from what the reference says of such a score: its mean is 0 while the concept holds.

    Arguments as of :func:`loss_cells`; `calibration` is of the score's bins.
    """
    match _first(tallies):
        case BinaryTally() if calibration is not None:
            m = calibration.probability
            return Cells("calibration_bias", np.concatenate((m, m - 1)), _joint(tallies, len(m)))
        case RegressionTally():
            return Cells("mean_error", errors, _errors(tallies, len(errors)))
    return None


def outcome_levels(tallies: list[Tally | None]) -> list[dict[str, int]] | None:
    """Rows by outcome, for each bucket; None for outcomes that are no classes."""
    levels: list[dict[str, int]] = []
    for tally in tallies:
        match tally:
            case BinaryTally():
                negative, positive = tally.counts.sum(axis=(0, 2)).tolist()
                levels.append({name: n for name, n in (("0", negative), ("1", positive)) if n})
            case MulticlassTally():
                rows = tally.counts.sum(axis=1).tolist()
                levels.append({name: n for name, n in zip(tally.classes, rows, strict=True) if n})
            case None:
                levels.append({})
            case _:
                return None
    return levels if any(levels) else None


def bin_values(codec: NumericCodec | None) -> NDArray[np.float64]:
    """float64[B], the middle of each bin of a codec; the outermost bins stand at their edge."""
    if codec is None or not len(codec.edges):
        return np.zeros(0)
    edges = codec.edges
    return np.concatenate(([edges[0]], (edges[:-1] + edges[1:]) / 2, [edges[-1]]))


def _first(tallies: list[Tally | None]) -> Tally | None:
    return next((tally for tally in tallies if tally is not None), None)


def _joint(tallies: list[Tally | None], bins: int) -> NDArray[np.int64]:
    """int64[T, 2B], rows by outcome and score bin, negatives first."""
    counts = np.zeros((len(tallies), 2 * bins), dtype=np.int64)
    for place, tally in enumerate(tallies):
        if isinstance(tally, BinaryTally) and len(tally.counts) == bins + 1:
            counts[place] = tally.counts[:-1].sum(axis=2).T.reshape(-1)
    return counts


def _right_and_wrong(tallies: list[Tally | None]) -> NDArray[np.int64]:
    """int64[T, 2]."""
    counts = np.zeros((len(tallies), 2), dtype=np.int64)
    for place, tally in enumerate(tallies):
        match tally:
            case BinaryTally():
                c = tally.confusion
                right, n = c.true_positive + c.true_negative, c.n
            case MulticlassTally():
                right, n = int(np.trace(tally.counts)), tally.n
            case RankingTally():
                right, n = tally.hits, tally.n
            case _:
                continue
        counts[place] = (right, n - right)
    return counts


def _errors(tallies: list[Tally | None], bins: int) -> NDArray[np.int64]:
    """int64[T, E], rows by error bin."""
    counts = np.zeros((len(tallies), bins), dtype=np.int64)
    for place, tally in enumerate(tallies):
        if isinstance(tally, RegressionTally) and tally.errors is not None and len(tally.errors.counts) == bins:
            counts[place] = tally.errors.counts
    return counts
