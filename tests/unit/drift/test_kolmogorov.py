"""The p-values of the Kolmogorov-Smirnov distance are scipy's, in every range that another formula serves."""

import numpy as np
import pytest
from scipy import stats

from driftwatch.drift.kolmogorov import exact_p_value, two_sample_p_value

SIZES = [(50, 20_000), (300, 20_000), (1000, 15_000), (20_000, 20_000), (10**6, 3000)]


@pytest.mark.parametrize(("n", "m"), SIZES)
@pytest.mark.parametrize("z", [0.2, 0.5, 0.83, 1.0, 1.4, 1.6, 2.5, 2.9])
def test_the_limiting_p_value_is_that_of_ks_2samp(n: int, m: int, z: float) -> None:
    rows = round(n * m / (n + m))
    gap = z / np.sqrt(rows)
    expected = stats.kstwo.sf(gap, rows)
    assert two_sample_p_value(gap, n, m) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("z", [3.01, 4.0, 6.0])
def test_the_smallest_p_values_of_large_samples_are_right_within_a_thousandth(z: float) -> None:
    gap = z / np.sqrt(20_000)
    assert two_sample_p_value(gap, 40_000, 40_000) == pytest.approx(stats.kstwo.sf(gap, 20_000), rel=2e-3)


@pytest.mark.parametrize("n", [1, 3, 10, 100, 1000, 10_000])
@pytest.mark.parametrize("part", [0.0, 0.01, 0.05, 0.3, 1.0])
def test_the_exact_p_value_is_that_of_ks_2samp(n: int, part: float) -> None:
    moved = round(part * n)
    a = np.arange(n, dtype=float)
    b = a.copy()
    b[:moved] = n + np.arange(moved)  # a gap of exactly moved / n
    result = stats.ks_2samp(a, b, method="exact")
    assert exact_p_value(float(result.statistic), n) == pytest.approx(float(result.pvalue), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("gap", "expected"), [(0.0, 1.0), (1.0, 0.0)])
def test_no_gap_is_certain_and_a_whole_one_impossible(gap: float, expected: float) -> None:
    assert two_sample_p_value(gap, 20_000, 20_000) == expected
