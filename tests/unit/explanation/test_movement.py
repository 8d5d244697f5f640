"""What moves the predictions: contributions of a known model, additivity, honesty about what is not in the features."""

import json
from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray

from driftwatch.explanation.movement import Movement, explain_movement, weigh_drift
from driftwatch.explanation.surrogate import Encoding, Surrogate, fit_surrogate
from driftwatch.profiles.bucket import CategoricalColumn, Column, NumericColumn

Values = NDArray[np.float64]
GROUPS = ["a", "b", "c"]


def rows(n: int, seed: int, *, shift: float = 0.0, mix: tuple[float, ...] = (0.5, 0.3, 0.2)) -> dict[str, Column]:
    """Two numbers, a category and a column that the model does not use; `big` and `mix` are what may drift."""
    rng = np.random.default_rng(seed)
    return {
        "big": NumericColumn(rng.normal(shift, 1, n)),
        "small": NumericColumn(rng.normal(0, 1, n)),
        "group": CategoricalColumn(GROUPS, rng.choice(3, n, p=mix).astype(np.int32)),
        "unused": NumericColumn(rng.normal(2 * shift, 1, n)),
    }


def score(table: dict[str, Column]) -> Values:
    """3 big + 0.5 small + (0, 1, 4) by group: additive, so that contributions are differences of means."""
    big, small, group = table["big"], table["small"], table["group"]
    assert isinstance(big, NumericColumn)
    assert isinstance(small, NumericColumn)
    assert isinstance(group, CategoricalColumn)
    return np.asarray(3 * big.values + 0.5 * small.values + np.array([0.0, 1.0, 4.0])[group.codes])


def explain(reference: dict[str, Column], current: dict[str, Column], extra: float = 0.0, seed: int = 0) -> Movement:
    values = score(reference), score(current) + extra
    surrogate = fit_surrogate(reference, values[0], seed=seed)
    return explain_movement("score", reference, current, values, surrogate, importance={}, seed=seed)


def test_contributions_are_those_of_the_model_that_made_the_scores() -> None:
    found = explain(rows(12_000, 1), rows(12_000, 2, shift=0.5, mix=(0.2, 0.3, 0.5)))
    parts = {each.feature: each for each in found.features}
    # big: 3 × 0.5; group: (0.3 + 4 × 0.5) - (0.3 + 4 × 0.2)
    assert parts["big"].contribution == pytest.approx(1.5, abs=0.12)
    assert parts["group"].contribution == pytest.approx(1.2, abs=0.12)
    assert [each.feature for each in found.features[:2]] == ["big", "group"]
    assert parts["big"].moves
    assert parts["group"].moves
    assert parts["unused"].contribution == pytest.approx(0.0, abs=0.02)
    assert parts["unused"].drift > 0.3  # it drifts most, and moves nothing
    assert found.r_squared is not None
    assert found.r_squared > 0.95
    assert not found.is_unexplained
    assert found.words.startswith("score moved by +2.7")


def test_contributions_add_up_to_the_movement_of_the_surrogate() -> None:
    found = explain(rows(4000, 1), rows(4000, 2, shift=0.5))
    total = sum(each.contribution or 0.0 for each in found.features) + (found.rest or 0.0)
    assert found.explained is not None
    assert total == pytest.approx(found.explained, abs=0.15)  # the same game, on sampled rows


def test_features_beyond_the_twelve_largest_have_one_part_together() -> None:
    rng = np.random.default_rng(0)
    sides: list[dict[str, Column]] = [
        {f"x{i:02d}": NumericColumn(rng.normal(shift, 1, 4000)) for i in range(15)} for shift in (0.0, 0.3)
    ]
    values = [
        np.sum([column.values for column in side.values() if isinstance(column, NumericColumn)], axis=0)
        for side in sides
    ]
    surrogate = fit_surrogate(sides[0], values[0], seed=0)
    found = explain_movement("score", sides[0], sides[1], (values[0], values[1]), surrogate, importance={}, seed=0)
    assert sum(each.contribution is not None for each in found.features) == 12
    assert found.rest is not None
    total = sum(each.contribution or 0.0 for each in found.features) + found.rest
    assert found.explained is not None
    assert total == pytest.approx(found.explained, rel=0.15)


class Interaction:
    """x·y + z: its Shapley values are known from all orders."""

    def predict(self, matrix: Values) -> Values:
        return np.asarray(matrix[:, 0] * matrix[:, 1] + matrix[:, 2])


