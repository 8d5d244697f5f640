"""Volume: a window with far fewer rows than usual gives no verdict."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.drift.rule.constants import VOLUME_SHARE
from driftwatch.drift.rule.ladder import Ladder

__all__ = ["VolumeGate"]

_RECENT_DAYS = 28


@dataclass(frozen=True, slots=True, eq=False)
class VolumeGate:
    """The usual rows of a column's windows.

    Attributes:
        ladder: the rung.
        scales: buckets, ascending.
        usual: float64[S, slots], the reference's median rows of windows that end in each slot. Windows of a cycle or
            more share one median; where the reference is shorter than the window, its own rows.
    """

    ladder: Ladder
    scales: tuple[int, ...]
    usual: NDArray[np.float64]

    @classmethod
    def of(cls, rows: NDArray[np.int64], ladder: Ladder, scales: Sequence[int]) -> "VolumeGate":
        """From the reference's rows per bucket, int64[R]."""
        usual = [_usual(rows, ladder, scale) for scale in scales]
        return cls(ladder, tuple(scales), np.array(usual))

    @property
    def reach(self) -> int:
        """Buckets before the end of a window of which the rows are looked at."""
        return self.scales[-1] + _RECENT_DAYS * self.ladder.calendar.per_day

    def low(self, rows: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.bool_]:
        """bool[S, N], windows with less than a fifth of their usual rows.

        Usual is the smaller of the reference's median and that of the windows of the same slot in the 28 days before:
        a lasting fall of traffic must not silence the rule for good.

        Args:
            rows: int64[T], all rows per bucket, the reference first.
            ends: int64[N], last bucket of the windows; those that begin before the axis are not low.
        """
        running = np.concatenate(([0], np.cumsum(rows)))
        first = int(ends.min())
        slots = self.ladder.slots(first, int(ends.max()) + 1)[ends - first]
        result = np.zeros((len(self.scales), len(ends)), dtype=np.bool_)
        for place, scale in enumerate(self.scales):
            complete = ends + 1 >= scale
            taken = running[ends + 1] - running[np.maximum(ends + 1 - scale, 0)]
            usual = np.minimum(self.usual[place, slots], self._recent(running, ends, scale))
            result[place] = complete & (taken < VOLUME_SHARE * usual)
        return result

    def _recent(self, running: NDArray[np.int64], ends: NDArray[np.int64], scale: int) -> NDArray[np.float64]:
        """float64[N], median rows of the earlier windows of the last 28 days, infinite where there are none."""
        if self.ladder.calendar.resumes is not None:  # the buckets before are not at hand
            return np.full(len(ends), np.inf)
        cycles = _RECENT_DAYS * self.ladder.calendar.per_day // self.ladder.period
        earlier = ends[:, None] - self.ladder.period * np.arange(1, cycles + 1)
        start = earlier + 1 - scale
        taken = (running[np.maximum(earlier + 1, 0)] - running[np.maximum(start, 0)]).astype(np.float64)
        taken[start < 0] = np.inf
        return _medians(taken)


def _medians(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[N], the median of each row's finite values, infinite where there are none."""
    ordered = np.sort(values, axis=1)
    counts = np.isfinite(ordered).sum(axis=1)
    each, last = np.arange(len(values)), values.shape[1] - 1
    median = (ordered[each, np.maximum(counts - 1, 0) // 2] + ordered[each, np.minimum(counts // 2, last)]) / 2
    return np.where(counts > 0, median, np.inf)


def _usual(rows: NDArray[np.int64], ladder: Ladder, scale: int) -> NDArray[np.float64]:
    """float64[slots] of one scale."""
    running = np.concatenate(([0], np.cumsum(rows)))
    if scale > len(rows):
        return np.full(ladder.slot_count, float(running[-1]))
    taken = running[scale:] - running[:-scale]
    usual = np.full(ladder.slot_count, float(np.median(taken)))
    if scale < ladder.period:
        slots = ladder.slots(scale - 1, len(rows))
        order, sizes = np.argsort(slots, kind="stable"), np.bincount(slots, minlength=ladder.slot_count)
        rank = np.arange(len(slots)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        by_slot = np.full((ladder.slot_count, int(sizes.max())), np.inf)
        by_slot[slots[order], rank] = taken[order]
        medians = _medians(by_slot)
        usual = np.where(np.isfinite(medians), medians, usual)
    return usual
