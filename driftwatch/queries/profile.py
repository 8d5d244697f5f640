"""Profiles of a model's buckets, added up: all versions together, all columns in their codecs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from sqlalchemy import Connection

from driftwatch.monitors.spec import ModelSpec
from driftwatch.profiles.bucket import BucketProfile, ColumnProfile
from driftwatch.profiles.categorical import CategoricalProfile
from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.latency import LatencyProfile
from driftwatch.profiles.numeric import NumericProfile
from driftwatch.queries.catalogue import KnownModel
from driftwatch.queries.series import MOST_POINTS, TrafficPoint
from driftwatch.queries.span import Span
from driftwatch.storage.profile import read_buckets
from driftwatch.storage.registration import read_codecs

__all__ = ["Traffic", "column_profile", "list_columns", "output_roles", "read_column", "read_traffic"]


@dataclass(frozen=True)
class Traffic:
    """What was served in a window.

    Attributes:
        points: by bucket, oldest first; buckets without rows are absent.
        n: rows.
        errors: rows whose call failed.
        p50: median latency in seconds, None where no row carried one.
        p95: its 95th percentile.
    """

    points: tuple[TrafficPoint, ...]
    n: int
    errors: int
    p50: float | None
    p95: float | None

    @property
    def error_rate(self) -> float | None:
        """Share of rows that failed, None without rows."""
        return self.errors / self.n if self.n else None


@dataclass
class _Bucket:
    n: int = 0
    errors: int = 0
    latency: LatencyProfile | None = None

    def add(self, profile: BucketProfile) -> None:
        self.n += profile.rows
        self.errors += profile.errors
        if profile.latency is not None:
            self.latency = profile.latency if self.latency is None else self.latency.merge(profile.latency)


def read_traffic(conn: Connection, model: KnownModel, span: Span, *, width: int) -> Traffic:
    """Rows, errors and latency of the window, in buckets of `width` or as much wider as 2,000 points ask for."""
    step = width * max(1, -(-span.width // (width * MOST_POINTS)))
    buckets: dict[int, _Bucket] = {}
    whole = _Bucket()
    for at, profile in _profiles(conn, model, span):
        start = span.start + (at - span.start) // step * step
        buckets.setdefault(start, _Bucket()).add(profile)
    for bucket in buckets.values():
        whole.n += bucket.n
        whole.errors += bucket.errors
        if bucket.latency is not None:
            whole.latency = bucket.latency if whole.latency is None else whole.latency.merge(bucket.latency)
    points = tuple(
        TrafficPoint(at, at + step, each.n, each.errors, _quantile(each.latency, 0.5), _quantile(each.latency, 0.95))
        for at, each in sorted(buckets.items())
    )
    return Traffic(points, whole.n, whole.errors, _quantile(whole.latency, 0.5), _quantile(whole.latency, 0.95))


def read_column(
    conn: Connection, model: KnownModel, column: str, spans: Sequence[Span]
) -> tuple[list[ColumnProfile | None], NumericCodec | None]:
    """One column over each window, and the codec that all of its numeric profiles are in.

    The kind is that of the first window that has rows; a window of another kind, or without rows, is None.
    """
    payload = read_codecs(conn, model.id).get(output_roles(model.spec).get(column, column))
    parts = [
        [
            part
            for _, profile in _profiles(conn, model, span)
            if (part := column_profile(profile, column, model.spec)) is not None
        ]
        for span in spans
    ]
    leading = next((group for group in parts if group), [])
    numeric = [[part for part in group if isinstance(part, NumericProfile)] for group in parts]
    if 2 * sum(isinstance(part, NumericProfile) for part in leading) > len(leading):
        everything = [part for group in numeric for part in group]
        codec = NumericCodec.from_bytes(payload) if payload is not None else _codec_of_cells(everything)
        return [_add_numeric(group, codec) for group in numeric], codec
    categorical = [[part for part in group if isinstance(part, CategoricalProfile)] for group in parts]
    return [reduce(CategoricalProfile.merge, group) if group else None for group in categorical], None


def list_columns(conn: Connection, model: KnownModel, span: Span) -> set[str]:
    """The columns that the rows of the window carried, by the names that findings give them."""
    roles = {role: name for name, role in reversed(output_roles(model.spec).items())}
    declared = set(model.spec.features.names)
    names: set[str] = set()
    for _, profile in _profiles(conn, model, span):
        features = profile.features.keys()
        names |= features & declared if declared else features
        names |= {roles[role] for role in profile.outputs if role in roles}
    return names


def column_profile(profile: BucketProfile, column: str, spec: ModelSpec) -> ColumnProfile | None:
    """The profile of a column by the name that findings give it."""
    if column in profile.features:
        return profile.features[column]
    role = output_roles(spec).get(column)
    return None if role is None else profile.outputs.get(role)


def output_roles(spec: ModelSpec) -> dict[str, str]:
    """Role by the name that findings give an output."""
    declared = spec.columns.roles()
    names = {declared.get(role, role): role for role in ("score", "prediction", "outcome")}
    return {**names, **{f"{name} (output)": role for name, role in names.items()}}


def _profiles(conn: Connection, model: KnownModel, span: Span) -> Iterable[tuple[int, BucketProfile]]:
    for version_id in model.versions.values():
        for bucket in read_buckets(conn, version_id, span.start, span.end):
            for payload in bucket.payloads:
                yield bucket.bucket_at, BucketProfile.from_bytes(payload)


def _add_numeric(parts: Sequence[NumericProfile], codec: NumericCodec) -> NumericProfile | None:
    """The sum, in the codec's bins; a profile of another codec is left out, for it cannot be added."""
    usable = [part.recode(codec) for part in parts if part.cells is not None or part.codec == codec.digest]
    return reduce(NumericProfile.merge, usable) if usable else None


def _codec_of_cells(parts: Sequence[NumericProfile]) -> NumericCodec:
    """Bins for a column that has no codec yet: one an occupied cell of the grid that its profiles share."""
    grid = parts[0].grid
    cells = np.unique(np.concatenate([part.cells for part in parts if part.cells is not None]))
    edges = grid.upper_edges(np.unique(np.concatenate((cells, cells - 1))))
    return NumericCodec(np.unique(edges[np.isfinite(edges)]), grid)


def _quantile(latency: LatencyProfile | None, q: float) -> float | None:
    return None if latency is None else latency.quantile(q)
