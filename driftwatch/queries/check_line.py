"""One data-quality check through time, as one line of a page."""

from collections.abc import Sequence
from dataclasses import dataclass

from driftwatch.queries.status import Status, worst

__all__ = ["MOST_CELLS", "CheckLine", "CheckState", "check_line"]

MOST_CELLS = 31
"""Stretches of time that are drawn side by side."""


@dataclass(frozen=True, slots=True)
class CheckState:
    """What came of a check in a window, or in a stretch of windows.

    Attributes:
        start: microseconds UTC, included.
        end: excluded.
        status: healthy, watch, warning or critical; None where it was not run.
        n: rows that were checked.
        n_violated: rows that break it.
        said: what was found, in words; "" for nothing.
    """

    start: int
    end: int
    status: Status | None
    n: int
    n_violated: int
    said: str


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One check.

    Attributes:
        column: whose; None for the model as a whole.
        check: what is demanded, in words.
        declared: the user demands it; else it follows from the reference.
        allowed: share of rows that may break it.
        newest: of the newest window.
        since: start of the first window of the stretch that breaks it now, or None.
        broken: windows that break it.
        windows: windows in which it was run.
        cells: at most 31 stretches of equal numbers of windows, each as bad as its worst window.
    """

    column: str | None
    check: str
    declared: bool
    allowed: float
    newest: CheckState | None
    since: int | None
    broken: int
    windows: int
    cells: tuple[CheckState, ...]

    @property
    def status(self) -> Status | None:
        """Of the newest window."""
        return None if self.newest is None else self.newest.status

    @property
    def rank(self) -> tuple[int, int, bool, str, str]:
        """Worst first: what is broken now, then what was, then what the user demands."""
        now = len(Status) if self.status is None else self.status.rank
        return now, -self.broken, not self.declared, self.column or "", self.check


def check_line(
    column: str | None, check: str, states: Sequence[CheckState], *, declared: bool, allowed: float = 0.0
) -> CheckLine:
    """Put the states of a check together, oldest first."""
    since = None
    for state in reversed(states):
        if state.status is None or not state.status.firing:
            break
        since = state.start
    return CheckLine(
        column=column,
        check=check,
        declared=declared,
        allowed=allowed,
        newest=states[-1] if states else None,
        since=since,
        broken=sum(1 for state in states if state.status is not None and state.status.firing),
        windows=sum(1 for state in states if state.status is not None),
        cells=_stretches(states),
    )


def _stretches(states: Sequence[CheckState]) -> tuple[CheckState, ...]:
    if not states:
        return ()
    per_cell = -(-len(states) // MOST_CELLS)
    return tuple(_joined(states[place : place + per_cell]) for place in range(0, len(states), per_cell))


def _joined(states: Sequence[CheckState]) -> CheckState:
    status = worst(state.status for state in states if state.status is not None)
    leading = next((state for state in states if state.status is status and state.said), states[0])
    return CheckState(
        states[0].start,
        states[-1].end,
        status,
        sum(state.n for state in states),
        sum(state.n_violated for state in states),
        leading.said,
    )
