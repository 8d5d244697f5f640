"""A table of rows as the profiles of all its buckets: one pass over each column, however many buckets there are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.domain.wall_clock import bucket_numbers, start_of_bucket
from driftwatch.profiles.bucket import (
    BucketProfile,
    CategoricalColumn,
    Column,
    ColumnProfile,
    NumericColumn,
    profile_column,
)
from driftwatch.profiles.cardinality import empty_registers, hash_values
from driftwatch.profiles.categorical import CategoricalProfile, profile_counts
from driftwatch.profiles.check import CheckCounts
from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.grid import KeyGrid
from driftwatch.profiles.kernel import Tally, assign_bins
from driftwatch.profiles.latency import profile_latency
from driftwatch.profiles.moments import NUMERIC_TOGETHER, MomentsFrame, MomentsProfile, profile_moments_by_group
from driftwatch.profiles.numeric import NumericProfile, from_tally
from driftwatch.profiles.plan import ProfilePlan
from driftwatch.profiles.rows import Rows, take
from driftwatch.profiles.segmentation import assign_segments

__all__ = ["profile_buckets", "profile_rows"]

_MOST_COUNTS = 1 << 22  # bins × buckets held at once: 32 MiB


@dataclass(frozen=True, slots=True, eq=False)
class _Groups:
    """Rows put in the order of their keys, one for each bucket: `order[starts[g]:ends[g]]` are the rows of group g."""

    keys: NDArray[np.int64]
    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    of_row: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    def spans(self, width: int) -> Iterator[tuple[int, int]]:
        """Runs of buckets [first, last) whose counts of `width` bins each are held at once."""
        step = max(1, _MOST_COUNTS // max(1, width))
        for first in range(0, len(self), step):
            yield first, min(first + step, len(self))


def profile_rows(rows: Rows, plan: ProfilePlan) -> BucketProfile:
    """The profile of all rows together, whenever they were.

    Raises:
        ValueError: a numeric column has no bins in the plan.
    """
    chosen = rows if rows.sampled is None else rows.take(np.flatnonzero(rows.sampled))
    features = chosen.features if len(chosen) or rows.sampled is None else {}
    segments: dict[str, BucketProfile] = {}
    for split in plan.segments:
        names, places = assign_segments(rows, split) or ((), np.zeros(0, dtype=np.int64))
        within = replace(plan, segments=(), checks=(), moments={})
        segments |= {
            name: profile_rows(rows.take(np.flatnonzero(places == place)), within) for place, name in enumerate(names)
        }
    return BucketProfile(
        len(rows),
        int(np.count_nonzero(rows.failed)) if rows.failed is not None else 0,
        {name: profile_column(column, plan.binnings.get(name)) for name, column in features.items()},
        {role: profile_column(column, plan.binnings.get(role)) for role, column in rows.outputs.items()},
        profile_latency(rows.latency_seconds) if rows.latency_seconds is not None else None,
        segments,
        checks=_check(rows, plan, [np.arange(len(rows))])[0],
        moments=_moments(rows, plan, _group(np.zeros(len(rows), dtype=np.int64)))[0] if len(rows) else {},
    )


def profile_buckets(rows: Rows, plan: ProfilePlan) -> dict[int, BucketProfile]:
    """The profile of every bucket that has rows, by its start; each equals :func:`profile_rows` of its rows."""
    buckets = bucket_numbers(rows.at, plan.width, plan.zone)
    numbered = _profile_groups(rows, plan, buckets)
    start_of = {number: start_of_bucket(number, plan.width, plan.zone) for number in numbered}
    profiles = {start_of[number]: profile for number, profile in numbered.items()}
    if plan.checks:
        groups = _group(buckets)
        counts = _check(
            rows, plan, [groups.order[first:last] for first, last in zip(groups.starts, groups.ends, strict=True)]
        )
        for key, checks in zip(groups.keys.tolist(), counts, strict=True):
            profiles[start_of[key]] = replace(profiles[start_of[key]], checks=checks)
    if plan.moments:
        groups = _group(buckets)
        for key, moments in zip(groups.keys.tolist(), _moments(rows, plan, groups), strict=True):
            profiles[start_of[key]] = replace(profiles[start_of[key]], moments=moments)
    for split in plan.segments:
        assigned = assign_segments(rows, split)
        if assigned is None:
            continue
        names, places = assigned
        kept = np.flatnonzero(places >= 0)
        keys = buckets[kept] * max(1, len(names)) + places[kept]
        found: dict[int, dict[str, BucketProfile]] = {}
        for key, profile in _profile_groups(rows.take(kept), plan, keys).items():
            bucket, place = divmod(key, len(names))
            found.setdefault(start_of[bucket], {})[names[place]] = profile
        for at, segments in found.items():
            profiles[at] = replace(profiles[at], segments={**profiles[at].segments, **segments})
    return profiles


def _profile_groups(rows: Rows, plan: ProfilePlan, keys: NDArray[np.int64]) -> dict[int, BucketProfile]:
    """The profile of the rows of each key."""
    groups = _group(keys)
    features: Mapping[int, Mapping[str, ColumnProfile]]
    if rows.sampled is None or rows.sampled.all():
        features = _columns(rows.features, plan, groups)
    else:
        chosen = np.flatnonzero(rows.sampled)
        features = _columns(rows.take(chosen).features, plan, _group(keys[chosen]))
    outputs = _columns(rows.outputs, plan, groups)
    result = {}
    for place, key in enumerate(groups.keys.tolist()):
        these = groups.order[groups.starts[place] : groups.ends[place]]
        result[key] = BucketProfile(
            len(these),
            int(np.count_nonzero(rows.failed[these])) if rows.failed is not None else 0,
            features.get(key, {}),
            outputs.get(key, {}),
            profile_latency(rows.latency_seconds[these]) if rows.latency_seconds is not None else None,
        )
    return result


def _check(rows: Rows, plan: ProfilePlan, groups: Sequence[NDArray[np.int64]]) -> list[dict[str, CheckCounts]]:
    """What came of the plan's checks in each group of rows, by key."""
    looked = {check.key: check.look_at(rows) for check in plan.checks}
    return [{key: each.count(these) for key, each in looked.items() if each is not None} for these in groups]


