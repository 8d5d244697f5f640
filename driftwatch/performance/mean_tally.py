"""The mean of a per-row quantity, from exact sums that add up."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.performance.exact_sum import ExactSum, sum_exactly
from driftwatch.performance.interval import student_t
from driftwatch.performance.result import Interval

__all__ = ["MeanTally", "tally_mean"]


@dataclass(frozen=True, slots=True)
class MeanTally:
    """Count, exact sum and exact sum of squares.

    Attributes:
        n: values.
        total: their sum.
        total_sq: the sum of their squares.
    """

    n: int = 0
    total: ExactSum = field(default_factory=ExactSum)
    total_sq: ExactSum = field(default_factory=ExactSum)

    def __add__(self, other: "MeanTally") -> "MeanTally":
        """Both together."""
        return MeanTally(self.n + other.n, self.total + other.total, self.total_sq + other.total_sq)

    @property
    def mean(self) -> float | None:
        """None without values."""
        return float(self.total) / self.n if self.n else None

    @property
    def interval(self) -> Interval | None:
        """Of the mean, by Student's t; None below two values."""
        return student_t(float(self.total), float(self.total_sq), self.n)

    @property
    def sum_of_deviations(self) -> float:
        """Σ (x - mean)², rounded once."""
        if not self.n:
            return 0.0
        # n Σx² - (Σx)² in integers, since the two may agree in all the digits that a float has.
        scaled = self.n * (self.total_sq.units << 1074) - self.total.units**2
        return max(0.0, scaled / (self.n << 2148))

    def to_fields(self) -> list[Any]:
        """Plain values for msgpack."""
        return [self.n, self.total.to_fields(), self.total_sq.to_fields()]

    @classmethod
    def from_fields(cls, fields: list[Any]) -> "MeanTally":
        """Read what :meth:`to_fields` wrote."""
        return cls(fields[0], ExactSum.from_fields(fields[1]), ExactSum.from_fields(fields[2]))


def tally_mean(values: NDArray[np.float64]) -> MeanTally:
    """The tally of float64[n] values whose squares are finite."""
    return MeanTally(len(values), sum_exactly(values), _sum_of_squares(values))


_SPLIT = 2.0**27 + 1


def _sum_of_squares(values: NDArray[np.float64]) -> ExactSum:
    """Each square as its rounded value and what the rounding left (Dekker, 1971), both summed exactly."""
    squares = values * values
    scaled = values * _SPLIT
    high = scaled - (scaled - values)
    low = values - high
    rest = ((high * high - squares) + 2 * high * low) + low * low
    return sum_exactly(squares) + sum_exactly(rest)
