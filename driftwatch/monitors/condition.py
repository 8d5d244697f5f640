"""Gross faults that no distribution shows: traffic that stays away, columns that vanish or freeze, kinds that change.

They need no calibration: each is something that the reference has never done itself.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.domain.finding import Finding
from driftwatch.domain.signal import Severity, Signal
from driftwatch.monitors.history import CategoricalHistory, ColumnKey, History, NumericHistory
from driftwatch.monitors.verdict import Window

__all__ = ["LEAST_ROWS", "ConditionBaseline", "fit_condition"]

LEAST_ROWS = 30
"""Rows below which nothing is said of a column."""

_LOW_SHARE = 0.20
_MONTH_DAYS = 28
_CHANCE = 1e-6
"""Probability below which a run of missing values, or of the usual value, is no accident."""


@dataclass(frozen=True)
class ConditionBaseline:
    """What the reference looked like.

    Attributes:
        names: the monitored columns and what they are called.
        version: of the model, for findings.
        volume: median rows of a day and one window more; 0 where that cannot be said.
        missing_share: by column, its missing share over the reference.
        modal_share: by column, the share of its most frequent value (or bin) among those present.
        frozen: columns that had one value for a whole day of the reference.
        vanished: columns that were missing throughout a window of the reference.
    """

    names: dict[ColumnKey, str]
    version: str | None
    volume: float
    missing_share: dict[ColumnKey, float]
    modal_share: dict[ColumnKey, float]
    frozen: frozenset[ColumnKey]
    vanished: frozenset[ColumnKey]

    def findings(self, history: History, index: int, window: Window) -> list[Finding]:
        """The faults of the window `index`, each column's worst."""
        found = [self._traffic(history, index, window)]
        for key, name in self.names.items():
            found.append(
                self._retyped(history, key, index, window, name)
                or self._vanished(history, key, index, window, name)
                or self._frozen(history, key, index, window, name)
            )
        return [finding for finding in found if finding is not None]

    def _traffic(self, history: History, index: int, window: Window) -> Finding | None:
        """Little or no traffic for more than a day (a lasting fall becomes the new usual after two weeks)."""
        span = history.alignment.per_day + 1
        if self.volume <= 0 or any(history.why_excluded(each) for each in range(index - span + 1, index + 1)):
            return None
        month = history.vector(history.rows, index + 1 - _MONTH_DAYS * history.alignment.per_day, index + 1)
        rows = _trailing(month, span)
        usual = min(self.volume, float(np.median(rows)))
        if rows[-1] >= _LOW_SHARE * usual:
            return None
        details = {"rows": int(rows[-1]), "usual_rows": usual, "scale_buckets": span}
        kind = "no_data" if rows[-1] == 0 else "low_volume"
        measured = (float(rows[-1]) / usual, _LOW_SHARE)
        return self._finding(window, Signal.TRAFFIC, None, kind, measured, int(rows[-1]), Severity.WARNING, details)

    def _retyped(self, history: History, key: ColumnKey, index: int, window: Window, name: str) -> Finding | None:
        if index not in history.retyped.get(key, ()):
            return None
        n = history.rows.get(index, 0)
        return self._finding(window, Signal.SCHEMA, name, "retyped", (1.0, 0.0), n, Severity.CRITICAL, {})

    def _vanished(self, history: History, key: ColumnKey, index: int, window: Window, name: str) -> Finding | None:
        """All values are missing, or the column is not sent at all, in the shortest window that has rows enough."""
        if key in self.vanished or self.missing_share[key] >= 1.0:
            return None
        column = history.columns[key]
        for span in (1, history.alignment.per_day):
            first = index - span + 1
            rows = int(history.vector(history.rows, first, index + 1).sum())
            if rows < LEAST_ROWS or not history.rows.get(index):
                continue
            carried = int(history.vector(column.rows, first, index + 1).sum())
            missing = int(history.vector(column.missing, first, index + 1).sum())
            if carried > missing or self.missing_share[key] ** rows > _CHANCE:
                return None
            signal = Signal.QUALITY if carried else Signal.SCHEMA
            details = {"scale_buckets": span, "reference_missing_share": self.missing_share[key]}
            return self._finding(window, signal, name, "vanished", (1.0, 1.0), rows, Severity.CRITICAL, details)
        return None

    def _frozen(self, history: History, key: ColumnKey, index: int, window: Window, name: str) -> Finding | None:
        """One and the same value for a day, in a column that never stood still for a day of the reference."""
        if key in self.frozen or self.missing_share[key] >= 1.0 or not history.rows.get(index):
            return None
        value, n = _only_value(history, key, index + 1)
        if value is None or n < LEAST_ROWS or self.modal_share[key] ** n > _CHANCE:
            return None
        details = {"scale_buckets": history.alignment.per_day}
        return self._finding(window, Signal.QUALITY, name, "constant", (1.0, 1.0), n, Severity.WARNING, details)

    def _finding(
        self,
        window: Window,
        signal: Signal,
        column: str | None,
        kind: str,
        measured: tuple[float, float],
        n: int,
        severity: Severity,
        details: dict[str, Any],
    ) -> Finding:
        value, threshold = measured
        return Finding(
            window_start=window.start,
            window_end=window.end,
            at=window.at,
            signal=signal,
            column=column,
            severity=severity,
            kind=kind,
            value=value,
            threshold=threshold,
            version=self.version,
            n=n,
            details=details,
        )


