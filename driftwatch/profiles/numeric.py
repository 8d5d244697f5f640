"""The profile of a numeric column in one time bucket: a histogram that adds."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.grid import KeyGrid
from driftwatch.profiles.kernel import CELLED_FROM, KEYED_FROM, Tally, count_cells, count_few, count_keyed, count_sorted
from driftwatch.profiles.packing import pack_counts, unpack_counts

__all__ = ["NumericProfile", "profile_numeric"]


@dataclass(frozen=True, slots=True, eq=False)
class NumericProfile:
    """Counts in the bins of a codec, or, before there is one, in the occupied cells of a grid.

    Whatever decides a verdict is an integer, so that merging in any order gives the same bits; `total` and `total_sq`
    are for people.

    Attributes:
        counts: int64[B] by bin of the codec, or int64[k] by occupied cell.
        cells: None with a codec; else int64[k], the occupied cells, ascending.
        codec: digest of the codec, or None.
        grid: the key grid; sums are shifted by its centre.
        n: finite values (the sum of `counts`).
        n_null: missing values.
        n_nan: values that are NaN; they count as missing too.
        n_inf: infinite values; in no bin.
        total: sum of x - centre.
        total_sq: sum of (x - centre)².
        low: smallest finite value; +infinity where n is 0.
        high: largest finite value; -infinity where n is 0.
    """

    counts: NDArray[np.int64]
    cells: NDArray[np.int64] | None
    codec: bytes | None
    grid: KeyGrid
    n: int
    n_null: int
    n_nan: int
    n_inf: int
    total: float
    total_sq: float
    low: float
    high: float

    @property
    def rows(self) -> int:
        """All rows, missing and infinite ones too."""
        return self.n + self.n_null + self.n_nan + self.n_inf

    @property
    def missing(self) -> int:
        """Rows without a value: null or NaN."""
        return self.n_null + self.n_nan

    @property
    def mean(self) -> float | None:
        """Mean of the finite values, for display; None where there is none."""
        return self.grid.centre + self.total / self.n if self.n else None

    @property
    def standard_deviation(self) -> float | None:
        """Standard deviation (n - 1) of the finite values, for display; None below two of them."""
        if self.n < 2:
            return None
        if self.low == self.high:
            return 0.0
        variance = (self.total_sq - self.total * self.total / self.n) / (self.n - 1)
        return math.sqrt(variance) if variance > 0 else 0.0

    def merge(self, other: "NumericProfile") -> "NumericProfile":
        """The profile of both together.

        Raises:
            ValueError: the two are not in the same bins; recode the older one first.
        """
        if self.codec != other.codec or self.grid != other.grid:
            raise ValueError("numeric profiles merge only in the same bins: recode to the common codec first")
        cells: NDArray[np.int64] | None = None
        if self.cells is None or other.cells is None:
            counts = self.counts + other.counts
        else:
            cells, where = np.unique(np.concatenate((self.cells, other.cells)), return_inverse=True)
            counts = np.zeros(len(cells), dtype=np.int64)
            np.add.at(counts, where, np.concatenate((self.counts, other.counts)))
        return NumericProfile(
            counts,
            cells,
            self.codec,
            self.grid,
            self.n + other.n,
            self.n_null + other.n_null,
            self.n_nan + other.n_nan,
            self.n_inf + other.n_inf,
            self.total + other.total,
            self.total_sq + other.total_sq,
            min(self.low, other.low),
            max(self.high, other.high),
        )

    def recode(self, codec: NumericCodec) -> "NumericProfile":
        """This profile in the bins of `codec`.

        From cells of the codec's own grid this is exact, but for a cell that is cut by an atom: all of it is counted as
        the atom (nearly all of it is). From anything else each count goes to the bin of its cell's or bin's upper end.

        Raises:
            ValueError: the profile already has another codec; two codecs meet only through ``drift.rebin``.
        """
        if self.codec == codec.digest:
            return self
        if self.cells is None:
            raise ValueError("this profile has another codec: compare the two through their distribution functions")
        counts = np.zeros(codec.bins, dtype=np.int64)
        np.add.at(counts, _bins_of_cells(self.cells, self.grid, codec), self.counts)
        shift = self.grid.centre - codec.grid.centre
        total_sq = self.total_sq + 2 * shift * self.total + self.n * shift * shift
        total = self.total + self.n * shift
        return NumericProfile(
            counts,
            None,
            codec.digest,
            codec.grid,
            self.n,
            self.n_null,
            self.n_nan,
            self.n_inf,
            total,
            total_sq,
            self.low,
            self.high,
        )

    def to_fields(self) -> list[Any]:
        """Plain values for msgpack; :meth:`from_fields` reads them."""
        return [
            pack_counts(self.counts),
            None if self.cells is None else pack_counts(np.diff(self.cells, prepend=0)),
            self.codec,
            self.grid.centre,
            self.grid.scale,
            self.n_null,
            self.n_nan,
            self.n_inf,
            self.total,
            self.total_sq,
            self.low,
            self.high,
        ]

    @classmethod
    def from_fields(cls, fields: list[Any]) -> "NumericProfile":
        """The profile that :meth:`to_fields` took apart."""
        packed, cells, codec, centre, scale, n_null, n_nan, n_inf, total, total_sq, low, high = fields
        counts = unpack_counts(packed)
        return cls(
            counts,
            None if cells is None else np.cumsum(unpack_counts(cells)),
            codec,
            KeyGrid(centre, scale),
            int(counts.sum()),
            n_null,
            n_nan,
            n_inf,
            total,
            total_sq,
            low,
            high,
        )


def profile_numeric(
    values: NDArray[np.float64],
    binning: NumericCodec | KeyGrid,
    nulls: NDArray[np.bool_] | None = None,
) -> NumericProfile:
    """Profile one column of one bucket.

    Args:
        values: float64[n]; NaN is counted as NaN.
        binning: the column's codec, or its grid while there is no codec.
        nulls: bool[n], true where the value is missing (whatever `values` holds there).
    """
    n_null = 0
    if nulls is not None:
        n_null = int(np.count_nonzero(nulls))
        if n_null:
            values = values[~nulls]
    cells: NDArray[np.int64] | None = None
    if isinstance(binning, KeyGrid):
        grid, digest = binning, None
        if len(values) < CELLED_FROM:
            tally, cells = count_few(values, grid)
            counts = tally.counts
        else:
            tally = count_cells(values, grid)
            cells = np.flatnonzero(tally.counts)
            counts = tally.counts[cells]
    else:
        grid, digest = binning.grid, binning.digest
        tally = count_keyed(values, binning) if len(values) >= KEYED_FROM else count_sorted(values, binning)
        counts = tally.counts
    return from_tally(tally, counts, cells, digest, grid, n_null)


def from_tally(
    tally: Tally,
    counts: NDArray[np.int64],
    cells: NDArray[np.int64] | None,
    digest: bytes | None,
    grid: KeyGrid,
    n_null: int,
) -> NumericProfile:
    """The profile of a kernel's tally."""
    scale = grid.scale
    return NumericProfile(
        counts,
        cells,
        digest,
        grid,
        int(counts.sum()),
        n_null,
        tally.n_nan,
        tally.n_inf,
        tally.total * scale,
        tally.total_sq * scale * scale,
        tally.low,
        tally.high,
    )


def _bins_of_cells(cells: NDArray[np.int64], grid: KeyGrid, codec: NumericCodec) -> NDArray[np.int64]:
    if grid != codec.grid:
        return np.searchsorted(codec.edges, grid.upper_edges(cells), side="left")
    return codec.cell_map.bin_of_cell[cells].astype(np.int64)
