"""From a model's score to the probability of its class: isotonic regression on the labelled reference, as arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CalibrationMap", "fit_calibration"]


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationMap:
    """A step-wise increasing map of score bins to probabilities.

    Attributes:
        probability: float64[B], of the positive class in each bin, in [0, 1]; non-decreasing.
        block: int64[B], bins of one number share one estimate.
        rows: int64[blocks], labelled rows that each estimate rests on; 0 where none did.
    """

    probability: NDArray[np.float64]
    block: NDArray[np.int64]
    rows: NDArray[np.int64]

    @property
    def bins(self) -> int:
        """How many bins, B."""
        return len(self.probability)

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; runs of equal bins are written once."""
        starts = np.flatnonzero(np.diff(self.block, prepend=-1))
        return {
            "bins": self.bins,
            "starts": starts.tolist(),
            "probability": self.probability[starts].tolist(),
            "rows": self.rows.tolist(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "CalibrationMap":
        """Read what :meth:`to_dict` gave.

        Raises:
            ValueError: it is not that.
        """
        try:
            starts = np.array(data["starts"], dtype=np.int64)
            lengths = np.diff(np.append(starts, int(data["bins"])))
            probability = np.repeat(np.array(data["probability"], dtype=np.float64), lengths)
            block = np.repeat(np.arange(len(starts)), lengths)
            rows = np.array(data["rows"], dtype=np.int64)
        except (KeyError, TypeError) as error:
            raise ValueError("this is not a calibration map") from error
        if len(rows) != len(starts) or len(probability) != int(data["bins"]):
            raise ValueError("the parts of this calibration map do not fit together")
        return cls(probability, block, rows)


def fit_calibration(rows: NDArray[np.int64], positives: NDArray[np.int64]) -> CalibrationMap:
    """Isotonic regression of the label on the score's bin, weighted by rows.

    Args:
        rows: int64[B], labelled rows by score bin, bins ascending in the score.
        positives: int64[B], those of them with the positive label.

    Returns:
        The map. A bin without labelled rows lies between its neighbours' estimates, by its rank.

    Raises:
        ValueError: no labelled row, or more positives than rows.

    Source: Barlow et al., Statistical Inference under Order Restrictions (1972); scikit-learn's IsotonicRegression.
    """
    from sklearn.isotonic import IsotonicRegression

    if len(rows) != len(positives) or np.any(positives > rows) or np.any(positives < 0):
        raise ValueError("every bin has between 0 and all of its rows positive")
    seen = np.flatnonzero(rows)
    if not len(seen):
        raise ValueError("a calibration needs labelled rows")
    fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(
        seen, positives[seen] / rows[seen], sample_weight=rows[seen].astype(np.float64)
    )
    probability = np.asarray(fitted.predict(np.arange(len(rows))), dtype=np.float64)
    block = np.concatenate(([0], np.cumsum(np.diff(probability) != 0))).astype(np.int64)
    return CalibrationMap(probability, block, np.bincount(block, weights=rows).astype(np.int64))
