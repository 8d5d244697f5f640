"""The wall clock of an IANA time zone, through every change of its offset: daylight saving time, and new laws."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from driftwatch.domain.instant import DAY, HOUR, SECOND, to_datetime

__all__ = ["WallClock", "bucket_number", "bucket_numbers", "start_of_bucket", "wall_clock"]

Ints = NDArray[np.int64]

_UNTIL = 130 * 366 * DAY  # 2100
_STEP = 7 * DAY
_NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True, eq=False)
class WallClock:
    """What the clock on the wall shows, as microseconds: local time read as if it were UTC.

    Exact from 1970 to 2100, to the second; the offsets at either end hold for ever beyond. Two changes within a
    week would be taken for none, or for one.

    Attributes:
        changes: int64[k], the instants at which the offset changes, ascending.
        offsets: int64[k+1], local time minus UTC before, between and after them.
    """

    changes: Ints
    offsets: Ints

    def local(self, at: Ints) -> Ints:
        """int64[n], the wall clock at instants `at`."""
        return np.asarray(at + self.offsets[np.searchsorted(self.changes, at, side="right")], dtype=np.int64)

    def furthest(self, at: Ints) -> Ints:
        """int64[n], the latest time that the wall clock has shown up to `at`: it never goes back."""
        shown = np.concatenate(([_NEVER], np.maximum.accumulate(self.changes + self.offsets[:-1]) - 1))
        before = shown[np.searchsorted(self.changes, at, side="right")]
        return np.asarray(np.maximum(self.local(at), before), dtype=np.int64)

    def first_at(self, local: Ints) -> Ints:
        """int64[n], the first instant at which the wall clock shows `local` or later.

        Of a time that comes twice it is the first, of one that is left out the moment of the change.
        """
        ends = np.maximum.accumulate(self.changes + self.offsets[:-1])
        stretch = np.searchsorted(ends, local, side="right")
        begins = np.concatenate(([_NEVER], self.changes))
        return np.asarray(np.maximum(begins[stretch], local - self.offsets[stretch]), dtype=np.int64)


@cache
def wall_clock(zone: str) -> WallClock:
    """The wall clock of an IANA zone, made once a process."""
    info = ZoneInfo(zone)

    def offset(at: int) -> int:
        return (to_datetime(at).astimezone(info).utcoffset() or timedelta()) // timedelta(microseconds=1)

    changes, offsets = [], [offset(0)]
    for end in range(_STEP, _UNTIL, _STEP):
        after = offset(end)
        if after == offsets[-1]:
            continue
        low, high = end - _STEP, end
        while high - low > SECOND:
            middle = (low + high) // (2 * SECOND) * SECOND
            low, high = (middle, high) if offset(middle) == offsets[-1] else (low, middle)
        changes.append(high)
        offsets.append(after)
    return WallClock(np.array(changes, dtype=np.int64), np.array(offsets, dtype=np.int64))


def bucket_numbers(at: Ints, width: int, zone: str = "UTC") -> Ints:
    """int64[n], the number of the bucket that holds each instant, counted from 1970.

    Buckets of up to an hour are counted in UTC. Longer ones follow the wall clock of the zone, so that a day is a local
    day, of 23 or 25 hours where the clock is moved: then midnight stays midnight.

    Args:
        at: int64[n], microseconds UTC.
        width: of a bucket, microseconds, a divisor of the day.
        zone: IANA name.
    """
    if _is_uniform(width, zone):
        return at // width
    return wall_clock(zone).furthest(at) // width


def bucket_number(at: int, width: int, zone: str = "UTC") -> int:
    """:func:`bucket_numbers` of one instant."""
    return at // width if _is_uniform(width, zone) else int(bucket_numbers(np.array([at]), width, zone)[0])


def start_of_bucket(number: int, width: int, zone: str = "UTC") -> int:
    """The start of a bucket by its number, microseconds UTC; its end is the start of the next.

    Of a local day that a zone has left out it is the start of the next: such a bucket is empty.
    """
    local = number * width
    return local if _is_uniform(width, zone) else int(wall_clock(zone).first_at(np.array([local]))[0])


def _is_uniform(width: int, zone: str) -> bool:
    return width <= HOUR or zone == "UTC"
