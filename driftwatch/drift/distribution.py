"""A numeric profile read as a distribution function: piecewise linear inside bins, a step at atoms."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.numeric import NumericProfile

__all__ = ["Distribution", "rebin"]


@dataclass(frozen=True)
class Distribution:
    """Counts in bins, with the extremes that bound the open ends.

    Attributes:
        edges: float64[B-1], ascending; bin b is (edges[b-1], edges[b]].
        counts: int64[B].
        low: smallest value.
        high: largest value.
        mean: for display and for Welch's test.
        standard_deviation: n - 1; None below two values.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    low: float
    high: float
    mean: float | None = None
    standard_deviation: float | None = None

    @classmethod
    def of(cls, profile: NumericProfile, codec: NumericCodec) -> "Distribution":
        """The distribution of a profile.

        Raises:
            ValueError: the profile is in another codec's bins.
        """
        profile = profile.recode(codec)
        return cls(codec.edges, profile.counts, profile.low, profile.high, profile.mean, profile.standard_deviation)

    @cached_property
    def n(self) -> int:
        """How many values."""
        return int(self.counts.sum())

    @cached_property
    def cumulative(self) -> NDArray[np.int64]:
        """int64[B-1]: values up to and with each edge."""
        return np.cumsum(self.counts)[:-1]

    @cached_property
    def histogram_sd(self) -> float:
        """Standard deviation (n) from the histogram: each bin's values spread evenly over the part that is in use."""
        left, right = self._spans()
        weight = self.counts / self.n
        middle = left + (right - left) / 2
        mean = float(np.dot(weight, middle))
        return float(np.sqrt(np.dot(weight, (middle - mean) ** 2 + (right - left) ** 2 / 12)))

    def share_below(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """The distribution function at ascending points, float64[k] in [0, 1]."""
        left, right = self._spans()
        bins = np.searchsorted(self.edges, points, side="left")
        before = np.concatenate(([0], np.cumsum(self.counts)[:-1]))[bins]
        width = right[bins] - left[bins]
        with np.errstate(invalid="ignore", divide="ignore"):
            inside = np.where(width > 0, (points - left[bins]) / width, points >= right[bins])
        return np.asarray((before + self.counts[bins] * np.clip(inside, 0.0, 1.0)) / self.n)

    def _spans(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where each bin's values lie: the bin, cut to the extremes; an atom is one point."""
        left = np.concatenate(([self.low], self.edges))
        right = np.concatenate((self.edges, [self.high]))
        atom = np.zeros(len(left), dtype=np.bool_)
        atom[1:-1] = np.nextafter(right[1:-1], -np.inf) == left[1:-1]
        left = np.where(atom, right, left)
        return np.clip(left, self.low, self.high), np.clip(right, self.low, self.high)


def rebin(profile: NumericProfile, own: NumericCodec, target: NumericCodec) -> NDArray[np.int64]:
    """A profile's counts in the bins of another codec, int64[B], by its piecewise linear distribution function.

    The error of any cumulative count is at most the mass of the bin that an edge cuts; the sum is kept.
    """
    if not profile.n:
        return np.zeros(target.bins, dtype=np.int64)
    below = Distribution.of(profile, own).share_below(target.edges) * profile.n
    counts: NDArray[np.int64] = np.diff(np.rint(below).astype(np.int64), prepend=0, append=profile.n)
    return counts
