"""Rows that came twice or late, more of them than the reference explains."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.domain.finding import Finding
from driftwatch.domain.instant import HOUR, SECOND
from driftwatch.domain.signal import Severity, Signal
from driftwatch.monitors.history import History
from driftwatch.monitors.verdict import Window
from driftwatch.profiles.check import CheckCounts
from driftwatch.quality.excess import ShareBaseline, fit_share
from driftwatch.quality.intake import LATE, LATE_FROM, REPEATED, later_than

__all__ = ["IntakeMonitor", "fit_intake"]

_LEAST_ROWS = 30
_LEAST_REPEATS = 10
_REPEATED_FLOOR = 0.01
_LATE_FLOOR = 0.10
_NOTHING = CheckCounts(0, 0)


@dataclass(frozen=True)
class IntakeMonitor:
    """What was usual in the reference.

    Attributes:
        repeated: ids that had come before.
        late: by delay in microseconds, rows that came so late.
        p_value: below which a share is no accident.
        id_column: what the id is called, or None.
        version: of the model, for findings.
    """

    repeated: ShareBaseline
    late: Mapping[int, ShareBaseline]
    p_value: float
    id_column: str | None
    version: str | None

    def findings(self, history: History, windows: Mapping[int, Window]) -> dict[int, list[Finding]]:
        """By window index."""
        return {
            index: [
                each for each in (self._repeated(history, index, window), self._late(history, index, window)) if each
            ]
            for index, window in windows.items()
        }

    def _repeated(self, history: History, index: int, window: Window) -> Finding | None:
        k = history.checks.get(REPEATED, {}).get(index, _NOTHING).n_violated
        n = history.rows.get(index, 0) + k
        limit = self.repeated.limit(_REPEATED_FLOOR)
        if n < _LEAST_ROWS or k < _LEAST_REPEATS or k <= limit * n or self.repeated.p_value(k, n) >= self.p_value:
            return None
        facts = {"n_violated": k, "reference_share": self.repeated.k / max(1, self.repeated.n)}
        return self._finding(window, "duplicates", self.id_column, (k / n, limit), n, Severity.WARNING, facts)

    def _late(self, history: History, index: int, window: Window) -> Finding | None:
        """The longest delay that too many rows have."""
        counts = history.checks.get(LATE, {}).get(index, _NOTHING)
        if counts.n < _LEAST_ROWS:
            return None
        for delay, usual in sorted(self.late.items(), reverse=True):
            k, limit = later_than(counts, delay), usual.limit(_LATE_FLOOR)
            if k <= limit * counts.n or usual.p_value(k, counts.n) >= self.p_value:
                continue
            # Rows that come within the hour are in time for the verdict on their window.
            severity = Severity.WARNING if delay >= max(HOUR, history.alignment.width) else Severity.WATCH
            facts = {
                "n_violated": k,
                "delay_seconds": delay / SECOND,
                "reference_share": usual.k / max(1, usual.n),
            }
            return self._finding(window, "late", None, (k / counts.n, limit), counts.n, severity, facts)
        return None

    def _finding(
        self,
        window: Window,
        kind: str,
        column: str | None,
        measured: tuple[float, float],
        n: int,
        severity: Severity,
        facts: dict[str, Any],
    ) -> Finding:
        share, limit = measured
        return Finding(
            window_start=window.start,
            window_end=window.end,
            at=window.at,
            signal=Signal.QUALITY,
            column=column,
            severity=severity,
            kind=kind,
            value=share,
            threshold=limit,
            effect={"violated_share": share},
            version=self.version,
            n=n,
            details={"scale_buckets": 1, **facts},
        )


def fit_intake(
    history: History, first: int, stop: int, *, budget: float, id_column: str | None, version: str | None
) -> IntakeMonitor:
    """Learn from the windows ``[first, stop)``; `budget` is false alarms in 30 days."""
    per_day = history.alignment.per_day
    days = (stop - first) // per_day
    folds = days // 7 if days >= 14 else days
    rows = history.vector(history.rows, first, stop)
    by_window = [history.checks.get(REPEATED, {}).get(index, _NOTHING) for index in range(first, stop)]
    again = _vector(by_window, lambda counts: counts.n_violated)
    repeated = fit_share(again, rows + again, least_rows=_LEAST_ROWS, folds=folds)
    by_window = [history.checks.get(LATE, {}).get(index, _NOTHING) for index in range(first, stop)]
    n = _vector(by_window, lambda counts: counts.n)
    late = {}
    if n.any():
        for delay in LATE_FROM:
            k = np.array([later_than(counts, delay) for counts in by_window], dtype=np.int64)
            late[delay] = fit_share(k, n, least_rows=_LEAST_ROWS, folds=folds)
    p_value = budget / (30 * per_day * (1 + len(late)))
    return IntakeMonitor(repeated, late, p_value, id_column, version)


def _vector(by_window: list[CheckCounts], read: Any) -> NDArray[np.int64]:
    return np.array([read(counts) for counts in by_window], dtype=np.int64)
