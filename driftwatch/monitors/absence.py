"""Categories that are gone, each held against how it came and went in the reference."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.domain.finding import Finding
from driftwatch.domain.signal import Severity, Signal
from driftwatch.monitors.history import UNLISTED, CategoricalHistory, ColumnKey, History
from driftwatch.monitors.verdict import Window
from driftwatch.quality.absence import LEAST_SHARE, AbsenceBaseline, fit_absence, rows_without

__all__ = ["AbsenceMonitor", "fit_absences"]

_MONTH_DAYS = 28
_LEAST_ROWS = 30
_SHOWN = 5
_FEW = 24
"""So many windows are looked back from one by one."""


@dataclass(frozen=True)
class AbsenceMonitor:
    """Watches every category with a hundredth of the reference or more.

    Attributes:
        names: the watched columns and what they are called.
        levels: by column, how its categories came and went.
        p_value: below which an absence is no accident: the budget over all windows of 30 days and all categories.
        private: columns whose values are never shown.
        version: of the model, for findings.
        calibrated: the reference has seen a whole week; else nobody knows what stays away at weekends, and findings are
            watches.
    """

    names: Mapping[ColumnKey, str]
    levels: Mapping[ColumnKey, tuple[AbsenceBaseline, ...]]
    p_value: float
    private: frozenset[str]
    version: str | None
    calibrated: bool = True

    def findings(self, history: History, windows: Mapping[int, Window]) -> dict[int, list[Finding]]:
        """One for each column of which a category is gone, by window index."""
        found: dict[int, list[Finding]] = {index: [] for index in windows}
        if not windows:
            return found
        month = _MONTH_DAYS * history.alignment.per_day
        first, stop = min(windows) + 1 - month, max(windows) + 1
        for key, levels in self.levels.items():
            column = history.columns[key]
            if not levels or not isinstance(column, CategoricalHistory):
                continue
            listed = [each.level for each in levels]
            absences = _absences(column, listed, first, stop, month) if len(windows) > _FEW else None
            for index, window in windows.items():
                if column.levels(index):
                    at = _absence(column, listed, index, month) if absences is None else absences[index - first]
                    away = list(zip(levels, at, strict=True))
                    gone = [(each, n) for each, n in away if n >= _LEAST_ROWS and n >= each.needed(self.p_value)]
                    if gone:
                        found[index].append(self._finding(key, window, gone))
        return found

    def _finding(self, key: ColumnKey, window: Window, gone: list[tuple[AbsenceBaseline, int]]) -> Finding:
        gone.sort(key=lambda each: (-each[0].share, each[0].level))
        worst, n = gone[0]
        name = self.names[key]
        shown = [] if name in self.private else [[each.level, each.share] for each, _ in gone[:_SHOWN]]
        return Finding(
            window_start=window.start,
            window_end=window.end,
            at=window.at,
            signal=Signal.QUALITY,
            column=name,
            severity=Severity.WARNING if self.calibrated else Severity.WATCH,
            kind="vanished_category",
            value=float(n),
            threshold=max(float(_LEAST_ROWS), worst.needed(self.p_value)),
            effect={"vanished_share": min(1.0, sum(each.share for each, _ in gone))},
            version=self.version,
            n=n,
            details={
                "scale_buckets": 1,
                "categories": shown,
                "n_categories": len(gone),
                "reference_share": worst.share,
                "longest_absence": worst.longest,
            },
        )


def fit_absences(
    history: History,
    names: Mapping[ColumnKey, str],
    first: int,
    stop: int,
    *,
    budget: float,
    private: frozenset[str],
    version: str | None,
) -> AbsenceMonitor:
    """Learn from the windows ``[first, stop)``.

    Args:
        history: holds them.
        names: the columns to watch.
        first: the reference's first window.
        stop: the first one after it.
        budget: false alarms in 30 days, over all categories.
        private: columns whose values are never shown.
        version: of the model, for findings.
    """
    per_day = history.alignment.per_day
    period = 7 * per_day if stop - first >= 14 * per_day else per_day
    levels: dict[ColumnKey, tuple[AbsenceBaseline, ...]] = {}
    for key in names:
        column = history.columns[key]
        if isinstance(column, CategoricalHistory):
            heavy = _heavy(column, first, stop)
            counts, rows = _matrix(column, heavy, first, stop)
            levels[key] = tuple(fit_absence(heavy, counts, rows, period))
    watched = sum(map(len, levels.values()))
    p_value = budget / (30 * per_day * max(1, watched))
    return AbsenceMonitor(names, levels, p_value, private, version, stop - first >= 7 * per_day)


def _absence(column: CategoricalHistory, levels: list[str], index: int, most: int) -> list[int]:
    """By category, the rows since one of it was last seen, looked for from window `index` backwards."""
    since, n = [0] * len(levels), 0
    away = list(range(len(levels)))
    for back in range(index, index - most, -1):
        window = column.levels(back)
        if window:
            unlisted = window.get(UNLISTED, 0) > 0  # it may hold any category
            away = [] if unlisted else [place for place in away if not window.get(levels[place], 0)]
            n += sum(window.values())
            for place in away:
                since[place] = n
        if not away:
            break
    return since


def _absences(column: CategoricalHistory, levels: list[str], first: int, stop: int, most: int) -> list[list[int]]:
    """:func:`_absence` of every window of ``[first, stop)``."""
    counts, rows = _matrix(column, levels, first, stop)
    away = [rows_without(of, rows, most).tolist() for of in counts.T]
    return [list(each) for each in zip(*away, strict=True)]


def _heavy(column: CategoricalHistory, first: int, stop: int) -> list[str]:
    """The categories with their share of the reference, in order."""
    totals = column.totals(first, stop)
    least = LEAST_SHARE * sum(totals.values())
    return sorted(level for level, n in totals.items() if n >= least and level != UNLISTED)


def _matrix(
    column: CategoricalHistory, levels: list[str], first: int, stop: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """int64[T, L] rows by category, and int64[T] rows with a value.

    A window that did not list all of its values may hold any category: 1 stands for what is not known.
    """
    places, codes, n = column.coded_at(range(first, stop))
    of_level = {level: place for place, level in enumerate(levels)}
    place_of_code = np.array([of_level.get(level, -1) for level in column.values_from(0)], dtype=np.int64)
    counts, rows = np.zeros((stop - first, len(levels)), dtype=np.int64), np.zeros(stop - first, dtype=np.int64)
    np.add.at(rows, places, n)
    known = place_of_code[codes] >= 0
    np.add.at(counts, (places[known], place_of_code[codes[known]]), n[known])
    unknown = places[codes == column.codes.get(UNLISTED, -1)]
    counts[unknown] = np.maximum(counts[unknown], 1)
    return counts, rows
