"""One window against one reference: what it calls drift, and how seldom it does so by chance."""

import numpy as np
import pytest
from numpy.typing import NDArray

from driftwatch.drift.multivariate import compare_moments
from driftwatch.drift.pairwise import PairVerdict, categorical_pair, judge_pairs, numeric_pair
from driftwatch.profiles.codec import build_codec
from driftwatch.profiles.numeric import profile_numeric


def numbers(
    reference: NDArray[np.float64], current: NDArray[np.float64], missing: tuple[int, int] = (0, 0)
) -> PairVerdict:
    codec = build_codec(reference)
    sides = [profile_numeric(side, codec).counts for side in (reference, current)]
    return judge_pairs([numeric_pair("x", codec.edges, sides[0], sides[1], missing)])["x"]


def categories(reference: dict[str, int], current: dict[str, int]) -> PairVerdict:
    return judge_pairs([categorical_pair("c", reference, current, (0, 0))])["c"]


@pytest.mark.parametrize(("n", "m"), [(50, 50), (200, 5000), (5000, 200), (3000, 3000)])
def test_chance_alone_is_called_drift_less_often_than_said(n: int, m: int) -> None:
    rng = np.random.default_rng(n + m)
    false = 0
    for _ in range(150):
        false += numbers(rng.normal(size=n), rng.normal(size=m)).drifted
        false += numbers(rng.poisson(1, n).astype(float), rng.poisson(1, m).astype(float)).drifted
        counts = [rng.multinomial(size, np.full(12, 1 / 12)).tolist() for size in (n, m)]
        sides = [{f"c{i}": count for i, count in enumerate(side) if count} for side in counts]
        false += categories(sides[0], sides[1]).drifted
    assert false <= 13  # binomial(450, 0.01): P(more) < 1e-3


@pytest.mark.parametrize(("levels", "m", "n"), [(300, 1000, 1000), (10_000, 30_000, 3000)])
def test_a_column_of_many_values_does_not_differ_from_itself(levels: int, m: int, n: int) -> None:
    # Of many values each sample has some that the other lacks: with Zipf's law a tenth of its rows.
    rng = np.random.default_rng(levels)
    shares = 1 / np.arange(1, levels + 1)
    draw = [[rng.multinomial(size, shares / shares.sum()).tolist() for size in (m, n)] for _ in range(30)]
    verdicts = [
        categories(*({f"v{i}": count for i, count in enumerate(side) if count} for side in sides)) for sides in draw
    ]
    assert np.mean([verdict.novel / n for verdict in verdicts]) > 0.05
    assert sum("categories" in verdict.drifting for verdict in verdicts) <= 3  # binomial(30, 0.01): P(more) < 1e-3


@pytest.mark.parametrize(
    ("shift", "scale", "component", "sign"),
    [(1.0, 1.0, "location", 1), (-1.0, 1.0, "location", -1), (0.0, 0.4, "spread", -1)],
)
def test_what_moved_is_named_with_its_direction(shift: float, scale: float, component: str, sign: int) -> None:
    rng = np.random.default_rng(1)
    verdict = numbers(rng.normal(size=5000), rng.normal(shift, scale, 2000))
    assert verdict.drifted
    assert component in verdict.drifting
    if verdict.component == component:
        assert verdict.sign == sign


def test_a_shift_that_columns_make_by_themselves_differs_but_is_no_drift() -> None:
    rng = np.random.default_rng(1)
    verdict = numbers(rng.normal(size=50_000), rng.normal(0.2, 1, 50_000))
    assert (verdict.drifted, verdict.differs) == (False, True)


def test_values_outside_the_reference_count_as_new() -> None:
    rng = np.random.default_rng(1)
    current = rng.normal(size=2000)
    current[:100] = 50.0
    verdict = numbers(rng.normal(size=5000), current)
    assert "new_values" in verdict.drifting
    assert verdict.novel >= 100


