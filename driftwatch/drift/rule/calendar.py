"""Time as the rule counts it: buckets from a minute to a day, counted from a Monday, on the wall clock of a zone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.domain.instant import SECOND
from driftwatch.domain.wall_clock import wall_clock

__all__ = ["FIRST_MONDAY", "Calendar"]

FIRST_MONDAY = -3 * 86_400
"""Monday 1969-12-29 00:00 in seconds since 1970: where bucket indexes count from."""

_HOUR = 3_600
_DAY = 86_400
_LONGER = (6 * _HOUR, _DAY, 7 * _DAY)
_MONTHS = (30 * _DAY, 90 * _DAY, 180 * _DAY)
_WHOLE_WEEKS = (28 * _DAY, 90 * _DAY, 180 * _DAY)


@dataclass(frozen=True, slots=True)
class Calendar:
    """The time axis that the reference and everything monitored after it share.

    Buckets of up to an hour are counted in UTC, and the wall clock says which hour of the week each one is. Longer ones
    are counted on the wall clock itself, so that a day may have 23 or 25 hours.

    A bucket shorter than an hour is judged alone: its longer windows are those of the hours that it adds up to, on an
    axis of their own. The reference of such an axis need not hold every bucket (`every`), nor what is monitored follow
    on it (`resumes`): a minute says nothing of its neighbours here, and 40,000 of them in four weeks are far more than
    it takes to know them.

    Attributes:
        bucket_seconds: from 60 to 86400, a divisor of the day.
        first_bucket: index of the axis' first bucket, counted in buckets from Monday 1969-12-29 00:00, UTC or local.
        zone: IANA name of the time zone.
        every: the reference holds every n-th bucket only; 1 unless buckets are shorter than an hour.
        resumes: index of the first bucket after the reference; None where it follows on it.
    """

    bucket_seconds: int
    first_bucket: int
    zone: str = "UTC"
    every: int = 1
    resumes: int | None = None

    def __post_init__(self) -> None:
        if not 60 <= self.bucket_seconds <= _DAY or _DAY % self.bucket_seconds:
            message = f"a bucket is a whole part of a day of 60 to 86400 seconds, not {self.bucket_seconds}"
            raise ValueError(message)

    @classmethod
    def starting(cls, start_seconds: int, bucket_seconds: int) -> "Calendar":
        """The UTC calendar whose first bucket holds the instant `start_seconds` (seconds since 1970).

        >>> Calendar.starting(0, 86_400).first_bucket
        3
        """
        return cls(bucket_seconds, (start_seconds - FIRST_MONDAY) // bucket_seconds)

    @property
    def per_day(self) -> int:
        """Buckets in a day, D."""
        return _DAY // self.bucket_seconds

    @property
    def per_month(self) -> int:
        """Buckets in 30 days: what a budget of false alarms is divided over."""
        return 30 * self.per_day

    @property
    def is_short(self) -> bool:
        """Whether buckets are shorter than an hour."""
        return self.bucket_seconds < _HOUR

    @property
    def scales(self) -> tuple[int, ...]:
        """Lengths in buckets of the trailing windows that are judged, ascending.

        >>> Calendar(3_600, 0).scales, Calendar(21_600, 0).scales, Calendar(60, 0).scales
        ((1, 6, 24, 168, 720, 2160, 4320), (1, 4, 28, 120, 360, 720), (1,))
        """
        if self.is_short:
            return (1,)
        longer = (*_LONGER, *(_WHOLE_WEEKS if self.per_day == 1 else _MONTHS))
        width = self.bucket_seconds
        return (1, *(each // width for each in longer if each > width and each % width == 0))

    def is_long(self, scale: int) -> bool:
        """Whether a window of `scale` buckets is a week or longer."""
        return scale >= 7 * self.per_day

    def start_seconds(self, position: int) -> int:
        """When the bucket at `position` of a UTC axis starts, in seconds since 1970."""
        return FIRST_MONDAY + (self.first_bucket + position) * self.bucket_seconds

    def wall_seconds(self, buckets: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64[n], the wall clock at the start of buckets by index, in seconds since that Monday."""
        seconds = buckets * self.bucket_seconds
        if self.zone == "UTC" or self.bucket_seconds > _HOUR:
            return seconds
        at = (seconds + FIRST_MONDAY) * SECOND
        return wall_clock(self.zone).local(at) // SECOND - FIRST_MONDAY
