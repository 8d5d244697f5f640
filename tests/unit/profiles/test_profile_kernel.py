"""The two kernels count the same bins as the definition, for every float64 there is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from driftwatch.profiles.codec import NumericCodec, build_codec
from driftwatch.profiles.grid import CELLS, KeyGrid, propose_grid
from driftwatch.profiles.kernel import Tally, assign_bins, count_cells, count_few, count_keyed, count_sorted
from driftwatch.profiles.numeric import profile_numeric

ANY_FLOAT = st.floats(width=64, allow_nan=True, allow_infinity=True)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
LATTICE = st.integers(-40, 40).map(lambda step: step / 4)
VALUES = arrays(np.float64, st.integers(0, 300), elements=st.one_of(ANY_FLOAT, LATTICE, st.just(-0.0)))
SAMPLES = st.one_of(
    arrays(np.float64, st.integers(1, 400), elements=st.floats(-1e9, 1e9)),
    arrays(np.float64, st.integers(1, 900), elements=LATTICE),
    st.integers(0, 5).map(lambda seed: 1e6 + np.random.default_rng(seed).uniform(-1, 1, 3000)),
    st.integers(0, 5).map(lambda seed: np.random.default_rng(seed).lognormal(0, 3, 3000)),
    st.just(np.array([1e308, -1e308, 0.0])),
    st.just(np.array([np.finfo(np.float64).max, -np.finfo(np.float64).max])),
    st.just(np.full(10, 3.7)),
)


def by_definition(values: NDArray[np.float64], codec: NumericCodec) -> NDArray[np.int64]:
    """Bin b is (edges[b-1], edges[b]]: one searchsorted of every finite value."""
    finite = values[np.isfinite(values)]
    return np.bincount(np.searchsorted(codec.edges, finite, side="left"), minlength=codec.bins)


@settings(max_examples=150, deadline=None)
@given(SAMPLES, VALUES)
def test_both_kernels_count_what_the_definition_counts(
    sample: NDArray[np.float64], values: NDArray[np.float64]
) -> None:
    codec = build_codec(sample)
    both = np.concatenate((values, sample, np.nextafter(codec.edges, np.inf), codec.edges))
    expected = by_definition(both, codec)
    for kernel in (count_sorted, count_keyed):
        tally = kernel(both, codec)
        np.testing.assert_array_equal(tally.counts, expected)
        assert tally.n_nan == np.count_nonzero(np.isnan(both))
        assert tally.n_inf == np.count_nonzero(np.isinf(both))
        assert tally.low == np.min(both[np.isfinite(both)])
        assert tally.high == np.max(both[np.isfinite(both)])
    finite = both[np.isfinite(both)]
    np.testing.assert_array_equal(np.bincount(assign_bins(finite, codec), minlength=codec.bins), expected)


@settings(max_examples=150, deadline=None)
@given(SAMPLES, VALUES)
def test_few_values_fall_into_the_cells_that_many_fall_into(
    sample: NDArray[np.float64], values: NDArray[np.float64]
) -> None:
    both, grid = np.concatenate((values, sample)), propose_grid(sample)
    few, cells = count_few(both, grid)
    many = count_cells(both, grid)
    np.testing.assert_array_equal(cells, np.flatnonzero(many.counts))
    np.testing.assert_array_equal(few.counts, many.counts[cells])
    for name in ("n_nan", "n_inf", "low", "high", "total"):
        assert getattr(few, name) == getattr(many, name) or np.isnan(many.total)
    assert count_few(np.zeros(0), grid)[0].counts.sum() == 0


@pytest.mark.parametrize("size", [1, 32_767, 32_768, 32_769, 70_000, (1 << 20) + 5])
def test_the_kernels_agree_across_the_borders_of_their_blocks(size: int) -> None:
    rng = np.random.default_rng(size)
    values = np.where(rng.random(size) < 0.3, 0.0, rng.normal(size=size))
    values[::1000] = np.nan
    values[5::5000] = -np.inf
    codec = build_codec(values)
    one, other = count_sorted(values, codec), count_keyed(values, codec)
    np.testing.assert_array_equal(one.counts, other.counts)
    np.testing.assert_array_equal(one.counts, by_definition(values, codec))
    assert (one.n_nan, one.n_inf, one.low, one.high) == (other.n_nan, other.n_inf, other.low, other.high)
    assert one.total == pytest.approx(other.total, rel=1e-12, abs=1e-9)


@given(st.floats(-1e12, 1e12), st.integers(-40, 40), arrays(np.float64, 50, elements=FINITE))
def test_a_cell_ends_at_its_upper_edge_and_nowhere_else(
    centre: float, exponent: int, values: NDArray[np.float64]
) -> None:
    grid = KeyGrid(centre, 2.0**exponent)
    cells = grid.cells(values)
    edges = grid.upper_edges(cells)
    assert np.all(values <= edges)
    inner = np.abs(edges) < np.finfo(np.float64).max
    np.testing.assert_array_equal(grid.cells(edges[inner]), cells[inner])
    above = np.nextafter(edges[inner], np.inf)
    assert np.all(grid.cells(above) > cells[inner])


@given(arrays(np.float64, st.integers(2, 60), elements=st.floats(allow_nan=False)))
def test_cells_keep_the_order_of_the_values(values: NDArray[np.float64]) -> None:
    cells = propose_grid(values).cells(np.sort(values))
    assert np.all(np.diff(cells) >= 0)
    assert np.all((cells >= 0) & (cells < CELLS))


def test_minus_zero_and_zero_share_a_bin_in_both_kernels() -> None:
    codec = build_codec(np.array([-1.0, 0.0, 1.0, 2.0]))
    one, other = (kernel(np.array([0.0, -0.0]), codec).counts for kernel in (count_sorted, count_keyed))
    np.testing.assert_array_equal(one, other)
    assert one.max() == 2


def test_a_finite_value_beyond_float32_counts_in_the_extreme_bin_and_is_not_infinite() -> None:
    codec = build_codec(np.random.default_rng(0).normal(size=3000))
    for kernel in (count_sorted, count_keyed):
        tally = kernel(np.array([1e308, 5e307, -1e308, np.inf]), codec)
        assert (tally.counts[-1], tally.counts[0], tally.n_inf) == (2, 1, 1)


def test_null_nan_and_infinity_are_told_apart() -> None:
    values = np.array([1.0, np.nan, np.inf, -np.inf, 7.0])
    profile = profile_numeric(values, build_codec(values), np.array([False, False, False, False, True]))
    assert (profile.n, profile.n_null, profile.n_nan, profile.n_inf, profile.rows) == (1, 1, 1, 2, 5)
    assert (profile.low, profile.high) == (1.0, 1.0)


def test_the_cells_of_a_grid_hold_every_finite_value() -> None:
    values = np.concatenate((np.random.default_rng(1).normal(1e6, 1, 5000), [np.nan, np.inf, 1e308]))
    tally: Tally = count_cells(values, propose_grid(values))
    assert (int(tally.counts.sum()), tally.n_nan, tally.n_inf) == (5001, 1, 1)
    assert np.count_nonzero(tally.counts) > 500  # centred: not one cell for 1e6 ± 1
