"""Windows shorter than an hour: judged alone, beside the hours that they add up to.

A model of one-minute buckets has 40,000 windows in four weeks. What there is to know of a single minute is known from
some hundred of them a day, so only those of the reference are kept, and the newest of what came after it. Every longer
window is one of whole hours, as of the last hour that was over.
"""

from dataclasses import dataclass, field
from math import gcd

from driftwatch.domain.instant import DAY, HOUR
from driftwatch.monitors.alignment import Alignment

__all__ = ["RECENT", "ShortReach", "thinning"]

RECENT = 2_000
"""Windows after the reference that a running service keeps: what it judges at once, and may judge again."""

_A_DAY = 96


def thinning(width: int) -> int:
    """Every how many windows of the reference one is kept: about 96 a day, at every minute of the hour in turn.

    >>> [thinning(minutes * 60_000_000) for minutes in (1, 5, 15, 30)]
    [17, 5, 1, 1]
    """
    per_hour = HOUR // width
    step = max(1, -(-(DAY // width) // _A_DAY))
    while gcd(step, per_hour) > 1:
        step += 1
    return step


@dataclass
class ShortReach:
    """Which short windows are kept.

    Attributes:
        alignment: of the short windows.
        first: index of the reference's first.
        stop: index of the first after it.
        recent: how many are kept after the reference; None for all.
        newest: index of the newest that was kept after the reference.
    """

    alignment: Alignment
    first: int
    stop: int
    recent: int | None = None
    newest: int = field(default=-1)

    @classmethod
    def of(cls, alignment: Alignment, reference: tuple[int, int], recent: int | None) -> "ShortReach":
        """Of a model whose reference is ``[start, end)``, microseconds UTC."""
        return cls(alignment, alignment.index(reference[0]), alignment.index(reference[1] - 1) + 1, recent)

    @property
    def every(self) -> int:
        """The reference holds every n-th window."""
        return thinning(self.alignment.width)

    @property
    def per_hour(self) -> int:
        """Windows in an hour."""
        return HOUR // self.alignment.width

    @property
    def sample(self) -> range:
        """The windows of the reference that are kept."""
        return range(self.first, self.stop, self.every)

    def takes(self, index: int) -> bool:
        """Whether a window is kept."""
        if index < self.stop:
            return index in self.sample
        return self.recent is None or index > self.newest - self.recent

    def outdated(self, index: int) -> range:
        """The windows that are kept no longer, now that there is one of that index."""
        before, self.newest = self.newest, max(self.newest, index)
        if self.recent is None or before < 0 or self.newest == before:
            return range(0)
        return range(max(self.stop, before - self.recent + 1), max(self.stop, self.newest - self.recent + 1))

    def hour(self, index: int) -> int:
        """The index of the last whole hour that is over when a window is."""
        hours = self.alignment.hourly
        return hours.index(self.alignment.start(index + 1)) - 1
