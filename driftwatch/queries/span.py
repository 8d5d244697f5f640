"""How far back a page looks, and where its window ends."""

from dataclasses import dataclass
from typing import Final

from driftwatch.domain.instant import DAY

__all__ = ["SPANS", "Span", "span_of"]

SPANS: Final = {"24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY, "90d": 90 * DAY}
"""Lengths by the word that stands in an address."""


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open window ``[start, end)`` in microseconds UTC."""

    start: int
    end: int

    @property
    def width(self) -> int:
        """Its length in microseconds."""
        return self.end - self.start


def span_of(name: str, *, end: int, width: int) -> Span:
    """The window of that name that ends with the bucket which holds the instant before `end`.

    Args:
        name: a key of :data:`SPANS`.
        end: where it ends: now, or the newest data of a replay.
        width: of a bucket, microseconds; both ends are whole buckets.
    """
    last = -(-end // width) * width
    length = max(SPANS[name], width)
    return Span(last - length, last)
