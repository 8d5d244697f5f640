"""A table of rows as the profiles of all its buckets: one pass over each column, however many buckets there are."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.domain.instant import bucket_start
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
from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.grid import KeyGrid
from driftwatch.profiles.kernel import Tally, assign_bins
from driftwatch.profiles.latency import profile_latency
from driftwatch.profiles.numeric import NumericProfile, from_tally

__all__ = ["profile_buckets"]

_MOST_COUNTS = 1 << 22  # bins × buckets held at once: 32 MiB


@dataclass(frozen=True, slots=True, eq=False)
class _Groups:
    """Rows put in the order of their buckets: `order[starts[g]:ends[g]]` are the rows of bucket g."""

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


def profile_buckets(
    at: NDArray[np.int64],
    width: int,
    *,
    features: Mapping[str, Column],
    binnings: Mapping[str, NumericCodec | KeyGrid],
    outputs: Mapping[str, Column] | None = None,
    errors: NDArray[np.bool_] | None = None,
    latency_seconds: NDArray[np.float64] | None = None,
) -> dict[int, BucketProfile]:
    """The profile of every bucket that has rows, by the bucket's start; each equals ``profile_rows`` of its rows.

    Args:
        at: int64[n], microseconds UTC.
        width: of a bucket, in microseconds.
        features: by name, n values each.
        binnings: for each numeric column: by feature name, and by role for outputs.
        outputs: by role.
        errors: bool[n], true where the row failed.
        latency_seconds: float64[n], NaN where a row has none.
    """
    groups = _group(at, width)
    by_feature = {name: _profile(column, binnings.get(name), groups) for name, column in features.items()}
    by_role = {role: _profile(column, binnings.get(role), groups) for role, column in (outputs or {}).items()}
    result = {}
    for place in range(len(groups)):
        rows = groups.order[groups.starts[place] : groups.ends[place]]
        result[bucket_start(int(at[rows[0]]), width)] = BucketProfile(
            len(rows),
            int(np.count_nonzero(errors[rows])) if errors is not None else 0,
            {name: profiles[place] for name, profiles in by_feature.items()},
            {role: profiles[place] for role, profiles in by_role.items()},
            profile_latency(latency_seconds[rows]) if latency_seconds is not None else None,
        )
    return result


def _group(at: NDArray[np.int64], width: int) -> _Groups:
    bucket = at // width
    order = np.argsort(bucket, kind="stable") if np.any(bucket[1:] < bucket[:-1]) else np.arange(len(at))
    ordered = bucket[order]
    new = np.concatenate(([True], ordered[1:] != ordered[:-1])) if len(at) else np.zeros(0, dtype=np.bool_)
    starts = np.flatnonzero(new)
    return _Groups(order, starts, np.concatenate((starts[1:], [len(at)]))[: len(starts)], np.cumsum(new) - 1)


def _profile(column: Column, binning: NumericCodec | KeyGrid | None, groups: _Groups) -> list[ColumnProfile]:
    if isinstance(column, CategoricalColumn):
        return list(_categorical(column, groups))
    if isinstance(binning, NumericCodec):
        return list(_numeric(column, binning, groups))
    return [profile_column(_rows(column, groups, place), binning) for place in range(len(groups))]


def _rows(column: NumericColumn, groups: _Groups, place: int) -> NumericColumn:
    rows = groups.order[groups.starts[place] : groups.ends[place]]
    return NumericColumn(column.values[rows], None if column.nulls is None else column.nulls[rows])


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