def _moments(rows: Rows, plan: ProfilePlan, groups: _Groups) -> list[dict[str, MomentsProfile]]:
    """The moments of each group, by name; of what the rows do not hold there are none."""
    found: list[dict[str, MomentsProfile]] = [{} for _ in groups.keys]
    for name, frame in plan.moments.items():
        values = _matrix(rows, name, frame)
        if values is None:
            continue
        for into, profile in zip(
            found, profile_moments_by_group(frame, values[groups.order], groups.starts), strict=True
        ):
            if profile.n:
                into[name] = profile
    return found


def _matrix(rows: Rows, name: str, frame: MomentsFrame) -> NDArray[np.float64] | None:
    """float64[n, d], NaN where a value is missing; None where the rows hold nothing that fits the frame."""
    if name != NUMERIC_TOGETHER:
        vectors = rows.vectors.get(name)
        fits = vectors is not None and vectors.shape[1] == len(frame.names)
        return vectors.astype(np.float64) if vectors is not None and fits else None
    if not any(isinstance(rows.features.get(each), NumericColumn) for each in frame.names):
        return None
    values = np.full((len(rows), len(frame.names)), np.nan)
    for place, each in enumerate(frame.names):
        column = rows.features.get(each)
        if isinstance(column, NumericColumn):
            values[:, place] = column.with_nan
    return values


