"""The latency profile: a logarithmic histogram that gives every quantile within 0.8%."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.profiles.packing import pack_counts, unpack_counts

__all__ = ["LatencyProfile", "profile_latency"]

_DROPPED_BITS = 17
_CELLS = 0x7F80 >> 1  # keys below that of infinity


@dataclass(frozen=True, slots=True, eq=False)
class LatencyProfile:
    """Counts by the top 15 bits of float32(microseconds): eight of exponent, six of mantissa.

    Attributes:
        cells: int64[k], the occupied cells, ascending.
        counts: int64[k].
        n: rows with a latency.
        n_invalid: rows without one, or with one that is negative, infinite or not a number.
        total_seconds: their sum, for display.
    """

    cells: NDArray[np.int64]
    counts: NDArray[np.int64]
    n: int
    n_invalid: int
    total_seconds: float

    def quantile(self, q: float) -> float | None:
        """The `q` quantile (0 to 1) in seconds, within 0.8%; None without rows."""
        if not 0 <= q <= 1:
            raise ValueError(f"a quantile lies between 0 and 1, not at {q}")
        if not self.n:
            return None
        rank = max(1, int(np.ceil(q * self.n)))
        cell = self.cells[np.searchsorted(np.cumsum(self.counts), rank)]
        return float(cell_seconds(np.array([cell]))[0])

    def merge(self, other: "LatencyProfile") -> "LatencyProfile":
        """The profile of both together."""
        cells, where = np.unique(np.concatenate((self.cells, other.cells)), return_inverse=True)
        counts = np.zeros(len(cells), dtype=np.int64)
        np.add.at(counts, where, np.concatenate((self.counts, other.counts)))
        return LatencyProfile(
            cells,
            counts,
            self.n + other.n,
            self.n_invalid + other.n_invalid,
            self.total_seconds + other.total_seconds,
        )

    def to_fields(self) -> list[Any]:
        """Plain values for msgpack; :meth:`from_fields` reads them."""
        cells = pack_counts(np.diff(self.cells, prepend=0))
        return [cells, pack_counts(self.counts), self.n_invalid, self.total_seconds]

    @classmethod
    def from_fields(cls, fields: list[Any]) -> "LatencyProfile":
        """The profile that :meth:`to_fields` took apart."""
        cells, packed, n_invalid, total_seconds = fields
        counts = unpack_counts(packed)
        return cls(np.cumsum(unpack_counts(cells)), counts, int(counts.sum()), n_invalid, total_seconds)


def profile_latency(seconds: NDArray[np.float64]) -> LatencyProfile:
    """Profile latencies, float64[n] in seconds; NaN is a row without one."""
    with np.errstate(over="ignore", invalid="ignore"):
        keys = (seconds * 1e6 + 0.0).astype(np.float32).view(np.uint32) >> np.uint32(_DROPPED_BITS)
    valid = keys < _CELLS  # the sign bit, infinity and NaN all lie above
    if not valid.all():
        keys, seconds = keys[valid], seconds[valid]
    by_cell = np.bincount(keys.astype(np.int64), minlength=1)
    cells = np.flatnonzero(by_cell)
    n = len(keys)
    return LatencyProfile(cells, by_cell[cells], n, len(valid) - n, float(seconds.sum()))


def cell_seconds(cells: NDArray[np.int64]) -> NDArray[np.float64]:
    """The middle of each cell, float64[k] in seconds."""
    low = (cells.astype(np.uint32) << np.uint32(_DROPPED_BITS)).view(np.float32).astype(np.float64)
    high = ((cells + 1).astype(np.uint32) << np.uint32(_DROPPED_BITS)).view(np.float32).astype(np.float64)
    middle = (low + high) / 2e6
    return np.where(cells == 0, 0.0, middle)