def test_a_small_reference_has_not_seen_everything() -> None:
    # 30 rows leave about 2/31 of the mass outside their range: 6% "new" values are no news.
    rng = np.random.default_rng(2)
    new = [numbers(rng.normal(size=30), rng.normal(size=3000)) for _ in range(100)]
    assert np.mean([verdict.novel / 3000 for verdict in new]) > 0.03
    assert sum("new_values" in verdict.drifting for verdict in new) <= 5


def test_new_categories_and_a_missing_share_are_drift() -> None:
    assert "new_values" in categories({"a": 500, "b": 500}, {"a": 400, "b": 400, "z": 60}).drifting
    rng = np.random.default_rng(3)
    verdict = numbers(rng.normal(size=4900), rng.normal(size=1600), (100, 400))
    assert verdict.drifting == ("missing_share",)
    assert verdict.sign == 1


def test_below_30_rows_there_is_no_verdict() -> None:
    verdict = numbers(np.arange(1000.0), np.arange(29.0) + 1e6)
    assert (verdict.judged, verdict.drifted) == (False, False)


def test_the_threshold_is_shared_by_the_columns() -> None:
    pair = categorical_pair("c", {"a": 100}, {"a": 100}, (0, 0))
    assert judge_pairs([pair])["c"].threshold_p == pytest.approx(0.01)
    others = [categorical_pair(f"c{i}", {"a": 100}, {"a": 100}, (0, 0)) for i in range(20)]
    assert judge_pairs(others)["c3"].threshold_p == pytest.approx(0.0005)


def correlated(rho: float, n: int, width: int, seed: int) -> NDArray[np.float64]:
    values = np.random.default_rng(seed).normal(size=(n, width))
    values[:, 1] = rho * values[:, 0] + np.sqrt(1 - rho**2) * values[:, 1]
    return values


@pytest.mark.parametrize("width", [2, 5, 20, 60])
def test_columns_that_move_together_as_before_are_no_drift(width: int) -> None:
    result = compare_moments(correlated(0.8, 3000, width, 1), correlated(0.8, 1500, width, 2))
    assert result.value is not None
    assert not result.drifted
    assert result.p_value is not None
    assert result.p_value > 0.01


@pytest.mark.parametrize("width", [2, 5, 20])
def test_a_correlation_that_breaks_or_turns_is_drift(width: int) -> None:
    for rho in (0.0, -0.9):
        assert compare_moments(correlated(0.9, 3000, width, 1), correlated(rho, 1500, width, 2)).drifted


def test_a_reference_that_wanders_forgives_wandering() -> None:
    rng = np.random.default_rng(0)
    steady, current = rng.normal(size=(6000, 3)), rng.normal(size=(2000, 3)) + 1.2
    levels = np.repeat(rng.normal(size=(20, 3)), 300, axis=0)
    assert compare_moments(steady, current).drifted
    assert not compare_moments(steady + levels, current).drifted


@pytest.mark.parametrize(
    ("reference", "current", "reason"),
    [
        (np.zeros((100, 1)), np.zeros((100, 1)), "fewer than two numeric columns"),
        (np.zeros((100, 3)), np.zeros((5, 3)), "fewer than 30 rows"),
        (np.zeros((100, 3)), np.ones((100, 3)), "fewer than two columns that vary"),
    ],
)
def test_what_cannot_be_judged_together_says_why(
    reference: NDArray[np.float64], current: NDArray[np.float64], reason: str
) -> None:
    result = compare_moments(reference, current)
    assert (result.value, result.p_value, result.drifted, result.reason) == (None, None, False, reason)


def test_missing_infinite_and_huge_values_do_no_harm() -> None:
    reference, current = correlated(0.5, 1000, 3, 1), correlated(0.5, 500, 3, 2)
    current[:20, 0], current[20:40, 1], current[40, 2] = np.nan, np.inf, 1e308
    result = compare_moments(reference, current)
    assert result.value is not None
    assert np.isfinite(result.value)
    assert not result.drifted
