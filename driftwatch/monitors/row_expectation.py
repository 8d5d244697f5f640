"""What the reference's labels let expect of all rows whose outcome can exist, from their sums alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from driftwatch.estimation.calibration import CalibrationMap, fit_calibration
from driftwatch.estimation.cbpe_multiclass import estimate_multiclass
from driftwatch.estimation.dle import ErrorModel, estimate_regression
from driftwatch.estimation.result import Estimate
from driftwatch.estimation.row_sums import ERROR_EDGES, RowSums
from driftwatch.monitors.expectation import Expectation, expect
from driftwatch.monitors.outcome_cells import CellValues, LabelledCells, expected_loss, score_cells
from driftwatch.monitors.spec import ModelSpec
from driftwatch.performance.multiclass import MulticlassTally
from driftwatch.performance.score_table import CLASS_EDGES
from driftwatch.performance.tally import Tally
from driftwatch.profiles.codec import NumericCodec

__all__ = ["ClassExpectation", "ErrorExpectation", "RowExpectation", "ScoreExpectation", "expect_rows"]

_LEAST_LABELLED = 200


class RowExpectation(Protocol):
    """From sums of rows to metrics, and to cells of an expected loss that windows are judged by."""

    @property
    def loss(self) -> CellValues:
        """What a row of each cell lets expect to lose; more is worse."""
        ...

    def cells(self, sums: RowSums) -> LabelledCells:
        """The rows of a window."""
        ...

    def estimate(self, sums: RowSums) -> dict[str, Estimate]:
        """The expected metrics."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ScoreExpectation:
    """Of a binary model, of whose rows some are decided so that no outcome can exist.

    Attributes:
        of: what is expected of scores.
    """

    of: Expectation

    @property
    def loss(self) -> CellValues:
        """The squared error."""
        return expected_loss(self.of.calibration, self.of.scores)

    def cells(self, sums: RowSums) -> LabelledCells:
        """Rows by score."""
        return score_cells(sums.scores)

    def estimate(self, sums: RowSums) -> dict[str, Estimate]:
        """CBPE; nothing of sums in other bins."""
        return self.of.estimate(sums.scores) if len(sums.scores) == self.of.calibration.bins else {}


@dataclass(frozen=True, slots=True, eq=False)
class ClassExpectation:
    """Of several classes with a score for each.

    Attributes:
        calibrations: by class, from the bin of its score to its probability.
    """

    calibrations: Mapping[str, CalibrationMap]

    @property
    def loss(self) -> CellValues:
        """The probability that the class that was served is wrong."""
        parts = [1.0 - self.calibrations[name].probability for name in sorted(self.calibrations)]
        return CellValues("accuracy", "scores", np.concatenate(parts))

    def cells(self, sums: RowSums) -> LabelledCells:
        """Rows by the class that was served and the bin of its score."""
        none = np.zeros(len(CLASS_EDGES) + 1, dtype=np.int64)
        served = [sums.classes[name][:, 1] if name in sums.classes else none for name in sorted(self.calibrations)]
        return score_cells(np.concatenate(served))

    def estimate(self, sums: RowSums) -> dict[str, Estimate]:
        """CBPE, one class against the rest."""
        lowest = np.concatenate(([0.0], CLASS_EDGES))
        return estimate_multiclass(
            {name: counts.sum(axis=1) for name, counts in sums.classes.items()},
            {name: counts[:, 1] for name, counts in sums.classes.items()},
            self.calibrations,
            dict.fromkeys(sums.classes, lowest),
        )


@dataclass(frozen=True, slots=True, eq=False)
class ErrorExpectation:
    """Of a regression.

    Attributes:
        model: of the absolute error.
    """

    model: ErrorModel

    @property
    def loss(self) -> CellValues:
        """The absolute error; the outermost bins stand at their edge."""
        middle: NDArray[np.float64] = np.sqrt(ERROR_EDGES[:-1] * ERROR_EDGES[1:])
        relative = np.concatenate((ERROR_EDGES[:1], middle, ERROR_EDGES[-1:]))
        return CellValues("mean_absolute_error", "scores", relative * self.model.scale + self.model.bias)

    def cells(self, sums: RowSums) -> LabelledCells:
        """Rows by predicted error."""
        return score_cells(sums.error_bins)

    def estimate(self, sums: RowSums) -> dict[str, Estimate]:
        """DLE."""
        return estimate_regression(self.model, sums.errors)


def expect_rows(
    spec: ModelSpec, reference: Tally | None, codec: NumericCodec | None, errors: ErrorModel | None
) -> RowExpectation | None:
    """Learn from the labelled reference; None where that says nothing, and where the profile's scores say all.

    Args:
        spec: the model's declaration.
        reference: its labelled rows, or None.
        codec: of a binary model's score.
        errors: what predicts a regression's errors.
    """
    if spec.task == "regression":
        return None if errors is None else ErrorExpectation(errors)
    if spec.task == "multiclass":
        return _expect_classes(reference)
    if spec.task == "binary" and spec.columns.decision is not None and reference is not None:
        found = expect(reference, codec, spec.decision_threshold)
        return None if found is None else ScoreExpectation(found)
    return None


def _expect_classes(reference: Tally | None) -> ClassExpectation | None:
    if not isinstance(reference, MulticlassTally) or reference.n < _LEAST_LABELLED:
        return None
    calibrations = {
        name: fit_calibration(counts.sum(axis=1), counts[:, 1])
        for name, counts in reference.scored.items()
        if counts.any()
    }
    return ClassExpectation(calibrations) if calibrations else None
