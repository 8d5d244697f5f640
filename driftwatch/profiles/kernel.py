"""Two kernels that count values into bins. They agree bin for bin; which one runs is a matter of speed alone.

*Sorted*: each block is sorted and the few edges are searched in the block (searching each value among the edges costs
six times as much). *Keyed*: the top 16 bits of the scaled float32 are counted directly, and cells are folded into bins.
Both work in blocks that stay in the cache, and release the interpreter lock.
"""

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.grid import CELLS, MINUS_OVERFLOW, PLUS_OVERFLOW, KeyGrid, order_cells

__all__ = ["BLOCK", "CELLED_FROM", "KEYED_FROM", "Tally"]
__all__ += ["assign_bins", "count_cells", "count_few", "count_keyed", "count_sorted"]

BLOCK = 1 << 15
KEYED_FROM = 16_384  # where the two cost the same; the keyed one has a fixed cost of about 150 microseconds
CELLED_FROM = 16_384  # below, sorting the few costs less than making and looking through all cells (1.2 ms)
_CHUNK = 1 << 20
_UPPER_HALF = 1 if sys.byteorder == "little" else 0


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
            # Not a BLAS product: that would wake a pool of threads for every block.
            self.total_sq += float(np.einsum("i,i->", scaled, scaled))


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
            _resolve(chunk, keys, by_cell, codec, tally)
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


def count_few(values: NDArray[np.float64], grid: KeyGrid) -> tuple[Tally, NDArray[np.int64]]:
    """As :func:`count_cells`, for few values: the tally's counts are those of the occupied cells, which come with it.

    65,536 counts cost most of a millisecond to make and to look through, however few values there are.
    """
    finite = values[np.isfinite(values)]
    cells, counts = np.unique(grid.cells(finite), return_counts=True)
    nan = int(np.count_nonzero(np.isnan(values)))
    tally = Tally(counts.astype(np.int64), nan, len(values) - len(finite) - nan)
    for start in range(0, len(values), BLOCK):
        block = values[start : start + BLOCK]
        tally.note(block, grid.scaled(block), grid)
    return tally, cells


def assign_bins(values: NDArray[np.float64], codec: NumericCodec) -> NDArray[np.int16]:
    """The bin of each finite value, int16[n]; the bin of NaN and of infinities has no meaning."""
    cells = codec.cell_map
    result = np.empty(len(values), dtype=np.int16)
    buffer, narrow = np.empty(BLOCK), np.empty(BLOCK, dtype=np.float32)
    for start in range(0, len(values), BLOCK):
        block = values[start : start + BLOCK]
        keys = _keys(codec.grid.scaled(block, out=buffer[: len(block)]), narrow[: len(block)])
        part = cells.bin_of_key.take(keys)
        if cells.any_ambiguous:
            unclear = cells.ambiguous_key.take(keys)
            if unclear.any():
                rest = np.flatnonzero(unclear & (cells.atom_of_key.take(keys) != block))
                part[rest] = _search(block[rest], codec.edges)
        result[start : start + BLOCK] = part
    return result


def _search(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    # Sorted queries walk the edges in order and stay in the cache.
    order = np.argsort(values)
    result = np.empty(len(values), dtype=np.int64)
    result[order] = np.searchsorted(edges, values[order], side="left")
    return result


def _keys(scaled: NDArray[np.float64], narrow: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The upper half of each float32, as a view on the buffer `narrow`."""
    with np.errstate(over="ignore", invalid="ignore"):
        narrow[:] = scaled
    return narrow.view(np.uint16)[_UPPER_HALF::2]


def _count_chunk(
    chunk: NDArray[np.float64], grid: KeyGrid, tally: Tally
) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
    """The key of each value, and the counts by cell with NaN and infinities taken out."""
    keys = np.empty(len(chunk), dtype=np.uint16)
    buffer, narrow = np.empty(BLOCK), np.empty(BLOCK, dtype=np.float32)
    for start in range(0, len(chunk), BLOCK):
        block = chunk[start : start + BLOCK]
        scaled = grid.scaled(block, out=buffer[: len(block)])
        keys[start : start + BLOCK] = _keys(scaled, narrow[: len(block)])
        tally.note(block, scaled, grid)
    by_cell = order_cells(np.bincount(keys, minlength=CELLS))
    for nans in (by_cell[:MINUS_OVERFLOW], by_cell[PLUS_OVERFLOW + 1 :]):
        tally.n_nan += int(nans.sum())
        nans[:] = 0
    if by_cell[PLUS_OVERFLOW] or by_cell[MINUS_OVERFLOW]:
        plus, minus = int(np.count_nonzero(chunk == np.inf)), int(np.count_nonzero(chunk == -np.inf))
        by_cell[PLUS_OVERFLOW] -= plus
        by_cell[MINUS_OVERFLOW] -= minus
        tally.n_inf += plus + minus
    return keys, by_cell


def _resolve(
    chunk: NDArray[np.float64],
    keys: NDArray[np.uint16],
    by_cell: NDArray[np.int64],
    codec: NumericCodec,
    tally: Tally,
) -> None:
    """Count the values in cells that an atom cuts, and take them out of `by_cell`.

    Nearly all of them equal the first atom of their cell; the rest is sorted.
    """
    cells = codec.cell_map
    in_cut_cells = by_cell[cells.ambiguous]
    unclear = int(in_cut_cells.sum())
    others = []
    for start in range(0, len(chunk), BLOCK):
        block, part = chunk[start : start + BLOCK], keys[start : start + BLOCK]
        same = cells.atom_of_key.take(part) == block
        found = int(np.count_nonzero(same))
        unclear -= found
        if found < len(block):
            others.append(np.flatnonzero(cells.ambiguous_key.take(part) & ~same) + start)
    if unclear:
        rest = np.concatenate(others)
        by_cell -= order_cells(np.bincount(keys[rest], minlength=CELLS))
        values = chunk[rest]
        for first in range(0, len(values), BLOCK):
            _count_block(tally, np.sort(values[first : first + BLOCK]), codec.edges)
    tally.counts[cells.atom_bins] += by_cell[cells.ambiguous]
    by_cell[cells.ambiguous] = 0


def _count_block(tally: Tally, block: NDArray[np.float64], edges: NDArray[np.float64]) -> None:
    """Add a sorted block (NaN last) to the counts; NaN and infinities are counted apart."""
    finite_from = int(np.searchsorted(block, -np.inf, side="right"))
    finite_to = int(np.searchsorted(block, np.inf, side="left"))
    inf_to = int(np.searchsorted(block, np.inf, side="right"))
    at_edges = np.searchsorted(block, edges, side="right")
    tally.counts += np.diff(at_edges, prepend=finite_from, append=finite_to)
    tally.n_inf += finite_from + inf_to - finite_to
    tally.n_nan += len(block) - inf_to
