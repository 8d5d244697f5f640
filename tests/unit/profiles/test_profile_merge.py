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
from driftwatch.profiles.history import profile_buckets, profile_rows
from driftwatch.profiles.latency import profile_latency
from driftwatch.profiles.numeric import NumericProfile, profile_numeric
from driftwatch.profiles.packing import pack_counts, unpack_counts
from driftwatch.profiles.plan import ProfilePlan
from driftwatch.profiles.rows import Rows
from driftwatch.profiles.segmentation import Band, Segmentation

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
    latency, nulls, failed = rng.exponential(0.1, 400), rng.random(400) < 0.05, rng.random(400) < 0.1

    def part(rows: slice) -> BucketProfile:
        return profile_rows(
            Rows(
                at=np.zeros(len(x[rows]), dtype=np.int64),
                features={
                    "x": NumericColumn(x[rows], nulls[rows]),
                    "level": CategoricalColumn(LEVELS, codes[rows]),
                },
                outputs={"score": NumericColumn(x[rows])},
                latency_seconds=latency[rows],
                failed=failed[rows],
            ),
            ProfilePlan({"x": CODEC, "score": CODEC.grid}, segments=(Segmentation((Band("level"),)),)),
        )

    deltas = [part(slice(None, cut)), part(slice(cut, None))]
    stored = [BucketProfile.from_bytes(delta.to_bytes()) for delta in deltas]
    whole, merged = part(slice(None)), stored[1].merge(stored[0])
    assert (merged.rows, merged.errors) == (400, failed.sum())
    assert all(same_integers(merged.features[name], whole.features[name]) for name in whole.features)
    assert same_integers(merged.outputs["score"], whole.outputs["score"])
    assert merged.latency is not None
    assert whole.latency is not None
    np.testing.assert_array_equal(merged.latency.counts, whole.latency.counts)
    assert merged.segments.keys() == whole.segments.keys() == {f"level={LEVELS[code]}" for code in codes if code >= 0}
    for name, segment in whole.segments.items():
        assert (merged.segments[name].rows, merged.segments[name].errors) == (segment.rows, segment.errors)
        assert same_integers(merged.segments[name].features["x"], segment.features["x"])


def test_a_column_that_one_delta_lacks_stays_and_one_in_other_bins_is_named() -> None:
    x = NumericColumn(SAMPLE[:10])
    other = build_codec(SAMPLE * 2)

    def profiled(features: dict[str, Column], codec: NumericCodec = CODEC) -> BucketProfile:
        rows = Rows(np.zeros(10, dtype=np.int64), features)
        return profile_rows(rows, ProfilePlan(dict.fromkeys(features, codec)))

    one, two = profiled({"x": x}), profiled({"y": x})
    assert set(one.merge(two).features) == {"x", "y"}
    with pytest.raises(ValueError, match=r"column 'x'.*same bins"):
        one.merge(profiled({"x": x}, other))
    level = CategoricalColumn(["a"], np.zeros(10, dtype=np.int32))
    with pytest.raises(ValueError, match="numeric on one side and categorical on the other"):
        one.merge(profiled({"x": level}))


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
@given(st.integers(0, 10_000), st.booleans(), st.sampled_from([0.5, 1.0]))
def test_every_bucket_of_a_table_equals_the_profile_of_its_rows(
    seed: int,
    ordered: bool,  # noqa: FBT001
    sampled: float,
) -> None:
    rng = np.random.default_rng(seed)
    n, width = 300, 1000
    sites = CategoricalColumn(["oslo", "rome"], rng.integers(-1, 2, n))
    at = rng.integers(-5000, 5000, n)
    at = np.sort(at) if ordered else at
    x = rng.choice(np.append(SAMPLE[:50], [np.nan, np.inf, -np.inf, 1e308]), n)
    nulls, codes = rng.random(n) < 0.1, rng.integers(-1, len(LEVELS) + 1, n)
    errors, latency = rng.random(n) < 0.1, rng.exponential(size=n)
    binnings: dict[str, NumericCodec | KeyGrid] = {"x": CODEC, "early": CODEC.grid}

    columns: dict[str, Column] = {
        "x": NumericColumn(x, nulls),
        "early": NumericColumn(x),
        "level": CategoricalColumn([*LEVELS, "a"], codes),
    }
    table = Rows(
        at, columns, tags={"site": sites}, failed=errors, latency_seconds=latency, sampled=rng.random(n) < sampled
    )
    splits = (Segmentation((Band("level"), Band("site"))), Segmentation((Band("x", (-0.5, 0.5)),)))
    plan = ProfilePlan(binnings, width, splits)
    buckets = profile_buckets(table, plan)
    assert sum(bucket.rows for bucket in buckets.values()) == n
    for start, bucket in buckets.items():
        rows = np.flatnonzero((at >= start) & (at < start + width))
        expected = profile_rows(table.take(rows), plan)
        assert_same(bucket, expected)
        assert bucket.segments.keys() == expected.segments.keys()
        for name, segment in expected.segments.items():
            assert_same(bucket.segments[name], segment)


def assert_same(one: BucketProfile, other: BucketProfile) -> None:
    assert (one.rows, one.errors) == (other.rows, other.errors)
    assert one.features.keys() == other.features.keys()
    assert all(same_integers(one.features[name], other.features[name]) for name in other.features)
    assert one.latency is not None
    assert other.latency is not None
    np.testing.assert_array_equal(one.latency.counts, other.latency.counts)


def test_the_profile_of_a_million_rows_takes_about_a_kilobyte() -> None:
    rng = np.random.default_rng(0)
    values = rng.lognormal(size=1_000_000)
    rows = Rows(np.zeros(1_000_000, dtype=np.int64), {"x": NumericColumn(values)})
    profile = profile_rows(rows, ProfilePlan({"x": build_codec(values)}))
    assert len(profile.to_bytes()) <= 1126
