"""What is kept of all rows of a bucket, labelled or not, so that performance can be estimated: sums that add up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import ormsgpack
import zstandard
from numpy.typing import NDArray

from driftwatch.estimation.dle import ErrorModel, ErrorSum, predict_errors, sum_errors
from driftwatch.performance.multiclass import add_by_class
from driftwatch.performance.score_table import bin_scores, pack_scores, unpack_scores
from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.packing import pack_counts, unpack_counts

__all__ = ["ERROR_EDGES", "RowSums", "class_sums", "error_sums", "score_sums"]

_FORMAT = 1
Counts = NDArray[np.int64]

ERROR_EDGES = 2.0 ** (np.arange(-80, 81) / 8)
"""The boundaries of the bins of predicted errors, in units of the reference's mean error: 9% apart."""


@dataclass(frozen=True, slots=True, eq=False)
class RowSums:
    """Rows whose outcome can exist.

    Attributes:
        n: how many.
        scores: int64[B], those with a score, by its bin; empty where nothing is estimated from it.
        classes: int64[C, 2] by class, those with a score of it, by bin and whether they were predicted to be of it.
        errors: the predicted errors of a regression.
        error_bins: int64[E], those rows by predicted error; empty without any.
    """

    n: int = 0
    scores: Counts = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    classes: Mapping[str, Counts] = field(default_factory=dict)
    errors: ErrorSum = field(default_factory=ErrorSum)
    error_bins: Counts = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def __add__(self, other: "RowSums") -> "RowSums":
        """Both together.

        Raises:
            ValueError: they are in different bins.
        """
        return RowSums(
            self.n + other.n,
            _add(self.scores, other.scores),
            add_by_class(self.classes, other.classes),
            self.errors.merge(other.errors),
            _add(self.error_bins, other.error_bins),
        )

    def to_bytes(self) -> bytes:
        """One compressed msgpack map; only the occupied bins are written."""
        fields = {
            "v": _FORMAT,
            "n": self.n,
            "scores": pack_counts(self.scores),
            "classes": {name: pack_scores(counts) for name, counts in self.classes.items()},
            # Sums of squares grow beyond the 64 bits of msgpack.
            "errors": [str(part) for part in (self.errors.n, self.errors.total, self.errors.squares)],
            "error_bins": pack_counts(self.error_bins),
        }
        return zstandard.ZstdCompressor(level=3).compress(ormsgpack.packb(fields))

    @classmethod
    def from_bytes(cls, payload: bytes) -> "RowSums":
        """Read what :meth:`to_bytes` wrote.

        Raises:
            ValueError: these are not the bytes of sums, or they are of a later release.
        """
        try:
            fields: dict[str, Any] = ormsgpack.unpackb(zstandard.ZstdDecompressor().decompress(payload))
            if fields["v"] != _FORMAT:
                raise ValueError(f"sums of format {fields['v']!r} cannot be read by this release")
            return cls(
                fields["n"],
                unpack_counts(fields["scores"]),
                {name: unpack_scores(packed) for name, packed in fields["classes"].items()},
                ErrorSum(*map(int, fields["errors"])),
                unpack_counts(fields["error_bins"]),
            )
        except (KeyError, TypeError, zstandard.ZstdError) as error:
            raise ValueError("these bytes are not sums of rows") from error


def score_sums(codec: NumericCodec, scores: NDArray[np.float64]) -> RowSums:
    """Of a binary model: rows by score, float64[n], NaN where a row has none."""
    place = np.searchsorted(codec.edges, scores[np.isfinite(scores)], side="left")
    return RowSums(len(scores), scores=np.bincount(place, minlength=codec.bins).astype(np.int64))


def class_sums(class_scores: Mapping[str, NDArray[np.float64]], said: Sequence[str | None]) -> RowSums:
    """Of several classes.

    Args:
        class_scores: float64[n] by class, NaN where a row has none.
        said: the class that was served, a name or None a row.
    """
    served = np.array(said, dtype=object)
    return RowSums(len(said), classes={name: bin_scores(each, served == name) for name, each in class_scores.items()})


def error_sums(model: ErrorModel, table: NDArray[np.float64]) -> RowSums:
    """Of a regression: the predicted errors of rows, float64[n, columns] as the model was fitted on.

    Rows without a prediction (the last column) count, and have no error.
    """
    served = table[np.isfinite(table[:, -1])]
    place = np.searchsorted(ERROR_EDGES, predict_errors(model, served), side="left")
    bins = np.bincount(place, minlength=len(ERROR_EDGES) + 1).astype(np.int64)
    return RowSums(len(table), errors=sum_errors(model, served), error_bins=bins)


def _add(left: Counts, right: Counts) -> Counts:
    if not len(left) or not len(right):
        return left if len(left) else right
    if len(left) != len(right):
        raise ValueError(f"rows by {len(left)} and {len(right)} bins do not add up")
    return left + right
