"""Measures of two vectors of counts over the same cells."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtr, xlogy

from driftwatch.drift.result import Estimate

__all__ = [
    "FLOOR",
    "chi_square",
    "fisher_exact",
    "g_test",
    "hellinger_distance",
    "jensen_shannon_distance",
    "kullback_leibler_divergence",
    "l_infinity_distance",
    "population_stability_index",
    "population_stability_index_unbiased",
    "total_variation_distance",
    "two_proportions_z",
]

Counts = NDArray[np.int64]

FLOOR = 1e-4  # of a share, so that an empty cell has a finite logarithm
_ROUGH = ("fewer than 5 expected in a cell: the p-value is rough",)


def population_stability_index(reference: Counts, current: Counts) -> Estimate:
    """Σ (q - p) ln(q/p), shares floored at 1e-4 on both sides; in nats, 0 and up.

    Reads "moderate" from 0.1 and "large" from 0.2 by custom, which is wrong for small samples: without any drift its
    mean is (cells - 1)(1/n + 1/m). Use :func:`population_stability_index_unbiased` or the p-value there.
    Yurdakul, "Statistical properties of the population stability index", 2018.
    """
    p, q = _floored(reference), _floored(current)
    return Estimate(float(np.sum((q - p) * np.log(q / p))))


def population_stability_index_unbiased(reference: Counts, current: Counts) -> Estimate:
    """PSI less its mean without drift, (B - 1)(1/n + 1/m); about 0 without drift, may be negative.

    The p-value holds PSI/(1/n + 1/m) against chi-square with B - 1 degrees of freedom (Yurdakul and Naranjo, 2020).
    B is the number of cells that either side uses.
    """
    reference, current = _occupied(reference, current)
    noise = 1 / reference.sum() + 1 / current.sum()
    psi = population_stability_index(reference, current).value or 0.0
    freedom = len(reference) - 1
    return Estimate(psi - freedom * noise, float(chdtrc(freedom, psi / noise)) if freedom else None)


def kullback_leibler_divergence(reference: Counts, current: Counts) -> Estimate:
    """Σ q ln(q/p) of the current shares q against the reference's p, floored at 1e-4 on both sides; in nats."""
    p, q = _floored(reference), _floored(current)
    return Estimate(float(np.sum(q * np.log(q / p))))


def jensen_shannon_distance(reference: Counts, current: Counts) -> Estimate:
    """The square root of the Jensen-Shannon divergence in base 2; 0 to 1 (Lin, 1991; Endres and Schindelin, 2003).

    >>> jensen_shannon_distance(np.array([1, 0]), np.array([0, 1])).value
    1.0
    """
    p, q = _shares(reference), _shares(current)
    middle = (p + q) / 2
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    return Estimate(float(np.sqrt(max(divergence, 0.0))))


def hellinger_distance(reference: Counts, current: Counts) -> Estimate:
    """sqrt(½ Σ (√p - √q)²); 0 to 1."""
    p, q = _shares(reference), _shares(current)
    return Estimate(float(np.sqrt(0.5 * np.sum((np.sqrt(p) - np.sqrt(q)) ** 2))))


def total_variation_distance(reference: Counts, current: Counts) -> Estimate:
    """½ Σ |p - q|, the share of rows that changed cell; 0 to 1.

    >>> total_variation_distance(np.array([5, 5]), np.array([9, 1])).value
    0.4
    """
    return Estimate(float(0.5 * np.sum(np.abs(_shares(reference) - _shares(current)))))


def l_infinity_distance(reference: Counts, current: Counts) -> Estimate:
    """Max |p - q|, the largest change of one cell's share; 0 to 1."""
    return Estimate(float(np.max(np.abs(_shares(reference) - _shares(current)))))


def chi_square(reference: Counts, current: Counts) -> Estimate:
    """Pearson's chi-square of the 2 × cells table, without continuity correction.

    The two-sample test: taking the reference's counts for exact expectations instead flags a fifth to a half of
    identical columns.
    """
    table, expected = _contingency(reference, current)
    return _against_chi_square(float(np.sum((table - expected) ** 2 / expected)), expected)


def g_test(reference: Counts, current: Counts) -> Estimate:
    """The likelihood-ratio statistic G of the 2 × cells table, without continuity correction (Wilks, 1935)."""
    table, expected = _contingency(reference, current)
    return _against_chi_square(max(0.0, 2 * float(np.sum(xlogy(table, table / expected)))), expected)


def fisher_exact(reference: Counts, current: Counts) -> Estimate:
    """Fisher's exact test of two cells, two-sided: the odds ratio of the last cell, current over reference.

    1 without drift; no value where a cell is empty on one side (the p-value stands), and none of more than two cells.
    """
    reference, current = _occupied(reference, current)
    if len(reference) != 2:
        return Estimate(None, 1.0 if len(reference) == 1 else None)
    from scipy import stats  # its import takes longer than most comparisons

    result = stats.fisher_exact(np.stack((current[::-1], reference[::-1])))
    return Estimate(float(result.statistic), float(result.pvalue))


def two_proportions_z(reference: Counts, current: Counts) -> Estimate:
    """The z of two proportions with the pooled variance: the share of the last of two cells, current less reference.

    Its square is :func:`chi_square`. No value of more than two cells.

    >>> round(two_proportions_z(np.array([50, 50]), np.array([40, 60])).value, 4)
    1.4213
    """
    reference, current = _occupied(reference, current)
    if len(reference) != 2:
        return Estimate(0.0, 1.0) if len(reference) == 1 else Estimate(None)
    n, m = int(reference.sum()), int(current.sum())
    pooled = (reference[1] + current[1]) / (n + m)
    z = float((current[1] / m - reference[1] / n) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m)))
    few = min(n, m) * min(pooled, 1 - pooled) < 5
    return Estimate(z, float(2 * ndtr(-abs(z))), _ROUGH if few else ())


def _contingency(reference: Counts, current: Counts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The 2 × cells table of the occupied cells, and what independence expects."""
    table = np.stack(_occupied(reference, current)).astype(np.float64)
    return table, np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()


def _against_chi_square(statistic: float, expected: NDArray[np.float64]) -> Estimate:
    freedom = expected.shape[1] - 1
    if not freedom:
        return Estimate(0.0, 1.0)
    return Estimate(statistic, float(chdtrc(freedom, statistic)), _ROUGH if float(expected.min()) < 5 else ())


def _occupied(reference: Counts, current: Counts) -> tuple[Counts, Counts]:
    used = (reference + current) > 0
    return reference[used], current[used]


def _shares(counts: Counts) -> NDArray[np.float64]:
    return np.asarray(counts / counts.sum(), dtype=np.float64)


def _floored(counts: Counts) -> NDArray[np.float64]:
    return np.maximum(_shares(counts), FLOOR)


def _relative_entropy(p: NDArray[np.float64], middle: NDArray[np.float64]) -> float:
    used = p > 0
    return float(np.sum(p[used] * np.log2(p[used] / middle[used])))
