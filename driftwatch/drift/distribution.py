"""A numeric profile read as a distribution function: piecewise linear inside bins, a step at atoms."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.numeric import NumericProfile

__all__ = ["Distribution", "rebin"]

_WIDE = 0.05  # standard deviations


@dataclass(frozen=True)
class Distribution:
    """Counts in bins, with the extremes that bound the open ends.

    Attributes:
        edges: float64[B-1], ascending; bin b is (edges[b-1], edges[b]].
        counts: int64[B].
        atoms: bool[B], the bins that hold exactly one value.
        low: smallest value.
        high: largest value.
        mean: for display and for Welch's test.
        standard_deviation: n - 1; None below two values.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    atoms: NDArray[np.bool_]
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
        mean, sd = profile.mean, profile.standard_deviation
        return cls(codec.edges, profile.counts, codec.atoms, profile.low, profile.high, mean, sd)

    @cached_property
    def n(self) -> int:
        """How many values."""
        return int(self.counts.sum())

    @cached_property
    def running(self) -> NDArray[np.int64]:
        """int64[B]: values up to and with each bin."""
        return np.asarray(np.cumsum(self.counts), dtype=np.int64)

    @cached_property
    def cumulative(self) -> NDArray[np.int64]:
        """int64[B-1]: values up to and with each edge."""
        return self.running[:-1]

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """float64[B-1]: the distribution function at each edge."""
        return np.asarray(self.cumulative / self.n)

    @cached_property
    def population_sd(self) -> float | None:
        """Standard deviation with n in the denominator; None without a value."""
        if self.standard_deviation is None:
            return 0.0 if self.n else None
        return self.standard_deviation * math.sqrt((self.n - 1) / self.n)

    @cached_property
    def decile_cuts(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The bins that the nine deciles lie in, int64[k], and what part of each lies below it; each place once."""
        ranks = np.arange(1, 10) / 10 * self.n
        bins = np.searchsorted(self.running, ranks, side="left")
        counts = self.counts[bins]
        inside = np.where(self.atoms[bins], 1.0, (ranks - self.running[bins] + counts) / counts)
        _, first = np.unique(bins + inside, return_index=True)  # ascending in both, so that the sum tells them apart
        return bins[first], inside[first]

    def share_below(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """The distribution function at ascending points, float64[k] in [0, 1]."""
        return self.share_in(np.searchsorted(self.edges, points, side="left"), points)

    def share_in(self, bins: NDArray[np.int64], points: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same where the bin of each point is known, int64[k]."""
        low, end, rise, start = self._lines
        above = points - start[bins]
        with np.errstate(over="ignore", invalid="ignore"):
            share = low[bins] + np.where(above > 0, above * rise[bins], 0.0)
        return np.where(points >= self.spans[1][bins], end[bins], np.minimum(share, end[bins]))

    @cached_property
    def knots(self) -> NDArray[np.float64]:
        """Where the slope changes inside a bin, unordered: extremes, the ends of narrowed bins, a step's lower side."""
        left, right = self.spans
        spread = (self.counts > 0) & ~self.atoms
        lower, upper = spread.copy(), spread.copy()
        lower[1:] &= left[1:] != self.edges
        upper[:-1] &= right[:-1] != self.edges
        steps = np.nextafter(left[spread & (left == right)], -np.inf)
        return np.concatenate((left[lower], right[upper], steps))

    @cached_property
    def _lines(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """By bin: the distribution function before and after it, its slope between, and where it begins to rise."""
        left, right = self.spans
        end = self.running / self.n
        low = np.concatenate(([0.0], end[:-1]))
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            rise = np.where(right > left, (end - low) / (right - left), 0.0)
        return low, end, rise, left

    @cached_property
    def spans(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where each bin's values lie: the bin, cut to the extremes; an atom is one point.

        Wide bins (tails, and the gaps between atoms) are narrowed towards one of their ends, all in the same
        proportion, so that the mean comes out right: the distance of a shift into them is then right too.
        """
        inner = np.minimum(np.maximum(self.edges, self.low), self.high)
        left, right = np.concatenate(([self.low], inner)), np.concatenate((inner, [self.high]))
        left = np.where(self.atoms, right, left)
        with np.errstate(over="ignore", invalid="ignore"):
            width = right - left
            wide = width > _WIDE * (self.population_sd or 0.0)
            if self.mean is None or not np.any(self.counts[wide]):
                return left, right
            others = float(np.dot(self.counts, np.where(wide, left, (left + right) / 2)))
            place = (self.mean * self.n - others) / float(np.dot(self.counts[wide], width[wide]))
        if not np.isfinite(place):
            return left, right
        place = min(max(place, 0.0), 1.0)
        if place < 0.5:
            return left, np.where(wide, left + 2 * place * width, right)
        return np.where(wide, right - 2 * (1 - place) * width, left), right


def rebin(profile: NumericProfile, own: NumericCodec, target: NumericCodec) -> NDArray[np.int64]:
    """A profile's counts in the bins of another codec, int64[B], by its piecewise linear distribution function.

    The error of any cumulative count is at most the mass of the bin that an edge cuts; the sum is kept.
    """
    if not profile.n:
        return np.zeros(target.bins, dtype=np.int64)
    below = Distribution.of(profile, own).share_below(target.edges) * profile.n
    return np.diff(np.concatenate(([0], np.rint(below).astype(np.int64), [profile.n])))
