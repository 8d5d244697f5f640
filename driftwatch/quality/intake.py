"""What happens to rows on their way in: ids that came before, rows that came late, columns of another kind."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.domain.instant import DAY, HOUR, MINUTE, SECOND
from driftwatch.profiles.check import CheckCounts
from driftwatch.profiles.rows import Rows

__all__ = ["LATE", "LATE_FROM", "REPEATED", "EveryRow", "LatenessCheck", "kind_key", "later_than", "retyped_column"]

REPEATED = "repeated ids"
"""Key of the counts of rows whose id had come before; such rows are not profiled."""

LATE = "late rows"
"""Key of the counts of rows that came late, by how late they were."""

LATE_FROM = (15 * MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY)
"""From which delay between prediction and arrival a row counts, microseconds."""

_KIND = "another kind: "


@dataclass(frozen=True, slots=True)
class LatenessCheck:
    """Counts rows that came `LATE_FROM` after their prediction; the examples are the delays passed, in seconds.

    Attributes:
        received_at: microseconds UTC.
    """

    received_at: int

    @property
    def key(self) -> str:
        """One for all batches."""
        return LATE

    def look_at(self, rows: Rows) -> "_Delays":
        """The delays of rows."""
        return _Delays(np.searchsorted(np.array(LATE_FROM), self.received_at - rows.at, side="right"))


@dataclass(frozen=True, slots=True, eq=False)
class _Delays:
    """int64[n]: how many of `LATE_FROM` a row's delay has passed."""

    passed: NDArray[np.int64]

    def count(self, rows: NDArray[np.int64]) -> CheckCounts:
        """The counts of some of the rows."""
        by_place = np.bincount(self.passed[rows], minlength=len(LATE_FROM) + 1).tolist()
        classes = zip(LATE_FROM, by_place[1:], strict=True)
        return CheckCounts(len(rows), sum(by_place[1:]), {delay / SECOND: count for delay, count in classes if count})


@dataclass(frozen=True, slots=True)
class EveryRow:
    """Counts all rows that it is given: those that came before, or those in which a column is of another kind.

    Attributes:
        key: `REPEATED`, or that of :func:`kind_key`.
    """

    key: str

    def look_at(self, _rows: Rows) -> "EveryRow":
        """Every row is one of them."""
        return self

    def count(self, rows: NDArray[np.int64]) -> CheckCounts:
        """All of the rows."""
        return CheckCounts(len(rows), len(rows))


def kind_key(column: str) -> str:
    """Key of the counts of rows in which a column came in another kind than is registered, and was left out."""
    return f"{_KIND}{column}"


def retyped_column(key: str) -> str | None:
    """The column that a key of :func:`kind_key` is of; None for any other key."""
    return key.removeprefix(_KIND) if key.startswith(_KIND) else None


def later_than(counts: CheckCounts, delay: int) -> int:
    """Rows that came at least `delay` (one of `LATE_FROM`) after their prediction."""
    return sum(n for passed, n in counts.examples.items() if isinstance(passed, float) and passed * SECOND >= delay)
