"""PCA reconstruction and the domain classifier: what they see, what they must not call drift, and what they explain."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from driftwatch.drift.domain_classifier import _area, tell_apart
from driftwatch.drift.joint import JointSample, multivariate_methods
from driftwatch.drift.pca import _components, _errors, compare_reconstruction

Rows = NDArray[np.float64]
MIX = np.random.default_rng(1).normal(size=(8, 8))
NAMES = tuple(f"x{place}" for place in range(8))
NUMBERS = np.zeros(8, dtype=np.bool_)


def correlated(rng: np.random.Generator, rows: int = 3000) -> Rows:
    latent = rng.normal(size=(rows, 3))
    return latent @ MIX[:3] + 0.3 * rng.normal(size=(rows, 8))


def scrambled(rng: np.random.Generator, rows: Rows, column: int) -> Rows:
    """The same margins, with one column that goes its own way."""
    rows = rows.copy()
    rows[:, column] = rng.permutation(rows[:, column])
    return rows


def test_the_errors_are_those_of_scikit_learn_s_components() -> None:
    rows = correlated(np.random.default_rng(2))
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    model = PCA(0.65, svd_solver="full").fit(rows)
    expected = np.linalg.norm(rows - model.inverse_transform(model.transform(rows)), axis=1)
    np.testing.assert_allclose(_errors(rows, _components(rows)), expected, rtol=1e-9)


def test_reconstruction_sees_a_correlation_that_broke_and_is_blind_to_a_shift_along_the_components() -> None:
    rng = np.random.default_rng(3)
    reference, current = correlated(rng), correlated(rng)
    assert compare_reconstruction(reference, scrambled(rng, current, 2)).drifted
    assert not compare_reconstruction(reference, current + 0.5 * MIX[0]).drifted


def test_reconstruction_is_quiet_without_drift() -> None:
    rng = np.random.default_rng(4)
    p_values = [compare_reconstruction(correlated(rng, 600), correlated(rng, 600)).p_value for _ in range(60)]
    assert all(p_value is not None and p_value > 0.01 for p_value in p_values)


def test_reconstruction_takes_the_reference_s_own_changes_for_natural() -> None:
    rng = np.random.default_rng(5)
    restless = np.concatenate([correlated(rng, 200) * scale for scale in rng.uniform(0.6, 1.6, 20)])
    steady = correlated(rng, 4000)
    current = correlated(rng, 1000) * 1.3
    assert compare_reconstruction(steady, current).drifted
    assert not compare_reconstruction(restless, current).drifted


@pytest.mark.parametrize(
    ("reference", "current"),
    [
        (np.zeros((100, 1)), np.zeros((100, 1))),
        (np.zeros((100, 3)), np.ones((100, 3))),
        (np.full((100, 3), np.nan), np.zeros((100, 3))),
        (np.random.default_rng(0).normal(size=(10, 3)), np.zeros((100, 3))),
    ],
    ids=["one column", "constants", "all missing", "few rows"],
)
def test_what_cannot_be_rebuilt_is_not_judged_and_says_why(reference: Rows, current: Rows) -> None:
    result = compare_reconstruction(reference, current)
    assert result.value is None
    assert result.reason
    assert not result.drifted


def test_the_area_is_scikit_learn_s() -> None:
    rng = np.random.default_rng(6)
    current = rng.random(500) < 0.3
    scores = np.round(rng.normal(size=500) + current, 1)  # with ties
    assert _area(scores, current)[0] == pytest.approx(roc_auc_score(current, scores), rel=1e-12)


def test_the_area_s_variance_is_that_of_repeated_draws() -> None:
    rng = np.random.default_rng(7)
    current = np.repeat([False, True], [150, 100])
    draws = [_area(rng.normal(size=250) + 0.8 * current, current) for _ in range(2000)]
    areas, variances = np.array(draws).T
    assert float(variances.mean()) == pytest.approx(float(areas.var()), rel=0.1)


@pytest.mark.slow
def test_the_classifier_names_the_column_that_left_the_others() -> None:
    rng = np.random.default_rng(8)
    reference, current = correlated(rng), correlated(rng)
    current[:, 5] += 1.5 * current[:, 5].std()
    result = tell_apart(NAMES, reference, current, NUMBERS)
    assert result.drifted
    assert result.features[0][0] == "x5"
    assert result.interval is not None
    assert result.interval[0] > 0.6
    assert tell_apart(NAMES, reference, current, NUMBERS) == result  # no chance but a fixed one


@pytest.mark.slow
def test_the_classifier_cannot_tell_two_windows_of_one_distribution() -> None:
    rng = np.random.default_rng(9)
    for _ in range(3):
        result = tell_apart(NAMES, correlated(rng, 1500), correlated(rng, 1500), NUMBERS)
        assert not result.drifted
        assert result.value == pytest.approx(0.5, abs=0.05)


@pytest.mark.slow
def test_the_classifier_reads_categories_without_an_order_and_missing_values() -> None:
    rng = np.random.default_rng(10)
    reference, current = rng.integers(0, 6, (2, 2000, 1)).astype(float)
    current[current[:, 0] % 2 == 0] = np.nan
    result = tell_apart(("colour",), reference, current, np.array([True]))
    assert result.drifted
    assert result.features[0][1] > 0.1


@pytest.mark.parametrize(
    ("alias", "method"),
    [("hotelling", "hotelling_moments"), ("pca", "pca_reconstruction_error"), ("classifier_auc", "domain_classifier")],
)
def test_every_method_answers_to_its_names_and_says_its_own(alias: str, method: str) -> None:
    assert multivariate_methods.key(alias) == method
    rows = np.random.default_rng(0).normal(size=(200, 3))
    sample = JointSample(("a", "b", "c"), rows, rows.copy(), np.zeros(3, dtype=np.bool_))
    assert multivariate_methods[alias].judge(sample).method == method
