"""The p-value of a two-sample Kolmogorov-Smirnov distance, as ``scipy.stats.ks_2samp`` gives it.

Without ``scipy.stats``, whose import costs more than comparing twenty columns does: scipy's one-sample distribution and
its exact path counts are asked only where neither formula below applies.
"""

import math

import numpy as np
from scipy.special import gammaln, smirnov

__all__ = ["EXACT_ROWS", "exact_p_value", "two_sample_p_value"]

EXACT_ROWS = 10_000
"""Up to here, rows of the larger sample, scipy counts paths instead of taking the limit."""

_SERIES_FROM = 141  # below, scipy counts
_FLAT = 1.4  # n x^1.5, up to which the series is too coarse
_COUNTED = 10_000  # rows, up to which Smirnov's sum is quick
_LATE = 2.2  # n x², from which one side's tail twice is the two-sided one
_TINY = 9.0  # n x², from which (p < 3e-8) the difference of the series from 1 runs out of digits
_GONE = 370.0  # n x², from which nothing is left in a float


def exact_p_value(gap: float, n: int) -> float:
    """Exact chance of at least `gap` between two samples of n each: 2 Σ_k (-1)^(k+1) C(2n, n - kh)/C(2n, n).

    h = n · gap. Gnedenko and Korolyuk, 1951.

    >>> round(exact_p_value(1.0, 3), 12)
    0.1
    """
    h = round(gap * n)
    if h <= 0:
        return 1.0
    away = np.arange(h, n + 1, h, dtype=np.float64)
    terms = np.exp(2 * gammaln(n + 1) - gammaln(n - away + 1) - gammaln(n + away + 1))
    terms[1::2] *= -1
    return min(1.0, max(0.0, 2 * float(terms.sum())))


def two_sample_p_value(gap: float, n: int, m: int) -> float:
    """The chance of at least `gap` between two samples of one continuous distribution, n and m large.

    That of one sample of nm/(n + m) rows against the distribution itself, rounded as scipy does.

    Args:
        gap: the distance, 0 to 1.
        n: rows of one sample.
        m: rows of the other.
    """
    rows = max(1, round(n * m / (n + m)))
    square = rows * gap * gap
    if gap <= 0 or rows * gap <= 0.5:
        return 1.0
    if gap >= 1 or square >= _GONE:
        return 0.0
    if _SERIES_FROM <= rows <= _COUNTED and square >= _LATE:
        return 2 * float(smirnov(rows, gap))
    if rows > _COUNTED and square >= _TINY:  # the leading terms of the same sum, within a thousandth
        return 2 * math.exp(-((6 * rows * gap + 1) ** 2) / (18 * rows) - 4 / 9 * rows * gap**4)
    if rows >= _SERIES_FROM and rows * gap > 1 and (rows > 100_000 or rows * gap**1.5 > _FLAT):
        return min(1.0, max(0.0, 1 - _pelz_good(rows, gap)))
    from scipy.stats import kstwo

    return min(1.0, max(0.0, float(kstwo.sf(gap, rows))))


def _pelz_good(n: int, gap: float) -> float:
    """The distribution function by the expansion in 1/√n (Pelz and Good, 1976; Simard and L'Ecuyer, 2011, eq. 13)."""
    z = math.sqrt(n) * gap
    z2, pi2 = z * z, math.pi**2
    odd = (2 * np.arange(1, math.ceil(16 * z / math.pi) + 2) - 1.0) ** 2
    weight = np.exp(-odd * pi2 / (8 * z2))
    u = odd * pi2 / 4
    first = u - z2
    second = 6 * z2**3 + 2 * z2**2 + (2 * z2**2 - 5 * z2) * u + (1 - 2 * z2) * u**2
    third = (
        -30 * z2**3
        - 90 * z2**4
        + (135 * z2**2 - 96 * z2**3) * u
        + (212 * z2**2 - 60 * z2) * u**2
        + (5 - 30 * z2) * u**3
    )
    whole = pi2 * np.arange(1, len(odd) + 1, dtype=np.float64) ** 2
    late = whole * np.exp(-whole / (2 * z2))
    root = math.sqrt(2 * math.pi)
    series = (
        float(weight.sum()) / z,
        float(weight @ first) / (6 * z2**2),
        float(weight @ second) / (72 * z**7) - float(late.sum()) / (36 * z**3),
        float(weight @ third) / (6480 * z**10) + float((3 * z2 - whole) @ late) / (216 * z2**3),
    )
    return root * sum(term / math.sqrt(n**power) for power, term in enumerate(series))
