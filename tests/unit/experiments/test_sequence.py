"""Confidence sequences: they hold at every look, and decide soon where there is something to see."""

import math

import numpy as np
import pytest
from scipy import stats

from driftwatch.experiments.sample_ratio import check_ratio
from driftwatch.experiments.sequence import LEAST_ROWS, Difference, compare_arms, compare_pairs
from driftwatch.experiments.sums import Sums, add_sums

RNG = np.random.default_rng(20)


def shares(n: int, rate: float, buckets: int, rng: np.random.Generator = RNG) -> list[Sums]:
    return [Sums.of_share(n, int(k)) for k in rng.binomial(n, rate, buckets)]


def known(found: Difference | None) -> Difference:
    assert found is not None
    return found


def test_the_width_is_that_of_the_published_formula() -> None:
    """Computed by hand at the tuned size, from the two printed formulas: 5,000 rows of variance 1 in each arm."""
    n, level = 5_000, 0.05
    rows = [Sums(n, 0.0, float(n - 1))]
    found = known(compare_arms(rows, rows, level=level))
    rho_squared = (-2 * math.log(level) + math.log(1 - 2 * math.log(level))) / (n * 2)
    grown = n * 2 * rho_squared + 1
    expected = math.sqrt(grown / rho_squared * math.log(grown / level**2)) / n
    assert found.high == pytest.approx(expected, rel=1e-9)
    assert found.low == pytest.approx(-expected, rel=1e-9)
    fixed = float(stats.norm.ppf(0.975)) * math.sqrt(2 / n)
    assert 1.3 < expected / fixed < 1.8  # what looking at any time costs


def test_two_equal_versions_are_hardly_ever_told_apart_in_a_thousand_looks() -> None:
    rng = np.random.default_rng(3)
    looks, per, runs, told, peeked = 1_000, 50, 60, 0, 0
    for _ in range(runs):
        a, b = (np.cumsum(rng.binomial(per, 0.02, looks)) for _ in range(2))
        n = np.arange(1, looks + 1) * per
        wrong = z_wrong = False
        for look in range(looks):
            found = known(
                compare_arms(
                    [Sums.of_share(int(n[look]), int(a[look]))],
                    [Sums.of_share(int(n[look]), int(b[look]))],
                    is_share=True,
                )
            )
            wrong |= found.shows
            pooled = (a[look] + b[look]) / (2 * n[look])
            z = (b[look] - a[look]) / math.sqrt(max(2 * n[look] * pooled * (1 - pooled), 1e-9))
            z_wrong |= bool(n[look] >= LEAST_ROWS and abs(z) > 1.96)
        told += wrong
        peeked += z_wrong
    # Of 60 runs at 5% at most 8 are to be expected (binomial, 1 in 1,000); of a test that is peeked at, half.
    assert told <= 8
    assert peeked >= 15


def test_two_and_three_percent_are_told_apart_after_about_four_thousand_rows() -> None:
    rng = np.random.default_rng(4)
    stops = []
    for _ in range(40):
        a, b = (np.cumsum(rng.binomial(50, rate, 400)) for rate in (0.02, 0.03))
        for look in range(400):
            n = 50 * (look + 1)
            found = known(
                compare_arms([Sums.of_share(n, int(a[look]))], [Sums.of_share(n, int(b[look]))], is_share=True)
            )
            if found.shows:
                stops.append(n)
                break
    assert len(stops) == 40
    assert 2_500 < float(np.median(stops)) < 5_500


def test_buckets_add_up_to_the_whole() -> None:
    a, b = shares(60, 0.1, 40), shares(60, 0.1, 40)
    by_bucket, whole = known(compare_arms(a, b, is_share=True)), known(compare_arms([add_sums(a)], [add_sums(b)]))
    assert by_bucket.value == whole.value
    assert (by_bucket.n_baseline, by_bucket.n_candidate) == (2_400, 2_400)