def fit_condition(
    history: History, names: dict[ColumnKey, str], first: int, stop: int, *, version: str | None
) -> ConditionBaseline:
    """Learn what is usual from the windows ``[first, stop)``."""
    per_day = history.alignment.per_day
    sums = _trailing(history.vector(history.rows, first, stop), per_day + 1)
    shares: dict[ColumnKey, float] = {}
    modal_shares: dict[ColumnKey, float] = {}
    frozen: set[ColumnKey] = set()
    vanished: set[ColumnKey] = set()
    for key in names:
        column = history.columns[key]
        rows, missing = history.vector(column.rows, first, stop), history.vector(column.missing, first, stop)
        total = int(rows.sum())
        shares[key] = float(missing.sum() / total) if total else 1.0
        modal_shares[key] = _modal_share(column, first, stop)
        ends = range(min(first + per_day, stop), stop + 1)
        if any(_only_value(history, key, end)[0] is not None for end in ends):
            frozen.add(key)
        if np.any((rows >= LEAST_ROWS) & (missing == rows)):
            vanished.add(key)
    volume = float(np.median(sums)) if len(sums) else 0.0
    return ConditionBaseline(names, version, volume, shares, modal_shares, frozenset(frozen), frozenset(vanished))


def _modal_share(column: NumericHistory | CategoricalHistory, first: int, stop: int) -> float:
    if isinstance(column, NumericHistory):
        counts = column.counts(first, stop).sum(axis=0)
        return float(counts.max() / counts.sum()) if counts.any() else 1.0
    totals: Counter[str] = Counter()
    for window in column.counts(first, stop):
        totals.update(window)
    return max(totals.values()) / totals.total() if totals.total() else 1.0


def _only_value(history: History, key: ColumnKey, end: int) -> tuple[str | None, int]:
    """The one value of the day that ends before window `end`, or None, and how many rows had a value."""
    column = history.columns[key]
    values: set[str | None] = set()
    n = 0
    for index in range(end - history.alignment.per_day, end):
        present = column.rows.get(index, 0) - column.missing.get(index, 0)
        if present:
            n += present
            values.add(column.constant.get(index))
    return (values.pop() if len(values) == 1 else None), n


def _trailing(values: NDArray[np.int64], span: int) -> NDArray[np.int64]:
    """Sums over the last `span` values, at every place that has so many."""
    if len(values) < span:
        return np.zeros(0, dtype=np.int64)
    sums = np.concatenate(([0], np.cumsum(values)))
    return sums[span:] - sums[:-span]
