"""Error rate, throughput and latency quantiles against exact probabilities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from driftwatch.operations.latency import QUANTILES, at_like_load, latency_quantiles, order_ranks
from driftwatch.operations.rate import Rate, error_rate, throughput
from driftwatch.profiles.latency import profile_latency


def rate_of(failed: int, n: int) -> Rate:
    rate = error_rate(failed, n)
    assert rate is not None
    return rate


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(1, n), st.just(n))))
def test_an_error_rate_has_scipys_wilson_interval(counts: tuple[int, int]) -> None:
    failed, n = counts
    rate = rate_of(failed, n)
    expected = stats.binomtest(failed, n).proportion_ci(method="wilson")
    assert rate.value == failed / n
    assert (rate.interval.low, rate.interval.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("n", [1, 10, 1_000])
def test_no_error_at_all_is_bounded_by_the_95th_percentile_of_the_jeffreys_posterior(n: int) -> None:
    interval = rate_of(0, n).interval
    assert (interval.low, interval.method) == (0.0, "jeffreys")
    assert interval.high == pytest.approx(stats.beta(0.5, n + 0.5).ppf(0.95), rel=1e-9)


def test_there_is_no_error_rate_of_no_call_and_none_above_all() -> None:
    assert error_rate(0, 0) is None
    with pytest.raises(ValueError, match="3 of 2 calls"):
        error_rate(3, 2)


@pytest.mark.parametrize("calls", [0, 1, 17, 4_000])
def test_throughput_has_the_exact_poisson_interval(calls: int) -> None:
    rate = throughput(calls, 60.0)
    low = 0.0 if not calls else stats.chi2.ppf(0.025, 2 * calls) / 2
    high = stats.chi2.ppf(0.975, 2 * calls + 2) / 2
    assert (rate.interval.low, rate.interval.high) == pytest.approx((low / 60, high / 60), rel=1e-9)


@pytest.mark.parametrize(("n", "q"), [(10, 0.5), (100, 0.95), (400, 0.99), (5_000, 0.999), (3, 0.999)])
def test_the_ranks_enclose_a_quantile_as_often_as_they_say_and_no_narrower_ones_do(n: int, q: float) -> None:
    low, high = order_ranks(n, q, 0.95)
    below = [0.0, *np.cumsum(stats.binom.pmf(np.arange(n + 1), n, q))]  # P(B < rank)
    assert below[low] <= 0.025 + 1e-12
    assert 1 - below[high] <= 0.025 + 1e-9
    assert below[low + 1] > 0.025
    assert high == 0 or 1 - below[high - 1] > 0.025


def test_quantiles_are_those_of_the_values_within_eight_thousandths() -> None:
    values = np.random.default_rng(1).lognormal(-4, 1, 20_000)
    found = latency_quantiles(profile_latency(values))
    assert [each.metric for each in found] == list(QUANTILES)
    for each in found:
        exact = np.quantile(values, each.q, method="inverted_cdf")
        assert each.value == pytest.approx(exact, rel=0.008)
        assert each.low is not None
        assert each.high is not None
        assert each.low <= each.value <= each.high


def test_an_end_of_the_interval_that_no_latency_can_be_is_none() -> None:
    found = {each.metric: each for each in latency_quantiles(profile_latency(np.linspace(0.01, 0.1, 100)))}
    assert found["latency_p999"].high is None
    assert found["latency_p999"].low is not None
    assert found["latency_p50"].high is not None
    assert latency_quantiles(profile_latency(np.array([np.nan]))) == ()


def test_latency_at_like_load_is_that_of_the_reference_windows_with_as_many_calls() -> None:
    rows = np.array([100, 110, 95, 120, 1_000, 1_000, 1_100, 900])
    counts = np.array([[100, 0]] * 4 + [[100, 900]] * 4)
    upper = np.array([0.1, 0.4])
    quiet, busy = at_like_load(105, rows, counts, upper), at_like_load(1_000, rows, counts, upper)
    assert quiet is not None
    assert busy is not None
    assert (quiet.windows, quiet.quantiles["latency_p95"]) == (4, 0.1)
    assert (busy.windows, busy.quantiles["latency_p50"], busy.n) == (4, 0.4, 4_000)
    assert at_like_load(5_000, rows, counts, upper) is None