def test_buckets_that_differ_more_than_their_rows_let_expect_widen_the_interval() -> None:
    rng = np.random.default_rng(8)
    calm = known(compare_arms(shares(200, 0.1, 50, rng), shares(200, 0.1, 50, rng), is_share=True))
    rates = rng.beta(2, 18, 100)  # each bucket of each arm has a rate of its own
    wild = [Sums.of_share(200, int(rng.binomial(200, rate))) for rate in rates]
    found = known(compare_arms(wild[:50], wild[50:], is_share=True))
    assert calm.dispersion < 1.6
    assert found.dispersion > 5
    assert calm.high is not None
    assert calm.low is not None
    assert found.high is not None
    assert found.low is not None
    assert found.high - found.low > 2 * (calm.high - calm.low)


def test_nothing_is_said_before_there_are_enough_rows_of_each() -> None:
    few = known(compare_arms([Sums.of_share(LEAST_ROWS - 1, 0)], [Sums.of_share(90_000, 45_000)], is_share=True))
    assert (few.low, few.high, few.shows) == (None, None, False)
    assert compare_arms([Sums()], [Sums.of_share(10, 1)]) is None
    assert compare_pairs([], [], []) is None


def test_versions_without_an_error_so_far_are_not_certain_to_be_alike() -> None:
    found = known(compare_arms([Sums.of_share(1_000, 0)], [Sums.of_share(1_000, 0)], is_share=True))
    assert found.high is not None
    assert found.high > 3 / 1_000  # the rule of three: so many errors a row may have been missed
    pairs = known(compare_pairs([Sums(1_000)], [Sums(1_000)], [Sums(1_000)], bound=1.0))
    assert pairs.high is not None
    assert pairs.high > 3 / 1_000


def test_pairs_see_what_two_arms_would_drown() -> None:
    rng = np.random.default_rng(9)
    base = rng.normal(0, 1, 3_000)
    better = base - 0.05 + rng.normal(0, 0.05, 3_000)

    def sums(values: np.ndarray) -> list[Sums]:
        return [Sums(len(values), float(values.sum()), float((values**2).sum()))]

    paired = known(compare_pairs(sums(better - base), sums(base), sums(better)))
    apart = known(compare_arms(sums(base), sums(better)))
    assert paired.shows
    assert not apart.shows
    assert paired.value == pytest.approx(apart.value)


def test_pairs_that_are_all_the_same_number_differ_by_it() -> None:
    found = known(compare_pairs([Sums(600, 1_200.0, 2_400.0)], [Sums(600)], [Sums(600, 1_200.0, 2_400.0)]))
    assert (found.low, found.value, found.high) == (2.0, 2.0, 2.0)


def test_a_split_that_is_right_is_hardly_ever_called_wrong_and_one_that_is_wrong_soon() -> None:
    rng = np.random.default_rng(5)
    lowest = []
    for _ in range(200):
        candidate = np.cumsum(rng.binomial(100, 0.1, 300))
        total = 100 * np.arange(1, 301)
        looks = [check_ratio(int(n - k), int(k), expected=0.1) for n, k in zip(total, candidate, strict=True)]
        lowest.append(min(each.p_value for each in looks if each is not None))
    assert sum(p < 0.05 for p in lowest) <= 20  # at level 5%, 1 in 1,000 exceeds 20 of 200
    assert not any(p < 0.001 for p in lowest)
    found = check_ratio(9_200, 800, expected=0.1)
    assert found is not None
    assert found.mismatch
    assert check_ratio(0, 0, expected=0.5) is None


def test_the_ratio_is_the_marginal_likelihood_of_scipy() -> None:
    """P(k | Beta-binomial) / P(k | binomial), at one look."""
    found = check_ratio(5_300, 4_700, expected=0.5)
    assert found is not None
    expected = stats.binom.pmf(4_700, 10_000, 0.5) / stats.betabinom.pmf(4_700, 10_000, 500, 500)
    assert found.p_value == pytest.approx(expected, rel=1e-6)
