"""Intervals and tests of shares, by exact enumeration and by scipy."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from driftwatch.performance.bootstrap import bootstrap_counts, bootstrap_parts, bootstrap_rows
from driftwatch.performance.exact_sum import ExactSum, sum_exactly
from driftwatch.performance.interval import binomial_test, clopper_pearson, jeffreys, student_t, wilson

shares = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(shares)
def test_wilson_and_clopper_pearson_are_those_of_scipy(share: tuple[int, int]) -> None:
    result = stats.binomtest(*share)
    for ours, theirs in (
        (wilson, result.proportion_ci(0.95, method="wilson")),
        (clopper_pearson, result.proportion_ci(0.95, method="exact")),
    ):
        found = ours(*share)
        assert found.low == pytest.approx(theirs.low, abs=1e-12)
        assert found.high == pytest.approx(theirs.high, abs=1e-12)


@given(shares)
def test_wilson_ends_where_the_score_test_says_so(share: tuple[int, int]) -> None:
    """The interval is what Pearson's chi-square does not reject: at its ends z is ±1.96."""
    successes, n = share
    found = wilson(successes, n)
    for end in (found.low, found.high):
        if 0 < end < 1:
            z = (successes / n - end) / math.sqrt(end * (1 - end) / n)
            assert abs(z) == pytest.approx(1.959963984540054, rel=1e-9)


@given(shares)
def test_jeffreys_is_the_middle_of_the_beta_posterior(share: tuple[int, int]) -> None:
    successes, n = share
    found = jeffreys(successes, n)
    posterior = stats.beta(successes + 0.5, n - successes + 0.5)
    if successes:
        assert posterior.cdf(found.low) == pytest.approx(0.025, abs=1e-9)
    if successes < n:
        assert posterior.cdf(found.high) == pytest.approx(0.975, abs=1e-9)


def test_jeffreys_of_no_error_in_a_hundred_is_the_published_bound() -> None:
    """0 of 100: (0, 0.0247), Brown, Cai and DasGupta's interval as in R's binom.bayes with the ends at 0."""
    found = jeffreys(0, 100)
    assert found.low == 0.0
    assert found.high == pytest.approx(0.02475, abs=5e-5)


@pytest.mark.parametrize("interval", [wilson, jeffreys])
def test_coverage_by_exact_enumeration_is_near_the_nominal_on_average(interval: object) -> None:
    """Over n = 30 and shares from 0.05 to 0.95: mean coverage 95% within 1%, with dips to 89% as Brown et al. find."""
    assert callable(interval)
    n, grid = 30, np.linspace(0.05, 0.95, 91)
    ends = [interval(k, n) for k in range(n + 1)]
    covered = np.array([[end.low <= p <= end.high for end in ends] for p in grid])
    coverage = (covered * stats.binom.pmf(np.arange(n + 1), n, grid[:, None])).sum(axis=1)
    assert coverage.mean() == pytest.approx(0.95, abs=0.01)
    assert coverage.min() > 0.88


@settings(deadline=None)
@given(
    st.integers(1, 25).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.fractions(0, 1, max_denominator=40),
)
def test_the_binomial_test_is_the_sum_over_all_outcomes_that_are_no_likelier(
    share: tuple[int, int], probability: Fraction
) -> None:
    """By exact enumeration, in fractions."""
    successes, n = share
    mass = [math.comb(n, k) * probability**k * (1 - probability) ** (n - k) for k in range(n + 1)]
    expected = float(sum(each for each in mass if each <= mass[successes]))
    assert binomial_test(successes, n, float(probability)) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("successes", "share", "p_value"), [(0, 0.0, 1.0), (1, 0.0, 0.0), (5, 1.0, 1.0), (4, 1.0, 0.0)]
)
def test_the_binomial_test_of_a_certain_share(successes: int, share: float, p_value: float) -> None:
    assert binomial_test(successes, 5, share) == p_value


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=50))
def test_the_interval_of_a_mean_is_student_s(values: list[float]) -> None:
    found = student_t(math.fsum(values), math.fsum(x * x for x in values), len(values))
    assert found is not None
    error = stats.sem(values)
    if error > 1e-6:
        theirs = stats.t.interval(0.95, len(values) - 1, np.mean(values), error)
        assert (found.low, found.high) == pytest.approx(theirs, rel=1e-6, abs=1e-6)


floats = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=60)


@given(floats)
def test_exact_sums_round_once_like_fsum(values: list[float]) -> None:
    for several in (values, values * 9):  # few values and many are added in two ways
        try:
            expected = math.fsum(several)
        except OverflowError:
            return
        assert float(sum_exactly(np.array(several, dtype=np.float64))) == expected


@given(floats, st.integers(0, 60))
def test_exact_sums_add_up_in_any_split_and_survive_writing(values: list[float], cut: int) -> None:
    whole = sum_exactly(np.array(values, dtype=np.float64))
    parts = sum_exactly(np.array(values[cut:][::-1], dtype=np.float64)) + sum_exactly(np.array(values[:cut]))
    assert parts == whole
    assert sum_exactly(np.array(values * 9, dtype=np.float64)) == ExactSum(9 * whole.units)
    assert ExactSum.from_fields(whole.to_fields()) == whole


def test_what_is_not_finite_has_no_exact_sum() -> None:
    with pytest.raises(ValueError, match="finite"):
        sum_exactly(np.array([1.0, np.inf]))


def test_the_bootstrap_of_counts_covers_a_share_as_wilson_does() -> None:
    counts = np.array([300, 100])
    found = bootstrap_counts(lambda cells: cells[1] / cells.sum(), counts, np.random.default_rng(0), repeats=4_000)
    expected = wilson(100, 400)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.004)


def test_the_bootstraps_of_rows_and_of_whole_tallies_agree_with_that_of_counts() -> None:
    rng = np.random.default_rng(1)
    values = rng.random(400) < 0.25
    of_rows = bootstrap_rows(lambda rows: float(values[rows].mean()), len(values), rng, repeats=2_000)
    parts = [np.array([int(each.sum()), len(each)]) for each in np.split(values, 100)]
    of_parts = bootstrap_parts(lambda part: part[0] / part[1], parts, rng, repeats=2_000)
    expected = wilson(int(values.sum()), 400)
    for found in (of_rows, of_parts):
        assert found is not None
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.012)


def test_the_bootstrap_is_reproducible_and_silent_where_the_metric_mostly_is() -> None:
    counts = np.array([5, 5])

    def share(cells: NDArray[np.int64]) -> float:
        return float(cells[0] / cells.sum())

    def nothing(_: NDArray[np.int64]) -> None:
        return None

    assert bootstrap_counts(share, counts, np.random.default_rng(3)) == bootstrap_counts(
        share, counts, np.random.default_rng(3)
    )
    assert bootstrap_counts(nothing, counts, np.random.default_rng(3)) is None
    assert bootstrap_counts(share, np.array([1, 0]), np.random.default_rng(3)) is None
    assert bootstrap_parts(share, [counts] * 9, np.random.default_rng(3)) is None