def test_shapley_values_are_those_of_all_orders() -> None:
    rng = np.random.default_rng(3)
    means: dict[str, tuple[float, float]] = {"x": (1, 2), "y": (1, 4), "z": (0, 1)}
    before, after = (
        {name: NumericColumn(rng.normal(pair[side], 0.3, 5000)) for name, pair in means.items()} for side in (0, 1)
    )
    surrogate = Surrogate(Encoding.of(before), Interaction(), 1.0, {"x": 1.0, "y": 1.0, "z": 1.0}, 5000)
    values = np.zeros(5000), np.ones(5000)
    found = explain_movement("score", before, after, values, surrogate, importance={}, seed=0)

    def value(swapped: frozenset[str]) -> float:
        x, y, z = (means[name][name in swapped] for name in "xyz")
        return x * y + z

    exact = dict.fromkeys("xyz", 0.0)
    for order in permutations("xyz"):
        for place, name in enumerate(order):
            exact[name] += (value(frozenset(order[: place + 1])) - value(frozenset(order[:place]))) / 6
    for each in found.features:
        assert each.contribution is not None
        assert each.standard_error is not None
        assert abs(each.contribution - exact[each.feature]) < 4 * each.standard_error + 0.03  # 0.03: the samples' means


def test_without_drift_no_feature_moves_the_score() -> None:
    moving = [
        each.feature
        for seed in range(3)
        for each in explain(rows(2000, 2 * seed), rows(2000, 2 * seed + 1), seed=seed).features
        if each.moves and abs(each.contribution or 0.0) > 0.3  # a mean of 2,000 rows has an error of 0.1 here
    ]
    assert moving == []


def test_a_model_that_changed_is_not_blamed_on_its_features() -> None:
    found = explain(rows(4000, 1), rows(4000, 2), extra=1.0)
    assert found.unexplained == pytest.approx(1.0, abs=0.15)
    assert found.is_unexplained
    assert "most of it is not in the features" in found.words


def test_a_surrogate_that_knows_nothing_is_not_quoted() -> None:
    table = rows(1000, 1)
    noise = np.random.default_rng(0).normal(size=1000)
    surrogate = fit_surrogate(table, noise, seed=0)
    found = explain_movement("score", table, rows(1000, 2, shift=1.0), (noise, noise), surrogate, importance={}, seed=0)
    assert found.explained is None
    assert all(each.contribution is None for each in found.features)
    assert found.importance_source == "none"
    assert "too poor" in found.approximations[0]
    assert found.words == "score moved by +0 on average; by drift alone the leading features are unused, big, small"


def test_given_importances_weigh_the_drift() -> None:
    found = weigh_drift(rows(3000, 1), rows(3000, 2, shift=0.5), {"big": 3.0, "small": 1.0})
    parts = {each.feature: each for each in found}
    assert (parts["big"].importance, parts["small"].importance, parts["unused"].importance) == (0.75, 0.25, 0.0)
    assert found[0].feature == "big"
    assert found[0].weighted == pytest.approx(0.75 * parts["big"].drift)
    # Total variation of two unit normals 0.5 apart is 2 Φ(0.25) - 1 = 0.197; ten bands and the noise lose some of it.
    assert parts["big"].drift == pytest.approx(0.17, abs=0.03)


def test_the_surrogate_learns_what_matters() -> None:
    table = rows(4000, 1)
    surrogate = fit_surrogate(table, score(table), seed=0)
    assert surrogate is not None
    ranked = sorted(surrogate.importance, key=lambda name: -surrogate.importance[name])
    assert ranked[:3] == ["big", "group", "small"]
    assert surrogate.importance["unused"] < 0.01


@pytest.mark.parametrize("why", ["few", "constant", "no features", "no target"])
def test_where_there_is_nothing_to_fit_there_is_no_surrogate(why: str) -> None:
    table = rows(150 if why == "few" else 1000, 1)
    target = {"few": score(table), "no features": score(table)}.get(
        why, np.full(1000, 1.0 if why == "constant" else np.nan)
    )
    assert fit_surrogate({} if why == "no features" else table, target, seed=0) is None


def test_unknown_values_gaps_and_retyped_columns_are_encoded_and_never_raise() -> None:
    reference: dict[str, Column] = {
        "c": CategoricalColumn(["b", "a", "unused"], np.array([0, 0, 1, -1], dtype=np.int32)),
        "x": NumericColumn(np.array([1.0, np.inf, np.nan, 4.0]), np.array([False, False, False, True])),
        "y": NumericColumn(np.arange(4.0)),
    }
    encoding = Encoding.of(reference)
    assert encoding.levels == {"c": ("b", "a"), "x": None, "y": None}
    current: dict[str, Column] = {
        "c": CategoricalColumn(["a", "new"], np.array([0, 1, -1, 0], dtype=np.int32)),
        "x": reference["x"],
        "y": CategoricalColumn(["1"], np.zeros(4, dtype=np.int32)),
    }
    expected = [[1, 1, np.nan], [2, np.nan, np.nan], [np.nan, np.nan, np.nan], [1, np.nan, np.nan]]
    np.testing.assert_array_equal(encoding.matrix(current, 4), expected)


def test_one_seed_gives_one_answer() -> None:
    sides = rows(800, 1), rows(800, 2, shift=0.4)
    texts = [json.dumps(explain(*sides, seed=seed).to_dict(), allow_nan=False) for seed in (5, 5, 6)]
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]
