"""Rows that came twice or late, more of them than the reference explains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
_REPEATED_FLOOR = 0.02
_LATE_FLOOR = 0.10
_CALIBRATED_DAYS = 14
_STILL = 0.5
_NOTHING = CheckCounts(0, 0)


@dataclass(frozen=True)
class IntakeMonitor:
    """What was usual in the reference.

    A share is that of the last day, so that one hour in which a client sends again, or is cut off, is no alarm; and it
    has to show in the newest window still, at half of its size at least.

    Attributes:
        repeated: ids that had come before.
        late: by delay in microseconds, rows that came so late.
        p_value: below which a share is no accident.
        calibrated: the reference is long enough to know what a bad hour is; else findings are watches.
        id_column: what the id is called, or None.
        version: of the model, for findings.
    """

    repeated: ShareBaseline
    late: Mapping[int, ShareBaseline]
    p_value: float
    calibrated: bool
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
        k, n = _repeated(history, _day(history, index))
        now = _repeated(history, (index,))
        limit = self.repeated.limit(_REPEATED_FLOOR)
        if k < _LEAST_REPEATS or not _is_excess(self.repeated, (k, n), now, limit, self.p_value):
            return None
        facts = {"n_violated": k, "reference_share": self.repeated.k / max(1, self.repeated.n)}
        return self._finding(history, window, "duplicates", self.id_column, (k / n, limit), n, Severity.WARNING, facts)

    def _late(self, history: History, index: int, window: Window) -> Finding | None:
        """The longest delay that too many rows have."""
        for delay, usual in sorted(self.late.items(), reverse=True):
            k, n = _late(history, _day(history, index), delay)
            limit = usual.limit(_LATE_FLOOR)
            if not _is_excess(usual, (k, n), _late(history, (index,), delay), limit, self.p_value):
                continue
            # Rows that come within the hour are in time for the verdict on their window.
            severity = Severity.WARNING if delay >= max(HOUR, history.alignment.width) else Severity.WATCH
            facts = {
                "n_violated": k,
                "delay_seconds": delay / SECOND,
                "reference_share": usual.k / max(1, usual.n),
            }
            return self._finding(history, window, "late", None, (k / n, limit), n, severity, facts)
        return None

    def _finding(
        self,
        history: History,
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
            severity=severity if self.calibrated else Severity.WATCH,
            kind=kind,
            value=share,
            threshold=limit,
            effect={"violated_share": share},
            version=self.version,
            n=n,
            details={"scale_buckets": history.alignment.per_day, **facts},
        )


def fit_intake(
    history: History, first: int, stop: int, *, budget: float, id_column: str | None, version: str | None
) -> IntakeMonitor:
    """Learn from the windows ``[first, stop)``; `budget` is false alarms in 30 days."""
    per_day = history.alignment.per_day
    days = (stop - first) // per_day
    folds = days // 7 if days >= _CALIBRATED_DAYS else days
    each = [_repeated(history, (index,)) for index in range(first, stop)]
    repeated = _fit(each, per_day, folds)
    late = {}
    for delay in LATE_FROM:
        each = [_late(history, (index,), delay) for index in range(first, stop)]
        if any(n for _, n in each):
            late[delay] = _fit(each, per_day, folds)
    p_value = budget / (30 * per_day * (1 + len(late)))
    return IntakeMonitor(repeated, late, p_value, days >= _CALIBRATED_DAYS, id_column, version)


def _fit(each: Sequence[tuple[int, int]], per_day: int, folds: int) -> ShareBaseline:
    """The share over all windows, and the largest of a day that ends with any of them."""
    k, n = np.array(each, dtype=np.int64).T
    totals = ShareBaseline(int(n.sum()), int(k.sum()), 0.0, max(1, folds))
    by_day = fit_share(_trailing(k, per_day), _trailing(n, per_day), least_rows=_LEAST_ROWS, folds=folds)
    return replace(totals, largest=by_day.largest)


def _trailing(values: NDArray[np.int64], span: int) -> NDArray[np.int64]:
    """Sums over the last `span` values or as many as there are, at least one."""
    sums = np.concatenate((np.zeros(span, dtype=np.int64), np.cumsum(values)))
    return np.asarray(sums[span:] - sums[: len(values)], dtype=np.int64)


def _day(history: History, index: int) -> range:
    return range(index + 1 - history.alignment.per_day, index + 1)


def _repeated(history: History, indexes: Sequence[int]) -> tuple[int, int]:
    """Rows whose id had come before, and all rows."""
    counts = history.checks.get(REPEATED, {})
    k = sum(counts.get(index, _NOTHING).n_violated for index in indexes)
    return k, k + sum(history.rows.get(index, 0) for index in indexes)


def _late(history: History, indexes: Sequence[int], delay: int) -> tuple[int, int]:
    """Rows that came so late, and all whose arrival is known."""
    counts = history.checks.get(LATE, {})
    seen = [counts[index] for index in indexes if index in counts]
    return sum(later_than(each, delay) for each in seen), sum(each.n for each in seen)


def _is_excess(usual: ShareBaseline, day: tuple[int, int], now: tuple[int, int], limit: float, p_value: float) -> bool:
    (k, n), (k_now, n_now) = day, now
    if n < _LEAST_ROWS or k <= limit * n or not n_now or k_now * n < _STILL * k * n_now:
        return False
    return usual.p_value(k, n) < p_value
