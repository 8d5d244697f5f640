"""Gross faults that no distribution shows: traffic that stays away, columns that vanish or freeze, kinds that change.

They need no calibration: each is something that the reference has never done itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.domain.finding import Finding
from driftwatch.domain.signal import Severity, Signal
from driftwatch.monitors.history import CategoricalHistory, ColumnKey, History, NumericHistory
from driftwatch.monitors.verdict import Window
from driftwatch.monitors.window_counts import WindowCounts

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

    def findings(self, history: History, windows: Mapping[int, Window]) -> dict[int, list[Finding]]:
        """The faults of windows by index, each column's worst."""
        if not windows:
            return {}
        month = _MONTH_DAYS * history.alignment.per_day
        first, stop = min(windows) + 1 - month, max(windows) + 1
        rows = _Sums(history.vector(history.rows, first, stop), first)
        found: dict[int, list[Finding]] = {index: [] for index in windows}
        for index, window in windows.items():
            finding = self._traffic(history, rows, index, window)
            if finding is not None:
                found[index].append(finding)
        for key, name in self.names.items():
            for index, window in windows.items():
                finding = (
                    self._retyped(history, key, index, window, name)
                    or self._vanished(history, key, index, window, name)
                    or self._frozen(history, key, index, window, name)
                )
                if finding is not None:
                    found[index].append(finding)
        return found

    def _traffic(self, history: History, rows: "_Sums", index: int, window: Window) -> Finding | None:
        """Little or no traffic for more than a day (a lasting fall becomes the new usual after two weeks)."""
        per_day = history.alignment.per_day
        span = per_day + 1
        if self.volume <= 0 or any(history.why_excluded(each) for each in range(index - span + 1, index + 1)):
            return None
        n = rows.last(span, index)
        if n >= _LOW_SHARE * self.volume:
            return None
        ends = range(index + span - _MONTH_DAYS * per_day, index + 1)
        usual = min(self.volume, float(np.median([rows.last(span, end) for end in ends])))
        if n >= _LOW_SHARE * usual:
            return None
        details = {"rows": n, "usual_rows": usual, "scale_buckets": span}
        kind = "no_data" if n == 0 else "low_volume"
        return self._finding(window, Signal.TRAFFIC, None, kind, (n / usual, _LOW_SHARE), n, Severity.WARNING, details)

    def _retyped(self, history: History, key: ColumnKey, index: int, window: Window, name: str) -> Finding | None:
        if index not in history.retyped.get(key, ()):
            return None
        n = history.rows.get(index, 0)
        return self._finding(window, Signal.SCHEMA, name, "retyped", (1.0, 0.0), n, Severity.CRITICAL, {})

    def _vanished(self, history: History, key: ColumnKey, index: int, window: Window, name: str) -> Finding | None:
        """All values are missing, or the column is not sent at all, in the shortest window that has rows enough."""
        usual = self.missing_share[key]
        if key in self.vanished or usual >= 1.0 or not history.rows.get(index):
            return None
        span, n = 1, history.rows.get(index, 0)
        if n < LEAST_ROWS:
            span = history.alignment.per_day
            n = _last(history.rows, span, index)
        column = history.columns[key]
        carried = _last(column.rows, span, index)
        if n < LEAST_ROWS or carried > _last(column.missing, span, index) or usual**n > _CHANCE:
            return None
        signal = Signal.QUALITY if carried else Signal.SCHEMA
        details = {"scale_buckets": span, "reference_missing_share": usual}
        return self._finding(window, signal, name, "vanished", (1.0, 1.0), n, Severity.CRITICAL, details)

    def _frozen(self, history: History, key: ColumnKey, index: int, window: Window, name: str) -> Finding | None:
        """One and the same value for a day, in a feature that never stood still for a day of the reference."""
        if key[0] != "feature" or key in self.frozen or self.missing_share[key] >= 1.0 or not history.rows.get(index):
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
        still = any(column.constant.get(index) is not None for index in range(ends[0] - per_day, stop))
        if still and any(_only_value(history, key, end)[0] is not None for end in ends):
            frozen.add(key)
        if np.any((rows >= LEAST_ROWS) & (missing == rows)):
            vanished.add(key)
    volume = float(np.median(sums)) if len(sums) else 0.0
    return ConditionBaseline(names, version, volume, shares, modal_shares, frozenset(frozen), frozenset(vanished))


def _modal_share(column: NumericHistory | CategoricalHistory, first: int, stop: int) -> float:
    if isinstance(column, NumericHistory):
        counts = column.totals(first, stop)
        return float(counts.max() / counts.sum()) if counts.any() else 1.0
    totals = column.totals(first, stop).values()
    return max(totals) / sum(totals) if sum(totals) else 1.0


def _only_value(history: History, key: ColumnKey, end: int) -> tuple[str | None, int]:
    """The one value of the day that ends before window `end`, or None, and how many rows had a value."""
    column = history.columns[key]
    only: str | None = None
    n = 0
    for index in range(end - 1, end - 1 - history.alignment.per_day, -1):
        present = column.rows.get(index, 0) - column.missing.get(index, 0)
        if not present:
            continue
        value = column.constant.get(index)
        if value is None or (only is not None and value != only):
            return None, n + present
        only = value
        n += present
    return only, n


def _last(counts: WindowCounts, span: int, index: int) -> int:
    """The sum over the `span` windows that end with `index`."""
    return counts.get(index, 0) if span == 1 else int(counts.at(range(index + 1 - span, index + 1)).sum())


class _Sums:
    """Sums over trailing windows of one vector, each in constant time."""

    def __init__(self, values: NDArray[np.int64], first: int) -> None:
        self._running = np.concatenate(([0], np.cumsum(values)))
        self._first = first

    def last(self, span: int, index: int) -> int:
        """The sum over the `span` windows that end with `index`."""
        stop = index + 1 - self._first
        return int(self._running[stop] - self._running[stop - span])


def _trailing(values: NDArray[np.int64], span: int) -> NDArray[np.int64]:
    """Sums over the last `span` values, at every place that has so many."""
    if len(values) < span:
        return np.zeros(0, dtype=np.int64)
    sums = np.concatenate(([0], np.cumsum(values)))
    return sums[span:] - sums[:-span]
