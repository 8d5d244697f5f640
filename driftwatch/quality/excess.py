"""A share that is too large: of rows that came twice, that came late, that are not what they were."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

__all__ = ["ShareBaseline", "fit_share"]

_STRETCH = 8.0  # over folds, as for never-seen values in the drift rule (item 25)


@dataclass(frozen=True, slots=True)
class ShareBaseline:
    """The share of such rows in the reference.

    Attributes:
        n: rows.
        k: such rows.
        largest: their largest share in a window with rows enough.
        folds: cycles (weeks or days) of the reference, at least 1.
    """

    n: int
    k: int
    largest: float
    folds: int

    def limit(self, floor: float) -> float:
        """The share that must be passed: the largest of the reference, stretched by 1 + 8/folds, and the floor."""
        return max(floor, self.largest * (1.0 + _STRETCH / self.folds))

    def p_value(self, k: int, n: int) -> float:
        """P(Bin(n, p0) >= k), with p0 = (reference count + 1/2) / (reference rows + 1)."""
        return float(binom.sf(k - 1, n, (self.k + 0.5) / (self.n + 1)))


def fit_share(k: NDArray[np.int64], n: NDArray[np.int64], *, least_rows: int, folds: int) -> ShareBaseline:
    """Learn a share from the windows of the reference.

    Args:
        k: int64[R], such rows.
        n: int64[R], all rows.
        least_rows: of a window that can set the largest share.
        folds: cycles of the reference.
    """
    enough = n >= least_rows
    largest = float(np.max(k[enough] / n[enough])) if enough.any() else 0.0
    return ShareBaseline(int(n.sum()), int(k.sum()), largest, max(1, folds))
