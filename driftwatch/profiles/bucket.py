"""The bucket profile: everything that is kept of the rows of one version in one time bucket."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import ormsgpack
import zstandard
from numpy.typing import NDArray

from driftwatch.profiles.categorical import CategoricalProfile, profile_categorical
from driftwatch.profiles.check import CheckCounts, merge_counts
from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.grid import KeyGrid
from driftwatch.profiles.latency import LatencyProfile
from driftwatch.profiles.moments import MomentsProfile, merge_moments
from driftwatch.profiles.numeric import NumericProfile, profile_numeric

__all__ = [
    "BucketProfile",
    "CategoricalColumn",
    "Column",
    "ColumnProfile",
    "NumericColumn",
    "profile_column",
]

ColumnProfile: TypeAlias = NumericProfile | CategoricalProfile

_FORMAT = 1
_KINDS: dict[str, type[NumericProfile | CategoricalProfile]] = {"n": NumericProfile, "c": CategoricalProfile}


@dataclass(frozen=True, slots=True, eq=False)
class NumericColumn:
    """A numeric column of some rows.

    Attributes:
        values: float64[n].
        nulls: bool[n], true where the value is missing; None where none is.
    """

    values: NDArray[np.float64]
    nulls: NDArray[np.bool_] | None = None

    @property
    def present(self) -> NDArray[np.float64]:
        """The values that are not null (NaN among them)."""
        return self.values if self.nulls is None else self.values[~self.nulls]

    @property
    def with_nan(self) -> NDArray[np.float64]:
        """float64[n], NaN where the value is missing."""
        return self.values if self.nulls is None else np.where(self.nulls, np.nan, self.values)


@dataclass(frozen=True, slots=True, eq=False)
class CategoricalColumn:
    """A categorical (or boolean: "true", "false") column of some rows.

    Attributes:
        dictionary: the values.
        codes: int[n], places in the dictionary, -1 where the value is missing.
    """

    dictionary: list[str]
    codes: NDArray[np.integer[Any]]


Column: TypeAlias = NumericColumn | CategoricalColumn


@dataclass(frozen=True, slots=True, eq=False)
class BucketProfile:
    """A sum of rows. The store keeps it per version and bucket, a delta for each batch and one folded row.

    Attributes:
        rows: how many rows.
        errors: rows whose serving call failed.
        features: profile by feature name. A feature that a batch did not carry is absent from its delta.
        outputs: profile by role: "score", "prediction", "outcome".
        latency: None where no row carried one.
        segments: the part of these rows that is in each segment, by its name; rows that lack a value are in none.
        checks: by key, how many rows break what is demanded of them.
        moments: of all numeric features together (under :data:`~driftwatch.profiles.moments.NUMERIC_TOGETHER`) and of
            each embedding, once they have a frame.
    """

    rows: int
    errors: int = 0
    features: Mapping[str, ColumnProfile] = field(default_factory=dict)
    outputs: Mapping[str, ColumnProfile] = field(default_factory=dict)
    latency: LatencyProfile | None = None
    segments: Mapping[str, "BucketProfile"] = field(default_factory=dict)
    checks: Mapping[str, CheckCounts] = field(default_factory=dict)
    moments: Mapping[str, MomentsProfile] = field(default_factory=dict)

    def merge(self, other: "BucketProfile") -> "BucketProfile":
        """The profile of both together; associative and commutative.

        Raises:
            ValueError: a column is in other bins, or of another kind, on the two sides; the message names it.
        """
        return BucketProfile(
            self.rows + other.rows,
            self.errors + other.errors,
            _merge_columns(self.features, other.features),
            _merge_columns(self.outputs, other.outputs),
            self.latency.merge(other.latency) if self.latency and other.latency else self.latency or other.latency,
            {
                **self.segments,
                **{
                    name: self.segments[name].merge(segment) if name in self.segments else segment
                    for name, segment in other.segments.items()
                },
            },
            checks=merge_counts(self.checks, other.checks),
            moments=merge_moments(self.moments, other.moments),
        )

    def recode(self, codecs: Mapping[str, NumericCodec]) -> "BucketProfile":
        """This profile with every column that has a codec now, and had none, in the codec's bins.

        Args:
            codecs: by column; features by their name, outputs by their role.
        """
        return BucketProfile(
            self.rows,
            self.errors,
            _recode_columns(self.features, codecs),
            _recode_columns(self.outputs, codecs),
            self.latency,
            {name: segment.recode(codecs) for name, segment in self.segments.items()},
            checks=self.checks,
            moments=self.moments,
        )

    def to_bytes(self) -> bytes:
        """One compressed msgpack map."""
        fields = {"v": _FORMAT, **self.to_fields()}
        return zstandard.ZstdCompressor(level=3).compress(ormsgpack.packb(fields))

    @classmethod
    def from_bytes(cls, payload: bytes) -> "BucketProfile":
        """Read what :meth:`to_bytes` wrote.

        Raises:
            ValueError: these are not the bytes of a bucket profile, or they are of a later release.
        """
        try:
            fields = ormsgpack.unpackb(zstandard.ZstdDecompressor().decompress(payload))
            if fields["v"] != _FORMAT:
                raise ValueError(f"a bucket profile of format {fields['v']!r} cannot be read by this release")
            return cls.from_fields(fields)
        except (KeyError, TypeError, AttributeError, zstandard.ZstdError) as error:
            raise ValueError("these bytes are not a bucket profile") from error

    def to_fields(self) -> dict[str, Any]:
        """What is stored; parts that came later than the first release are absent where they hold nothing."""
        fields = {
            "rows": self.rows,
            "errors": self.errors,
            "features": {name: _to_fields(column) for name, column in self.features.items()},
            "outputs": {name: _to_fields(column) for name, column in self.outputs.items()},
            "latency": self.latency.to_fields() if self.latency else None,
        }
        if self.segments:
            fields["segments"] = {name: segment.to_fields() for name, segment in self.segments.items()}
        if self.checks:
            fields["checks"] = {key: self.checks[key].to_fields() for key in sorted(self.checks)}
        if self.moments:
            fields["moments"] = {name: self.moments[name].to_fields() for name in sorted(self.moments)}
        return fields

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> "BucketProfile":
        """Read what :meth:`to_fields` gave."""
        return cls(
            fields["rows"],
            fields["errors"],
            {name: _from_fields(column) for name, column in fields["features"].items()},
            {name: _from_fields(column) for name, column in fields["outputs"].items()},
            LatencyProfile.from_fields(fields["latency"]) if fields["latency"] else None,
            {name: cls.from_fields(segment) for name, segment in fields.get("segments", {}).items()},
            checks={key: CheckCounts.from_fields(counts) for key, counts in fields.get("checks", {}).items()},
            moments={name: MomentsProfile.from_fields(sums) for name, sums in fields.get("moments", {}).items()},
        )


def profile_column(column: Column, binning: NumericCodec | KeyGrid | None = None) -> ColumnProfile:
    """Profile one column; a numeric one needs its binning.

    Raises:
        ValueError: a numeric column without one.
    """
    if isinstance(column, CategoricalColumn):
        return profile_categorical(column.dictionary, column.codes)
    if binning is None:
        raise ValueError("a numeric column is profiled in a codec or on a key grid")
    return profile_numeric(column.values, binning, column.nulls)


def _merge_columns(
    left: Mapping[str, ColumnProfile], right: Mapping[str, ColumnProfile]
) -> Mapping[str, ColumnProfile]:
    merged = dict(left)
    for name, profile in right.items():
        merged[name] = _merge(name, merged[name], profile) if name in merged else profile
    return merged


def _merge(name: str, left: ColumnProfile, right: ColumnProfile) -> ColumnProfile:
    if isinstance(left, NumericProfile) and isinstance(right, NumericProfile):
        try:
            return left.merge(right)
        except ValueError as error:
            raise ValueError(f"column {name!r}: {error}") from None
    if isinstance(left, CategoricalProfile) and isinstance(right, CategoricalProfile):
        return left.merge(right)
    raise ValueError(f"column {name!r} is numeric on one side and categorical on the other")


def _recode_columns(
    columns: Mapping[str, ColumnProfile], codecs: Mapping[str, NumericCodec]
) -> Mapping[str, ColumnProfile]:
    return {
        name: column.recode(codecs[name]) if isinstance(column, NumericProfile) and name in codecs else column
        for name, column in columns.items()
    }


def _to_fields(column: ColumnProfile) -> list[Any]:
    return ["n" if isinstance(column, NumericProfile) else "c", column.to_fields()]


def _from_fields(fields: list[Any]) -> ColumnProfile:
    return _KINDS[fields[0]].from_fields(fields[1])
