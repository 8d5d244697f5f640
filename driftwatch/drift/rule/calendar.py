"""Time as the rule counts it: buckets of one hour or one day, counted from a Monday."""

from dataclasses import dataclass

__all__ = ["FIRST_MONDAY", "Calendar"]

FIRST_MONDAY = -3 * 86_400
"""Monday 1969-12-29 00:00 UTC in seconds since 1970: where bucket indexes count from."""

_HOUR = 3_600
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Calendar:
    """The time axis that the reference and everything monitored after it share.

    Attributes:
        bucket_seconds: 3600 or 86400.
        first_bucket: index of the axis' first bucket, counted in buckets from Monday 1969-12-29 00:00 UTC, so that
            ``first_bucket % 168`` (or ``% 7``) is an hour (or day) of the week.
    """

    bucket_seconds: int
    first_bucket: int

    def __post_init__(self) -> None:
        if self.bucket_seconds not in (_HOUR, _DAY):
            message = f"a bucket is 3600 or 86400 seconds, not {self.bucket_seconds}"
            raise ValueError(message)

    @classmethod
    def starting(cls, start_seconds: int, bucket_seconds: int) -> "Calendar":
        """The calendar whose first bucket holds the instant `start_seconds` (seconds since 1970, UTC).

        >>> Calendar.starting(0, 86_400)
        Calendar(bucket_seconds=86400, first_bucket=3)
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
    def scales(self) -> tuple[int, ...]:
        """Lengths in buckets of the trailing windows that are judged, ascending."""
        return (1, 6, 24, 168, 720, 2160, 4320) if self.per_day > 1 else (1, 7, 28, 90, 180)

    def is_long(self, scale: int) -> bool:
        """Whether a window of `scale` buckets is a week or longer."""
        return scale >= 7 * self.per_day

    def start_seconds(self, position: int) -> int:
        """When the bucket at `position` of the axis starts, in seconds since 1970, UTC."""
        return FIRST_MONDAY + (self.first_bucket + position) * self.bucket_seconds
