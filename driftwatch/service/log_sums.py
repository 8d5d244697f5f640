"""Sums of the rows of a historical log, and what the labelled reference lets expect of them, as in the service."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.estimation.dle import ErrorModel
from driftwatch.estimation.result import Estimate
from driftwatch.estimation.row_sums import RowSums, class_sums, error_sums, score_sums
from driftwatch.monitors.error_reader import fit_error_reader
from driftwatch.monitors.outcome_role import sums_rows
from driftwatch.monitors.row_expectation import RowExpectation, expect_rows
from driftwatch.monitors.spec import ModelSpec
from driftwatch.performance.tally import Tally, as_class
from driftwatch.profiles.bucket import Column
from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.rows import take
from driftwatch.service.error_fitting import numbers_of
from driftwatch.service.label_log import Labels

__all__ = ["LogSums", "expect_log"]


@dataclass(frozen=True, slots=True, eq=False)
class LogSums:
    """The rows of a log, n of them.

    Attributes:
        labels: of all of them; outcomes are not looked at.
        expectation: what the labelled reference says.
        codec: bins of a binary model's score.
        errors: what predicts a regression's errors, or None.
        table: float64[n, columns] that it reads, or None.
    """

    labels: Labels
    expectation: RowExpectation
    codec: NumericCodec | None
    errors: ErrorModel | None
    table: NDArray[np.float64] | None

    def of(self, rows: NDArray[np.int64]) -> RowSums:
        """The sums of some rows, all of them decided."""
        labels = self.labels
        if self.errors is not None and self.table is not None:
            return error_sums(self.errors, self.table[rows])
        if labels.class_scores:
            scores = {name: values[rows] for name, values in labels.class_scores.items()}
            return class_sums(scores, [as_class(labels.predictions[row]) for row in rows.tolist()])
        return RowSums(len(rows)) if self.codec is None else score_sums(self.codec, labels.scores[rows])

    def estimate(self, rows: NDArray[np.int64]) -> dict[str, Estimate]:
        """The expected metrics of some rows."""
        return self.expectation.estimate(self.of(rows))


def expect_log(
    features: Mapping[str, Column],
    labels: Labels,
    spec: ModelSpec,
    reference: Tally | None,
    known: NDArray[np.int64],
    codec: NumericCodec | None,
) -> LogSums | None:
    """Learn from the reference of a log; None where nothing is summed, or too little is labelled.

    Args:
        features: columns of n rows.
        labels: of all of them.
        spec: the model's declaration.
        reference: its labelled rows as they are judged.
        known: int64[k], decided rows of the reference whose label was known when its last window was judged.
        codec: of the score.
    """
    if not sums_rows(spec):
        return None
    errors, table = None, None
    if spec.task == "regression":
        read = {name: column for name, column in features.items() if name not in spec.features.text}
        predicted = numbers_of(labels.predictions)
        outcomes = numbers_of([labels.values[row] for row in known.tolist()])
        reader = fit_error_reader(
            {name: take(column, known) for name, column in read.items()}, predicted[known], outcomes
        )
        if reader is not None:
            errors, table = reader.model, reader.table(read, predicted)
    expectation = expect_rows(spec, reference, codec, errors)
    return None if expectation is None else LogSums(labels, expectation, codec, errors, table)
