"""Vintage curves: of the predictions of one period, how many had turned positive by each age.

Labels ripen: a default is known months after the credit. Cohorts are compared at the same age, and an age that part of
a cohort has not reached yet is not shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.performance.interval import wilson
from driftwatch.performance.result import Interval
from driftwatch.profiles.packing import pack_counts, unpack_counts

__all__ = ["CohortPoint", "CohortTally", "tally_cohorts"]

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CohortPoint:
    """One cohort at one age.

    Attributes:
        age: microseconds since the prediction.
        n: predictions of the cohort.
        positives: of them, how many were known positive at that age.
        rate: their share.
        interval: Wilson's.
    """

    age: int
    n: int
    positives: int
    rate: float
    interval: Interval


@dataclass(frozen=True, slots=True, eq=False)
class CohortTally:
    """Predictions and positives by cohort and age; adds up.

    Attributes:
        width: of a cohort, microseconds; cohort c holds [c width, (c + 1) width).
        step: of an age.
        rows: predictions by cohort.
        positives: int64[ages] by cohort: how many turned positive at an age of [a step, (a + 1) step).
    """

    width: int
    step: int
    rows: Mapping[int, int]
    positives: Mapping[int, Counts]

    def __add__(self, other: "CohortTally") -> "CohortTally":
        """Both together.

        Raises:
            ValueError: the two count other cohorts or ages.
        """
        if (self.width, self.step) != (other.width, other.step):
            raise ValueError("cohorts of different widths or ages do not add up")
        rows = {cohort: self.rows.get(cohort, 0) + other.rows.get(cohort, 0) for cohort in {**self.rows, **other.rows}}
        positives = dict(self.positives)
        for cohort, counts in other.positives.items():
            positives[cohort] = _add(positives[cohort], counts) if cohort in positives else counts
        return CohortTally(self.width, self.step, rows, positives)

    def curve(self, cohort: int, as_of: int) -> tuple[CohortPoint, ...]:
        """The cumulative share of positives of one cohort, at the end of each age that all of it has reached.

        Args:
            cohort: its index, start // width.
            as_of: until when outcomes are known, microseconds UTC.
        """
        n = self.rows.get(cohort, 0)
        reached = (as_of - (cohort + 1) * self.width) // self.step
        if not n or reached < 1:
            return ()
        counts = self.positives.get(cohort, np.zeros(0, dtype=np.int64))
        known = np.cumsum(_stretch(counts, int(reached)))
        return tuple(
            CohortPoint((age + 1) * self.step, n, positives, positives / n, wilson(positives, n))
            for age, positives in enumerate(known.tolist())
        )

    def to_fields(self) -> list[Any]:
        """Plain values for msgpack."""
        positives = [[cohort, pack_counts(self.positives[cohort])] for cohort in sorted(self.positives)]
        return [self.width, self.step, sorted(self.rows.items()), positives]

    @classmethod
    def from_fields(cls, fields: list[Any]) -> "CohortTally":
        """Read what :meth:`to_fields` wrote."""
        width, step, rows, positives = fields
        return cls(width, step, dict(rows), {cohort: unpack_counts(packed) for cohort, packed in positives})


def tally_cohorts(
    predicted_at: Counts, observed_at: Counts, positive: NDArray[np.bool_], *, width: int, step: int
) -> CohortTally:
    """The tally of predictions.

    Args:
        predicted_at: int64[n], microseconds UTC.
        observed_at: int64[n], when the outcome was known; anything where there is none.
        positive: bool[n], true where there is an outcome and it is positive.
        width: of a cohort, microseconds.
        step: of an age, microseconds.
    """
    cohorts = predicted_at // width
    distinct, counts = np.unique(cohorts, return_counts=True)
    rows = dict(zip(distinct.tolist(), counts.tolist(), strict=True))
    cohorts = cohorts[positive]
    ages = np.maximum(observed_at[positive] - predicted_at[positive], 0) // step
    positives = {
        cohort: np.bincount(ages[cohorts == cohort]).astype(np.int64) for cohort in np.unique(cohorts).tolist()
    }
    return CohortTally(width, step, rows, positives)


def _add(left: Counts, right: Counts) -> Counts:
    ages = max(len(left), len(right))
    total: Counts = _stretch(left, ages) + _stretch(right, ages)
    return total


def _stretch(counts: Counts, ages: int) -> Counts:
    return np.concatenate([counts[:ages], np.zeros(max(0, ages - len(counts)), dtype=np.int64)])
