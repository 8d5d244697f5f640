"""Measures on raw values equal scipy; on profiles they equal the raw ones; and what other tools get wrong."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.distance import jensenshannon

from driftwatch.drift.distribution import Distribution, rebin
from driftwatch.drift.measures import (
    decile_counts,
    measure_categories,
    measure_distributions,
    measure_values,
    measures,
    measures_of,
)
from driftwatch.errors import UnknownNameError
from driftwatch.profiles.codec import build_codec
from driftwatch.profiles.numeric import profile_numeric

RNG = np.random.default_rng(11)
NUMBERS = arrays(
    np.float64,
    st.integers(2, 60),
    elements=st.one_of(st.integers(-3, 3).map(float), st.floats(-1e6, 1e6, allow_subnormal=False)),
)
SCIPY: dict[str, Callable[[NDArray[np.float64], NDArray[np.float64]], float]] = {
    "kolmogorov_smirnov": lambda a, b: float(stats.ks_2samp(a, b, method="asymp").statistic),
    "wasserstein_distance": stats.wasserstein_distance,
    "energy_distance": stats.energy_distance,
    "cramer_von_mises": lambda a, b: stats.cramervonmises_2samp(a, b).statistic,
    "mann_whitney": lambda a, b: float(stats.mannwhitneyu(a, b, alternative="two-sided").statistic),
}
P_VALUES: dict[str, Callable[[NDArray[np.float64], NDArray[np.float64]], float]] = {
    "kolmogorov_smirnov": lambda a, b: stats.ks_2samp(a, b).pvalue,
    "mann_whitney": lambda a, b: float(stats.mannwhitneyu(a, b, alternative="two-sided").pvalue),
    "welch_t": lambda a, b: stats.ttest_ind(a, b, equal_var=False).pvalue,
    "cramer_von_mises": lambda a, b: stats.cramervonmises_2samp(a, b).pvalue,
}


def value(method: str, reference: NDArray[np.float64], current: NDArray[np.float64]) -> float:
    result = measure_values(method, reference, current)
    assert result.value is not None
    return result.value


def binned(method: str, reference: NDArray[np.float64], current: NDArray[np.float64]) -> float:
    codec = build_codec(reference)
    sides = [Distribution.of(profile_numeric(side, codec), codec) for side in (reference, current)]
    result = measure_distributions(method, *sides)
    assert result.value is not None
    return result.value


@pytest.mark.parametrize("method", sorted(SCIPY))
@settings(deadline=None, max_examples=60)
@given(NUMBERS, NUMBERS)
def test_raw_measures_are_scipy_s(method: str, a: NDArray[np.float64], b: NDArray[np.float64]) -> None:
    assert value(method, a, b) == pytest.approx(float(SCIPY[method](a, b)), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("method", sorted(P_VALUES))
@pytest.mark.parametrize("shift", [0.0, 0.2, 3.0])
def test_raw_p_values_are_scipy_s(method: str, shift: float) -> None:
    a, b = RNG.normal(size=200), RNG.normal(shift, 1.3, 150)
    assert measure_values(method, a, b).p_value == pytest.approx(float(P_VALUES[method](a, b)), rel=1e-9)


def test_anderson_darling_is_scipy_s_mid_rank_statistic() -> None:
    rng = np.random.default_rng(5)
    a, b = np.round(rng.normal(size=80), 1), np.round(rng.normal(0.2, 1, 70), 1)
    expected = stats.anderson_ksamp([a, b], variant="midrank")
    result = measure_values("anderson_darling", a, b)
    assert result.value == pytest.approx(float(expected.statistic), rel=1e-9)
    assert result.p_value == pytest.approx(float(expected.pvalue), rel=1e-9)
    assert not result.approximations


@settings(deadline=None, max_examples=100)
@given(NUMBERS, NUMBERS)
def test_binned_measures_follow_their_definitions_on_reference_deciles(
    a: NDArray[np.float64], b: NDArray[np.float64]
) -> None:
    edges = np.unique(np.quantile(a, np.linspace(0, 1, 11)[1:-1]))
    p, q = (
        np.array([np.count_nonzero((x > low) & (x <= high)) for low, high in zip([-np.inf, *edges], [*edges, np.inf])])  # noqa: B905
        for x in (a, b)
    )
    np.testing.assert_array_equal(decile_counts(a, b), (p, q))
    p, q = p / p.sum(), q / q.sum()
    fp, fq = np.maximum(p, 1e-4), np.maximum(q, 1e-4)
    expected = {
        "population_stability_index": np.sum((fq - fp) * np.log(fq / fp)),
        "kullback_leibler_divergence": np.sum(fq * np.log(fq / fp)),
        "jensen_shannon_distance": np.nan_to_num(jensenshannon(p, q, base=2)),
        "hellinger_distance": np.linalg.norm(np.sqrt(p) - np.sqrt(q)) / np.sqrt(2),
        "total_variation_distance": np.abs(p - q).sum() / 2,
        "l_infinity_distance": np.abs(p - q).max(),
    }
    for method, number in expected.items():
        assert value(method, a, b) == pytest.approx(float(number), rel=1e-9, abs=1e-7)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=8))
def test_chi_square_and_g_are_scipy_s_contingency_tests(cells: list[tuple[int, int]]) -> None:
    reference = {f"c{i}": a + 1 for i, (a, _) in enumerate(cells)}
    current = {f"c{i}": b for i, (_, b) in enumerate(cells)} | {"c0": 1 + cells[0][1]}
    table = [list(reference.values()), [current[name] for name in reference]]
    for method, expected in (
        ("chi_square", stats.chi2_contingency(table, correction=False)),
        ("g_test", stats.chi2_contingency(table, correction=False, lambda_="log-likelihood")),
    ):
        result = measure_categories(method, reference, current)
        assert result.value == pytest.approx(float(expected.statistic), rel=1e-9, abs=1e-9)
        assert result.p_value == pytest.approx(float(expected.pvalue), rel=1e-9, abs=1e-12)


def test_categories_that_one_side_lacks_are_cells_too() -> None:
    result = measure_categories("tv", {"a": 5, "b": 5}, {"b": 5, "new": 5})
    assert (result.value, result.n_reference, result.n_current) == (0.5, 10, 10)


def discrete_pair(seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    reference = rng.poisson(4, 3000).astype(float)
    current = rng.poisson(4.4, 2500).astype(float)
    return reference, current[np.isin(current, reference)]


EXACT_ON_DISCRETE = [
    "kolmogorov_smirnov",
    "wasserstein_distance",
    "wasserstein_distance_normalized",
    "energy_distance",
    "cramer_von_mises",
    "mann_whitney",
    "welch_t",
    "mean_shift",
    "sd_ratio",
    *measures_of("categorical"),
]


@pytest.mark.parametrize("method", EXACT_ON_DISCRETE)
def test_profiles_of_discrete_columns_give_the_raw_measure(method: str) -> None:
    a, b = discrete_pair(1)
    assert binned(method, a, b) == pytest.approx(value(method, a, b), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("method", measures_of("numeric"))
def test_profiles_of_continuous_columns_give_nearly_the_raw_measure(method: str) -> None:
    a, b = RNG.lognormal(size=20_000), RNG.lognormal(0.15, 1.1, 20_000)
    assert binned(method, a, b) == pytest.approx(value(method, a, b), rel=0.01, abs=1e-3)


@pytest.mark.parametrize("method", ["kolmogorov_smirnov", "mann_whitney", "welch_t", "chi_square"])
def test_p_values_of_profiles_are_those_of_the_raw_values(method: str) -> None:
    a, b = discrete_pair(3)
    codec = build_codec(a)
    sides = [Distribution.of(profile_numeric(side, codec), codec) for side in (a, b)]
    expected = measure_values(method, a, b).p_value
    assert measure_distributions(method, *sides).p_value == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("far", [10.0, 1e3, 1e6])
def test_the_distance_of_a_far_shift_is_right_within_one_percent(far: float) -> None:
    a = RNG.normal(size=5000)
    assert binned("wasserstein_distance", a, a + far) == pytest.approx(far, rel=0.01)


@pytest.mark.parametrize("far", [0.3, 7.0, -1e4])
def test_the_distance_between_two_constants_is_exact(far: float) -> None:
    a = np.full(100, 3.7)
    assert binned("wasserstein_distance", a, a + far) == pytest.approx(abs(far), rel=1e-9)


def test_a_shift_into_the_gaps_of_a_discrete_column_has_the_right_distance() -> None:
    a, _ = discrete_pair(5)
    assert binned("wasserstein_distance", a, a + 0.3) == pytest.approx(0.3, rel=0.01)


@pytest.mark.parametrize("method", sorted(measures))
@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.full(30, 2.0), np.full(30, 2.0)),
        (np.full(30, 2.0), np.full(20, 5.0)),
        (np.array([1.0]), np.array([1.0])),
        (np.array([1.0]), np.array([2.0])),
        (np.array([1e308, -1e308, 0.0]), np.array([1e308, 1.0, 2.0])),
        (np.zeros(0), np.array([1.0])),
        (np.array([1.0]), np.zeros(0)),
    ],
    ids=["same constant", "two constants", "one row", "one row each", "1e308", "no reference", "no current"],
)
def test_no_measure_fails_or_says_nan_on_degenerate_samples(
    method: str, a: NDArray[np.float64], b: NDArray[np.float64]
) -> None:
    codec = build_codec(a)
    sides = [Distribution.of(profile_numeric(side, codec), codec) for side in (a, b)]
    for result in (measure_values(method, a, b), measure_distributions(method, *sides)):
        assert result.value is None or np.isfinite(result.value)
        assert result.p_value is None or 0 <= result.p_value <= 1
        assert (result.n_reference, result.n_current) == (len(a), len(b))


@pytest.mark.parametrize(
    ("alias", "method"),
    [
        ("ks", "kolmogorov_smirnov"),
        ("psi", "population_stability_index"),
        ("js", "jensen_shannon_distance"),
        ("wasserstein", "wasserstein_distance"),
    ],
)
def test_the_short_names_are_aliases(alias: str, method: str) -> None:
    assert measures.key(alias) == method


def test_an_unknown_measure_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'kolmogorov_smirnov'"):
        measure_values("kolmogorov_smirnof", np.ones(3), np.ones(3))


def test_a_number_measure_of_categories_has_no_value() -> None:
    assert measure_categories("kolmogorov_smirnov", {"a": 1}, {"a": 1}).value is None


def test_histograms_of_different_bins_are_refused() -> None:
    a = RNG.normal(size=3000)
    one, two = build_codec(a), build_codec(np.round(a))
    with pytest.raises(ValueError, match="same bins"):
        measure_distributions(
            "ks",
            Distribution.of(profile_numeric(a, one), one),
            Distribution.of(profile_numeric(np.round(a), two), two),
        )


def test_rebinning_moves_no_more_than_the_mass_of_a_bin_and_loses_no_row() -> None:
    a = RNG.normal(size=50_000)
    own, target = build_codec(a), build_codec(RNG.normal(0.5, 2, 50_000))
    moved, exact = rebin(profile_numeric(a, own), own, target), profile_numeric(a, target).counts
    assert moved.sum() == 50_000
    assert np.abs(np.cumsum(moved) - np.cumsum(exact)).max() / 50_000 < 1 / 512


def test_identical_categoricals_are_not_flagged_by_the_two_sample_chi_square() -> None:
    # With the reference's counts as exact expectations, a fifth to a half of these would be below 0.05.
    rng = np.random.default_rng(0)
    share = rng.dirichlet(np.ones(10))
    low = 0
    for _ in range(400):
        a, b = (dict(enumerate(rng.multinomial(1000, share).tolist())) for _ in range(2))
        names = [{str(k): v for k, v in side.items()} for side in (a, b)]
        p_value = measure_categories("chi_square", *names).p_value
        assert p_value is not None
        low += p_value < 0.05
    assert low <= 37  # binomial(400, 0.05): P(more) < 1e-4


def test_the_unbiased_psi_is_centred_at_zero_without_drift() -> None:
    rng = np.random.default_rng(0)
    plain, unbiased = [], []
    for _ in range(300):
        a, b = rng.normal(size=(2, 100))
        plain.append(value("psi", a, b))
        unbiased.append(value("psi_unbiased", a, b))
    assert np.mean(plain) > 0.15  # the custom reads 0.1 as "moderate drift"
    assert abs(np.mean(unbiased)) < 0.05


def test_downward_shifts_are_seen_by_the_two_sided_rank_test() -> None:
    a = RNG.normal(size=500)
    down, up = (measure_values("mann_whitney", a, a + shift).p_value for shift in (-0.5, 0.5))
    assert down is not None
    assert down < 1e-6
    assert up is not None
    assert up < 1e-6
