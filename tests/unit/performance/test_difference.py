"""Intervals of differences and ratios, against published values, scipy and exact enumeration."""

import numpy as np
import pytest
from scipy import stats

from driftwatch.performance.difference import difference_interval, newcombe, share_ratio_interval
from driftwatch.performance.interval import wilson
from driftwatch.performance.result import Interval


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((0, 10, 0, 10), -0.2775, 0.2775),
        ((10, 10, 0, 20), 0.6791, 1.0),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ],
)
def test_newcombes_own_examples(counts: tuple[int, int, int, int], low: float, high: float) -> None:
    """Newcombe, 1998, Statistics in Medicine 17:873, table II, method 10."""
    found = newcombe(*counts)
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-5)
    assert found.method == "newcombe"


def covered(n: int, m: int, p: float, q: float, *, ratio: bool) -> float:
    """The exact probability that the interval holds the truth, over all pairs of counts."""
    first, second = stats.binom.pmf(np.arange(n + 1), n, p), stats.binom.pmf(np.arange(m + 1), m, q)
    total = 0.0
    for k in range(n + 1):
        for j in range(m + 1):
            found = share_ratio_interval(k, n, j, m) if ratio else newcombe(k, n, j, m)
            truth = p / q if ratio else p - q
            total += first[k] * second[j] * (found is None or found.low <= truth <= found.high)
    return float(total)


@pytest.mark.parametrize("ratio", [False, True])
@pytest.mark.parametrize(
    ("n", "m", "p", "q"), [(30, 30, 0.5, 0.5), (30, 60, 0.2, 0.5), (40, 30, 0.1, 0.15), (50, 35, 0.9, 0.7)]
)
def test_the_intervals_hold_the_truth_about_as_often_as_they_say(
    n: int, m: int, p: float, q: float, *, ratio: bool
) -> None:
    assert 0.93 <= covered(n, m, p, q, ratio=ratio) <= 0.99


def test_of_many_rows_the_ratios_interval_is_that_of_its_logarithm() -> None:
    found = share_ratio_interval(4_100, 20_000, 9_050, 30_000)
    theirs = stats.contingency.relative_risk(4_100, 20_000, 9_050, 30_000).confidence_interval(0.95)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), rel=2e-3)
    assert share_ratio_interval(3, 30, 0, 30) is None
    none = share_ratio_interval(0, 30, 10, 30)
    assert none is not None
    assert none.low == 0.0
    assert 0 < none.high < 1


def test_the_difference_of_two_means_is_close_to_welchs() -> None:
    first, second = stats.norm(0.3, 1).rvs(400, random_state=1), stats.norm(0, 2).rvs(900, random_state=2)
    ours = []
    for x in (first, second):
        low, high = stats.t.interval(0.95, len(x) - 1, np.mean(x), stats.sem(x))
        ours.append(Interval(float(low), float(high), "student_t"))
    found = difference_interval(float(first.mean()), ours[0], float(second.mean()), ours[1])
    theirs = stats.ttest_ind(first, second, equal_var=False).confidence_interval()
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-3)
    assert found.method == "square_and_add"
    assert wilson(1, 2).method == "wilson"
