"""The score-band table and vintage curves, by hand and by scipy."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from driftwatch.domain.instant import DAY
from driftwatch.performance.cohort import CohortTally, tally_cohorts
from driftwatch.performance.interval import wilson
from driftwatch.performance.score_band import quantile_edges, score_bands

MONTH = 30 * DAY


def test_bands_of_calibrated_scores_pass_their_binomial_tests_and_shifted_ones_fail() -> None:
    rng = np.random.default_rng(0)
    scores = rng.beta(2, 5, 20_000)
    edges = quantile_edges(scores)
    calibrated = score_bands(scores, rng.random(20_000) < scores, edges)
    shifted = score_bands(scores, rng.random(20_000) < scores + 0.05, edges)
    assert len(calibrated) == 10
    assert all(band.p_value is not None and band.p_value > 0.05 / 10 / 10 for band in calibrated)
    assert sum(band.p_value is not None and band.p_value < 0.05 / 10 for band in shifted) >= 8


def test_a_band_is_counted_tested_and_bounded_as_by_scipy() -> None:
    scores = np.array([0.1, 0.2, 0.2, 0.3, 0.7, 0.8, 0.9])
    outcomes = np.array([False, True, False, False, True, True, False])
    low, high = score_bands(scores, outcomes, np.array([0.3]))
    assert (low.low, low.high, low.n, low.positives, low.rate) == (None, 0.3, 4, 1, 0.25)
    assert low.mean_score == pytest.approx(0.2)
    assert low.p_value == pytest.approx(stats.binomtest(1, 4, 0.2).pvalue)
    assert low.interval == wilson(1, 4)
    assert low.share_of_positives == 1.0
    assert high.share_of_positives == pytest.approx(2 / 3)
    assert high.share_of_rows == pytest.approx(3 / 7)


def test_bands_without_rows_and_scores_that_are_no_probabilities_say_nothing() -> None:
    empty, full = score_bands(np.array([2.5, 3.0]), np.array([True, False]), np.array([0.0]))
    assert (empty.n, empty.rate, empty.p_value, empty.interval) == (0, None, None, None)
    assert (full.rate, full.p_value) == (0.5, None)
    assert full.to_dict()["rate_low"] == wilson(1, 2).low
    nothing = score_bands(np.zeros(0), np.zeros(0, dtype=bool), np.array([0.5]))
    assert [band.share_of_rows for band in nothing] == [0.0, 0.0]


@pytest.mark.parametrize(("values", "bands"), [([1.0] * 50, 1), ([0.0] * 20 + [1.0] * 20, 2), (list(range(40)), 10)])
def test_repeated_scores_share_a_band(values: list[float], bands: int) -> None:
    scores = np.array(values, dtype=np.float64)
    table = score_bands(scores, np.zeros(len(scores), dtype=bool), quantile_edges(scores))
    assert len(table) == bands
    assert sum(band.n for band in table) == len(values)


def granted() -> tuple[CohortTally, NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    rng = np.random.default_rng(1)
    predicted = rng.integers(0, 6 * MONTH, 5_000)
    bad = rng.random(5_000) < 0.2
    known = predicted + rng.exponential(2 * MONTH, 5_000).astype(np.int64)
    return tally_cohorts(predicted, known, bad, width=MONTH, step=MONTH), predicted, known, bad


def test_a_vintage_curve_is_the_cumulative_share_of_positives_by_age() -> None:
    tally, predicted, known, bad = granted()
    curve = tally.curve(2, as_of=8 * MONTH)
    mine = (predicted >= 2 * MONTH) & (predicted < 3 * MONTH)
    assert [point.age for point in curve] == [MONTH * age for age in range(1, 6)]
    for point in curve:
        expected = np.count_nonzero(mine & bad & (known - predicted < point.age))
        assert point.n == np.count_nonzero(mine)
        assert point.positives == expected
        assert point.rate == pytest.approx(expected / np.count_nonzero(mine))
        assert point.interval.low <= point.rate <= point.interval.high


def test_ages_that_part_of_a_cohort_has_not_reached_are_not_shown() -> None:
    tally, *_ = granted()
    assert tally.curve(5, as_of=6 * MONTH + MONTH // 2) == ()
    assert len(tally.curve(5, as_of=7 * MONTH)) == 1
    assert tally.curve(99, as_of=200 * MONTH) == ()


def test_cohorts_add_up_and_survive_writing() -> None:
    whole, predicted, known, bad = granted()
    parts = [
        tally_cohorts(predicted[rows], known[rows], bad[rows], width=MONTH, step=MONTH)
        for rows in (slice(0, 1_000), slice(1_000, None))
    ]
    assert (parts[0] + parts[1]).curve(1, as_of=9 * MONTH) == whole.curve(1, as_of=9 * MONTH)
    again = CohortTally.from_fields(whole.to_fields())
    assert again.curve(3, as_of=9 * MONTH) == whole.curve(3, as_of=9 * MONTH)
    with pytest.raises(ValueError, match="do not add up"):
        whole + tally_cohorts(predicted, known, bad, width=MONTH, step=DAY)
