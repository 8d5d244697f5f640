"""Direct loss estimation: a regression model's error from its inputs, learned on the labelled reference.

A second model predicts the absolute error from the features and the prediction. Its predictions on the rows of a window
are kept as their number, sum and sum of squares, which add up over buckets. The assumption is that the relation
of inputs and error is still that of the reference: no concept drift.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.estimation.result import Estimate
from driftwatch.estimation.trees import BoostedTrees, fit_trees

__all__ = ["ErrorModel", "ErrorSum", "estimate_regression", "fit_error_model", "predict_errors", "sum_errors"]

_Z = 1.959963984540054
_UNIT = 2.0**-20
"""Estimated errors are added as whole multiples of this share of the reference's mean error: in any order the same."""


@dataclass(frozen=True, slots=True, eq=False)
class ErrorModel:
    """What predicts the absolute error.

    Attributes:
        trees: of the absolute error.
        scale: mean absolute error of the reference.
        noise_ratio: mean of (|error| - predicted)^2 over mean of predicted^2, out of fold: larger errors scatter more.
        bias: mean of (|error| - predicted) out of fold, which is added back.
        square_ratio: mean squared error over mean of the squared prediction, out of fold: from here to the RMSE.
    """

    trees: BoostedTrees
    scale: float
    noise_ratio: float
    bias: float
    square_ratio: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        numbers = {name: getattr(self, name) for name in ("scale", "noise_ratio", "bias", "square_ratio")}
        return {"trees": self.trees.to_dict(), **numbers}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "ErrorModel":
        """Read what :meth:`to_dict` gave.

        Raises:
            ValueError: it is not that.
        """
        try:
            numbers = [float(data[name]) for name in ("scale", "noise_ratio", "bias", "square_ratio")]
            return cls(BoostedTrees.from_dict(data["trees"]), *numbers)
        except (KeyError, TypeError) as error:
            raise ValueError("this is not an error model") from error


@dataclass(frozen=True, slots=True)
class ErrorSum:
    """Predicted absolute errors of some rows, in units of `2^-20 × scale`; sums add up whatever the order.

    Attributes:
        n: rows.
        total: their sum.
        squares: sum of squares, in units of `2^-20 × scale^2`.
    """

    n: int = 0
    total: int = 0
    squares: int = 0

    def merge(self, other: "ErrorSum") -> "ErrorSum":
        """Both together."""
        return ErrorSum(self.n + other.n, self.total + other.total, self.squares + other.squares)


def fit_error_model(
    table: NDArray[np.float64], absolute_error: NDArray[np.float64], columns: tuple[str, ...], *, seed: int
) -> ErrorModel:
    """Learn the absolute error; the order of the rows leaves no trace.

    Args:
        table: float64[n, columns], the features as numbers and the prediction; NaN is a missing value.
        absolute_error: float64[n], |prediction - label|.
        columns: names.
        seed: of the folds.

    Raises:
        ValueError: fewer than 200 labelled rows.

    Source: NannyML's documentation of DLE for the idea.
    """
    if len(absolute_error) < 200:
        raise ValueError(f"{len(absolute_error)} labelled rows are too few to learn from; give at least 200")
    order = np.lexsort((absolute_error, *table.T))
    table, absolute_error = table[order], absolute_error[order]
    fold = np.random.default_rng(seed).permutation(len(absolute_error)) % 2
    outside = np.empty(len(absolute_error))
    for half in (0, 1):
        trees = fit_trees(table[fold != half], absolute_error[fold != half], columns, seed=seed)
        outside[fold == half] = np.maximum(trees.predict(table[fold == half]), 0.0)
    scale = float(absolute_error.mean()) or 1.0
    gap = absolute_error - outside
    square = max(float(np.mean(outside**2)), 1e-12 * scale**2)
    return ErrorModel(
        trees=fit_trees(table, absolute_error, columns, seed=seed),
        scale=scale,
        noise_ratio=float(np.var(gap)) / square,
        bias=float(gap.mean()),
        square_ratio=float(np.mean(absolute_error**2)) / square,
    )


def sum_errors(model: ErrorModel, table: NDArray[np.float64]) -> ErrorSum:
    """The predicted errors of rows, float64[n, columns] as the model was fitted on."""
    predicted = predict_errors(model, table)
    units = np.rint(predicted / _UNIT).astype(np.int64)
    squares = np.rint(predicted * predicted / _UNIT).astype(np.int64)
    return ErrorSum(len(table), int(units.sum()), int(squares.sum()))


def predict_errors(model: ErrorModel, table: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[n], the predicted absolute errors of rows, in units of the reference's mean error."""
    predicted: NDArray[np.float64] = np.maximum(model.trees.predict(table), 0.0) / model.scale
    return predicted


def estimate_regression(model: ErrorModel, errors: ErrorSum) -> dict[str, Estimate]:
    """Expected mean absolute and root mean squared error of a window; empty without rows.

    The band of the mean absolute error is that of a mean of `n` rows that scatter about their predictions as the
    reference's did out of fold.
    """
    if not errors.n:
        return {}
    mean = errors.total * _UNIT * model.scale / errors.n + model.bias
    square = errors.squares * _UNIT * model.scale**2 / errors.n
    half = _Z * float(np.sqrt(model.noise_ratio * square / errors.n))
    root = float(np.sqrt(square * model.square_ratio))
    wide = half * root / max(mean, 1e-12 * model.scale)
    return {
        "mean_absolute_error": Estimate(
            "mean_absolute_error", mean, max(0.0, mean - half), mean + half, errors.n, "dle"
        ),
        "root_mean_squared_error": Estimate(
            "root_mean_squared_error", root, max(0.0, root - wide), root + wide, errors.n, "dle"
        ),
    }
