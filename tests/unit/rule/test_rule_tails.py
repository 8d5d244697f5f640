"""Scores, tails and p-values; recency; volume."""

import numpy as np
import pytest
from scipy import stats

from driftwatch.drift.rule import Calendar, Ladder
from driftwatch.drift.rule.components import Statistic
from driftwatch.drift.rule.recency import cross_fractions, faded, signed_fractions
from driftwatch.drift.rule.tails import NORMAL_TAIL, Tail, fit_tail, p_values, z_scores
from driftwatch.drift.rule.volume import VolumeGate


def statistic(x: float, v: float, s2: float, tail: float = 0.0) -> Statistic:
    return Statistic(*(np.array([value]) for value in (x, v, s2, 0.0, tail)))


def test_the_score_of_a_squared_difference_is_that_of_a_t_statistic() -> None:
    tau2, v, x = 0.004, 0.001, 0.06
    p = 2 * stats.t.sf(np.sqrt(x / (tau2 + v)), 40)
    found = z_scores(statistic(x, v, 2 * v**2), np.array([500.0]), np.array([tau2]), np.array([40.0]))
    assert found[0] == pytest.approx(stats.norm.isf(p / 2))


def test_variation_in_several_directions_makes_a_sum_of_squares_steadier() -> None:
    tau2, x = 0.004, 0.02
    p = stats.chi2.sf(x / (tau2 / 5), 5)  # five independent normal parts with a fifth of tau2 each
    found = z_scores(statistic(x, 0.0, 0.0), np.array([500.0]), np.array([tau2]), np.array([1e12]), 5.0)
    assert found[0] == pytest.approx(stats.norm.isf(p / 2), rel=1e-6)
    assert found[0] > z_scores(statistic(x, 0.0, 0.0), np.array([500.0]), np.array([tau2]), np.array([1e12]))[0]


def test_heavy_tailed_rows_weaken_the_score_most_when_they_are_few() -> None:
    def z(n: float, tail: float) -> float:
        one = statistic(0.5, 0.02, 2 * 0.02**2, tail)
        return float(z_scores(one, np.array([n]), np.array([1e-4]), np.array([1e9]))[0])

    assert z(50, 0) > z(5_000, 30) > z(50, 30)
    freedom = 4 + 6 * 50 / (30 * (0.02 / 0.0201) ** 2)
    assert z(50, 30) == pytest.approx(stats.norm.isf(stats.t.sf(np.sqrt(0.5 / 0.0201), freedom)), rel=1e-6)


def test_an_impossible_statistic_still_has_a_score() -> None:
    found = z_scores(statistic(1e12, 1e-9, 2e-18), np.array([1e9]), np.array([1e-4]), np.array([400.0]))
    assert 30 < found[0] < 50


def test_the_tail_is_the_mean_excess_and_never_lighter_than_normal() -> None:
    z = np.abs(np.random.default_rng(1).normal(size=50_000))
    assert fit_tail(z).beta == NORMAL_TAIL.beta
    heavy = z * 1.5
    u = np.quantile(heavy, 0.98)
    assert fit_tail(heavy).u == u
    assert fit_tail(heavy).beta == pytest.approx((heavy[heavy > u] - u).mean())
    assert fit_tail(heavy[:200]) == NORMAL_TAIL


def test_p_values_of_short_and_long_windows() -> None:
    z = np.array([2.0, 2.33, 3.07])
    assert p_values(z, NORMAL_TAIL, long=False) == pytest.approx([1.0, 1.0, 0.02 * np.exp(-2)])
    far, bent = np.array([5.0]), Tail(3.0, 0.74)
    assert p_values(far, NORMAL_TAIL, long=False)[0] == pytest.approx(4 * 2 * stats.norm.sf(5.0), rel=0.03)
    assert p_values(far, bent, long=False)[0] == pytest.approx(0.02 * np.exp(-2 / 0.74))
    assert p_values(far + 5, bent, long=False)[0] == pytest.approx(4 * 2 * stats.norm.sf(2.326 + 3.5))
    assert p_values(np.array([4.0]), NORMAL_TAIL, long=True)[0] == pytest.approx(2 * stats.norm.sf(4 / (2.33 / 2.326)))
    wide = Tail(2.33, 0.74)
    assert p_values(np.array([4.5, 6.0]), wide, long=True) == pytest.approx([1.0, 2 * stats.norm.sf(3.0)])


