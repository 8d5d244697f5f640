"""A model of a regression's error with what it reads: features as numbers, and the prediction."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import zstandard
from numpy.typing import NDArray

from driftwatch.estimation.dle import ErrorModel, fit_error_model
from driftwatch.explanation.surrogate import Encoding
from driftwatch.profiles.bucket import Column

__all__ = ["ErrorReader", "fit_error_reader"]

_LEAST_LABELLED = 200
_SEED = 0
_PREDICTION = "\x1fprediction"  # no feature is called so


@dataclass(frozen=True, slots=True, eq=False)
class ErrorReader:
    """Learned from the labelled reference.

    Attributes:
        encoding: of the features; what trees split of a category is an order without a meaning.
        model: of the absolute error.
    """

    encoding: Encoding
    model: ErrorModel

    def table(self, features: Mapping[str, Column], predicted: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[n, columns] that the model reads, NaN for what is missing.

        Args:
            features: columns of n rows.
            predicted: float64[n], what was served, NaN where a row has none.
        """
        return _table(self.encoding, features, predicted)

    def to_bytes(self) -> bytes:
        """Compressed JSON."""
        levels = {name: None if each is None else list(each) for name, each in self.encoding.levels.items()}
        document = {"levels": levels, "model": self.model.to_dict()}
        return zstandard.ZstdCompressor(level=3).compress(json.dumps(document).encode())

    @classmethod
    def from_bytes(cls, payload: bytes) -> "ErrorReader":
        """Read what :meth:`to_bytes` wrote.

        Raises:
            ValueError: it is not that.
        """
        try:
            document = json.loads(zstandard.ZstdDecompressor().decompress(payload))
            levels = {name: None if each is None else tuple(each) for name, each in document["levels"].items()}
            return cls(Encoding(levels), ErrorModel.from_dict(document["model"]))
        except (KeyError, TypeError, AttributeError, zstandard.ZstdError) as error:
            raise ValueError("this is no model of errors") from error


def fit_error_reader(
    features: Mapping[str, Column], predicted: NDArray[np.float64], outcomes: NDArray[np.float64]
) -> ErrorReader | None:
    """Learn from labelled rows of the reference; None where fewer than 200 have a prediction and a numeric outcome.

    Args:
        features: columns of n rows.
        predicted: float64[n], NaN where a row has none.
        outcomes: float64[n], likewise.
    """
    error = np.abs(predicted - outcomes)
    known = np.isfinite(error)
    if int(known.sum()) < _LEAST_LABELLED:
        return None
    encoding = Encoding.of(features)
    table = _table(encoding, features, predicted)[known]
    return ErrorReader(encoding, fit_error_model(table, error[known], (*encoding.features, _PREDICTION), seed=_SEED))


def _table(encoding: Encoding, features: Mapping[str, Column], predicted: NDArray[np.float64]) -> NDArray[np.float64]:
    table = np.column_stack([encoding.matrix(features, len(predicted)), predicted])
    table[~np.isfinite(table)] = np.nan
    return table
