"""Whether scores are probabilities: calibration bias, calibration curve, expected calibration error.

The curve has ten bands of equal width over [0, 1], closed on the right but for the first, which holds 0 too. Sums are
exact, so that curves of windows add up.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.performance.bootstrap import bootstrap_counts
from driftwatch.performance.exact_sum import ExactSum, sum_exactly
from driftwatch.performance.interval import wilson
from driftwatch.performance.result import Interval
from driftwatch.profiles.packing import pack_counts, unpack_counts

__all__ = ["BANDS", "CalibrationBand", "CalibrationTally", "tally_calibration"]

BANDS = 10
"""Bands of the curve."""

_EDGES = np.linspace(0.0, 1.0, BANDS + 1)


@dataclass(frozen=True, slots=True)
class CalibrationBand:
    """One point of the calibration curve.

    Attributes:
        low: of the band of scores, excluded but for 0.
        high: included.
        n: rows.
        mean_score: what the model said.
        rate: share of positives.
        interval: of that share.
    """

    low: float
    high: float
    n: int
    mean_score: float
    rate: float
    interval: Interval


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationTally:
    """Rows, positives and scores by band; adds up.

    Attributes:
        rows: int64[10].
        positives: int64[10].
        scores: exact sum of scores by band.
        beyond: rows whose score is no probability, in no band.
    """

    rows: NDArray[np.int64]
    positives: NDArray[np.int64]
    scores: tuple[ExactSum, ...]
    beyond: int = 0

    def __add__(self, other: "CalibrationTally") -> "CalibrationTally":
        """Both together."""
        scores = tuple(a + b for a, b in zip(self.scores, other.scores, strict=True))
        return CalibrationTally(
            self.rows + other.rows, self.positives + other.positives, scores, self.beyond + other.beyond
        )

    @property
    def n(self) -> int:
        """Rows in all bands."""
        return int(self.rows.sum())

    def curve(self) -> tuple[CalibrationBand, ...]:
        """The bands that hold rows, ascending."""
        return tuple(
            CalibrationBand(
                float(_EDGES[band]),
                float(_EDGES[band + 1]),
                int(self.rows[band]),
                float(self.scores[band]) / int(self.rows[band]),
                int(self.positives[band]) / int(self.rows[band]),
                wilson(int(self.positives[band]), int(self.rows[band])),
            )
            for band in np.flatnonzero(self.rows).tolist()
        )

    @property
    def expected_calibration_error(self) -> float | None:
        """Mean over rows of |share of positives - mean score| of their band (Naeini, Cooper and Hauskrecht, 2015).

        Never negative, so never 0 by chance alone: about sqrt(bands/n)/3 for a calibrated model. None without rows, or
        when a score is no probability.
        """
        if not self.n or self.beyond:
            return None
        return sum(band.n * abs(band.rate - band.mean_score) for band in self.curve()) / self.n

    def error_interval(self, rng: np.random.Generator | None) -> Interval | None:
        """Of the expected calibration error, by the bootstrap over rows, the mean score of each band held fixed."""
        if not self.n or self.beyond:
            return None
        means = np.array([float(total) for total in self.scores]) / np.maximum(self.rows, 1)

        def error(cells: NDArray[np.int64]) -> float:
            return float(np.sum(np.abs(cells[0] - cells.sum(axis=0) * means)) / cells.sum())

        return bootstrap_counts(error, np.stack([self.positives, self.rows - self.positives]), rng)

    @property
    def calibration_bias(self) -> float | None:
        """Mean score minus mean label; None without rows, or when a score is no probability."""
        if not self.n or self.beyond:
            return None
        return (float(sum(self.scores, ExactSum())) - int(self.positives.sum())) / self.n

    def to_fields(self) -> list[Any]:
        """Plain values for msgpack."""
        scores = [each.to_fields() for each in self.scores]
        return [pack_counts(self.rows), pack_counts(self.positives), scores, self.beyond]

    @classmethod
    def from_fields(cls, fields: list[Any]) -> "CalibrationTally":
        """Read what :meth:`to_fields` wrote."""
        rows, positives, scores, beyond = fields
        return cls(
            unpack_counts(rows), unpack_counts(positives), tuple(ExactSum.from_fields(each) for each in scores), beyond
        )


def tally_calibration(scores: NDArray[np.float64], outcomes: NDArray[np.bool_]) -> CalibrationTally:
    """The tally of rows: float64[n] finite, bool[n]."""
    probable = (scores >= 0) & (scores <= 1)
    inside, positive = scores[probable], outcomes[probable]
    band = np.maximum(np.searchsorted(_EDGES, inside, side="left") - 1, 0)
    return CalibrationTally(
        np.bincount(band, minlength=BANDS).astype(np.int64),
        np.bincount(band[positive], minlength=BANDS).astype(np.int64),
        tuple(sum_exactly(inside[band == each]) for each in range(BANDS)),
        int(np.count_nonzero(~probable)),
    )
