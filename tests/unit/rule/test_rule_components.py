"""Every component: its mean and variance under no drift, and its value against independent sources."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.distance import jensenshannon
from scipy.special import ndtri

from driftwatch.drift.rule.baseline import Windows
from driftwatch.drift.rule.components import (
    Statistic,
    categorical_statistics,
    jensen_shannon,
    missing_statistics,
    numeric_statistics,
)

CELLS = 40
SCORES = ndtri((np.arange(CELLS) + 0.5) / CELLS)


def null_windows(shares: NDArray[np.float64], n: int, m: int, draws: int = 20_000) -> Windows:
    rng = np.random.default_rng(7)
    p, q = rng.multinomial(n, shares, draws) / n, rng.multinomial(m, shares, draws) / m
    size = np.ones(draws)
    return Windows(np.arange(draws), p, q, n * size, m * size)


FLAT = np.full(CELLS, 1 / CELLS)
SKEWED = np.append(0.5 ** np.arange(1, 9), 0.5**8)


@pytest.mark.parametrize(
    ("statistic", "shares"),
    [
        (lambda w: numeric_statistics(w, SCORES).location, FLAT),
        (lambda w: numeric_statistics(w, SCORES).spread, FLAT),
        (lambda w: numeric_statistics(w, SCORES).shape, FLAT),
        (lambda w: categorical_statistics(w).mix, SKEWED),
        (lambda w: missing_statistics(w).share, np.array([0.2, 0.8])),
    ],
    ids=["location", "spread", "shape", "categories", "missing"],
)
@pytest.mark.parametrize(("n", "m"), [(300, 2_000), (2_000, 900)])
def test_mean_and_variance_under_no_drift_are_as_stated(
    statistic: Callable[[Windows], Statistic], shares: NDArray[np.float64], n: int, m: int
) -> None:
    found = statistic(null_windows(shares, n, m))
    error = found.x.std() / np.sqrt(len(found.x))
    assert found.x.mean() == pytest.approx(found.v.mean(), rel=0.03, abs=4 * error)
    assert found.x.var() == pytest.approx(found.s2.mean(), rel=0.12)


def test_location_is_the_difference_of_mean_scores_and_its_tail_that_of_the_scores() -> None:
    windows = null_windows(SKEWED, 500, 500, draws=3)
    scores = np.linspace(-1, 4, len(SKEWED)) ** 3
    found = numeric_statistics(windows, scores).location
    assert found.signed == pytest.approx(windows.p @ scores - windows.q @ scores)
    rows = np.repeat(scores, np.round(windows.q[0] * 500).astype(int))
    expected = max(0.0, stats.kurtosis(rows)) + 2 * stats.skew(rows) ** 2
    assert found.tail[0] == pytest.approx(expected)


def test_spread_rises_when_rows_move_outwards() -> None:
    outwards = FLAT * np.abs(np.arange(CELLS) - (CELLS - 1) / 2)
    p = np.stack((outwards / outwards.sum(), FLAT))
    windows = Windows(np.arange(2), p, np.tile(FLAT, (2, 1)), np.full(2, 1e4), np.full(2, 1e4))
    spread = numeric_statistics(windows, SCORES).spread
    assert spread.signed[0] > 0.05
    assert spread.x[1] == 0


def _normal_windows(mean: float, sd: float) -> Windows:
    """Normal rows in 2,000 cells of a standard normal."""
    cuts = ndtri(np.arange(1, 2_000) / 2_000)
    p = np.diff(stats.norm.cdf(cuts, mean, sd), prepend=0.0, append=1.0)[None]
    return Windows(np.arange(1), p, np.full((1, 2_000), 1 / 2_000), np.array([1e5]), np.array([1e5]))


@pytest.mark.parametrize("sd", [0.8, 1.0, 1.25])
@pytest.mark.parametrize("shift", [-0.7, 0.0, 0.3])
def test_spread_is_the_widening_whatever_the_shift(sd: float, shift: float) -> None:
    scores = ndtri((np.arange(2_000) + 0.5) / 2_000)
    found = numeric_statistics(_normal_windows(shift, sd), scores).spread.signed[0]
    unit = 1 / np.sqrt(8 * np.pi)
    plain = unit * (stats.foldnorm.mean(abs(shift) / sd, scale=sd) - np.sqrt(2 / np.pi))
    shifted = unit * (stats.foldnorm.mean(abs(shift)) - np.sqrt(2 / np.pi))
    assert found == pytest.approx(plain - min(shifted, max(plain, 0.0)), rel=0.05, abs=1e-3)
    if sd > 1:
        assert found > 0.6 * (sd - 1) / (2 * np.pi)


def test_undamped_categories_are_pearsons_chi_square_over_its_sizes() -> None:
    counts, reference = np.array([300, 500, 200]), np.array([900, 1300, 800])
    n, m = counts.sum(), reference.sum()
    windows = Windows(
        np.arange(1), (counts / n)[None], (reference / m)[None], np.array([float(n)]), np.array([float(m)])
    )
    chi_square = stats.chi2_contingency(np.stack((counts, reference))).statistic
    found = categorical_statistics(windows)
    assert found.mix.x[0] * n * m / (n + m) == pytest.approx(chi_square)
    assert found.mix.v[0] * n * m / (n + m) == pytest.approx(2)  # degrees of freedom


def test_shape_is_the_anderson_darling_distance_where_cells_are_many() -> None:
    rng = np.random.default_rng(5)
    one, two = rng.normal(size=400), rng.normal(0.3, 1.2, size=600)
    cuts = np.sort(np.concatenate((one, two)))
    p = np.bincount(np.searchsorted(cuts, one), minlength=1_000) / 400
    q = np.bincount(np.searchsorted(cuts, two), minlength=1_000) / 600
    windows = Windows(np.arange(1), p[None], q[None], np.array([400.0]), np.array([600.0]))
    found = numeric_statistics(windows, np.zeros(1_000)).shape.x[0]
    # scipy's statistic is A2 standardised by its null mean 1 and exact variance: undo that.
    with pytest.warns(UserWarning, match="p-value"):
        standard = stats.anderson_ksamp([one, two], variant="continuous").statistic
    assert found * 400 * 600 / 1_000 == pytest.approx(1 + standard * np.sqrt(0.58), rel=0.05)


def test_distances_are_those_of_scipy() -> None:
    rng = np.random.default_rng(6)
    one, two = rng.integers(0, CELLS, 500), rng.integers(3, CELLS, 700)
    p = np.bincount(one, minlength=CELLS) / 500
    q = np.bincount(two, minlength=CELLS) / 700
    windows = Windows(np.arange(1), p[None], q[None], np.array([500.0]), np.array([700.0]))
    assert numeric_statistics(windows, SCORES).distance[0] == pytest.approx(stats.ks_2samp(one, two).statistic)
    assert jensen_shannon(p[None], q[None])[0] == pytest.approx(float(jensenshannon(p, q, base=2)))
