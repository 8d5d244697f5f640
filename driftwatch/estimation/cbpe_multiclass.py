"""Confidence-based performance estimation for several classes: one versus the rest."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from driftwatch.estimation.calibration import CalibrationMap
from driftwatch.estimation.cbpe import estimate_binary
from driftwatch.estimation.result import Estimate

__all__ = ["estimate_multiclass"]

_Z = 1.959963984540054


def estimate_multiclass(
    counts: Mapping[str, NDArray[np.int64]],
    predicted: Mapping[str, NDArray[np.int64]],
    calibrations: Mapping[str, CalibrationMap],
    scores: Mapping[str, NDArray[np.float64]],
) -> dict[str, Estimate]:
    """Expected metrics of a window.

    Args:
        counts: by class, int64[B], rows by the bin of the class's score.
        predicted: by class, int64[B], those of them that were predicted to be of it; every row is in one class.
        calibrations: by class, from its score to its probability.
        scores: by class, float64[B], the score that stands for each bin.

    Returns:
        "roc_auc" (macro, one versus the rest; classes without a calibration are left out), "accuracy", and the macro
        "precision", "recall" and "f1". The bands add the classes' half-widths as if they moved together: at least 95%.
    """
    classes = sorted(name for name in counts if name in calibrations)
    found = _mean_auc([estimate_binary(counts[name], calibrations[name], scores[name], 0) for name in classes])
    rows = sum(int(predicted[name].sum()) for name in classes if name in predicted)
    if not rows:
        return found
    right, spread = 0.0, 0.0
    shares: dict[str, list[float]] = {"precision": [], "recall": [], "f1": []}
    for name in classes:
        m, top = calibrations[name].probability, predicted.get(name, np.zeros_like(counts[name]))
        hits, positives, called = float(top @ m), float(counts[name] @ m), float(top.sum())
        right += hits
        spread += float(top @ (m * (1 - m)))
        for metric, share, of in (
            ("precision", hits, called),
            ("recall", hits, positives),
            ("f1", 2 * hits, called + positives),
        ):
            if of:
                shares[metric].append(share / of)
    half = _Z * float(np.sqrt(spread)) / rows
    found["accuracy"] = _estimate("accuracy", right / rows, half, rows)
    for metric, values in shares.items():
        if values:
            found[metric] = _estimate(metric, float(np.mean(values)), half * len(classes), rows)
    return found


def _mean_auc(of_classes: Sequence[Mapping[str, Estimate]]) -> dict[str, Estimate]:
    aucs = [found["roc_auc"] for found in of_classes if "roc_auc" in found]
    if not aucs:
        return {}
    half = float(np.mean([(each.high - each.low) / 2 for each in aucs]))
    return {"roc_auc": _estimate("roc_auc", float(np.mean([each.value for each in aucs])), half, aucs[0].n)}


def _estimate(metric: str, value: float, half: float, n: int) -> Estimate:
    return Estimate(metric, value, max(0.0, value - half), min(1.0, value + half), n, "cbpe")
