"""Estimated performance of a model of several classes, from the rows of a log: a calibration for each class's score."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.estimation.calibration import CalibrationMap, fit_calibration
from driftwatch.estimation.cbpe_multiclass import estimate_multiclass
from driftwatch.estimation.result import Estimate
from driftwatch.performance.tally import as_class
from driftwatch.service.label_log import Labels

__all__ = ["ClassEstimates", "fit_class_estimates"]

_BINS = 200
_LEAST_LABELLED = 200


@dataclass(frozen=True, slots=True, eq=False)
class ClassEstimates:
    """What the labelled reference says of each class's score.

    Attributes:
        edges: by class, float64[B - 1], quantiles of the reference's scores.
        calibrations: by class, of these bins.
    """

    edges: Mapping[str, NDArray[np.float64]]
    calibrations: Mapping[str, CalibrationMap]

    def estimate(self, labels: Labels, rows: NDArray[np.int64]) -> dict[str, Estimate]:
        """Expected metrics of some rows, whose outcomes are not looked at."""
        said = np.array([as_class(labels.predictions[row]) or "" for row in rows.tolist()], dtype=object)
        counts, predicted, scores = {}, {}, {}
        for name, edges in self.edges.items():
            values = labels.class_scores[name][rows]
            known = np.isfinite(values)
            place = np.searchsorted(edges, values[known], side="left")
            counts[name] = np.bincount(place, minlength=len(edges) + 1)
            predicted[name] = np.bincount(place[said[known] == name], minlength=len(edges) + 1)
            scores[name] = np.concatenate(([0.0], edges))
        return estimate_multiclass(counts, predicted, self.calibrations, scores)


def fit_class_estimates(labels: Labels, rows: NDArray[np.int64]) -> ClassEstimates | None:
    """Learn from labelled rows of the reference; None for a model without class scores, or with too few labels."""
    if not labels.class_scores or len(rows) < _LEAST_LABELLED:
        return None
    was = np.array([as_class(labels.values[row]) or "" for row in rows.tolist()], dtype=object)
    edges, calibrations = {}, {}
    for name, of_class in labels.class_scores.items():
        values = of_class[rows]
        known = np.isfinite(values)
        if not known.any():
            continue
        quantiles = np.quantile(values[known], np.arange(1, _BINS) / _BINS, method="inverted_cdf")
        edges[name] = np.unique(quantiles)
        place = np.searchsorted(edges[name], values[known], side="left")
        bins = len(edges[name]) + 1
        positives = np.bincount(place[was[known] == name], minlength=bins)
        calibrations[name] = fit_calibration(np.bincount(place, minlength=bins), positives)
    return ClassEstimates(edges, calibrations) if edges else None
