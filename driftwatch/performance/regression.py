"""A model of numbers against its outcomes: the tally of errors that adds up, and every metric of it.

All sums are exact, so the metrics of a merged tally are those of the rows, to the last bit but one. The error is
prediction minus label throughout.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.performance.mean_tally import MeanTally, tally_mean
from driftwatch.performance.result import Interval, PerformanceResult, direction_of
from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.grid import KeyGrid
from driftwatch.profiles.numeric import NumericProfile, profile_numeric

__all__ = ["REGRESSION_METRICS", "RegressionTally", "regression_performance", "tally_regression"]

REGRESSION_METRICS = (
    *("mean_absolute_error", "root_mean_squared_error", "mean_error", "mean_absolute_percentage_error"),
    *("mean_squared_log_error", "r2", "quantile_loss"),
)
"""In the order of the results."""


_MEDIAN = 0.5
_PARTS = ("error", "absolute", "squared", "label", "percentage", "squared_log")


@dataclass(frozen=True, slots=True, eq=False)
class RegressionTally:
    """Labelled rows of a regression model; adds up.

    Attributes:
        error: prediction minus label.
        absolute: its absolute value.
        squared: its square.
        label: the labels.
        percentage: |error / label| of the rows whose label is not 0.
        squared_log: (ln(1 + prediction) - ln(1 + label))² of the rows where both are above -1.
        errors: the histogram of the errors, for their quantiles; None where no bins were given.
        unlabelled: rows without an outcome.
    """

    error: MeanTally = field(default_factory=MeanTally)
    absolute: MeanTally = field(default_factory=MeanTally)
    squared: MeanTally = field(default_factory=MeanTally)
    label: MeanTally = field(default_factory=MeanTally)
    percentage: MeanTally = field(default_factory=MeanTally)
    squared_log: MeanTally = field(default_factory=MeanTally)
    errors: NumericProfile | None = None
    unlabelled: int = 0

    def __add__(self, other: "RegressionTally") -> "RegressionTally":
        """Both together."""
        errors = other.errors if self.errors is None else self.errors
        if self.errors is not None and other.errors is not None:
            errors = self.errors.merge(other.errors)
        return RegressionTally(
            self.error + other.error,
            self.absolute + other.absolute,
            self.squared + other.squared,
            self.label + other.label,
            self.percentage + other.percentage,
            self.squared_log + other.squared_log,
            errors,
            self.unlabelled + other.unlabelled,
        )

    @property
    def n(self) -> int:
        """Labelled rows."""
        return self.error.n

    @property
    def labelled_share(self) -> float:
        """Of all rows; 0 without rows."""
        total = self.n + self.unlabelled
        return self.n / total if total else 0.0

    @property
    def r2(self) -> float | None:
        """1 - Σ error² / Σ (label - mean label)²; None below two rows, or when all labels are equal."""
        spread = self.label.sum_of_deviations
        return 1 - float(self.squared.total) / spread if self.n > 1 and spread > 0 else None

    def quantile_loss(self, quantile: float) -> float | None:
        """Mean pinball loss of a model that predicts the `quantile`: q (y - p) above it, (1 - q)(p - y) below."""
        if not self.n:
            return None
        return (0.5 * float(self.absolute.total) + (0.5 - quantile) * float(self.error.total)) / self.n

    def to_fields(self) -> list[Any]:
        """Plain values for msgpack."""
        parts = [getattr(self, name).to_fields() for name in _PARTS]
        return [parts, None if self.errors is None else self.errors.to_fields(), self.unlabelled]

    @classmethod
    def from_fields(cls, fields: list[Any]) -> "RegressionTally":
        """Read what :meth:`to_fields` wrote."""
        parts, errors, unlabelled = fields
        error, absolute, squared, label, percentage, squared_log = (MeanTally.from_fields(part) for part in parts)
        profile = None if errors is None else NumericProfile.from_fields(errors)
        return cls(error, absolute, squared, label, percentage, squared_log, profile, unlabelled)


def tally_regression(
    predictions: NDArray[np.float64],
    labels: NDArray[np.float64],
    *,
    binning: NumericCodec | KeyGrid | None = None,
    unlabelled: int = 0,
) -> RegressionTally:
    """The tally of labelled rows, float64[n] each; a row of which one is not finite is left out and not counted.

    Args:
        predictions: what the model said.
        labels: what it was.
        binning: of the histogram of errors.
        unlabelled: rows of the same window without an outcome.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        error = predictions - labels
        known = np.isfinite(error * error * error * error) & np.isfinite(labels * labels)
    error, predictions, labels = error[known], predictions[known], labels[known]
    nonzero, positive = labels != 0, (labels > -1) & (predictions > -1)
    logs = np.log1p(predictions[positive]) - np.log1p(labels[positive])
    with np.errstate(over="ignore"):
        shares = np.abs(error[nonzero] / labels[nonzero])
        shares = shares[shares * shares < np.inf]
    return RegressionTally(
        tally_mean(error),
        tally_mean(np.abs(error)),
        tally_mean(error * error),
        tally_mean(labels),
        tally_mean(shares),
        tally_mean(logs * logs),
        errors=None if binning is None else profile_numeric(error, binning),
        unlabelled=unlabelled,
    )


def regression_performance(tally: RegressionTally, *, quantile: float = _MEDIAN) -> dict[str, PerformanceResult]:
    """Every metric of a regression model.

    Means have Student's interval; that of the root mean squared error is the square root of the mean squared error's.
    R² has none here, since it is no mean of rows (:func:`bootstrap_parts` over buckets gives one), and the quantile
    loss has one for the median only, where it is half the absolute error.

    Args:
        tally: its labelled rows.
        quantile: which one the model predicts, for "quantile_loss".
    """
    squared = tally.squared.interval
    root = None if squared is None else Interval(*_roots(squared), squared.method)
    absolute = _positive(tally.absolute)
    halved = None if absolute is None else Interval(absolute.low / 2, absolute.high / 2, absolute.method)
    n = tally.n
    rows: list[tuple[str, float | None, Interval | None, int, tuple[str, ...]]] = [
        ("mean_absolute_error", tally.absolute.mean, absolute, n, ()),
        ("root_mean_squared_error", None if not n else math.sqrt(tally.squared.mean or 0.0), root, n, ()),
        ("mean_error", tally.error.mean, tally.error.interval, n, ()),
        _part("mean_absolute_percentage_error", tally.percentage, n, "without the rows whose label is 0"),
        _part("mean_squared_log_error", tally.squared_log, n, "without the rows at -1 and below"),
        ("r2", tally.r2, None, n, ()),
        (
            "quantile_loss",
            tally.quantile_loss(quantile),
            halved if quantile == _MEDIAN else None,
            n,
            (f"of the {quantile:g} quantile",),
        ),
    ]
    share = tally.labelled_share
    return {
        metric: PerformanceResult(metric, value, interval, rows_, share, direction_of(metric), None, notes)
        for metric, value, interval, rows_, notes in rows
    }


def _roots(interval: Interval) -> tuple[float, float]:
    return math.sqrt(max(interval.low, 0.0)), math.sqrt(max(interval.high, 0.0))


def _positive(tally: MeanTally) -> Interval | None:
    return None if tally.interval is None else tally.interval.within(0.0, math.inf)


def _part(
    metric: str, tally: MeanTally, n: int, without: str
) -> tuple[str, float | None, Interval | None, int, tuple[str, ...]]:
    return metric, tally.mean, _positive(tally), tally.n, (without,) if tally.n < n else ()
