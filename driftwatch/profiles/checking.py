"""What the profile asks of a check; the checks themselves stand in :mod:`driftwatch.quality`."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from driftwatch.profiles.check import CheckCounts
from driftwatch.profiles.rows import Rows

__all__ = ["Check", "CheckedRows"]


class CheckedRows(Protocol):
    """Some rows that a check has looked at."""

    def count(self, rows: NDArray[np.int64]) -> CheckCounts:
        """The counts of some of them, by position."""
        ...


class Check(Protocol):
    """Something that is demanded of rows.

    A check is pure, and total: no value may make it raise. It looks at many rows once, and then counts any of them.
    """

    @property
    def key(self) -> str:
        """What is demanded, of which column: counts with equal keys add."""
        ...

    def look_at(self, rows: Rows) -> CheckedRows | None:
        """Check all rows at once; None where they do not hold what is to be checked."""
        ...
