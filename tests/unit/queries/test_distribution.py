"""Display bins are read off the fine histograms and tell what the raw values would."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from driftwatch.profiles.categorical import profile_counts
from driftwatch.profiles.codec import NumericCodec, build_codec
from driftwatch.profiles.grid import propose_grid
from driftwatch.profiles.numeric import profile_numeric
from driftwatch.queries.distribution import Histogram, compare_categories, compare_histograms, quantile

RNG = np.random.default_rng(7)


def compared(reference: NDArray[np.float64], current: NDArray[np.float64]) -> Histogram:
    codec = build_codec(reference)
    histogram = compare_histograms(profile_numeric(reference, codec), profile_numeric(current, codec), codec)
    assert histogram is not None
    return histogram


def shares_of(values: NDArray[np.float64], histogram: Histogram) -> NDArray[np.float64]:
    """The same bins counted on the raw values, the outermost two open."""
    edges = np.array([each.x0 for each in histogram.bins] + [histogram.bins[-1].x1])
    edges[0], edges[-1] = -np.inf, np.inf
    return np.histogram(values, edges)[0] / len(values)


@pytest.mark.parametrize(
    ("reference", "current"),
    [
        (RNG.normal(size=20_000), RNG.normal(0.6, 1.4, size=9_000)),
        (RNG.lognormal(0, 2.5, size=20_000), RNG.lognormal(0.5, 2.5, size=9_000)),
        (RNG.integers(0, 24, 20_000).astype(float), RNG.integers(6, 24, 9_000).astype(float)),
        (np.where(RNG.random(20_000) < 0.4, 0.0, RNG.exponential(30, 20_000)), RNG.exponential(30, 9_000)),
        (RNG.normal(1e6, 1.0, size=20_000), RNG.normal(1e6, 1.0, size=9_000)),
    ],
    ids=["normal", "long tail", "hours", "half of it zero", "far from zero"],
)
def test_shares_agree_with_counting_the_raw_values(
    reference: NDArray[np.float64], current: NDArray[np.float64]
) -> None:
    histogram = compared(reference, current)
    for values, side in ((reference, "reference"), (current, "current")):
        drawn = np.array([getattr(each, side) for each in histogram.bins])
        assert np.abs(drawn - shares_of(values, histogram)).max() < 0.006  # two fine bins of 1/512, one at each edge


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=80),
    st.lists(st.floats(-1e7, 1e7), min_size=1, max_size=80),
)
@settings(max_examples=60, deadline=None)
def test_every_value_is_in_exactly_one_bin_and_bins_are_few(before: list[float], after: list[float]) -> None:
    histogram = compared(np.array(before), np.array(after))
    assert 1 <= len(histogram.bins) <= 61
    assert sum(each.reference or 0 for each in histogram.bins) == pytest.approx(1)
    assert sum(each.current or 0 for each in histogram.bins) == pytest.approx(1)
    assert all(each.x0 < each.x1 for each in histogram.bins)
    assert all((each.reference or 0) > -1e-12 and (each.current or 0) > -1e-12 for each in histogram.bins)


def test_a_column_of_few_evenly_spaced_values_gets_one_bin_a_value() -> None:
    hours = np.arange(24.0).repeat(10)
    histogram = compared(hours, hours[hours < 12])
    assert [(each.x0, each.x1) for each in histogram.bins][:2] == [(-0.5, 0.5), (0.5, 1.5)]
    assert len(histogram.bins) == 24
    assert [each.current for each in histogram.bins][12:] == [0.0] * 12


def test_a_long_tail_is_drawn_on_a_logarithmic_axis_and_a_short_one_is_not() -> None:
    assert compared(RNG.lognormal(0, 2.5, 9_000), RNG.lognormal(0, 2.5, 900)).log
    assert not compared(RNG.normal(100, 5, 9_000), RNG.normal(100, 5, 900)).log


def test_what_lies_beyond_the_axis_opens_the_outermost_bin() -> None:
    reference = RNG.normal(size=9_000)
    histogram = compared(reference, np.append(reference, 1e4))
    assert histogram.open_high
    assert histogram.bins[-1].x1 < 10


@given(st.lists(st.floats(-1e5, 1e5), min_size=1, max_size=200), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_a_quantile_lies_between_the_smallest_and_the_largest_value(values: list[float], q: float) -> None:
    array = np.array(values)
    codec = build_codec(array)
    found = quantile(profile_numeric(array, codec), codec, q)
    assert found is not None
    assert array.min() - 1e-9 <= found <= array.max() + 1e-9


def test_medians_agree_with_numpy() -> None:
    values = RNG.gamma(3, 10, 20_000)
    codec = build_codec(values)
    assert quantile(profile_numeric(values, codec), codec, 0.5) == pytest.approx(np.median(values), rel=0.005)


def test_nothing_to_compare_is_said_and_not_drawn() -> None:
    codec = NumericCodec(np.array([0.0, 1.0]), build_codec(np.array([0.0, 1.0])).grid)
    empty = profile_numeric(np.array([np.nan]), codec)
    assert compare_histograms(None, empty, codec) is None
    assert compare_categories(None, None) is None


def test_one_side_alone_is_drawn_without_the_other() -> None:
    values = RNG.normal(size=500)
    codec = build_codec(values)
    histogram = compare_histograms(None, profile_numeric(values, codec), codec)
    assert histogram is not None
    assert all(each.reference is None for each in histogram.bins)
    assert histogram.median_reference is None


def test_a_constant_column_is_one_bin_around_its_value() -> None:
    histogram = compared(np.full(50, 3.0), np.full(50, 3.0))
    assert len(histogram.bins) == 1
    assert histogram.bins[0].x0 < 3 < histogram.bins[0].x1


def test_categories_are_ranked_by_the_reference_and_unseen_ones_are_new() -> None:
    compared_ = compare_categories(profile_counts({"a": 6, "b": 4}), profile_counts({"b": 5, "x": 5}))
    assert compared_ is not None
    assert [(row.category, row.reference, row.current, row.new) for row in compared_.shares] == [
        ("a", 0.6, 0.0, False),
        ("b", 0.4, 0.5, False),
        ("x", 0.0, 0.5, True),
    ]


@given(
    st.dictionaries(st.text(max_size=3), st.integers(1, 99), min_size=1, max_size=60),
    st.dictionaries(st.text(max_size=3), st.integers(1, 99), min_size=1, max_size=60),
)
@settings(deadline=None)
def test_many_categories_fold_into_one_row_and_lose_no_mass(before: dict[str, int], after: dict[str, int]) -> None:
    compared_ = compare_categories(profile_counts(before), profile_counts(after))
    assert compared_ is not None
    assert len(compared_.shares) <= 16
    assert sum(row.reference or 0 for row in compared_.shares) == pytest.approx(1)
    assert sum(row.current or 0 for row in compared_.shares) == pytest.approx(1)


def test_whole_numbers_get_one_bin_a_value_before_the_column_has_a_codec_too() -> None:
    hours = np.arange(24.0).repeat(10)
    grid = propose_grid(hours)
    profile = profile_numeric(hours, grid)
    assert profile.cells is not None
    edges = grid.upper_edges(np.unique(np.concatenate((profile.cells, profile.cells - 1))))
    codec = NumericCodec(np.unique(edges), grid)
    histogram = compare_histograms(None, profile.recode(codec), codec)
    assert histogram is not None
    assert len(histogram.bins) == 24
    assert {round(each.current or 0, 6) for each in histogram.bins} == {round(1 / 24, 6)}


def test_a_column_that_spans_all_floats_is_drawn() -> None:
    values = np.linspace(-1.0, 1.0, 600) * 1.7e308
    codec = build_codec(values)
    profile = profile_numeric(values, codec)
    histogram = compare_histograms(profile, profile, codec)
    assert histogram is not None
    assert all(np.isfinite([each.x0, each.x1]).all() for each in histogram.bins)
    assert sum(each.current or 0.0 for each in histogram.bins) == pytest.approx(1.0)
