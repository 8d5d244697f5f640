"""Which part of the reference a bucket is compared with: the ladder of seasonal baselines."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.drift.rule.calendar import Calendar

__all__ = ["Ladder"]


@dataclass(frozen=True, slots=True)
class Ladder:
    """The finest seasonal baseline that a reference of `n_reference` buckets supports.

    Hourly buckets: from two weeks on the hour of the week, from 72 hours the hour of the day, each slot merged with
    its two neighbours; below that one pooled slot. Daily buckets: from three weeks on the day of the week, else pooled.

    A *fold* is one whole cycle of the reference (a week, or a day), counted from its first bucket: what is left out
    when the reference is compared with itself, because neighbouring buckets are not independent.

    Attributes:
        calendar: the time axis.
        n_reference: buckets in the reference, R; it stands at positions [0, R).
        period: slots in a cycle, P.
        overlap: how many times each reference row is used over the slots, o.
        pooled: every slot holds the whole reference.
    """

    calendar: Calendar
    n_reference: int
    period: int
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
        if calendar.per_day == 1:
            weekly = n_reference >= 21
            return cls(calendar, n_reference, 7 if weekly else 1, 1, not weekly)
        if n_reference >= 336:
            return cls(calendar, n_reference, 168, 3, pooled=False)
        pooled = n_reference < 72
        return cls(calendar, n_reference, 24, 24 if pooled else 3, pooled)

    def slots(self, start: int, stop: int) -> NDArray[np.int64]:
        """int64[stop - start], the slot of each position."""
        positions = np.arange(start, stop, dtype=np.int64)
        return np.asarray((self.calendar.first_bucket + positions) % self.period, dtype=np.int64)

    def folds(self) -> NDArray[np.int64]:
        """int64[R], the fold of each reference bucket, counted from 0."""
        return np.arange(self.n_reference, dtype=np.int64) // self.period

    @property
    def fold_count(self) -> int:
        """Folds that the reference touches."""
        return -(-self.n_reference // self.period)
