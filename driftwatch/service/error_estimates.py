"""What a regression model's inputs let expect of its errors, of a log whose rows are at hand."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.estimation.dle import ErrorModel, ErrorSum, estimate_regression, fit_error_model, sum_errors
from driftwatch.estimation.result import Estimate
from driftwatch.profiles.bucket import NumericColumn
from driftwatch.service.label_log import Labels
from driftwatch.service.prediction_log import PredictionLog

__all__ = ["ErrorEstimates", "fit_error_estimates"]

_LEAST_LABELLED = 200
_SEED = 0


@dataclass(frozen=True, slots=True, eq=False)
class ErrorEstimates:
    """A model of the absolute error, and what it reads.

    Attributes:
        model: fitted on the labelled reference.
        table: float64[n, columns] of the whole log: features as numbers, and the prediction.
    """

    model: ErrorModel
    table: NDArray[np.float64]

    def estimate(self, _labels: Labels, rows: NDArray[np.int64]) -> dict[str, Estimate]:
        """Expected metrics of some rows that have a prediction, whose outcomes are not looked at."""
        served = rows[np.isfinite(self.table[rows, -1])]
        if not len(served):
            return {}
        errors: ErrorSum = sum_errors(self.model, self.table[served])
        return estimate_regression(self.model, errors)


def fit_error_estimates(log: PredictionLog, labels: Labels, reference: NDArray[np.int64]) -> ErrorEstimates | None:
    """Learn from the rows of the reference; None where fewer than 200 of them have a prediction and a label.

    Categories are read as their place in the log's dictionary: what trees split is an order without a meaning.

    Args:
        log: n rows.
        labels: of all of them.
        reference: int64[k], rows whose label was known when the reference's windows were judged.
    """
    predicted = _numbers(labels, range(len(log)), of_outcomes=False)
    columns: dict[str, NDArray[np.float64]] = {}
    for name, column in log.features.items():
        if isinstance(column, NumericColumn):
            values = column.values
            columns[name] = values if column.nulls is None else np.where(column.nulls, np.nan, values)
        else:
            columns[name] = np.where(column.codes < 0, np.nan, column.codes.astype(np.float64))
    table = np.column_stack([*columns.values(), predicted])
    table[~np.isfinite(table)] = np.nan
    error = np.abs(predicted[reference] - _numbers(labels, reference.tolist(), of_outcomes=True))
    known = np.isfinite(error)
    if int(known.sum()) < _LEAST_LABELLED:
        return None
    names = (*columns, "\x1fprediction")
    return ErrorEstimates(fit_error_model(table[reference[known]], error[known], names, seed=_SEED), table)


def _numbers(labels: Labels, rows: Sequence[int], *, of_outcomes: bool) -> NDArray[np.float64]:
    values = labels.values if of_outcomes else labels.predictions
    numbers = np.full(len(rows), np.nan)
    for place, row in enumerate(rows):
        value = values[row]
        if isinstance(value, int | float):
            numbers[place] = value
    return numbers
