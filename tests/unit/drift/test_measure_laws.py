"""Laws of the measures: symmetry, bounds, and what may be done to the values without changing them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import stats

from driftwatch.drift import proportion
from driftwatch.drift.measures import measure_categories, measure_values, measures_of

Values = NDArray[np.float64]
QUICK = settings(deadline=None, max_examples=25)
SAMPLES = arrays(np.float64, st.integers(2, 40), elements=st.integers(-20, 20).map(float))
TABLES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=2, max_size=8).filter(
    lambda cells: all(sum(side) for side in zip(*cells, strict=True))
)
SYMMETRIC = (
    "kolmogorov_smirnov", "wasserstein_distance", "energy_distance", "cramer_von_mises", "anderson_darling"
)  # fmt: skip
SYMMETRIC_ON_CELLS = (
    "population_stability_index", "population_stability_index_unbiased", "jensen_shannon_distance",
    "hellinger_distance", "total_variation_distance", "l_infinity_distance", "chi_square", "g_test",
)  # fmt: skip
UNIT = ("jensen_shannon_distance", "hellinger_distance", "total_variation_distance", "l_infinity_distance")
RANKS = ("kolmogorov_smirnov", "cramer_von_mises", "anderson_darling", "mann_whitney")


def measured(method: str, a: Values, b: Values) -> float | None:
    return measure_values(method, a, b).value


def same(one: float | None, other: float | None) -> bool:
    """Equal but for rounding; None where neither is defined."""
    return (one is None and other is None) or one == pytest.approx(other, rel=1e-9, abs=1e-9)


def tables(cells: list[tuple[int, int]]) -> tuple[dict[str, int], dict[str, int]]:
    return {f"c{i}": a for i, (a, _) in enumerate(cells)}, {f"c{i}": b for i, (_, b) in enumerate(cells)}


@pytest.mark.parametrize("method", SYMMETRIC)
@QUICK
@given(SAMPLES, SAMPLES)
def test_a_distance_is_the_same_both_ways(method: str, a: Values, b: Values) -> None:
    assert same(measured(method, a, b), measured(method, b, a))


@pytest.mark.parametrize("method", SYMMETRIC_ON_CELLS)
@QUICK
@given(TABLES)
def test_a_distance_of_cells_is_the_same_both_ways(method: str, cells: list[tuple[int, int]]) -> None:
    before, after = tables(cells)
    there, back = measure_categories(method, before, after), measure_categories(method, after, before)
    assert same(there.value, back.value)
    assert same(there.p_value, back.p_value)


@pytest.mark.parametrize("method", UNIT)
@QUICK
@given(TABLES)
def test_a_bounded_distance_lies_between_none_and_all(method: str, cells: list[tuple[int, int]]) -> None:
    before, after = tables(cells)
    value = measure_categories(method, before, after).value
    assert value is not None
    assert 0 <= value <= 1 + 1e-12
    assert measure_categories(method, before, before).value == pytest.approx(0, abs=1e-7)
    apart = measure_categories(method, {"a": 3}, {"b": 5}).value
    assert apart == pytest.approx(1)


@pytest.mark.parametrize("method", measures_of("numeric"))
@QUICK
@given(SAMPLES, SAMPLES)
def test_the_order_of_the_rows_means_nothing(method: str, a: Values, b: Values) -> None:
    rng = np.random.default_rng(len(a) * 100 + len(b))
    there, mixed = measure_values(method, a, b), measure_values(method, rng.permutation(a), rng.permutation(b))
    assert same(there.value, mixed.value)
    assert same(there.p_value, mixed.p_value)


@pytest.mark.parametrize("method", RANKS)
@QUICK
@given(SAMPLES, SAMPLES)
def test_a_rank_measure_knows_no_scale(method: str, a: Values, b: Values) -> None:
    stretched = measured(method, np.exp(a / 5) + a, np.exp(b / 5) + b)
    assert same(measured(method, a, b), stretched)


@pytest.mark.parametrize("method", RANKS[:3])
def test_rank_measures_of_equal_samples_are_as_small_as_they_get(method: str) -> None:
    a = np.arange(30.0)
    same, moved = measured(method, a, a), measured(method, a, a + 3)
    assert same is not None
    assert moved is not None
    assert same < moved


@QUICK
@given(*[st.integers(0, 40) for _ in range(4)])
def test_fisher_s_test_of_two_values_is_scipy_s(a: int, b: int, c: int, d: int) -> None:
    before, after = {"no": a, "yes": b + 1}, {"no": c + 1, "yes": d}
    expected = stats.fisher_exact(np.array([[d, c + 1], [b + 1, a]]))
    result = measure_categories("fisher", before, after)
    assert result.p_value == pytest.approx(float(expected.pvalue), rel=1e-9)
    if result.value is not None:
        assert result.value == pytest.approx(float(expected.statistic), rel=1e-9)


@QUICK
@given(*[st.integers(0, 400) for _ in range(4)])
def test_the_z_of_two_shares_is_signed_and_its_square_is_chi_square(a: int, b: int, c: int, d: int) -> None:
    before, after = {"no": a + 1, "yes": b + 1}, {"no": c + 1, "yes": d + 1}
    z, chi = measure_categories("z_test", before, after), measure_categories("chi_square", before, after)
    assert z.value is not None
    assert z.value**2 == pytest.approx(chi.value, rel=1e-9, abs=1e-9)
    assert z.p_value == pytest.approx(chi.p_value, rel=1e-9, abs=1e-12)
    assert np.sign(round(z.value, 9)) == np.sign(round((d + 1) / (c + d + 2) - (b + 1) / (a + b + 2), 12))


def test_tests_of_two_values_have_nothing_to_say_of_three() -> None:
    table = {"a": 5, "b": 6, "c": 7}
    for method in ("fisher_exact", "two_proportions_z"):
        assert measure_categories(method, table, table).value is None
        assert method in measures_of("binary")
        assert method not in measures_of("categorical")


@pytest.mark.parametrize("n", [100, 1000])
def test_the_unbiased_psi_calls_one_of_twenty_at_its_critical_value_without_drift(n: int) -> None:
    # Yurdakul and Naranjo, 2020: PSI > (1/n + 1/m) χ²(B - 1) at 95%; the fixed 0.1 calls 40% at n = 100 and none later.
    rng, called, cells = np.random.default_rng(n), 0, 10
    critical = stats.chi2.ppf(0.95, cells - 1) * 2 / n
    for _ in range(1500):
        a, b = rng.multinomial(n, np.full(cells, 1 / cells), 2)
        result = proportion.population_stability_index_unbiased(a, b)
        psi = proportion.population_stability_index(a, b).value
        assert result.p_value is not None
        assert psi is not None
        assert (result.p_value < 0.05) == (psi > critical)
        called += result.p_value < 0.05
    assert 0.03 < called / 1500 < 0.08