def gone(signed: list[float], *, need: float, rows: list[int]) -> list[bool]:
    s = np.array(signed)[:, None]
    enough = np.array(rows)[:, None] >= 10
    off = faded(s**2, np.full(s.shape, need), enough, signed_fractions(s))
    return [bool(one) for one in off[:, 0]]


def test_an_alarm_stands_while_the_newest_part_shows_half_of_it() -> None:
    assert gone([0.6, 0.8, 1.0], need=0.1, rows=[50, 300, 1200]) == [False, False, False]
    assert gone([0.1, 0.8, 1.0], need=0.1, rows=[50, 300, 1200]) == [False, True, True]
    assert gone([-1.0, -1.0, 1.0], need=0.1, rows=[50, 300, 1200]) == [False, False, True]


def test_without_power_the_longest_shorter_window_with_enough_rows_decides() -> None:
    assert gone([0.1, 0.8, 1.0], need=99, rows=[50, 300, 1200]) == [False, True, False]
    assert gone([0.3, 0.4, 1.0], need=99, rows=[50, 300, 1200]) == [False, False, True]
    assert gone([0.9, 0.1, 1.0], need=99, rows=[50, 5, 1200]) == [False, False, False]
    assert gone([0.1, 0.1, 1.0], need=99, rows=[5, 5, 1200]) == [False, False, False]


def test_fractions_of_vectors_are_projections() -> None:
    rng = np.random.default_rng(2)
    difference, weight = rng.normal(size=(2, 1, 5)), rng.random((2, 1, 5))
    found = cross_fractions(difference, weight * difference)
    expected = (weight[1] * difference[0] * difference[1]).sum() / (weight[1] * difference[1] ** 2).sum()
    assert found[0, 1, 0] == pytest.approx(expected)
    assert found[1, 1, 0] == pytest.approx(1.0)
    assert cross_fractions(np.zeros((2, 1, 5)), np.zeros((2, 1, 5))).tolist() == np.ones((2, 2, 1)).tolist()


DAILY = Ladder.of(Calendar(86_400, 0), 28)


def test_a_window_with_less_than_a_fifth_of_its_usual_rows_is_low() -> None:
    rows = np.full(40, 100)
    rows[34:] = 19
    gate = VolumeGate.of(rows[:28], DAILY, (1, 7, 28))
    assert gate.low(rows, np.array([33, 34, 39])).tolist() == [
        [False, True, True],
        [False, False, False],
        [False, False, False],
    ]


def test_usual_depends_on_the_day_of_the_week() -> None:
    rows = np.where(np.arange(35) % 7 == 6, 10, 100)
    gate = VolumeGate.of(rows[:28], DAILY, (1,))
    assert not gate.low(rows, np.arange(28, 35)).any()
    rows[33] = 10
    assert gate.low(rows, np.arange(28, 35))[0].tolist() == [False] * 5 + [True, False]


def test_a_lasting_fall_of_traffic_is_the_new_usual_after_some_weeks() -> None:
    rows = np.full(100, 1_000)
    rows[28:] = 50
    gate = VolumeGate.of(rows[:28], DAILY, (1, 7))
    low = gate.low(rows, np.arange(28, 100))
    assert low[0, :7].all()
    assert not low[:, 28:].any()


def test_windows_longer_than_the_reference_are_held_against_all_of_it() -> None:
    gate = VolumeGate.of(np.full(28, 10), DAILY, (90,))
    assert set(gate.usual.ravel()) == {280.0}
    assert not gate.low(np.full(60, 0), np.array([59])).any()
