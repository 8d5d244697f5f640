"""Intervals and tests for shares and means. All are two-sided."""

import math

from scipy.special import betaincinv, ndtri, stdtrit

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
    """The exact two-sided p-value of "each of n has probability `share`": that of all outcomes no likelier than this.

    Outcomes within a relative 1e-7 of its probability count as no likelier, as in R's ``binom.test``.
    """
    from scipy import stats  # its import takes longer than everything here

    return float(stats.binomtest(successes, n, share).pvalue)
