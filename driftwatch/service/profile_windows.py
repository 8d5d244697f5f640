"""Profiles of some columns over windows of several buckets, read from the store."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from driftwatch.monitors.alignment import Alignment
from driftwatch.monitors.spec import ModelSpec
from driftwatch.profiles.bucket import BucketProfile, ColumnProfile
from driftwatch.profiles.categorical import CategoricalProfile
from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.numeric import NumericProfile
from driftwatch.storage import profile, registration

__all__ = ["Grid", "all_of", "column_of", "merge_columns", "read_windows"]


@dataclass(frozen=True, slots=True)
class Grid:
    """Windows of `span` hours or longer buckets each, numbered from Monday 1969-12-29; they do not overlap.

    Attributes:
        alignment: of the buckets.
        span: buckets in a window.
    """

    alignment: Alignment
    span: int

    @classmethod
    def of(cls, spec: ModelSpec, width: int) -> "Grid | None":
        """Windows of `width` microseconds of a model; None if they are no whole number of its buckets."""
        alignment = Alignment.of(spec).hourly
        return None if width % alignment.width else cls(alignment, width // alignment.width)

    def start(self, number: int) -> int:
        """When a window starts, microseconds UTC; it ends where the next starts."""
        return self.alignment.start(number * self.span)

    def number(self, at: int) -> int:
        """The window that holds an instant."""
        return self.alignment.index(at) // self.span

    def whole(self, start: int, end: int) -> range:
        """The windows that lie in ``[start, end)``."""
        first, stop = self.number(start), self.number(end)
        return range(first if self.start(first) >= start else first + 1, stop)


def read_windows(
    conn: Connection,
    model_id: int,
    spec: ModelSpec,
    grid: Grid,
    numbers: range,
    codecs: Mapping[str, NumericCodec],
    wanted: Callable[[BucketProfile], Mapping[str, ColumnProfile | None]],
) -> dict[str, dict[int, ColumnProfile]]:
    """By column and window, the sum of its buckets; windows without rows are left out, and excluded periods.

    Args:
        conn: to read with.
        model_id: whose.
        spec: its declaration.
        grid: the windows.
        numbers: which of them.
        codecs: by column name; outputs by role.
        wanted: the columns of a bucket, by name.
    """
    found: dict[str, dict[int, ColumnProfile]] = {}
    if not numbers:
        return found
    bounds = grid.start(numbers[0]), grid.start(numbers[-1] + 1)
    excluded = [(each.start, each.end) for each in spec.left_out]
    for version in registration.list_versions(conn, model_id):
        for bucket in profile.read_buckets(conn, version.id, *bounds):
            if any(start <= bucket.bucket_at < end for start, end in excluded):
                continue
            number = grid.number(bucket.bucket_at)
            for payload in bucket.payloads:
                for name, column in wanted(BucketProfile.from_bytes(payload).recode(codecs)).items():
                    if column is not None:
                        windows = found.setdefault(name, {})
                        windows[number] = merge_columns(windows.get(number), column)
    return found


def column_of(bucket: BucketProfile, spec: ModelSpec, name: str, *, output: bool) -> ColumnProfile | None:
    """A column by the name that the specification gives it; outputs first, or features first."""
    role = next((role for role, column in spec.columns.roles().items() if column == name), name)
    sides = (bucket.outputs.get(role), bucket.features.get(name))
    return next((side for side in (sides if output else sides[::-1]) if side is not None), None)


def merge_columns(one: ColumnProfile | None, other: ColumnProfile) -> ColumnProfile:
    """The sum of two profiles of a column; of two kinds, or of other bins, the first."""
    match one, other:
        case NumericProfile(), NumericProfile() if (one.codec, one.cells is None) == (other.codec, other.cells is None):
            return one.merge(other)
        case CategoricalProfile(), CategoricalProfile():
            return one.merge(other)
        case None, _:
            return other
        case _:
            return one


def all_of(windows: Mapping[int, ColumnProfile], numbers: Sequence[int]) -> ColumnProfile | None:
    """The sum of some windows."""
    total: ColumnProfile | None = None
    for number in numbers:
        if number in windows:
            total = merge_columns(total, windows[number])
    return total
