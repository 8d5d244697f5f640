"""Attribution drift: NDCG against scikit-learn, a ranking that turns, and quiet where nothing changed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import ndcg_score

from driftwatch.explanation.attribution import compare_attributions, ranking_gain

Values = NDArray[np.float64]


def logged(n: int, seed: int, weights: dict[str, float]) -> dict[str, Values]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(0, weight, n) for name, weight in weights.items()}


@given(st.lists(st.tuples(st.floats(0.001, 1), st.floats(0.001, 1)), min_size=2, max_size=10))
def test_the_gain_is_scikit_learns_ndcg(pairs: list[tuple[float, float]]) -> None:
    reference, current = np.array(pairs).T
    if len(np.unique(current)) < len(current):
        return  # ties are averaged there, and broken by name here
    assert ranking_gain(reference, current) == pytest.approx(ndcg_score([reference], [current]))


@given(st.lists(st.floats(0, 1), min_size=2, max_size=8))
def test_the_same_order_has_a_gain_of_one_and_no_order_more(values: list[float]) -> None:
    shares = np.array(values)
    assert ranking_gain(shares, shares) == pytest.approx(1.0)
    assert ranking_gain(shares, shares[::-1]) <= 1.0 + 1e-12


def test_a_ranking_that_turns_is_drift_and_names_what_moved_most() -> None:
    before = logged(800, 1, {"price": 4.0, "nights": 1.0, "age": 0.2})
    after = logged(500, 2, {"price": 0.2, "nights": 1.0, "age": 4.0})
    found = compare_attributions(before, after, seed=0)
    assert found is not None
    assert found.drifted
    assert found.p_value == pytest.approx(1 / 200)
    parts = {each.feature: each for each in found.features}
    assert (parts["price"].rank_reference, parts["price"].rank_current) == (1, 3)
    # Mean |N(0, s)| is s sqrt(2/π): shares are those of the scales.
    assert parts["price"].share_reference == pytest.approx(4 / 5.2, abs=0.02)
    assert parts["age"].share_current == pytest.approx(4 / 5.2, abs=0.02)
    assert "the features matter in another order" in found.words


def test_without_drift_the_p_value_is_no_smaller_than_chance_has_it() -> None:
    weights = {"a": 1.05, "b": 1.0, "c": 0.95, "d": 0.9}  # close together: their order changes by chance
    found = [
        compare_attributions(logged(100, 2 * s, weights), logged(80, 2 * s + 1, weights), seed=s) for s in range(60)
    ]
    small = sum(each is not None and each.p_value <= 0.1 for each in found)
    assert small <= stats.binom.ppf(0.99, 60, 0.1)
    assert not any(each is not None and each.drifted for each in found)


def test_rows_without_attributions_do_not_count_and_a_missing_one_counts_as_zero() -> None:
    before = logged(100, 1, {"a": 2.0, "b": 1.0})
    after = {name: values.copy() for name, values in before.items()}
    for values in after.values():
        values[:50] = np.nan
    found = compare_attributions(before, after, seed=0)
    assert found is not None
    assert (found.n_reference, found.n_current) == (100, 50)


@pytest.mark.parametrize("why", ["one feature", "few rows", "nothing in common"])
def test_what_cannot_be_compared_gives_none(why: str) -> None:
    before = logged(100, 1, {"a": 1.0, "b": 1.0})
    after = {
        "one feature": logged(100, 2, {"a": 1.0}),
        "few rows": logged(29, 2, {"a": 1.0, "b": 1.0}),
        "nothing in common": logged(100, 2, {"c": 1.0, "d": 1.0}),
    }[why]
    assert compare_attributions(before, after, seed=0) is None


def test_one_seed_gives_one_answer() -> None:
    sides = logged(200, 1, {"a": 1.0, "b": 0.9}), logged(200, 2, {"a": 0.9, "b": 1.0})
    assert compare_attributions(*sides, seed=3) == compare_attributions(*sides, seed=3)
