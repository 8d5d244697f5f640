"""Two kernels that count values into bins. They agree bin for bin; which one runs is a matter of speed alone.

*Sorted*: each block is sorted and the few edges are searched in the block (searching each value among the edges costs
six times as much). *Keyed*: the top 16 bits of the scaled float32 are counted directly, and cells are folded into bins.
Both work in blocks that stay in the cache, and release the interpreter lock.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.grid import CELLS, MINUS_OVERFLOW, PLUS_OVERFLOW, KeyGrid, order_cells

__all__ = ["BLOCK", "KEYED_FROM", "Tally", "assign_bins", "count_cells", "count_keyed", "count_sorted"]

BLOCK = 1 << 15
KEYED_FROM = 50_000
_CHUNK = 1 << 20
_EMPTY: NDArray[np.float64] = np.zeros(0)


@dataclass(slots=True)
class Tally:
    """What one pass over the values yields.

    Attributes:
        counts: int64[B] by bin, or int64[65536] by cell.
        n_nan: how many are NaN.
        n_inf: how many are infinite.
        total: sum of (x - centre)/scale over the finite values.
        total_sq: sum of its squares.
        low: smallest finite value, +infinity without any.
        high: largest finite value, -infinity without any.
    """

    counts: NDArray[np.int64]
    n_nan: int = 0
    n_inf: int = 0
    total: float = 0.0
    total_sq: float = 0.0
    low: float = np.inf
    high: float = -np.inf

    def note(self, block: NDArray[np.float64], scaled: NDArray[np.float64], grid: KeyGrid) -> None:
        """Add a block's moments and extremes; `scaled` is the block on the grid's scale."""
        low, high = float(block.min()), float(block.max())
        with np.errstate(over="ignore", invalid="ignore"):
            if not (np.isfinite(low) and np.isfinite(high)):
                block = block[np.isfinite(block)]
                if not len(block):
                    return
                low, high, scaled = float(block.min()), float(block.max()), grid.scaled(block)
            self.low, self.high = min(self.low, low), max(self.high, high)
            self.total += float(scaled.sum())
            self.total_sq += float(np.dot(scaled, scaled))


def count_sorted(values: NDArray[np.float64], codec: NumericCodec) -> Tally:
    """Count float64[n] into the codec's bins by sorting blocks: about 10 ns a value."""
    tally = Tally(np.zeros(codec.bins, dtype=np.int64))
    for start in range(0, len(values), BLOCK):
        block = values[start : start + BLOCK]
        tally.note(block, codec.grid.scaled(block), codec.grid)
        _count_block(tally, np.sort(block), codec.edges)
    return tally


def count_keyed(values: NDArray[np.float64], codec: NumericCodec) -> Tally:
    """Count float64[n] into the codec's bins through the cells of its grid: about 2 ns a value.

    Values in a cell that an atom's edge cuts are counted by sorting them.
    """
    cells = codec.cell_map
    tally = Tally(np.zeros(codec.bins, dtype=np.int64))
    for start in range(0, len(values), _CHUNK):
        chunk = values[start : start + _CHUNK]
        keys, by_cell = _count_chunk(chunk, codec.grid, tally)
        if cells.any_ambiguous and np.any(by_cell[cells.ambiguous]):
            by_cell[cells.ambiguous] = 0
            unclear = chunk[cells.ambiguous_key[keys]]
            for first in range(0, len(unclear), BLOCK):
                _count_block(tally, np.sort(unclear[first : first + BLOCK]), codec.edges)
        running = np.cumsum(by_cell)
        at_edges = running[cells.edge_cells]
        tally.counts += np.diff(at_edges, prepend=0, append=running[-1])
    return tally


def count_cells(values: NDArray[np.float64], grid: KeyGrid) -> Tally:
    """Count float64[n] into the cells of a grid, in the order of the values."""
    tally = Tally(np.zeros(CELLS, dtype=np.int64))
    for start in range(0, len(values), _CHUNK):
        tally.counts += _count_chunk(values[start : start + _CHUNK], grid, tally)[1]
    return tally


def assign_bins(values: NDArray[np.float64], codec: NumericCodec) -> NDArray[np.int16]:
    """The bin of each finite value, int16[n]; the bin of NaN and of infinities has no meaning."""
    cells = codec.cell_map
    result = np.empty(len(values), dtype=np.int16)
    for start in range(0, len(values), BLOCK):
        block = values[start : start + BLOCK]
        keys = _keys(codec.grid.scaled(block))
        part = cells.bin_of_key[keys]
        if cells.any_ambiguous:
            unclear = np.flatnonzero(cells.ambiguous_key[keys])
            if len(unclear):
                part[unclear] = _search(block[unclear], codec.edges)
        result[start : start + BLOCK] = part
    return result


def _search(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    # Sorted queries walk the edges in order and stay in the cache.
    order = np.argsort(values)
    result = np.empty(len(values), dtype=np.int64)
    result[order] = np.searchsorted(edges, values[order], side="left")
    return result


def _keys(scaled: NDArray[np.float64]) -> NDArray[np.uint16]:
    with np.errstate(over="ignore", invalid="ignore"):
        narrow = scaled.astype(np.float32)
    return (narrow.view(np.uint32) >> np.uint32(16)).astype(np.uint16)


def _count_chunk(
    chunk: NDArray[np.float64], grid: KeyGrid, tally: Tally
) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
    """The key of each value, and the counts by cell with NaN and infinities taken out."""
    keys = np.empty(len(chunk), dtype=np.uint16)
    raw = np.zeros(CELLS, dtype=np.int64)
    buffer = np.empty(min(BLOCK, len(chunk)))
    for start in range(0, len(chunk), BLOCK):
        block = chunk[start : start + BLOCK]
        scaled = grid.scaled(block, out=buffer[: len(block)])
        part = _keys(scaled)
        keys[start : start + BLOCK] = part
        tally.note(block, scaled, grid)
    raw = np.bincount(keys, minlength=CELLS)
    by_cell = order_cells(raw)
    tally.n_nan += int(by_cell[:MINUS_OVERFLOW].sum() + by_cell[PLUS_OVERFLOW + 1 :].sum())
    by_cell[:MINUS_OVERFLOW] = 0
    by_cell[PLUS_OVERFLOW + 1 :] = 0
    if by_cell[PLUS_OVERFLOW] or by_cell[MINUS_OVERFLOW]:
        plus, minus = int(np.count_nonzero(chunk == np.inf)), int(np.count_nonzero(chunk == -np.inf))
        by_cell[PLUS_OVERFLOW] -= plus
        by_cell[MINUS_OVERFLOW] -= minus
        tally.n_inf += plus + minus
    return keys, by_cell


def _count_block(tally: Tally, block: NDArray[np.float64], edges: NDArray[np.float64]) -> None:
    """Add a sorted block (NaN last) to the counts; NaN and infinities are counted apart."""
    finite_from = int(np.searchsorted(block, -np.inf, side="right"))
    finite_to = int(np.searchsorted(block, np.inf, side="left"))
    inf_to = int(np.searchsorted(block, np.inf, side="right"))
    at_edges = np.searchsorted(block, edges, side="right")
    tally.counts += np.diff(at_edges, prepend=finite_from, append=finite_to)
    tally.n_inf += finite_from + inf_to - finite_to
    tally.n_nan += len(block) - inf_to
