"""Regression metrics against scikit-learn; tallies that add up bit for bit, also far from zero."""

import math
import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sk

from driftwatch.performance.bootstrap import bootstrap_parts
from driftwatch.performance.mean_tally import tally_mean
from driftwatch.performance.regression import RegressionTally, regression_performance, tally_regression
from driftwatch.profiles.grid import KeyGrid

Values = NDArray[np.float64]


def sample(n: int, seed: int, *, offset: float = 0.0) -> tuple[Values, Values]:
    rng = np.random.default_rng(seed)
    labels = offset + rng.lognormal(2, 0.7, n)
    return labels + rng.normal(0.3, 2.0, n).clip(-1), labels


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("seed", range(3))
def test_every_metric_is_that_of_scikit_learn(seed: int, offset: float) -> None:
    predictions, labels = sample(500, seed, offset=offset)
    found = regression_performance(tally_regression(predictions, labels), quantile=0.9)
    expected = {
        "mean_absolute_error": sk.mean_absolute_error(labels, predictions),
        "root_mean_squared_error": sk.root_mean_squared_error(labels, predictions),
        "mean_error": float(np.mean(predictions - labels)),
        "mean_absolute_percentage_error": sk.mean_absolute_percentage_error(labels, predictions),
        "mean_squared_log_error": sk.mean_squared_log_error(labels, predictions),
        "r2": sk.r2_score(labels, predictions),
        "quantile_loss": sk.mean_pinball_loss(labels, predictions, alpha=0.9),
    }
    for metric, value in expected.items():
        assert found[metric].value == pytest.approx(value, rel=1e-12, abs=1e-12), metric


rows = st.lists(
    st.tuples(st.floats(-1e6, 1e6, allow_subnormal=False), st.floats(-1e6, 1e6, allow_subnormal=False)), max_size=40
)


@settings(max_examples=60, deadline=None)
@given(rows, st.integers(0, 40))
def test_tallies_add_up_bit_for_bit_in_any_split(given_rows: list[tuple[float, float]], cut: int) -> None:
    both = np.array(given_rows, dtype=np.float64).reshape(-1, 2)

    def tally(part: Values) -> RegressionTally:
        return tally_regression(part[:, 0], part[:, 1], unlabelled=1)

    whole, parts = tally(both), tally(both[cut:]) + tally(both[:cut][::-1])
    assert parts.to_fields()[:-1] == whole.to_fields()[:-1]
    assert parts.unlabelled == 2
    assert RegressionTally.from_fields(whole.to_fields()).to_fields() == whole.to_fields()


@given(st.lists(st.floats(-1e9, 1e9, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-9), max_size=30))
def test_the_spread_of_labels_is_that_of_exact_arithmetic(values: list[float]) -> None:
    """Also 1e6 ± 1e-5, where Σx² - (Σx)²/n in floats has no correct digit."""
    for shift in (0.0, 1e6):
        labels = [shift + value * 1e-9 if shift else value for value in values]
        exact = [Fraction(value) for value in labels]
        mean = sum(exact) / max(len(exact), 1)
        expected = float(sum((value - mean) ** 2 for value in exact))
        assert tally_mean(np.array(labels, dtype=np.float64)).sum_of_deviations == pytest.approx(expected, rel=1e-15)


def test_means_have_student_s_interval_and_rmse_the_root_of_its_square_s() -> None:
    predictions, labels = sample(200, 5)
    found = regression_performance(tally_regression(predictions, labels))
    error = predictions - labels
    half = 1.971956544249395 * error.std(ddof=1) / math.sqrt(200)  # t(199) at 97.5%
    interval = found["mean_error"].interval
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((error.mean() - half, error.mean() + half), rel=1e-9)
    absolute, median = found["mean_absolute_error"].interval, found["quantile_loss"].interval
    assert absolute is not None
    assert median is not None
    assert (median.low, median.high) == (absolute.low / 2, absolute.high / 2)
    root, value = found["root_mean_squared_error"].interval, found["root_mean_squared_error"].value
    assert root is not None
    assert value is not None
    assert root.low < value < root.high
    assert (root.low**2 + root.high**2) / 2 == pytest.approx(value**2, rel=1e-9)


def test_rows_that_a_metric_cannot_use_are_left_out_of_it_alone_and_said() -> None:
    predictions = np.array([1.0, 2.0, np.nan, -3.0, np.inf])
    labels = np.array([0.0, 4.0, 1.0, 5.0, 1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = regression_performance(tally_regression(predictions, labels, unlabelled=9))
    assert (found["mean_absolute_error"].n, found["mean_absolute_error"].labelled_share) == (3, 0.25)
    assert found["mean_absolute_percentage_error"].n == 2
    assert found["mean_absolute_percentage_error"].approximations == ("without the rows whose label is 0",)
    assert found["mean_squared_log_error"].n == 2


def test_no_rows_and_equal_labels_leave_metrics_undefined() -> None:
    empty = regression_performance(tally_regression(np.zeros(0), np.zeros(0)))
    assert {result.value for result in empty.values()} == {None}
    constant = regression_performance(tally_regression(np.array([1.0, 2.0]), np.array([3.0, 3.0])))
    assert constant["r2"].value is None
    assert constant["mean_error"].value == -1.5


def test_r2_has_an_interval_over_buckets_that_holds_it() -> None:
    predictions, labels = sample(1_200, 7)
    buckets = [
        tally_regression(predictions[first : first + 50], labels[first : first + 50]) for first in range(0, 1_200, 50)
    ]
    interval = bootstrap_parts(lambda tally: tally.r2, buckets, np.random.default_rng(0))
    assert interval is not None
    assert interval.low < sk.r2_score(labels, predictions) < interval.high


def test_the_histogram_of_errors_is_a_profile_that_adds_up_too() -> None:
    predictions, labels = sample(300, 2)
    grid = KeyGrid(0.0, 1.0)
    whole = tally_regression(predictions, labels, binning=grid)
    parts = tally_regression(predictions[:100], labels[:100], binning=grid) + tally_regression(
        predictions[100:], labels[100:], binning=grid
    )
    assert whole.errors is not None
    assert parts.errors is not None
    assert whole.errors.n == 300
    np.testing.assert_array_equal(parts.errors.counts, whole.errors.counts)
    assert (parts + tally_regression(predictions, labels)).errors is not None
    again = RegressionTally.from_fields(whole.to_fields())
    assert again.errors is not None
    np.testing.assert_array_equal(again.errors.counts, whole.errors.counts)
