"""Estimated error of regressions against scikit-learn and against known truth."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor

from driftwatch.estimation.dle import ErrorModel, ErrorSum, estimate_regression, fit_error_model, sum_errors
from driftwatch.estimation.trees import BoostedTrees, fit_trees

COLUMNS = ("x", "load", "prediction")


def draw(n: int, seed: int, *, shift: float = 0.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows whose error grows with the load; a tenth of the loads is missing."""
    rng = np.random.default_rng(seed)
    x, load = rng.normal(size=n), np.clip(rng.beta(2, 2, n) + shift, 0, 1)
    missing = rng.random(n) < 0.1
    error = np.abs(rng.normal(0, np.where(missing, 2.0, 1 + 4 * load)))
    seen = np.where(missing, np.nan, load)
    return np.column_stack((x, seen, 10 * x)), error


def test_trees_in_numpy_predict_what_scikit_learn_predicts_also_after_json() -> None:
    table, error = draw(3000, 1)
    trees = fit_trees(table, error, COLUMNS, seed=0)
    model = HistGradientBoostingRegressor(
        max_iter=100, max_leaf_nodes=15, min_samples_leaf=20, early_stopping=True, validation_fraction=0.15,
        random_state=0,
    ).fit(table, error)  # fmt: skip
    fresh, _ = draw(500, 2)
    fresh[0] = np.nan
    np.testing.assert_allclose(trees.predict(fresh), model.predict(fresh), rtol=1e-12)
    again = BoostedTrees.from_dict(json.loads(json.dumps(trees.to_dict())))
    np.testing.assert_array_equal(again.predict(fresh), trees.predict(fresh))
    with pytest.raises(ValueError, match="not boosted trees"):
        BoostedTrees.from_dict({"columns": []})


@pytest.fixture(scope="module")
def model() -> ErrorModel:
    return fit_error_model(*draw(6000, 3), COLUMNS, seed=0)


@pytest.mark.parametrize("shift", [0.0, 0.15])
def test_the_estimate_follows_the_inputs_to_where_the_model_errs_more(model: ErrorModel, shift: float) -> None:
    table, error = draw(4000, 4, shift=shift)
    found = estimate_regression(model, sum_errors(model, table))
    mae, rmse = found["mean_absolute_error"], found["root_mean_squared_error"]
    assert mae.value == pytest.approx(error.mean(), rel=0.06)  # trees shrink what few rows say of high loads
    assert rmse.value == pytest.approx(np.sqrt(np.mean(error**2)), rel=0.06)
    assert (mae.n, mae.method) == (4000, "dle")
    assert mae.high - mae.low < 0.15 * mae.value


def test_the_band_holds_the_mean_error_as_often_as_it_says(model: ErrorModel) -> None:
    inside = []
    for seed in range(200):
        table, error = draw(300, 1000 + seed)
        found = estimate_regression(model, sum_errors(model, table))["mean_absolute_error"]
        inside.append(found.low <= error.mean() <= found.high)
    assert 0.90 <= np.mean(inside) <= 0.99


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 399), max_size=3, unique=True))
def test_sums_of_parts_are_the_sum_of_the_whole(model: ErrorModel, cuts: list[int]) -> None:
    table, _ = draw(400, 5)
    merged = ErrorSum()
    for part in reversed(np.split(table, sorted(cuts))):
        merged = merged.merge(sum_errors(model, part))
    assert merged == sum_errors(model, table)


def test_no_rows_have_no_estimate_and_few_labels_teach_nothing(model: ErrorModel) -> None:
    assert estimate_regression(model, ErrorSum()) == {}
    table, error = draw(199, 6)
    with pytest.raises(ValueError, match="at least 200"):
        fit_error_model(table, error, COLUMNS, seed=0)
    with pytest.raises(ValueError, match="table of shape"):
        fit_trees(table, error[:-1], COLUMNS, seed=0)
    again = ErrorModel.from_dict(json.loads(json.dumps(model.to_dict())))
    assert again.to_dict() == model.to_dict()
