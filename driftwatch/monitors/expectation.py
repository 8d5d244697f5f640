"""What the reference's labels say of scores that have none yet: the calibration, and the threshold that was served."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.estimation.calibration import CalibrationMap
from driftwatch.estimation.cbpe import estimate_binary
from driftwatch.estimation.result import Estimate
from driftwatch.monitors.outcome_cells import bin_values, calibrate, cells_of, in_score_bins
from driftwatch.performance.binary import BinaryTally
from driftwatch.performance.tally import Tally
from driftwatch.profiles.codec import NumericCodec

__all__ = ["Expectation", "expect", "first_positive"]

_LEAST_LABELLED = 200
_STRAY = 0.01  # decisions on the other side of the served threshold, as a share, beyond which there is none
_DECIDED = frozenset({"accuracy", "precision", "recall", "f1", "specificity"})


@dataclass(frozen=True, slots=True, eq=False)
class Expectation:
    """What is expected of a binary classifier whose scores mean what they meant in the reference.

    Attributes:
        calibration: from score bin to probability.
        scores: float64[B], the score that stands for each bin, in [0, 1].
        first_positive: the first bin that is decided positive, or None where no threshold is known.
        labelled: rows that it rests on.
    """

    calibration: CalibrationMap
    scores: NDArray[np.float64]
    first_positive: int | None
    labelled: int

    def estimate(self, counts: NDArray[np.int64]) -> dict[str, Estimate]:
        """The expected metrics of rows, int64[B] by score bin; those of decisions only where a threshold is known.

        Raises:
            ValueError: they are in other bins.
        """
        place = len(self.scores) if self.first_positive is None else self.first_positive
        found = estimate_binary(counts, self.calibration, self.scores, place)
        return {name: each for name, each in found.items() if self.first_positive is not None or name not in _DECIDED}


def expect(reference: Tally, codec: NumericCodec | None, threshold: float | None) -> Expectation | None:
    """Learn from the labelled rows of the reference; None for another task, without scores, or below 200 rows.

    Args:
        reference: all of them.
        codec: of the score.
        threshold: score from which the decision is positive; None: as the reference's decisions say.
    """
    if codec is None or not isinstance(reference, BinaryTally):
        return None
    tally = in_score_bins(reference, codec)
    scored = int(tally.counts[:-1].sum()) if isinstance(tally, BinaryTally) else 0
    if not isinstance(tally, BinaryTally) or len(tally.counts) != codec.bins + 1 or scored < _LEAST_LABELLED:
        return None
    calibration = calibrate([cells_of(tally)])
    if calibration is None:
        return None
    scores = bin_values(codec)
    return Expectation(calibration, np.clip(scores, 0.0, 1.0), first_positive(tally, scores, threshold), scored)


def first_positive(tally: BinaryTally, scores: NDArray[np.float64], threshold: float | None) -> int | None:
    """The first score bin that is decided positive.

    Args:
        tally: labelled rows with the decisions that were served.
        scores: float64[B], the score that stands for each bin.
        threshold: as declared, or None: where the decisions turn, if no more than 1% of them are on the other side.
    """
    if threshold is not None:
        return int(np.searchsorted(scores, threshold))
    negative, positive = tally.counts[:-1].sum(axis=1).T
    strays = np.append(0, np.cumsum(positive)) + negative.sum() - np.append(0, np.cumsum(negative))
    place = int(np.argmin(strays))
    return place if strays[place] <= _STRAY * (negative.sum() + positive.sum()) else None
