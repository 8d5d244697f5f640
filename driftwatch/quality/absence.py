"""A category that is gone: seen steadily in the reference, and now not for longer than chance or habit explains."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAST_SHARE", "AbsenceBaseline", "clump_size", "fit_absence", "longest_absence", "rows_without"]

LEAST_SHARE = 0.01
"""Share of the reference from which a category is watched."""

_STRETCH = (
    8.0  # over folds: how far beyond its longest absence in the reference a category may be away (rule's item 25)
)
_MOST_STEADY = 0.9
_LEAST_ROWS = 30


@dataclass(frozen=True, slots=True)
class AbsenceBaseline:
    """How one category came and went in the reference.

    Attributes:
        level: the category.
        share: its share of the values of the reference.
        low_share: its smallest share of a cycle (week or day) of the reference; 0 where a whole cycle was without it.
        longest: most rows in a row without it.
        folds: cycles of the reference.
        clump: how many times its share varies from window to window as that of independent rows would, at least 1:
            rows that come in clumps of 50 with one category are worth a fiftieth of their number.
    """

    level: str
    share: float
    low_share: float
    longest: int
    folds: int
    clump: float = 1.0

    def needed(self, p_value: float) -> float:
        """Rows in a row without the category that are no accident; infinite for one that is not steady.

        Both must be passed: (1 - low_share)^(n / clump) < p_value, were clumps independent; and the longest absence of
        the reference, stretched by 1 + 8/folds, since they are not.

        >>> round(AbsenceBaseline("a", 0.1, 0.1, 20, 4).needed(1e-6))
        131
        """
        if self.low_share <= 0.0 or self.folds < 2:
            return math.inf
        chance = math.log(p_value) / math.log1p(-min(self.low_share, _MOST_STEADY))
        return max(self.clump * chance, (1.0 + _STRETCH / self.folds) * self.longest)


def fit_absence(
    levels: list[str], counts: NDArray[np.int64], rows: NDArray[np.int64], period: int
) -> list[AbsenceBaseline]:
    """Learn how categories come and go.

    Args:
        levels: L categories.
        counts: int64[R, L], rows of each window of the reference by category.
        rows: int64[R], rows with a value.
        period: windows in a cycle.

    Returns:
        One for every category with `LEAST_SHARE` of the reference.
    """
    total = int(rows.sum())
    found = []
    folds = len(rows) // period
    for place, level in enumerate(levels):
        column = counts[:, place]
        share = int(column.sum()) / total if total else 0.0
        if share < LEAST_SHARE:
            continue
        cycles = [slice(fold * period, (fold + 1) * period) for fold in range(folds)]
        shares = [int(column[each].sum()) / n for each in cycles if (n := int(rows[each].sum()))]
        longest, clump = longest_absence(column, rows), clump_size(column, rows)
        found.append(AbsenceBaseline(level, share, min(shares, default=0.0), longest, len(shares), clump))
    return found


def longest_absence(counts: NDArray[np.int64], rows: NDArray[np.int64]) -> int:
    """The most rows in a row without a category; windows with some of it break the run.

    >>> longest_absence(np.array([1, 0, 0, 2, 0]), np.array([9, 5, 6, 9, 7]))
    11
    """
    return int(rows_without(counts, rows, len(rows)).max(initial=0))


def clump_size(counts: NDArray[np.int64], rows: NDArray[np.int64]) -> float:
    """Variance of a share over that of independent rows, from neighbours: slow changes of the share do not count.

    For every two neighbouring windows with 30 rows or more (k_i / n_i - k_j / n_j)^2 over
    p (1 - p) (1/n_i + 1/n_j), whose mean is 1 for independent rows and c for clumps of c.

    Returns:
        At least 1.
    """
    enough = rows >= _LEAST_ROWS
    pairs = np.flatnonzero(enough[1:] & enough[:-1])
    total = int(rows.sum())
    p = int(counts.sum()) / total if total else 0.0
    if not len(pairs) or not 0.0 < p < 1.0:
        return 1.0
    share, inverse = counts / np.maximum(rows, 1), 1.0 / np.maximum(rows, 1)
    steps = (share[pairs + 1] - share[pairs]) ** 2 / (p * (1.0 - p) * (inverse[pairs + 1] + inverse[pairs]))
    return max(1.0, float(steps.mean()))


def rows_without(counts: NDArray[np.int64], rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At the end of each window, how many rows have come since the last one with a category.

    Args:
        counts: int64[T], rows with the category; anything above 0 breaks the run.
        rows: int64[T], rows with a value.
        most: windows that are looked back over.

    Returns:
        int64[T].

    >>> rows_without(np.array([1, 0, 0, 2, 0]), np.array([9, 5, 6, 9, 7]), 5).tolist()
    [0, 5, 11, 0, 7]
    """
    total = np.concatenate(([0], np.cumsum(rows)))
    places = np.arange(len(rows))
    last_seen = np.maximum.accumulate(np.where(counts > 0, places, -1))
    since = np.maximum(last_seen, places - most)
    return np.asarray(total[1:] - total[since + 1], dtype=np.int64)