def _columns(columns: Mapping[str, Column], plan: ProfilePlan, groups: _Groups) -> dict[int, dict[str, ColumnProfile]]:
    """The profile of every column, by group and name."""
    by_name = {name: _profile(column, plan.binnings.get(name), groups) for name, column in columns.items()}
    return {
        key: {name: profiles[place] for name, profiles in by_name.items()}
        for place, key in enumerate(groups.keys.tolist())
    }


def _group(keys: NDArray[np.int64]) -> _Groups:
    order = np.argsort(keys, kind="stable") if np.any(keys[1:] < keys[:-1]) else np.arange(len(keys))
    ordered = keys[order]
    new = np.concatenate(([True], ordered[1:] != ordered[:-1])) if len(keys) else np.zeros(0, dtype=np.bool_)
    starts = np.flatnonzero(new)
    ends = np.concatenate((starts[1:], [len(keys)]))[: len(starts)]
    return _Groups(ordered[starts], order, starts, ends, np.cumsum(new) - 1)


def _profile(column: Column, binning: NumericCodec | KeyGrid | None, groups: _Groups) -> list[ColumnProfile]:
    if isinstance(column, CategoricalColumn):
        return list(_categorical(column, groups))
    if isinstance(binning, NumericCodec):
        return list(_numeric(column, binning, groups))
    spans = zip(groups.starts.tolist(), groups.ends.tolist(), strict=True)
    return [profile_column(take(column, groups.order[first:last]), binning) for first, last in spans]


def _numeric(column: NumericColumn, codec: NumericCodec, groups: _Groups) -> Iterator[NumericProfile]:
    values = column.values[groups.order]
    nulls = np.zeros(len(values), dtype=np.bool_) if column.nulls is None else column.nulls[groups.order]
    nan, finite = np.isnan(values) & ~nulls, np.isfinite(values) & ~nulls
    bins = assign_bins(values, codec)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = np.where(finite, codec.grid.scaled(values), 0.0)
        squared = scaled * scaled
    low, high = np.where(finite, values, np.inf), np.where(finite, values, -np.inf)
    for first, last in groups.spans(codec.bins):
        rows = slice(groups.starts[first], groups.ends[last - 1])
        starts = groups.starts[first:last] - groups.starts[first]
        used = finite[rows]
        where = (groups.of_row[rows] - first)[used] * codec.bins + bins[rows][used]
        counts = np.bincount(where, minlength=(last - first) * codec.bins).reshape(last - first, codec.bins)
        with np.errstate(over="ignore", invalid="ignore"):
            sums = zip(
                *(
                    ufunc.reduceat(array[rows], starts).tolist()
                    for ufunc, array in (
                        (np.add, nulls.astype(np.int64)),
                        (np.add, nan.astype(np.int64)),
                        (np.add, (~nulls & ~nan & ~finite).astype(np.int64)),
                        (np.add, scaled),
                        (np.add, squared),
                        (np.minimum, low),
                        (np.maximum, high),
                    )
                ),
                strict=True,
            )
        for row, (n_null, *rest) in zip(counts, sums, strict=True):
            yield from_tally(Tally(row, *rest), row, None, codec.digest, codec.grid, n_null)


def _categorical(column: CategoricalColumn, groups: _Groups) -> Iterator[CategoricalProfile]:
    names, places = np.unique(np.array(column.dictionary, dtype=object), return_inverse=True)
    codes: NDArray[Any] = np.concatenate((places, [-1]))[column.codes[groups.order]]
    register, rank = hash_values(names.tolist())
    for first, last in zip(groups.starts.tolist(), groups.ends.tolist(), strict=True):
        present, counts = np.unique(codes[first:last], return_counts=True)
        n_null = int(counts[0]) if present[0] < 0 else 0
        known = present[present >= 0]
        registers = empty_registers()
        np.maximum.at(registers, register[known], rank[known])
        by_value = dict(zip(names[known].tolist(), counts[len(present) - len(known) :].tolist(), strict=True))
        yield profile_counts(by_value, n_null=n_null, registers=registers)
