"""Latency as a column of the history: its histogram in fixed bins, sixteen to a doubling."""

import numpy as np
from numpy.typing import NDArray

from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.grid import KeyGrid
from driftwatch.profiles.latency import LatencyProfile, cell_seconds
from driftwatch.profiles.numeric import NumericProfile

__all__ = ["BIN_SECONDS", "LATENCY", "LATENCY_CODEC", "LATENCY_DAYS", "latency_column", "slower_than"]

LATENCY = ("latency", "latency_seconds")
"""The key of latency among a history's columns; no feature and no output."""

LATENCY_DAYS = 7
"""Days of which the distributions are kept longest: findings tell quantiles of a week at most."""

_CELLS_A_BIN = 4
_FIRST_CELL = 127 * 64  # a microsecond
_DOUBLINGS = 32
_BINS = _DOUBLINGS * 64 // _CELLS_A_BIN

_EDGES = np.ldexp(
    np.tile(1.0 + np.arange(0, 64, _CELLS_A_BIN) / 64, _DOUBLINGS), np.repeat(np.arange(_DOUBLINGS), 64 // _CELLS_A_BIN)
)

LATENCY_CODEC = NumericCodec(np.append(_EDGES, 2.0**_DOUBLINGS) / 1e6, KeyGrid(0.0, 1.0))
"""Bins of 4.4% to 6.25% from a microsecond to 71 minutes, the same for every model: they need no reference."""

BIN_SECONDS: NDArray[np.float64] = np.concatenate(
    (LATENCY_CODEC.edges[:1], np.sqrt(LATENCY_CODEC.edges[1:] * LATENCY_CODEC.edges[:-1]), LATENCY_CODEC.edges[-1:])
)
"""float64[B]: what a latency of each bin is taken for."""
BIN_SECONDS.setflags(write=False)


def latency_column(profile: LatencyProfile) -> NumericProfile:
    """A bucket's latencies in those bins: whole cells, so that nothing is divided by guess."""
    bins = np.clip((profile.cells - _FIRST_CELL) // _CELLS_A_BIN + 1, 0, _BINS + 1)
    counts = np.bincount(bins, weights=profile.counts, minlength=LATENCY_CODEC.bins).astype(np.int64)
    seconds = cell_seconds(profile.cells) if profile.n else np.array([])
    return NumericProfile(
        counts=counts,
        cells=None,
        codec=LATENCY_CODEC.digest,
        grid=LATENCY_CODEC.grid,
        n=profile.n,
        n_null=profile.n_invalid,
        n_nan=0,
        n_inf=0,
        total=profile.total_seconds,
        total_sq=0.0,
        low=float(seconds[0]) if profile.n else float("inf"),
        high=float(seconds[-1]) if profile.n else float("-inf"),
    )


def slower_than(profile: LatencyProfile, seconds: float) -> int:
    """Rows slower than `seconds`, within the 1.6% of a cell."""
    return int(profile.counts[cell_seconds(profile.cells) > seconds].sum())
