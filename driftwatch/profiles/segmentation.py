"""By what the rows of a model are split: a column, several columns together, or bands of a numeric column."""

import hashlib
import re
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from driftwatch.profiles.bucket import CategoricalColumn, NumericColumn
from driftwatch.profiles.rows import Rows

__all__ = ["MOST_SEGMENTS", "Band", "Segmentation", "assign_segments"]

_DIGITS = 12

MOST_SEGMENTS = 200
"""Different segments of one split in one batch; a column with more values is no column to split by."""


@dataclass(frozen=True, slots=True)
class Band:
    """A column to split by.

    Attributes:
        column: a categorical, boolean or numeric feature, or a tag.
        cuts: ascending; a numeric column is split into values below the first, from the first to below the second, ...;
            empty for a column that is split by its values.
        is_private: whether its values are never shown; segments are named by a digest of them.
    """

    column: str
    cuts: tuple[float, ...] = ()
    is_private: bool = False

    def name(self, value: str) -> str:
        """What the segment of a value is called.

        >>> Band("country").name("PT"), Band("country", is_private=True).name("PT")
        ('country=PT', 'country=#169b032adf2a')
        """
        shown = f"#{hashlib.sha256(value.encode()).hexdigest()[:_DIGITS]}" if self.is_private else value
        return f"{self.column}={shown}"

    def labels(self) -> list[str]:
        """What the bands of a numeric column are called.

        >>> Band("age", (30.0, 50.0)).labels()
        ['age<30', '30<=age<50', 'age>=50']
        """
        cuts = [f"{cut:g}" for cut in self.cuts]
        inner = [f"{low}<={self.column}<{high}" for low, high in pairwise(cuts)]
        return [f"{self.column}<{cuts[0]}", *inner, f"{self.column}>={cuts[-1]}"]


@dataclass(frozen=True, slots=True)
class Segmentation:
    """One split of all rows; two columns make a segment of each pair of values."""

    bands: tuple[Band, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it needs."""
        return tuple(band.column for band in self.bands)

    def holds(self, segment: str) -> bool:
        """Whether a segment of that name may be of this split.

        >>> Segmentation((Band("country"), Band("age", (30.0,)))).holds("country=PT, age>=30")
        True
        """
        forms = ("|".join(map(re.escape, each.labels())) if each.cuts else f"{re.escape(each.column)}=.*"
                 for each in self.bands)  # fmt: skip
        return re.fullmatch(", ".join(f"(?:{form})" for form in forms), segment, re.DOTALL) is not None


def assign_segments(rows: Rows, split: Segmentation) -> tuple[list[str], NDArray[np.int64]] | None:
    """Which segment each row is in.

    Args:
        rows: n rows.
        split: by what.

    Returns:
        The segments' names, and int64[n] places in them, -1 for a row that lacks a value. None when a column is not
        there, is numeric without cuts or not numeric with them, or when there are more than `MOST_SEGMENTS`.
    """
    names: list[str] = [""]
    places = np.zeros(len(rows), dtype=np.int64)
    for band in split.bands:
        known = _assign(rows, band)
        if known is None:
            return None
        labels, codes = known
        places = np.where((places < 0) | (codes < 0), -1, places * len(labels) + codes)
        present, places = _compact(places)
        if len(present) > MOST_SEGMENTS:
            return None
        names = [_join(names[place // len(labels)], labels[place % len(labels)]) for place in present.tolist()]
    return names, places


def _assign(rows: Rows, band: Band) -> tuple[list[str], NDArray[np.int64]] | None:
    column = rows.column(band.column)
    if isinstance(column, CategoricalColumn) and not band.cuts:
        values, inverse = np.unique(np.array(column.dictionary, dtype=object), return_inverse=True)
        codes = np.concatenate((inverse, [-1]))[column.codes].astype(np.int64)
        return [band.name(value) for value in values] or [""], codes
    if isinstance(column, NumericColumn) and band.cuts:
        missing = np.isnan(column.values) | (False if column.nulls is None else column.nulls)
        above = np.searchsorted(np.array(band.cuts), column.values, side="right")
        return band.labels(), np.where(missing, -1, above).astype(np.int64)
    return None


def _compact(places: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The places that occur, and each row's position among them."""
    present, inverse = np.unique(places, return_inverse=True)
    lacking = int(len(present) > 0 and present[0] < 0)
    return present[lacking:], inverse.astype(np.int64) - lacking


def _join(left: str, right: str) -> str:
    return f"{left}, {right}" if left else right
