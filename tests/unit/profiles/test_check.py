"""Checks are a part of the bucket profile: counted by bucket, stored, merged, and never in a segment."""

import numpy as np

from driftwatch.domain.instant import HOUR
from driftwatch.profiles.bucket import BucketProfile, CategoricalColumn, NumericColumn
from driftwatch.profiles.check import CheckCounts
from driftwatch.profiles.codec import build_codec
from driftwatch.profiles.history import profile_buckets, profile_rows
from driftwatch.profiles.plan import ProfilePlan
from driftwatch.profiles.rows import Rows
from driftwatch.profiles.segmentation import Band, Segmentation
from driftwatch.quality.check import DemandCheck
from driftwatch.quality.demand import Constraint, demands_of

DEMANDS = demands_of(
    [
        Constraint("x", between=(0.0, 1.0), not_null=True),
        Constraint("c", allowed=("a", "b"), unique=True),
        Constraint("gone", regex="."),
    ]
)
RANGE, NOT_NULL, IN, UNIQUE, GONE = (each.key for each in DEMANDS)
PLAN = ProfilePlan(
    {"x": build_codec(np.linspace(0, 1, 100))},
    HOUR,
    segments=(Segmentation((Band("c"),)),),
    checks=tuple(DemandCheck(each) for each in DEMANDS),
)


def rows(n: int = 40) -> Rows:
    rng = np.random.default_rng(4)
    return Rows(
        rng.integers(0, 3 * HOUR, n),
        features={
            "x": NumericColumn(rng.normal(size=n), rng.random(n) < 0.2),
            "c": CategoricalColumn(["a", "b", "c"], rng.integers(-1, 3, n)),
        },
    )


def test_every_bucket_has_the_counts_of_its_own_rows() -> None:
    whole = rows()
    buckets = profile_buckets(whole, PLAN)
    assert len(buckets) == 3
    for start, profile in buckets.items():
        alone = profile_rows(whole.take(np.flatnonzero(whole.at // HOUR * HOUR == start)), PLAN)
        assert profile.checks == alone.checks
        assert profile.checks.keys() == {RANGE, NOT_NULL, IN, UNIQUE}
        assert profile.segments
        assert not any(segment.checks for segment in profile.segments.values())


def test_counts_of_buckets_add_to_those_of_the_whole_but_for_repeats_across_them() -> None:
    whole = rows()
    merged = BucketProfile(0)
    for profile in profile_buckets(whole, PLAN).values():
        merged = merged.merge(profile)
    together = profile_rows(whole, PLAN)
    for key in (RANGE, NOT_NULL, IN):
        assert merged.checks[key] == together.checks[key]
    assert merged.checks[UNIQUE].n_violated < together.checks[UNIQUE].n_violated


def test_checks_are_stored_and_absent_where_there_are_none() -> None:
    profile = profile_rows(rows(), PLAN)
    assert BucketProfile.from_bytes(profile.to_bytes()).checks == profile.checks
    plain = BucketProfile(3)
    assert "checks" not in plain.to_fields()
    assert BucketProfile.from_fields(plain.to_fields()).checks == {}
    assert plain.merge(BucketProfile(1, checks={"k": CheckCounts(1, 1)})).checks == {"k": CheckCounts(1, 1)}


def test_rows_of_no_bucket_have_no_checks() -> None:
    assert profile_buckets(rows(0), PLAN) == {}
