"""What realised performance says: a metric with its interval, its rows and how many of them had a label."""

from dataclasses import dataclass
from typing import Any

__all__ = ["DIRECTIONS", "Interval", "PerformanceResult", "direction_of"]

_HIGHER, _LOWER, _ZERO = "higher_is_better", "lower_is_better", "zero_is_best"

DIRECTIONS: dict[str, str] = {
    **dict.fromkeys(
        ("log_loss", "brier_score", "expected_calibration_error", "mean_absolute_error", "root_mean_squared_error"),
        _LOWER,
    ),
    **dict.fromkeys(("mean_absolute_percentage_error", "mean_squared_log_error", "quantile_loss"), _LOWER),
    **dict.fromkeys(("mean_error", "calibration_bias"), _ZERO),
}
"""The metrics of which more is not better."""


def direction_of(metric: str) -> str:
    """Which way a metric is better, by its key: "higher_is_better", "lower_is_better" or "zero_is_best"."""
    return DIRECTIONS.get(metric.split("@", maxsplit=1)[0], _HIGHER)


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a metric of the population may lie.

    Attributes:
        low: lower end.
        high: upper end.
        method: "wilson", "jeffreys", "clopper_pearson", "delong", "student_t" or "bootstrap".
    """

    low: float
    high: float
    method: str

    def within(self, least: float, most: float) -> "Interval":
        """The interval cut to the metric's range."""
        return Interval(max(self.low, least), min(self.high, most), self.method)


@dataclass(frozen=True, slots=True)
class PerformanceResult:
    """One realised metric.

    Attributes:
        metric: its key.
        value: the metric, or None where it is not defined (no positives, no spread ...).
        interval: the two-sided 95% interval, or None where there is none; rows are taken as independent.
        n: labelled rows (queries, for a ranking) that it is computed from.
        labelled_share: labelled rows as a share of all rows.
        direction: "higher_is_better", "lower_is_better" or "zero_is_best".
        of: the class that it speaks of, or "macro", "weighted"; None for the whole.
        approximations: what stands between this number and the textbook's, one clause each.
    """

    metric: str
    value: float | None
    interval: Interval | None
    n: int
    labelled_share: float
    direction: str
    of: str | None = None
    approximations: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        interval = self.interval
        fields: dict[str, Any] = {
            "metric": self.metric,
            "value": self.value,
            "low": None if interval is None else interval.low,
            "high": None if interval is None else interval.high,
            "interval": None if interval is None else interval.method,
            "n": self.n,
            "labelled_share": self.labelled_share,
            "direction": self.direction,
        }
        if self.of is not None:
            fields["of"] = self.of
        return {**fields, "approximations": list(self.approximations)} if self.approximations else fields
