"""The codec: the fixed bins of one numeric column, taken from the reference."""

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import ormsgpack
from numpy.typing import NDArray

from driftwatch.profiles.grid import (
    CELLS,
    MINUS_OVERFLOW,
    PLUS_OVERFLOW,
    KeyGrid,
    propose_grid,
    robust_spread,
)

__all__ = ["QUANTILE_BINS", "SAMPLE_ROWS", "SCORE_BINS", "CellMap", "NumericCodec", "build_codec"]

QUANTILE_BINS = 512
SCORE_BINS = 1024
SAMPLE_ROWS = 200_000
_TAIL_OFFSETS = 2.0 ** (np.arange(-6, 48) / 2)
_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, slots=True)
class CellMap:
    """How the cells of the grid fall into the bins of a codec.

    Attributes:
        bin_of_cell: int16[65536] in the order of the values: a cell's bin, or that of the first atom if it is cut.
        edge_cells: int64[B-1], the cell of each edge.
        ambiguous: bool[65536], cells that an edge cuts (only atoms do): their values are looked at one by one.
        atom_bins: int64[number of ambiguous cells], the bin of the first atom in each of them.
        bin_of_key: `bin_of_cell` by the bits of the key (as uint16).
        ambiguous_key: `ambiguous` by the bits of the key.
        atom_of_key: float64[65536] by the bits of the key: the first atom of an ambiguous cell, NaN elsewhere.
        any_ambiguous: whether there is such a cell.
    """

    bin_of_cell: NDArray[np.int16]
    edge_cells: NDArray[np.int64]
    ambiguous: NDArray[np.bool_]
    atom_bins: NDArray[np.int64]
    bin_of_key: NDArray[np.int16]
    ambiguous_key: NDArray[np.bool_]
    atom_of_key: NDArray[np.float64]
    any_ambiguous: bool


