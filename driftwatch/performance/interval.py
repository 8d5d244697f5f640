"""Intervals and tests for shares and means. All are two-sided."""

import math

import numpy as np
from scipy.special import betaincinv, gammaln, ndtri, stdtrit

from driftwatch.performance.result import Interval

__all__ = ["CONFIDENCE", "binomial_test", "clopper_pearson", "jeffreys", "student_t", "wilson"]

CONFIDENCE = 0.95


def wilson(successes: int, n: int, *, confidence: float = CONFIDENCE) -> Interval:
    """The score interval of a binomial share (Wilson, 1927).

    Args:
        successes: 0 to n.
        n: at least 1.
        confidence: in (0, 1).

    >>> wilson(0, 10).low
    0.0
    """
    z = -float(ndtri((1 - confidence) / 2))
    share, weight = successes / n, z * z / n
    centre = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / n + weight / (4 * n))
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    return Interval(low, 1.0 if successes == n else min(1.0, centre + half), "wilson")


def jeffreys(successes: int, n: int, *, confidence: float = CONFIDENCE) -> Interval:
    """The equal-tailed interval of a share under the Jeffreys prior, Beta(1/2, 1/2).

    0 at no success and 1 at n successes are its ends there (Brown, Cai and DasGupta, 2001, §4).
    """
    tail = (1 - confidence) / 2
    low = 0.0 if successes == 0 else float(betaincinv(successes + 0.5, n - successes + 0.5, tail))
    high = 1.0 if successes == n else float(betaincinv(successes + 0.5, n - successes + 0.5, 1 - tail))
    return Interval(low, high, "jeffreys")


def clopper_pearson(successes: int, n: int, *, confidence: float = CONFIDENCE) -> Interval:
    """The exact interval of a share, which covers at least as often as it says (Clopper and Pearson, 1934)."""
    tail = (1 - confidence) / 2
    low = 0.0 if successes == 0 else float(betaincinv(successes, n - successes + 1, tail))
    high = 1.0 if successes == n else float(betaincinv(successes + 1, n - successes, 1 - tail))
    return Interval(low, high, "clopper_pearson")


def student_t(total: float, total_sq: float, n: int, *, confidence: float = CONFIDENCE) -> Interval | None:
    """The interval of a mean from the sum and the sum of squares of n values; None below two of them."""
    if n < 2:
        return None
    mean = total / n
    variance = max(0.0, (total_sq - total * mean) / (n - 1))
    half = float(stdtrit(n - 1, (1 + confidence) / 2)) * math.sqrt(variance / n)
    return Interval(mean - half, mean + half, "student_t")


def binomial_test(successes: int, n: int, share: float) -> float:
    """The exact p-value of "each of n has probability `share`": all outcomes no likelier than the one seen, together.

    The cells within a relative 1e-7 count as no likelier, as in R's ``binom.test``.
    """
    if share <= 0 or share >= 1:
        return float(successes == (n if share >= 1 else 0))
    k = np.arange(n + 1)
    log_mass = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) + k * math.log(share) + (n - k) * math.log1p(-share)
    mass = np.exp(log_mass)
    return min(1.0, float(mass[mass <= mass[successes] * (1 + 1e-7)].sum()))
