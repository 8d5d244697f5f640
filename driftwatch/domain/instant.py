"""Instants are int64 microseconds since 1970 in UTC everywhere inside; text and datetimes only at the edges."""

from datetime import UTC, datetime, timedelta

__all__ = [
    "DAY",
    "HOUR",
    "MINUTE",
    "SECOND",
    "bucket_start",
    "from_datetime",
    "from_iso",
    "to_datetime",
    "to_iso",
]

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def from_datetime(moment: datetime) -> int:
    """Microseconds of an aware datetime; a naive one is read as UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def to_datetime(at: int) -> datetime:
    """The aware UTC datetime of an instant."""
    return _EPOCH + timedelta(microseconds=at)


def from_iso(text: str) -> int:
    """Parse ISO 8601; text without an offset is read as UTC.

    Raises:
        ValueError: the text is not a time.
    """
    return from_datetime(datetime.fromisoformat(text))


def to_iso(at: int) -> str:
    """ISO 8601 with offset, microseconds only where there are some.

    >>> to_iso(1_372_636_800_000_000)
    '2013-07-01T00:00:00+00:00'
    """
    return to_datetime(at).isoformat()


def bucket_start(at: int, width: int) -> int:
    """The start of the bucket of `width` microseconds that holds `at` (buckets are aligned to 1970)."""
    return at - at % width
