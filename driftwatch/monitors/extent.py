"""Numbers far outside the range of the reference: a watch, since the drift rule alarms for never-seen values itself."""

from collections.abc import Mapping
from dataclasses import dataclass

from driftwatch.domain.finding import Finding
from driftwatch.domain.signal import Severity, Signal
from driftwatch.monitors.history import ColumnKey, History, NumericHistory
from driftwatch.monitors.verdict import Window
from driftwatch.quality.extent import ExtentBaseline, fit_extent

__all__ = ["ExtentMonitor", "fit_extents"]


@dataclass(frozen=True)
class ExtentMonitor:
    """Watches the smallest and the largest value of every numeric column.

    Attributes:
        names: the watched columns and what they are called.
        ranges: of the reference.
        version: of the model, for findings.
    """

    names: Mapping[ColumnKey, str]
    ranges: Mapping[ColumnKey, ExtentBaseline]
    version: str | None

    def findings(self, history: History, windows: Mapping[int, Window]) -> dict[int, list[Finding]]:
        """By window index."""
        found: dict[int, list[Finding]] = {index: [] for index in windows}
        for key, usual in self.ranges.items():
            column = history.columns[key]
            if not isinstance(column, NumericHistory):
                continue
            for index, window in windows.items():
                extent = column.extremes.get(index)
                if extent is not None and usual.beyond(*extent) > usual.excess:
                    n = column.rows.get(index, 0) - column.missing.get(index, 0)
                    found[index].append(self._finding(key, usual, extent, window, n))
        return found

    def _finding(
        self, key: ColumnKey, usual: ExtentBaseline, extent: tuple[float, float], window: Window, n: int
    ) -> Finding:
        low, high = extent
        return Finding(
            window_start=window.start,
            window_end=window.end,
            at=window.at,
            signal=Signal.QUALITY,
            column=self.names[key],
            severity=Severity.WATCH,
            kind="range",
            value=min(usual.beyond(low, high), 1e300),
            threshold=usual.excess,
            version=self.version,
            n=n,
            details={
                "scale_buckets": 1,
                "low": low,
                "high": high,
                "reference_low": usual.low,
                "reference_high": usual.high,
            },
        )


def fit_extents(
    history: History, names: Mapping[ColumnKey, str], first: int, stop: int, *, version: str | None
) -> ExtentMonitor:
    """Learn the ranges from the windows ``[first, stop)``."""
    per_day = history.alignment.per_day
    period = 7 * per_day if stop - first >= 14 * per_day else per_day
    ranges = {}
    for key in names:
        column = history.columns[key]
        if isinstance(column, NumericHistory):
            cycles = [range(start, min(start + period, stop)) for start in range(first, stop, period)]
            usual = fit_extent([_extent(column, cycle) for cycle in cycles])
            if usual is not None:
                ranges[key] = usual
    return ExtentMonitor(names, ranges, version)


def _extent(column: NumericHistory, indexes: range) -> tuple[float, float]:
    """Smallest and largest value of some windows; the wrong way round where there is none."""
    seen = [each for index in indexes if (each := column.extremes.get(index)) is not None]
    if not seen:
        return float("inf"), float("-inf")
    return min(low for low, _ in seen), max(high for _, high in seen)
