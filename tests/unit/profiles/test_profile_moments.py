"""Moments add up bit for bit, are those of the rounded values exactly, and what is missing moves no sum."""

import hashlib
from fractions import Fraction
from itertools import pairwise

import numpy as np
import ormsgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from driftwatch.domain.instant import HOUR
from driftwatch.profiles.bucket import BucketProfile, NumericColumn
from driftwatch.profiles.grid import KeyGrid
from driftwatch.profiles.history import profile_buckets, profile_rows
from driftwatch.profiles.moments import (
    NUMERIC_TOGETHER,
    UNIT,
    MomentsFrame,
    MomentsProfile,
    profile_moments,
    propose_frame,
    sums_of,
    sums_of_values,
)
from driftwatch.profiles.plan import ProfilePlan
from driftwatch.profiles.rows import Rows

FRAME = MomentsFrame(("a", "b", "c"), np.array([0.0, 10.0, -1.0]), np.array([1.0, 4.0, 0.5]))


def mixed(rows: int, columns: int = 3, seed: int = 1) -> NDArray[np.float64]:
    """Normal values with gaps, infinities and outliers."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, columns))
    values[rng.random(values.shape) < 0.1] = np.nan
    values[rng.random(values.shape) < 0.02] = np.inf
    values[rng.random(values.shape) < 0.02] = 1e300
    return values


def same(one: MomentsProfile, other: MomentsProfile) -> bool:
    return (one.frame, one.n) == (other.frame, other.n) and np.array_equal(one.sums, other.sums)


@settings(deadline=None, max_examples=50)
@given(data=st.data(), rows=st.integers(0, 300), columns=st.sampled_from([1, 2, 5, 60]))
def test_any_split_in_any_order_has_the_bits_of_the_whole(data: st.DataObject, rows: int, columns: int) -> None:
    values = mixed(rows, columns)
    frame = propose_frame({str(place): np.array([0.0, 1.0, 2.0]) for place in range(columns)})
    cuts = sorted(data.draw(st.lists(st.integers(0, rows), max_size=6)))
    parts = [profile_moments(frame, values[first:stop]) for first, stop in pairwise([0, *cuts, rows])]
    order = data.draw(st.permutations(parts))
    merged = order[0]
    for part in order[1:]:
        merged = merged.merge(part)
    shuffled = profile_moments(frame, values[np.random.default_rng(0).permutation(rows)])
    assert same(merged, profile_moments(frame, values))
    assert same(shuffled, profile_moments(frame, values))


@settings(deadline=None, max_examples=50)
@given(arrays(np.float64, st.tuples(st.integers(1, 40), st.just(3)), elements=st.floats(-1e6, 1e6)))
def test_the_sums_are_those_of_the_rounded_values_to_the_last_bit(values: NDArray[np.float64]) -> None:
    z = [[Fraction(float(each)) for each in row] for row in FRAME.place(values) * UNIT]
    profile = profile_moments(FRAME, values)
    for i in range(3):
        assert Fraction(int(profile.sums[i])) * Fraction(UNIT) == sum(row[i] for row in z)
    upper = iter(profile.sums[3:9].tolist())
    for i in range(3):
        for j in range(i, 3):
            assert next(upper) * Fraction(UNIT) ** 2 == sum(row[i] * row[j] for row in z)


def test_mean_and_second_moment_are_numpys() -> None:
    values = np.random.default_rng(2).normal(size=(5_000, 3)) * FRAME.scale + FRAME.centre
    z = np.clip(np.rint((values - FRAME.centre) / FRAME.scale * 2048), -16384, 16384) / 2048
    profile = profile_moments(FRAME, values)
    np.testing.assert_allclose(profile.mean, z.mean(axis=0), rtol=0, atol=1e-13)
    np.testing.assert_allclose(profile.second, z.T @ z / len(z), rtol=1e-13)


def test_what_is_missing_takes_the_centre_and_a_row_without_a_value_is_not_counted() -> None:
    values = np.array([[1.0, np.nan, np.inf], [np.nan, np.nan, np.nan], [2.0, 14.0, -1.0]])
    profile = profile_moments(FRAME, values)
    assert profile.n == 2
    np.testing.assert_array_equal(profile.mean * 2, [3.0, 1.0, 0.0])


def test_values_beyond_eight_are_cut_and_nothing_overflows() -> None:
    profile = profile_moments(FRAME, np.array([[1e308, -1e308, 1e20], [-1e308, 1e308, -1e20]]))
    np.testing.assert_array_equal(profile.mean, [0.0, 0.0, 0.0])
    np.testing.assert_array_equal(np.abs(profile.second), np.full((3, 3), 64.0))


def test_above_fifty_columns_a_projection_that_the_names_alone_decide_keeps_lengths() -> None:
    values = np.random.default_rng(3).normal(size=(2_000, 300))
    frame = propose_frame({f"x{place}": values[:, place] for place in range(300)})
    assert (frame.dimensions, frame.is_projected) == (50, True)
    assert hashlib.sha256(frame.projection.astype(np.int8).tobytes()).hexdigest()[:16] == "e8bc620104f60e60"
    lengths = np.trace(profile_moments(frame, values).second) / 50
    expected = np.mean((values / frame.scale) ** 2)  # Johnson and Lindenstrauss: lengths are kept in the mean
    assert lengths == pytest.approx(expected, rel=0.05)
    renamed = MomentsFrame((*frame.names[:-1], "other"), frame.centre, frame.scale)
    assert not np.array_equal(renamed.projection, frame.projection)


def test_a_row_at_each_value_adds_what_the_profile_of_that_row_has() -> None:
    values = np.array([0.0, -0.37, 1 / 3, 2.5, -7.99, 8.0, -123.0, 1e300])
    frame = MomentsFrame(("x",), np.zeros(1), np.ones(1))
    alone = [profile_moments(frame, value.reshape(1, 1)).sums for value in values]
    np.testing.assert_array_equal(sums_of_values(values), alone)


def test_profiles_of_two_frames_cannot_be_added() -> None:
    other = MomentsFrame(FRAME.names, FRAME.centre + 1, FRAME.scale)
    one, two = (profile_moments(frame, mixed(5)) for frame in (FRAME, other))
    with pytest.raises(ValueError, match="different frames"):
        one.merge(two)
    with pytest.raises(ValueError, match="numeric features"):
        BucketProfile(5, moments={NUMERIC_TOGETHER: one}).merge(BucketProfile(5, moments={NUMERIC_TOGETHER: two}))


def test_a_profile_and_a_frame_survive_their_bytes() -> None:
    profile = BucketProfile(40, moments={"": profile_moments(FRAME, mixed(40)), "v": profile_moments(FRAME, mixed(9))})
    again = BucketProfile.from_bytes(profile.to_bytes())
    assert all(same(again.moments[name], profile.moments[name]) for name in ("", "v"))
    assert MomentsFrame.from_bytes(FRAME.to_bytes()) == FRAME
    with pytest.raises(ValueError, match="not a frame"):
        MomentsFrame.from_bytes(b"\x80")
    with pytest.raises(ValueError, match="dimensions"):
        MomentsProfile.from_fields([b"", 2, 1, profile.moments[""].to_fields()[3]])


def test_the_bytes_are_those_of_the_first_release() -> None:
    values = np.array([[0.5, 12.0, -1.25], [-3.0, np.nan, 0.0], [9.0, 10.0, -1.0]])
    packed = ormsgpack.packb(profile_moments(FRAME, values).to_fields())
    assert FRAME.digest.hex() == "b748d6d51b30e3164d6cc5ae2064333c"
    assert hashlib.sha256(packed).hexdigest()[:16] == "6a6b9da99718e6e8"


def test_a_profile_without_moments_is_stored_as_before_and_read_from_before() -> None:
    assert "moments" not in BucketProfile(3).to_fields()
    assert BucketProfile.from_bytes(BucketProfile(3).to_bytes()).moments == {}


def test_a_frame_has_a_positive_scale_for_each_of_its_columns() -> None:
    for centre, scale in (([0.0], [1.0, 1.0]), ([0.0, np.nan], [1.0, 1.0]), ([0.0, 0.0], [1.0, 0.0])):
        with pytest.raises(ValueError, match="one finite centre"):
            MomentsFrame(("a", "b"), np.array(centre), np.array(scale))


def test_the_profile_of_buckets_is_that_of_their_rows_and_outside_segments_alone() -> None:
    rng = np.random.default_rng(5)
    at = rng.integers(0, 5, 400) * HOUR + rng.integers(0, HOUR, 400)
    nulls = rng.random(400) < 0.2
    features = {"a": NumericColumn(rng.normal(size=400), nulls), "b": NumericColumn(rng.normal(10, 4, 400))}
    vectors = {"v": rng.normal(size=(400, 4)).astype(np.float32)}
    vectors["v"][:50] = np.nan
    frames = {NUMERIC_TOGETHER: FRAME, "v": propose_frame({str(place): rng.normal(size=50) for place in range(4)})}
    plan = ProfilePlan({"a": KeyGrid(0.0, 1.0), "b": KeyGrid(10.0, 4.0)}, moments=frames)
    rows = Rows(at, features, vectors=vectors)
    buckets = profile_buckets(rows, plan)
    for start, bucket in buckets.items():
        alone = profile_rows(rows.take(np.flatnonzero(at // HOUR * HOUR == start)), plan)
        assert bucket.moments.keys() == alone.moments.keys() == {"", "v"}
        assert all(same(bucket.moments[name], alone.moments[name]) for name in bucket.moments)
    assert sum(bucket.moments["v"].n for bucket in buckets.values()) == 350
    assert len(buckets[0].moments[""].sums) == sums_of(3)
