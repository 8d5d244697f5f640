"""How far back a page looks, and where its window ends."""

from dataclasses import dataclass
from typing import Final

from driftwatch.domain.instant import DAY

__all__ = ["SPANS", "Span", "default_span", "span_of"]

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


def default_span(width: int, *, windows: int, at_least: str) -> str:
    """The shortest length that holds so many windows, and is no shorter than `at_least`; else the longest.

    Args:
        width: of a window, microseconds.
        windows: how many there should be.
        at_least: a key of :data:`SPANS`.

    >>> default_span(3_600_000_000, windows=7, at_least="24h"), default_span(DAY, windows=7, at_least="24h")
    ('24h', '7d')
    """
    wanted = max(windows * width, SPANS[at_least])
    return next((name for name, length in SPANS.items() if length >= wanted), list(SPANS)[-1])


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
