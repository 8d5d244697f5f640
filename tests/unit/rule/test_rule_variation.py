"""Natural variation: moderated over columns and scales, extrapolated beyond what the reference holds."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import digamma, polygamma

from driftwatch.drift.rule.constants import COLD_TAU2, FLOOR_TAU2
from driftwatch.drift.rule.sample import autocorrelation
from driftwatch.drift.rule.variation import Excess, Reach, ScaleVariation, cold, extrapolate, moderate, noise

HOURLY_DAY = Reach(24, None, 672, 24)


def excess(t: float, *, correlation: float = 0.0, windows: int = 40) -> Excess:
    return Excess(np.full(windows, t), 0.001, np.arange(windows) % 4, correlation)


def squeezed(variances: NDArray[np.float64], freedom: float, cap: float) -> tuple[NDArray[np.float64], float]:
    """Smyth (2004), section 6.2, written from the paper: posterior variances and prior degrees of freedom."""
    z = np.log(variances)
    e = z - digamma(freedom / 2) + np.log(freedom / 2)
    target = np.var(e, ddof=1) - polygamma(1, freedom / 2)
    d0 = 2 * brentq(lambda y: polygamma(1, y) - target, 1e-6, 1e6) if target > 0 else cap
    d0 = min(d0, cap)
    # The paper's prior adds digamma(d0/2) - log(d0/2); ours keeps the mean of e, which is the same as d0 grows.
    s0 = np.exp(e.mean())
    return (d0 * s0 + freedom * variances) / (d0 + freedom), d0


def test_moderation_is_smyths() -> None:
    t = np.random.default_rng(1).gamma(3, 0.002, 12) + 1e-3
    found = moderate("V", [excess(float(one)) for one in t], np.ones(12, dtype=bool), HOURLY_DAY, None)
    expected, d0 = squeezed(t, 28, 50)
    assert found.prior is not None
    assert found.prior.weight == pytest.approx(d0)
    assert found.tau2 == pytest.approx(expected)
    assert found.d2 == pytest.approx(np.full(12, 28 + d0))


def test_equal_columns_are_trusted_as_one_up_to_the_cap() -> None:
    found = moderate("V", [excess(0.01)] * 8, np.ones(8, dtype=bool), HOURLY_DAY, None)
    assert found.d2 == pytest.approx(np.full(8, 28 + 50))
    shorter = moderate("V", [excess(0.01)] * 8, np.ones(8, dtype=bool), Reach(24, None, 336, 24), None)
    assert shorter.d2 == pytest.approx(np.full(8, 14 + 2 * 14))


def test_a_longer_scale_is_trusted_for_its_own_columns_agreement() -> None:
    day = moderate("V", [excess(0.01)] * 8, np.ones(8, dtype=bool), HOURLY_DAY, None)
    week = moderate("V", [excess(0.01 / 7)] * 8, np.ones(8, dtype=bool), Reach(168, 24, 672, 24), day)
    assert week.d2 == pytest.approx(np.full(8, 4 + 50))


def test_correlated_windows_count_for_fewer() -> None:
    found = moderate("V", [excess(0.01, correlation=0.6)] * 8, np.ones(8, dtype=bool), HOURLY_DAY, None)
    assert found.freedom == pytest.approx(np.full(8, 28 * (1 - 0.36) / (1 + 0.36)))
    assert found.rho == pytest.approx(np.full(8, 0.6 * 0.011 / 0.01))


def test_few_columns_lean_on_the_constant_only_when_the_reference_is_short() -> None:
    alone = np.ones(1, dtype=bool)
    long = moderate("V", [excess(0.1)], alone, HOURLY_DAY, None)
    short = moderate("V", [excess(0.1)], alone, Reach(24, None, 168, 24), None)
    assert long.tau2[0] == pytest.approx((0.1 * COLD_TAU2["V"] + 28 * 0.1) / 28.1)
    assert short.tau2[0] == pytest.approx((4 * COLD_TAU2["V"] + 7 * 0.1) / 11)


def test_a_column_that_shapes_no_prior_still_gets_one() -> None:
    members = np.array([True] * 4 + [False])
    with_outsider = moderate("M", [excess(0.01)] * 4 + [excess(-1.0)], members, HOURLY_DAY, None)
    without = moderate("M", [excess(0.01)] * 4, members[:4], HOURLY_DAY, None)
    assert with_outsider.tau2[:4] == pytest.approx(without.tau2)
    assert FLOOR_TAU2["M"] < with_outsider.tau2[4] < 0.01


def test_variation_never_falls_below_the_floor_and_few_windows_give_the_constant() -> None:
    assert excess(-0.5).variation("R") == FLOOR_TAU2["R"]
    assert Excess(np.array([9.0]), 0.0, np.array([0]), 0.0).variation("R") == COLD_TAU2["R"]


def test_leaving_a_fold_out_is_the_mean_of_the_others() -> None:
    one = Excess(np.array([1.0, 2.0, 30.0, 40.0, 5.0]), 0.0, np.array([0, 0, 1, 1, 2]), 0.0)
    assert one.variation_without("V", 3) == pytest.approx([25.0, 8 / 3, 18.25])


@pytest.mark.parametrize(("rho", "k"), [(0.0, 5), (0.3, 7), (0.95, 4)])
def test_noise_is_the_variance_of_a_mean_of_correlated_terms(rho: float, k: int) -> None:
    lags = np.abs(np.subtract.outer(np.arange(k), np.arange(k)))
    assert noise(np.array([rho]), k)[0] == pytest.approx((rho**lags).mean())


def test_longer_scales_vary_less_but_not_less_than_the_reference_mean_itself() -> None:
    last = ScaleVariation(168, np.full(3, 0.01), np.full(3, 20.0), np.full(3, 0.2), np.full(3, 9.0), None)
    month, year = (extrapolate("V", last, Reach(w, 168, 2016, 24)).tau2[0] for w in (720, 8_640))
    assert 0.01 > month > year > 0.01 * noise(np.array([0.2]), 12)[0] / 2
    short = ScaleVariation(6, np.full(3, 0.01), np.full(3, 20.0), np.full(3, 0.2), np.full(3, 9.0), None)
    assert extrapolate("V", short, Reach(24, 6, 50, 24)).tau2[0] == 0.01


def test_without_any_estimate_the_constants_stand() -> None:
    assert cold("S", 24, 2).tau2.tolist() == [COLD_TAU2["S"]] * 2
    assert cold("S", 24, 2).d2.tolist() == [30.0, 30.0]


def test_autocorrelation_needs_more_than_five_pairs_and_is_clipped() -> None:
    track = np.sin(np.arange(40) / 10)
    known = np.ones(40, dtype=bool)
    assert autocorrelation(track, known, 1) == 0.9
    assert autocorrelation(track[:6], known[:6], 1) == 0.0
    assert autocorrelation(np.tile([1.0, -1.0], 20), known, 1) == 0.0
    assert autocorrelation(np.ones(40), known, 1) == 0.0
    expected = np.corrcoef(track[:-8], track[8:])[0, 1]
    assert autocorrelation(track, known, 8) == pytest.approx(expected)
