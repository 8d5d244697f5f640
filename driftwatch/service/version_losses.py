"""What single predictions lost against their outcomes, in quantities of which more is worse."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from driftwatch.monitors.spec import ModelSpec
from driftwatch.performance.tally import as_class, as_flag
from driftwatch.storage.outcome import LabelledRow

__all__ = ["BOUNDS", "losses_of"]

BOUNDS: Mapping[str, float | None] = {
    "error_rate": 1.0,
    "slow_rate": 1.0,
    "latency_seconds": None,
    "misclassification_rate": 1.0,
    "brier_score": 1.0,
    "mean_absolute_error": None,
    "cost": None,
    "disagreement": 1.0,
}
"""The quantities that versions are compared by, each with the most that one row can be worse; None: no bound."""

_Loss = Callable[[LabelledRow], float]


def losses_of(rows: Sequence[LabelledRow], spec: ModelSpec) -> dict[str, NDArray[np.float64]]:
    """By quantity float64[n], NaN where a row has none."""
    return {name: np.array([loss(row) for row in rows], dtype=np.float64) for name, loss in _losses(spec).items()}


def _losses(spec: ModelSpec) -> dict[str, _Loss]:
    if spec.task == "binary":
        found: dict[str, _Loss] = {"misclassification_rate": lambda row: _wrong(row, spec), "brier_score": _brier}
        if spec.costs:
            found["cost"] = lambda row: _cost(row, spec)
        return found
    if spec.task == "multiclass":
        return {"misclassification_rate": _wrong_class}
    return {"mean_absolute_error": _absolute} if spec.task == "regression" else {}


def _decided(row: LabelledRow, spec: ModelSpec) -> int:
    said = as_flag(row.prediction)
    if said < 0 and spec.decision_threshold is not None and row.score is not None:
        return int(row.score >= spec.decision_threshold)
    return said


def _wrong(row: LabelledRow, spec: ModelSpec) -> float:
    was, said = as_flag(row.value), _decided(row, spec)
    return float("nan") if min(was, said) < 0 else float(was != said)


def _wrong_class(row: LabelledRow) -> float:
    was, said = as_class(row.value), as_class(row.prediction)
    return float("nan") if was is None or said is None else float(was != said)


def _brier(row: LabelledRow) -> float:
    was = as_flag(row.value)
    return float("nan") if was < 0 or row.score is None else (row.score - was) ** 2


def _cost(row: LabelledRow, spec: ModelSpec) -> float:
    was, said = as_flag(row.value), _decided(row, spec)
    if min(was, said) < 0:
        return float("nan")
    cell = f"{'true' if was == said else 'false'}_{'positive' if said else 'negative'}"
    return -spec.costs.get(cell, 0.0)


def _absolute(row: LabelledRow) -> float:
    known = isinstance(row.prediction, int | float) and isinstance(row.value, int | float)
    return abs(float(row.prediction) - float(row.value)) if known else float("nan")  # type: ignore[arg-type]