@dataclass(frozen=True)
class NumericCodec:
    """Immutable bins: bin b is (edges[b-1], edges[b]], and both ends are open.

    Attributes:
        edges: float64[B-1], ascending.
        grid: the key grid that the edges (but those of atoms) are boundaries of.
    """

    edges: NDArray[np.float64]
    grid: KeyGrid

    def __post_init__(self) -> None:
        if self.edges.ndim != 1 or not np.all(np.isfinite(self.edges)) or np.any(self.edges[1:] <= self.edges[:-1]):
            raise ValueError("the edges of a codec are finite and strictly ascending")
        self.edges.setflags(write=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NumericCodec) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def bins(self) -> int:
        """The number of bins, B."""
        return len(self.edges) + 1

    @cached_property
    def digest(self) -> bytes:
        """The codec's identity: 16 bytes of blake2b over its edges and its grid."""
        grid = np.array([self.grid.centre, self.grid.scale], dtype="<f8").tobytes()
        return hashlib.blake2b(self.edges.astype("<f8").tobytes() + grid, digest_size=16).digest()

    @cached_property
    def atoms(self) -> NDArray[np.bool_]:
        """bool[B]: the bins that hold exactly one value, which is their right edge."""
        result = np.zeros(self.bins, dtype=np.bool_)
        result[1:-1] = np.nextafter(self.edges[1:], -np.inf) == self.edges[:-1]
        return result

    @cached_property
    def cell_map(self) -> CellMap:
        """The map from cells to bins, computed at the first use."""
        cells = self.grid.cells(self.edges)
        cut = self.grid.cells(np.nextafter(self.edges, np.inf)) == cells
        bins = np.concatenate(([0], np.cumsum(np.bincount(cells, minlength=CELLS))[:-1])).astype(np.int16)
        ambiguous = np.zeros(CELLS, dtype=np.bool_)
        ambiguous[cells[cut]] = True
        places = np.flatnonzero(ambiguous)
        # Only an atom cuts a cell, by its own edge and the one just below it. Should that one lie in the cell before,
        # or another codec's edges be given, the first cutting edge stands for the atom: the rest is sorted anyway.
        first = np.searchsorted(cells, places)
        candidates = self.atoms[:-1] & ambiguous[cells]
        atom_cells, which = np.unique(cells[candidates], return_index=True)
        first[np.isin(places, atom_cells)] = np.flatnonzero(candidates)[which]
        bins[places] = first
        atom_of_cell = np.full(CELLS, np.nan)
        atom_of_cell[places] = self.edges[first]
        return CellMap(
            bins,
            cells,
            ambiguous,
            first,
            _by_key(bins),
            _by_key(ambiguous),
            _by_key(atom_of_cell),
            bool(len(places)),
        )

    def to_bytes(self) -> bytes:
        """The codec as msgpack."""
        edges = self.edges.astype("<f8").tobytes()
        return ormsgpack.packb({"v": 1, "edges": edges, "centre": self.grid.centre, "scale": self.grid.scale})

    @classmethod
    def from_bytes(cls, payload: bytes) -> "NumericCodec":
        """Read what :meth:`to_bytes` wrote.

        Raises:
            ValueError: these are not the bytes of a codec.
        """
        try:
            fields = ormsgpack.unpackb(payload)
            version = fields["v"]
            edges = np.frombuffer(fields["edges"], dtype="<f8").astype(np.float64)
            grid = KeyGrid(fields["centre"], fields["scale"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError("these bytes are not a codec") from error
        if version != 1:
            raise ValueError(f"a codec of version {version!r} cannot be read by this release")
        return cls(edges, grid)


def build_codec(sample: NDArray[np.float64], *, bins: int = QUANTILE_BINS, grid: KeyGrid | None = None) -> NumericCodec:
    """The codec of a column from its first good sample.

    Bins are the reference's quantiles k/`bins` (inverted distribution function), each snapped to the key grid; a value
    with more than 1/`bins` of the mass, or every value when there are no more than `bins` of them, is an atom: a bin
    of its own, exactly. Outside p0.1, p99.9, the minimum and the maximum, tail bins grow by the square root of two up
    to 10^7 standard deviations, so that the distance of a far shift stays right.

    Args:
        sample: float64[n]; NaN and infinities are passed over; of more than 200,000 values as many are taken, spread
            evenly over the sample.
        bins: 512, or 1,024 for a score.
        grid: a grid that is already registered for the column; else one is proposed.
    """
    finite = sample[np.isfinite(sample)]
    if len(finite) > SAMPLE_ROWS:
        # Golden-ratio steps: spread evenly, and in phase with no period of the data.
        finite = finite[(len(finite) * ((np.arange(SAMPLE_ROWS) * _GOLDEN) % 1.0)).astype(np.int64)]
    if grid is None:
        grid = propose_grid(finite)
    if not len(finite):
        return NumericCodec(np.zeros(0), grid)
    ordered = np.sort(finite)
    values, counts = _distinct(ordered)
    discrete = len(values) <= bins
    atoms = values if discrete else values[counts * bins > len(ordered)]
    spread = robust_spread(ordered)
    snapped = _tails(ordered[0], ordered[-1], spread)
    if not discrete:
        ranks = -(-np.arange(1, bins) * len(ordered) // bins) - 1
        low, high = ordered[int(0.001 * len(ordered))], ordered[int(0.999 * len(ordered))]
        snapped = np.concatenate((snapped, ordered[ranks], ordered[-1:], _tails(low, high, spread)))
    cells = grid.cells(snapped[np.isfinite(snapped)])
    if not discrete:
        cells = np.concatenate((cells, grid.cells(ordered[:1]) - 1))
    cells = np.unique(cells[(cells > MINUS_OVERFLOW) & (cells < PLUS_OVERFLOW)])
    inside = grid.cells(atoms)
    atoms = atoms[(inside > MINUS_OVERFLOW) & (inside < PLUS_OVERFLOW)] + 0.0
    with np.errstate(over="ignore"):
        edges = np.concatenate((grid.upper_edges(cells), np.nextafter(atoms, -np.inf), atoms))
    return NumericCodec(np.unique(edges[np.abs(edges) < np.finfo(np.float64).max]), grid)


def _tails(low: float, high: float, spread: float) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):
        offsets = spread * _TAIL_OFFSETS
        return np.concatenate((low - offsets, high + offsets))


def _distinct(ordered: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    return ordered[starts], np.diff(np.concatenate((starts, [len(ordered)])))


def _by_key(by_cell: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate((by_cell[32768:], by_cell[32767::-1]))
