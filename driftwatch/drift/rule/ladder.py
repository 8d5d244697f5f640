"""Which part of the reference a bucket is compared with: the ladder of seasonal baselines."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from driftwatch.drift.rule.calendar import Calendar

__all__ = ["Ladder"]

_HOUR = 3_600
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Ladder:
    """The finest seasonal baseline that a reference of `n_reference` buckets supports.

    Buckets of up to an hour: from two weeks on the hour of the week, from two days the hour of the day, each slot
    merged with its two neighbours; below that one pooled slot. A bucket shorter than an hour shares the slot of its
    hour. Longer buckets: from three weeks on the bucket of the week, from two days the bucket of the day (a day
    itself: none), else pooled.

    A *fold* is one whole cycle of the reference (a week, or a day), counted from its first bucket: what is left out
    when the reference is compared with itself, because neighbouring buckets are not independent.

    Attributes:
        calendar: the time axis.
        n_reference: buckets in the reference, R; it stands at positions [0, R).
        period: buckets in a cycle, P.
        slot_count: slots in a cycle; as many as buckets, but for buckets shorter than an hour.
        overlap: how many times each reference row is used over the slots, o.
        pooled: every slot holds the whole reference.
    """

    calendar: Calendar
    n_reference: int
    period: int
    slot_count: int
    overlap: int
    pooled: bool

    @classmethod
    def of(cls, calendar: Calendar, n_reference: int) -> "Ladder":
        """Choose the rung.

        Raises:
            ValueError: the reference is empty.
        """
        if n_reference < 1:
            raise ValueError("the reference needs at least one bucket")
        per_day = calendar.per_day
        days = n_reference * calendar.every / per_day
        merged = calendar.bucket_seconds <= _HOUR
        cycle = 7 if days >= (14 if merged else 21) else 1
        pooled = days < 2 or (cycle == 1 and per_day == 1)
        slots = cycle * min(per_day, _DAY // _HOUR)
        overlap = slots if pooled else 3 if merged else 1
        return cls(calendar, n_reference, cycle * per_day, slots, overlap, pooled)

    def resumed(self, bucket: int) -> "Ladder":
        """The same reference, and `bucket` at the first position after it."""
        return replace(self, calendar=replace(self.calendar, resumes=bucket))

    def slots(self, start: int, stop: int) -> NDArray[np.int64]:
        """int64[stop - start], the slot of each position: a function of its local time."""
        calendar = self.calendar
        wall = calendar.wall_seconds(self._buckets(start, stop))
        slot_seconds = max(calendar.bucket_seconds, _HOUR)
        return np.asarray(wall // slot_seconds % self.slot_count, dtype=np.int64)

    def folds(self) -> NDArray[np.int64]:
        """int64[R], the fold of each reference bucket, counted from 0."""
        return np.arange(self.n_reference, dtype=np.int64) * self.calendar.every // self.period

    @property
    def fold_count(self) -> int:
        """Folds that the reference touches."""
        return (self.n_reference - 1) * self.calendar.every // self.period + 1

    def _buckets(self, start: int, stop: int) -> NDArray[np.int64]:
        """int64[stop - start], the index of the bucket at each position."""
        positions = np.arange(start, stop, dtype=np.int64)
        calendar = self.calendar
        if calendar.resumes is None:
            return calendar.first_bucket + positions * calendar.every
        after = calendar.resumes + positions - self.n_reference
        return np.where(positions < self.n_reference, calendar.first_bucket + positions * calendar.every, after)
