"""Confidence sequences: intervals of a difference that hold at every look at once.

A test that is repeated each hour until it says yes says yes in half of all comparisons of two equal versions. A
sequence may be read as often as one likes, and acted upon at any time.

Source: H. Robbins, Statistical methods related to the law of the iterated logarithm (1970); I. Waudby-Smith et al.,
Time-uniform central limit theory and asymptotic confidence sequences (2021), for the normal mixture and its tuning.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from driftwatch.experiments.sums import Sums, add_sums

__all__ = ["LEAST_ROWS", "Difference", "compare_arms", "compare_pairs"]

LEAST_ROWS = 500
"""Rows of each arm before anything is said."""

_TUNED_ROWS = 5_000
_LEAST_BUCKETS = 10
_LEAST_IN_BUCKET = 5


@dataclass(frozen=True, slots=True)
class Difference:
    """Candidate minus baseline.

    Attributes:
        value: of the means.
        low: at the stated level, at all looks together; None before there are enough rows.
        high: likewise.
        baseline: mean of the baseline.
        candidate: mean of the candidate.
        n_baseline: rows, or pairs.
        n_candidate: rows, or pairs.
        dispersion: how much more buckets differ than their rows let expect, at least 1; the interval is as much wider.
    """

    value: float
    low: float | None
    high: float | None
    baseline: float
    candidate: float
    n_baseline: int
    n_candidate: int
    dispersion: float

    @property
    def shows(self) -> bool:
        """Whether the two are shown to differ."""
        return self.low is not None and self.high is not None and not self.low <= 0.0 <= self.high


def compare_arms(
    baseline: Sequence[Sums], candidate: Sequence[Sums], *, level: float = 0.05, is_share: bool = False
) -> Difference | None:
    """The difference of the means of two arms, so far.

    Args:
        baseline: sums of each bucket.
        candidate: of the same buckets.
        level: chance that the sequence ever misses the true difference, in (0, 1).
        is_share: whether the quantity is 0 or 1.

    Returns:
        None if an arm has no rows.

    Raises:
        ValueError: the arms have different numbers of buckets.
    """
    a, b = add_sums(baseline), add_sums(candidate)
    if not a.n or not b.n:
        return None
    value = b.mean - a.mean
    var_a, var_b = a.variance(is_share=is_share), b.variance(is_share=is_share)
    dispersion = _dispersion(
        [
            (other.mean - one.mean, var_a / one.n + var_b / other.n)
            for one, other in zip(baseline, candidate, strict=True)
            if min(one.n, other.n) >= _LEAST_IN_BUCKET
        ]
    )
    half = None
    if min(a.n, b.n) >= LEAST_ROWS:
        squared = dispersion * (var_a / a.n + var_b / b.n)
        half = _half_width(squared, 2 / (1 / a.n + 1 / b.n), dispersion * (var_a + var_b), level)
    return _difference(value, half, (a, b), dispersion)


def compare_pairs(
    differences: Sequence[Sums],
    baseline: Sequence[Sums],
    candidate: Sequence[Sums],
    *,
    level: float = 0.05,
    bound: float | None = None,
) -> Difference | None:
    """The mean difference of requests that both versions answered, so far.

    Args:
        differences: of each bucket, sums of candidate minus baseline.
        baseline: sums of the same pairs.
        candidate: likewise.
        level: as of :func:`compare_arms`.
        bound: the most that one pair can differ, such as 1 for right and wrong: versions that have always agreed are
            not taken to agree for ever.

    Returns:
        None without pairs.
    """
    d = add_sums(differences)
    if not d.n:
        return None
    if bound is None:
        variance = d.variance(is_share=False) if d.n > 1 else 0.0
    else:
        variance = (d.squares + 2 * bound**2) / (d.n + 2) - (d.total / (d.n + 2)) ** 2
    dispersion = _dispersion([(each.mean, variance / each.n) for each in differences if each.n >= _LEAST_IN_BUCKET])
    half = None
    if d.n >= LEAST_ROWS:
        half = _half_width(dispersion * variance / d.n, float(d.n), dispersion * variance, level)
    return _difference(d.mean, half, (add_sums(baseline), add_sums(candidate)), dispersion)


def _difference(value: float, half: float | None, arms: tuple[Sums, Sums], dispersion: float) -> Difference:
    a, b = arms
    low, high = (None, None) if half is None else (value - half, value + half)
    return Difference(value, low, high, a.mean, b.mean, a.n, b.n, dispersion)


def _half_width(squared_error: float, n: float, row_variance: float, level: float) -> float:
    """Of the normal mixture, tightest at 5,000 rows of each arm.

    Args:
        squared_error: of the difference, its standard error squared.
        n: rows that it counts as.
        row_variance: what `squared_error` is at one row.
        level: in (0, 1).
    """
    if row_variance <= 0:
        return 0.0  # every row of each arm is the same
    variance_process = n * n * squared_error
    tuned = _TUNED_ROWS * row_variance
    rho = (-2 * math.log(level) + math.log(1 - 2 * math.log(level))) / tuned
    grown = variance_process * rho + 1
    return math.sqrt(grown / rho * math.log(grown / level**2)) / n


def _dispersion(buckets: Sequence[tuple[float, float]]) -> float:
    """Pearson's: the mean squared deviation of the buckets' differences over what their rows let expect; at least 1.

    With few buckets it is not known, and is taken to be 1.
    """
    if len(buckets) < _LEAST_BUCKETS or any(variance <= 0 for _, variance in buckets):
        return 1.0
    weights = [1 / variance for _, variance in buckets]
    centre = sum(w * d for w, (d, _) in zip(weights, buckets, strict=True)) / sum(weights)
    total = sum(w * (d - centre) ** 2 for w, (d, _) in zip(weights, buckets, strict=True))
    return max(1.0, total / (len(buckets) - 1))
