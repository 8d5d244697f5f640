"""The codec's bins: quantiles, atoms, tails, identity."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from driftwatch.profiles.codec import NumericCodec, build_codec
from driftwatch.profiles.grid import KeyGrid, propose_grid
from driftwatch.profiles.numeric import profile_numeric

RNG = np.random.default_rng(3)


def shares(codec: NumericCodec, values: NDArray[np.float64]) -> NDArray[np.float64]:
    return profile_numeric(values, codec).counts / len(values)


@pytest.mark.parametrize("values", [RNG.normal(size=50_000), RNG.lognormal(0, 2, 50_000), RNG.standard_t(1.5, 50_000)])
def test_no_bin_holds_much_more_than_its_quantile_share(values: NDArray[np.float64]) -> None:
    assert shares(build_codec(values), values).max() < 3 / 512


def test_up_to_512_distinct_values_each_have_a_bin_and_the_profile_is_exact() -> None:
    values = np.round(RNG.normal(size=20_000), 2)[:20_000]
    values = values[np.isin(values, np.unique(values)[:512])]
    distinct, counts = np.unique(values, return_counts=True)
    assert len(distinct) <= 512
    codec = build_codec(values)
    profile = profile_numeric(values, codec)
    places = np.searchsorted(codec.edges, distinct, side="left")
    np.testing.assert_array_equal(profile.counts[places], counts)
    assert np.all(codec.atoms[places])
    assert profile.counts.sum() == counts.sum()


def test_a_value_with_much_mass_is_an_atom_among_quantile_bins() -> None:
    values = np.where(RNG.random(50_000) < 0.4, 0.0, RNG.lognormal(size=50_000))
    codec = build_codec(values)
    place = int(np.searchsorted(codec.edges, 0.0, side="left"))
    assert codec.atoms[place]
    assert profile_numeric(values, codec).counts[place] == np.count_nonzero(values == 0)
    near = profile_numeric(np.array([0.0, 1e-300, -1e-300, 5e-324]), codec)
    assert near.counts[place] == 1


def test_tails_reach_ten_million_standard_deviations_on_either_side() -> None:
    values = RNG.normal(size=20_000)
    edges = build_codec(values).edges
    assert edges[0] < -1e7
    assert edges[-1] > 1e7
    beyond = edges[edges > values.max()]
    assert np.all(np.diff(beyond)[10:] / beyond[10:-1] < 0.75)  # growing by √2, with two interleaved ladders


def test_the_minimum_and_the_maximum_border_bins_so_that_novel_values_can_be_counted() -> None:
    values = RNG.normal(size=20_000)
    codec = build_codec(values)
    counts = profile_numeric(values, codec).counts
    occupied = np.flatnonzero(counts)
    outside = profile_numeric(np.array([values.min() - 0.2, values.max() + 0.2]), codec)
    assert outside.counts[: occupied[0]].sum() == 1
    assert outside.counts[occupied[-1] + 1 :].sum() == 1


def test_a_codec_is_its_edges_and_survives_its_bytes() -> None:
    codec = build_codec(RNG.normal(size=5000))
    again = NumericCodec.from_bytes(codec.to_bytes())
    assert again == codec
    assert hash(again) == hash(codec)
    np.testing.assert_array_equal(again.edges, codec.edges)
    assert again.grid == codec.grid
    assert build_codec(RNG.normal(size=5000)) != codec


@settings(deadline=None)
@given(st.permutations(range(60)))
def test_the_order_of_the_sample_does_not_matter(order: list[int]) -> None:
    values = np.linspace(-3, 40, 60) ** 3
    assert build_codec(values[np.array(order)]).digest == build_codec(values).digest


@settings(deadline=None)
@given(arrays(np.float64, st.integers(0, 80), elements=st.floats(allow_nan=True, allow_infinity=True)))
def test_every_sample_has_a_codec(values: NDArray[np.float64]) -> None:
    codec = build_codec(values)
    assert np.all(np.isfinite(codec.edges))
    assert profile_numeric(values, codec).n == np.count_nonzero(np.isfinite(values))


def test_a_large_sample_is_thinned_to_its_own_quantiles() -> None:
    values = RNG.normal(size=400_000)
    thinned = build_codec(values)
    assert shares(thinned, values).max() < 3 / 512


@pytest.mark.parametrize("payload", [b"", b"\x80", b"not a codec", b"\x81\xa1v\x02"])
def test_other_bytes_are_not_a_codec(payload: bytes) -> None:
    with pytest.raises(ValueError, match="not a codec"):
        NumericCodec.from_bytes(payload)


@pytest.mark.parametrize("edges", [[1.0, 1.0], [2.0, 1.0], [0.0, math.inf], [math.nan]])
def test_edges_are_finite_and_ascending(edges: list[float]) -> None:
    with pytest.raises(ValueError, match="finite and strictly ascending"):
        NumericCodec(np.array(edges), KeyGrid(0.0, 1.0))


def test_a_grid_is_centred_on_a_multiple_of_its_power_of_two() -> None:
    grid = propose_grid(1e6 + RNG.uniform(-1, 1, 1000))
    assert math.frexp(grid.scale)[0] == 0.5
    assert grid.centre % grid.scale == 0
    assert abs(grid.centre - 1e6) <= 1


@pytest.mark.parametrize(("centre", "scale"), [(0.0, 0.0), (0.0, -1.0), (math.nan, 1.0), (0.0, math.inf)])
def test_an_impossible_grid_is_refused(centre: float, scale: float) -> None:
    with pytest.raises(ValueError, match="positive scale"):
        KeyGrid(centre, scale)
