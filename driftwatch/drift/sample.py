"""Measures of two raw samples of numbers; each is scipy's two-sample function of the same name.

``scipy.stats`` takes longer to import than these to run, so that it is loaded by those alone that need it.
"""

import warnings

import numpy as np
from numpy.typing import NDArray

from driftwatch.drift.kolmogorov import EXACT_ROWS, exact_p_value, two_sample_p_value
from driftwatch.drift.result import Estimate

__all__ = [
    "anderson_darling",
    "cramer_von_mises",
    "energy_distance",
    "kolmogorov_smirnov",
    "mann_whitney",
    "mean_shift",
    "sd_ratio",
    "wasserstein_distance",
    "wasserstein_distance_normalized",
    "welch_t",
]

Values = NDArray[np.float64]


def kolmogorov_smirnov(reference: Values, current: Values) -> Estimate:
    """The largest gap between the two distribution functions, 0 to 1, and its p-value (``ks_2samp``)."""
    n, m = len(reference), len(current)
    gap = float(np.max(np.abs(_gaps(reference, current)[1])))
    if max(n, m) > EXACT_ROWS:
        return Estimate(gap, two_sample_p_value(gap, n, m))
    if n == m:
        return Estimate(gap, exact_p_value(gap, n))
    from scipy import stats

    with warnings.catch_warnings():  # where the exact p-value fails, scipy says so and gives the asymptotic one
        warnings.simplefilter("ignore", RuntimeWarning)
        result = stats.ks_2samp(reference, current)
    return Estimate(float(result.statistic), float(result.pvalue))


def wasserstein_distance(reference: Values, current: Values) -> Estimate:
    """The area between the two distribution functions, in the column's unit (``wasserstein_distance``)."""
    values, gaps = _gaps(reference, current)
    return Estimate(float(np.dot(np.diff(values), np.abs(gaps[:-1]))))


def wasserstein_distance_normalized(reference: Values, current: Values) -> Estimate:
    """The same in standard deviations (n) of the reference; not defined where that is 0 and something moved."""
    distance = wasserstein_distance(reference, current).value or 0.0
    spread = _spread(reference)
    if spread > 0:
        return Estimate(distance / spread)
    return Estimate(None if distance else 0.0)


def energy_distance(reference: Values, current: Values) -> Estimate:
    """sqrt(2 ∫ (F - G)²), in the square root of the column's unit (``energy_distance``; Székely, 2003)."""
    values, gaps = _gaps(reference, current)
    return Estimate(float(np.sqrt(2 * np.dot(np.diff(values), gaps[:-1] ** 2))))


def cramer_von_mises(reference: Values, current: Values) -> Estimate:
    """The two-sample Cramér-von Mises T and its p-value (``cramervonmises_2samp``; Anderson, 1962)."""
    if min(len(reference), len(current)) < 2:
        return Estimate(None)
    from scipy import stats

    result = stats.cramervonmises_2samp(reference, current)
    return Estimate(float(result.statistic), float(result.pvalue))


def anderson_darling(reference: Values, current: Values) -> Estimate:
    """The normalised Anderson-Darling statistic with mid-ranks (``anderson_ksamp``; Scholz and Stephens, 1987)."""
    constant = _spread(reference) == 0 and _spread(current) == 0 and reference[0] == current[0]
    if constant or len(reference) + len(current) < 4:
        return Estimate(None)
    from scipy import stats

    with warnings.catch_warnings():  # scipy warns where it cuts the p-value; it is said below
        warnings.simplefilter("ignore", UserWarning)
        result = stats.anderson_ksamp([reference, current], variant="midrank")
    p_value = float(result.pvalue)
    cut = p_value <= 0.001 or p_value >= 0.25
    return Estimate(float(result.statistic), p_value, ("p-value cut to 0.001 … 0.25",) if cut else ())


def mann_whitney(reference: Values, current: Values) -> Estimate:
    """Mann and Whitney's U of the reference, two-sided (``mannwhitneyu``)."""
    from scipy import stats

    result = stats.mannwhitneyu(reference, current, alternative="two-sided")
    p_value = float(result.pvalue)
    return Estimate(float(result.statistic), p_value if np.isfinite(p_value) else None)


def welch_t(reference: Values, current: Values) -> Estimate:
    """Welch's t of reference less current, two-sided (``ttest_ind(equal_var=False)``)."""
    if min(len(reference), len(current)) < 2 or (_spread(reference) == 0 and _spread(current) == 0):
        return Estimate(None)
    from scipy import stats

    with warnings.catch_warnings():  # nearly equal values lose precision; scipy says so
        warnings.simplefilter("ignore", RuntimeWarning)
        result = stats.ttest_ind(reference, current, equal_var=False)
    value, p_value = float(result.statistic), float(result.pvalue)
    return Estimate(value, p_value) if np.isfinite(value) else Estimate(None)


def mean_shift(reference: Values, current: Values) -> Estimate:
    """Current mean less reference mean, in standard deviations (n) of the reference."""
    spread = _spread(reference)
    shift = float(np.mean(current) - np.mean(reference))
    return Estimate(shift / spread if spread > 0 else (None if shift else 0.0))


def sd_ratio(reference: Values, current: Values) -> Estimate:
    """The natural logarithm of current over reference standard deviation (n); 0 without drift."""
    before, after = _spread(reference), _spread(current)
    if before == after:
        return Estimate(0.0)
    return Estimate(float(np.log(after / before)) if before > 0 and after > 0 else None)


def _gaps(reference: Values, current: Values) -> tuple[Values, Values]:
    """All values of both, ascending, and F - G at each of them (right-continuous)."""
    before, after = np.sort(reference), np.sort(current)
    values = np.sort(np.concatenate((before, after)))
    below = np.searchsorted(before, values, side="right") / len(before)
    return values, below - np.searchsorted(after, values, side="right") / len(after)


def _spread(values: Values) -> float:
    """Standard deviation (n); 0 for a constant, which rounding would make a little more."""
    return float(np.std(values)) if values.min() < values.max() else 0.0
