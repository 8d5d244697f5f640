"""A window is a sum of profiles: merging equals profiling the whole, in any order, bit for bit on integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from driftwatch.profiles.bucket import (
    BucketProfile,
    CategoricalColumn,
    Column,
    ColumnProfile,
    NumericColumn,
    profile_rows,
)
from driftwatch.profiles.cardinality import estimate_distinct, register_values
from driftwatch.profiles.categorical import (
    CATEGORY_CAP,
    CategoricalProfile,
    profile_categorical,
    profile_counts,
)
from driftwatch.profiles.codec import NumericCodec, build_codec
from driftwatch.profiles.grid import KeyGrid, propose_grid
from driftwatch.profiles.history import profile_buckets
from driftwatch.profiles.latency import profile_latency
from driftwatch.profiles.numeric import NumericProfile, profile_numeric
from driftwatch.profiles.packing import pack_counts, unpack_counts

SAMPLE = np.random.default_rng(7).lognormal(1, 1, 5000)
CODEC = build_codec(SAMPLE)
BINNINGS: list[NumericCodec | KeyGrid] = [CODEC, CODEC.grid]
FLOATS = arrays(
    np.float64,
    st.integers(0, 40),
    elements=st.one_of(st.sampled_from(SAMPLE.tolist()), st.floats(-1e6, 1e6), st.just(np.nan), st.just(np.inf)),
)
LEVELS = ["a", "b", "ü", "", "😀", "select"]
CODES = arrays(np.int32, st.integers(0, 40), elements=st.integers(-1, len(LEVELS) - 1))


def same_integers(one: ColumnProfile, other: ColumnProfile) -> bool:
    if isinstance(one, NumericProfile) and isinstance(other, NumericProfile):
        cells = (one.cells is None) == (other.cells is None)
        if one.cells is not None and other.cells is not None:
            cells = bool(np.array_equal(one.cells, other.cells))
        fields = ("n", "n_null", "n_nan", "n_inf", "low", "high", "codec", "grid")
        return (
            cells
            and np.array_equal(one.counts, other.counts)
            and all(getattr(one, field) == getattr(other, field) for field in fields)
        )
    if isinstance(one, CategoricalProfile) and isinstance(other, CategoricalProfile):
        return np.array_equal(one.registers, other.registers) and all(
            getattr(one, field) == getattr(other, field) for field in ("counts", "other", "cut", "n", "n_null")
        )
    return False


@pytest.mark.parametrize("binning", BINNINGS, ids=["codec", "grid"])
@given(FLOATS, FLOATS, FLOATS)
def test_numeric_profiles_add(
    binning: NumericCodec | KeyGrid, x: NDArray[np.float64], y: NDArray[np.float64], z: NDArray[np.float64]
) -> None:
    a, b, c = (profile_numeric(part, binning) for part in (x, y, z))
    whole = profile_numeric(np.concatenate((x, y, z)), binning)
    assert same_integers(a.merge(b).merge(c), whole)
    assert same_integers(a.merge(b.merge(c)), whole)
    assert same_integers(c.merge(a).merge(b), whole)
    assert a.merge(b).merge(c).total == pytest.approx(whole.total, rel=1e-12, abs=1e-6)


@given(CODES, CODES, CODES)
def test_categorical_profiles_add(x: NDArray[np.int32], y: NDArray[np.int32], z: NDArray[np.int32]) -> None:
    a, b, c = (profile_categorical(LEVELS, part) for part in (x, y, z))
    whole = profile_categorical(LEVELS, np.concatenate((x, y, z)))
    assert same_integers(a.merge(b).merge(c), whole)
    assert same_integers(c.merge(b).merge(a), whole)


@given(FLOATS, FLOATS)
def test_latency_profiles_add(x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    merged, whole = profile_latency(x).merge(profile_latency(y)), profile_latency(np.concatenate((x, y)))
    np.testing.assert_array_equal(merged.cells, whole.cells)
    np.testing.assert_array_equal(merged.counts, whole.counts)
    assert (merged.n, merged.n_invalid) == (whole.n, whole.n_invalid)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000), st.integers(1, 400))
def test_a_bucket_is_the_sum_of_its_deltas_also_through_bytes(seed: int, cut: int) -> None:
    rng = np.random.default_rng(seed)
    x, codes = rng.choice(SAMPLE, 400), rng.integers(-1, len(LEVELS), 400)
    latency, nulls = rng.exponential(0.1, 400), rng.random(400) < 0.05

    def part(rows: slice) -> BucketProfile:
        return profile_rows(
            len(x[rows]),
            features={
                "x": NumericColumn(x[rows], nulls[rows]),
                "level": CategoricalColumn(LEVELS, codes[rows]),
            },
            outputs={"score": NumericColumn(x[rows])},
            binnings={"x": CODEC, "score": CODEC.grid},
            latency_seconds=latency[rows],
            errors=1,
        )

    deltas = [part(slice(None, cut)), part(slice(cut, None))]
    stored = [BucketProfile.from_bytes(delta.to_bytes()) for delta in deltas]
    whole, merged = part(slice(None)), stored[1].merge(stored[0])
    assert (merged.rows, merged.errors) == (400, 2)
    assert all(same_integers(merged.features[name], whole.features[name]) for name in whole.features)
    assert same_integers(merged.outputs["score"], whole.outputs["score"])
    assert merged.latency is not None
    assert whole.latency is not None
    np.testing.assert_array_equal(merged.latency.counts, whole.latency.counts)


def test_a_column_that_one_delta_lacks_stays_and_one_in_other_bins_is_named() -> None:
    x = NumericColumn(SAMPLE[:10])
    other = build_codec(SAMPLE * 2)
    one = profile_rows(10, features={"x": x}, binnings={"x": CODEC})
    two = profile_rows(10, features={"y": x}, binnings={"y": CODEC})
    assert set(one.merge(two).features) == {"x", "y"}
    with pytest.raises(ValueError, match=r"column 'x'.*same bins"):
        one.merge(profile_rows(10, features={"x": x}, binnings={"x": other}))
    level = CategoricalColumn(["a"], np.zeros(10, dtype=np.int32))
    with pytest.raises(ValueError, match="numeric on one side and categorical on the other"):
        one.merge(profile_rows(10, features={"x": level}, binnings={}))


@pytest.mark.parametrize("payload", [b"", b"random bytes", b"\x28\xb5\x2f\xfd\x00"])
def test_other_bytes_are_not_a_bucket_profile(payload: bytes) -> None:
    with pytest.raises(ValueError, match="bucket profile"):
        BucketProfile.from_bytes(payload)


@given(arrays(np.float64, st.integers(1, 200), elements=st.sampled_from(SAMPLE.tolist())))
def test_cells_become_the_codec_s_bins_without_an_error_where_edges_are_cell_borders(
    values: NDArray[np.float64],
) -> None:
    assert not CODEC.cell_map.any_ambiguous
    assert same_integers(profile_numeric(values, CODEC.grid).recode(CODEC), profile_numeric(values, CODEC))


def test_cells_with_one_atom_become_the_atom() -> None:
    rng = np.random.default_rng(0)
    sample = np.where(rng.random(6000) < 0.5, 0.0, rng.lognormal(2, 1, 6000))
    codec = build_codec(sample)
    early = np.where(rng.random(500) < 0.5, 0.0, rng.lognormal(2, 1, 500))
    recoded, exact = profile_numeric(early, codec.grid).recode(codec), profile_numeric(early, codec)
    np.testing.assert_array_equal(recoded.counts, exact.counts)
    assert recoded.mean == pytest.approx(exact.mean)


def test_recoding_from_another_grid_keeps_sums_and_every_row() -> None:
    early = SAMPLE[:700]
    profile = profile_numeric(early, propose_grid(early * 3 + 50)).recode(CODEC)
    assert profile.n == 700
    assert profile.mean == pytest.approx(float(early.mean()))
    assert profile.standard_deviation == pytest.approx(float(early.std(ddof=1)))
    with pytest.raises(ValueError, match="another codec"):
        profile.recode(build_codec(early))


def test_above_the_cap_the_heaviest_stay_and_the_rest_is_bounded_by_the_cut() -> None:
    first = profile_counts({f"v{i:04}": i + 1 for i in range(3000)})
    second = profile_counts({f"v{i:04}": 3000 - i for i in range(3000)})
    assert len(first.counts) == CATEGORY_CAP
    assert first.cut == 2000
    assert first.other == sum(range(1, 2001))
    merged = first.merge(second)
    assert merged.n == first.n + second.n == sum(merged.counts.values()) + merged.other
    assert len(merged.counts) == CATEGORY_CAP
    for i in range(3000):
        true = 3001
        assert merged.counts.get(f"v{i:04}", 0) <= true <= merged.counts.get(f"v{i:04}", 0) + merged.cut


@pytest.mark.parametrize("distinct", [1, 50, 1000, 10_000, 200_000])
def test_the_number_of_distinct_values_is_right_within_four_standard_errors(distinct: int) -> None:
    estimate = estimate_distinct(register_values(f"value {i}" for i in range(distinct)))
    assert estimate == pytest.approx(distinct, rel=4 * 0.0163, abs=1)


def test_the_registers_of_a_union_are_the_union_of_the_registers() -> None:
    one, two = [f"a{i}" for i in range(300)], [f"a{i}" for i in range(200, 900)]
    union = register_values({*one, *two})
    np.testing.assert_array_equal(np.maximum(register_values(one), register_values(two)), union)


def test_a_dictionary_may_name_a_value_twice_and_codes_stay_inside_it() -> None:
    profile = profile_categorical(["a", "b", "a"], np.array([0, 1, 2, -1]))
    assert profile.counts == {"a": 2, "b": 1}
    assert profile.distinct == 2
    with pytest.raises(ValueError, match="codes lie between -1 and 0"):
        profile_categorical(["a"], np.array([1]))


@pytest.mark.parametrize("q", [0.0, 0.01, 0.5, 0.95, 0.999, 1.0])
def test_a_latency_quantile_is_right_within_eight_tenths_of_a_percent(q: float) -> None:
    seconds = np.random.default_rng(2).lognormal(-3, 1.5, 40_000)
    profile = profile_latency(np.concatenate((seconds, [np.nan, -1.0, np.inf])))
    assert profile.n_invalid == 3
    assert profile.quantile(q) == pytest.approx(float(np.quantile(seconds, q, method="inverted_cdf")), rel=0.008)


def test_no_latency_has_no_quantile_and_quantiles_are_shares() -> None:
    assert profile_latency(np.array([np.nan])).quantile(0.5) is None
    with pytest.raises(ValueError, match="between 0 and 1"):
        profile_latency(np.array([1.0])).quantile(95)


@given(arrays(np.int64, st.integers(0, 50), elements=st.integers(-(2**62), 2**62)))
def test_counts_survive_packing(counts: NDArray[np.int64]) -> None:
    np.testing.assert_array_equal(unpack_counts(pack_counts(counts)), counts)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.booleans())
def test_every_bucket_of_a_table_equals_the_profile_of_its_rows(seed: int, ordered: bool) -> None:  # noqa: FBT001
    rng = np.random.default_rng(seed)
    n, width = 300, 1000
    at = rng.integers(-5000, 5000, n)
    at = np.sort(at) if ordered else at
    x = rng.choice(np.append(SAMPLE[:50], [np.nan, np.inf, -np.inf, 1e308]), n)
    nulls, codes = rng.random(n) < 0.1, rng.integers(-1, len(LEVELS) + 1, n)
    errors, latency = rng.random(n) < 0.1, rng.exponential(size=n)
    binnings: dict[str, NumericCodec | KeyGrid] = {"x": CODEC, "early": CODEC.grid}

    def columns(rows: NDArray[np.int64]) -> dict[str, Column]:
        return {
            "x": NumericColumn(x[rows], nulls[rows]),
            "early": NumericColumn(x[rows]),
            "level": CategoricalColumn([*LEVELS, "a"], codes[rows]),
        }

    buckets = profile_buckets(
        at, width, features=columns(np.arange(n)), binnings=binnings, errors=errors, latency_seconds=latency
    )
    assert sum(bucket.rows for bucket in buckets.values()) == n
    for start, bucket in buckets.items():
        rows = np.flatnonzero((at >= start) & (at < start + width))
        expected = profile_rows(
            len(rows),
            features=columns(rows),
            binnings=binnings,
            errors=int(errors[rows].sum()),
            latency_seconds=latency[rows],
        )
        assert (bucket.rows, bucket.errors) == (expected.rows, expected.errors)
        assert all(same_integers(bucket.features[name], expected.features[name]) for name in expected.features)
        assert bucket.latency is not None
        assert expected.latency is not None
        np.testing.assert_array_equal(bucket.latency.counts, expected.latency.counts)


def test_the_profile_of_a_million_rows_takes_about_a_kilobyte() -> None:
    rng = np.random.default_rng(0)
    values = rng.lognormal(size=1_000_000)
    profile = profile_rows(1_000_000, features={"x": NumericColumn(values)}, binnings={"x": build_codec(values)})
    assert len(profile.to_bytes()) <= 1126
