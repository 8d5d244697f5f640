"""The moments of several numbers at once: counts of rows, sums and sums of products that add up bit for bit.

Each row's values are standardised by a fixed frame, cut at ±8 and rounded to multiples of 2^-11. They are integers
then, and so are all sums and products, which floating-point matrix products hold exactly: any split of the rows and any
order of adding gives the same bits. What a window's mean vector and covariance are follows from the sums.

A value that is missing, not a number or infinite takes the frame's centre, which moves no sum; a row without any value
is not counted.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import ormsgpack
from numpy.typing import NDArray

from driftwatch.profiles.grid import propose_grid
from driftwatch.profiles.packing import pack_counts, unpack_counts

__all__ = [
    "LIMIT",
    "MOST_DIMENSIONS",
    "NUMERIC_TOGETHER",
    "RADIUS_UNIT",
    "UNIT",
    "MomentsFrame",
    "MomentsProfile",
    "sums_of_values",
]
__all__ += [
    "merge_moments",
    "profile_moments",
    "profile_moments_by_group",
    "propose_frame",
    "sums_of",
    "upper_triangle",
]

NUMERIC_TOGETHER = ""
"""What the moments of all numeric features together go by; those of an embedding go by its name."""

MOST_DIMENSIONS = 50
"""Above so many columns a fixed random projection to as many is profiled."""

LIMIT = 8.0
"""Standardised values are cut at ± this."""

UNIT = 2.0**-11
"""Standardised values are multiples of this: products of two are below 2^28, and 2^25 of them add up exactly."""

RADIUS_UNIT = 2.0**-4
"""Squared lengths are rounded to multiples of this before their own products are summed."""

_BLOCK = 1 << 12  # rows of 50 columns in a block: 1.6 MiB
_SMALL = 1 << 18  # multiplications of a matrix product that stays in its thread
_COLUMNS = 100
_STEPS = int(LIMIT / UNIT)


@dataclass(frozen=True)
class MomentsFrame:
    """Which columns are taken together, and what each is standardised by.

    Attributes:
        names: the columns, in order.
        centre: float64[d].
        scale: float64[d], powers of two.
    """

    names: tuple[str, ...]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]

    def __post_init__(self) -> None:
        shape = (len(self.names),)
        usable = np.all(np.isfinite(self.centre)) and np.all(np.isfinite(self.scale)) and np.all(self.scale > 0)
        if not self.names or self.centre.shape != shape or self.scale.shape != shape or not usable:
            raise ValueError("a frame has one finite centre and one positive scale for each of its columns")
        self.centre.setflags(write=False)
        self.scale.setflags(write=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MomentsFrame) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def dimensions(self) -> int:
        """What is profiled of each row: a number a column, at most 50."""
        return min(len(self.names), MOST_DIMENSIONS)

    @property
    def is_projected(self) -> bool:
        """Whether the dimensions are mixtures of the columns."""
        return len(self.names) > MOST_DIMENSIONS

    @cached_property
    def digest(self) -> bytes:
        """The frame's identity: 16 bytes of blake2b over its columns, centres and scales."""
        numbers = np.concatenate((self.centre, self.scale)).astype("<f8").tobytes()
        return hashlib.blake2b(ormsgpack.packb(list(self.names)) + numbers, digest_size=16).digest()

    @cached_property
    def projection(self) -> NDArray[np.float64]:
        """float64[d, 50] of ±1, drawn from the names alone (Achlioptas 2003, doi:10.1016/S0022-0000(03)00025-4)."""
        bits = len(self.names) * MOST_DIMENSIONS
        seed = ormsgpack.packb(list(self.names))
        stream = hashlib.shake_128(seed).digest(-(-bits // 8))
        signs = np.unpackbits(np.frombuffer(stream, dtype=np.uint8), count=bits)
        return np.where(signs.reshape(len(self.names), MOST_DIMENSIONS) > 0, 1.0, -1.0)

    def place(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rows float64[n, d] as whole numbers of :data:`UNIT`, float64[n, dimensions]; what is not finite is 0."""
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = (values - self.centre) * (1.0 / (self.scale * UNIT))
        np.clip(scaled, -_STEPS, _STEPS, out=scaled)
        scaled[~np.isfinite(values)] = 0.0
        np.rint(scaled, out=scaled)
        if not self.is_projected:
            return scaled
        # Sums of whole numbers: exact in any order. Only then is divided, value by value.
        mixed = _mix(scaled, self.projection)
        mixed *= 1.0 / math.sqrt(len(self.names))
        np.clip(mixed, -_STEPS, _STEPS, out=mixed)
        return np.rint(mixed, out=mixed)

    def to_bytes(self) -> bytes:
        """The frame as msgpack."""
        fields = {
            "v": 1,
            "names": list(self.names),
            "centre": self.centre.astype("<f8").tobytes(),
            "scale": self.scale.astype("<f8").tobytes(),
        }
        return ormsgpack.packb(fields)

    @classmethod
    def from_bytes(cls, payload: bytes) -> "MomentsFrame":
        """Read what :meth:`to_bytes` wrote.

        Raises:
            ValueError: these are not the bytes of a frame.
        """
        try:
            fields = ormsgpack.unpackb(payload)
            version = fields["v"]
            names, (centre, scale) = fields["names"], (_floats(fields[key]) for key in ("centre", "scale"))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError("these bytes are not a frame of moments") from error
        if version != 1:
            raise ValueError(f"a frame of moments of format {version!r} cannot be read by this release")
        return cls(tuple(names), centre, scale)


@dataclass(frozen=True, slots=True, eq=False)
class MomentsProfile:
    """Sums over some rows z of a frame's dimensions, all of them whole numbers.

    Attributes:
        frame: the frame's digest.
        dimensions: k.
        n: rows.
        sums: int64[4k + k(k+1)/2 + 1]: Σz; Σzzᵀ, its upper triangle row by row; of each dimension Σz³ and Σz⁴; Σ‖z‖²z
            and Σ‖z‖⁴. z counts in units of 2^-11, squares within a longer product are rounded to units of 2^-4.
    """

    frame: bytes
    dimensions: int
    n: int
    sums: NDArray[np.int64]

    @property
    def mean(self) -> NDArray[np.float64]:
        """float64[k], of the standardised values; zeros without rows."""
        return self.sums[: self.dimensions].astype(np.float64) * (UNIT / max(self.n, 1))

    @property
    def second(self) -> NDArray[np.float64]:
        """float64[k, k], the mean of zzᵀ."""
        k = self.dimensions
        upper = self.sums[k : k + k * (k + 1) // 2] * (UNIT**2 / max(self.n, 1))
        full = np.zeros((k, k))
        full[upper_triangle(k)] = upper
        full.T[upper_triangle(k)] = upper
        return full

    def merge(self, other: "MomentsProfile") -> "MomentsProfile":
        """The profile of both together, bit for bit whatever the order.

        Raises:
            ValueError: the two were made with different frames.
        """
        if self.frame != other.frame:
            raise ValueError("the moments were taken with different frames and cannot be added")
        return MomentsProfile(self.frame, self.dimensions, self.n + other.n, self.sums + other.sums)

    def to_fields(self) -> list[Any]:
        """Plain values for msgpack; :meth:`from_fields` reads them."""
        return [self.frame, self.dimensions, self.n, pack_counts(_fold_signs(self.sums))]

    @classmethod
    def from_fields(cls, fields: list[Any]) -> "MomentsProfile":
        """The profile that :meth:`to_fields` took apart.

        Raises:
            ValueError: the sums do not fit the dimensions.
        """
        frame, dimensions, n, packed = fields
        sums = _unfold_signs(unpack_counts(packed))
        if len(sums) != sums_of(dimensions):
            raise ValueError(f"{len(sums)} sums are not those of {dimensions} dimensions")
        return cls(frame, dimensions, n, sums)


def merge_moments(
    left: Mapping[str, MomentsProfile], right: Mapping[str, MomentsProfile]
) -> Mapping[str, MomentsProfile]:
    """Both sides' moments, by name.

    Raises:
        ValueError: one of them was made with different frames; the message names it.
    """
    merged = dict(left)
    for name, profile in right.items():
        try:
            merged[name] = merged[name].merge(profile) if name in merged else profile
        except ValueError as error:
            raise ValueError(f"{name or 'the numeric features'}: {error}") from None
    return merged


def propose_frame(columns: Mapping[str, NDArray[np.float64]]) -> MomentsFrame:
    """A frame for data like these: the median and a robust standard deviation, to powers of two, of each column.

    Two processes with different frames could never merge: the first proposal is registered and used by everyone.

    Args:
        columns: by name, float64[n]; NaN and infinities are passed over.

    Raises:
        ValueError: there is no column.
    """
    grids = [propose_grid(values) for values in columns.values()]
    centre, scale = (np.array([getattr(grid, key) for grid in grids]) for key in ("centre", "scale"))
    return MomentsFrame(tuple(columns), centre, scale)


def profile_moments(frame: MomentsFrame, values: NDArray[np.float64]) -> MomentsProfile:
    """Profile some rows, float64[n, d] in the order of the frame's names; NaN is missing."""
    starts = np.zeros(1, dtype=np.int64)
    return profile_moments_by_group(frame, values, starts)[0]


def profile_moments_by_group(
    frame: MomentsFrame, values: NDArray[np.float64], starts: Sequence[int] | NDArray[np.int64]
) -> list[MomentsProfile]:
    """The profiles of consecutive groups of rows: group g is ``values[starts[g]:starts[g + 1]]``.

    Args:
        frame: what to standardise by.
        values: float64[n, d].
        starts: ascending; the last group ends with the rows.
    """
    stops = [*list(starts)[1:], len(values)][: len(starts)]
    profiles = []
    for start, stop in zip(starts, stops, strict=True):
        n, sums = 0, np.zeros(sums_of(frame.dimensions), dtype=np.int64)
        for first in range(int(start), int(stop), _BLOCK):
            block = values[first : min(first + _BLOCK, int(stop))]
            counted = np.isfinite(block).any(axis=1)
            n += int(np.count_nonzero(counted))
            sums += _sums(frame.place(block))  # a row without a value adds zeros
        profiles.append(MomentsProfile(frame.digest, frame.dimensions, n, sums))
    return profiles


def _sums(placed: NDArray[np.float64]) -> NDArray[np.int64]:
    """int64[4k + k(k+1)/2 + 1] of whole numbers float64[n, k]; every partial sum is below 2^53, thus exact."""
    k = placed.shape[1]
    squares = placed * placed
    radius = np.rint(squares.sum(axis=1) * (UNIT**2 / RADIUS_UNIT))
    np.rint(np.multiply(squares, UNIT**2 / RADIUS_UNIT, out=squares), out=squares)
    products = np.zeros((k, k))
    for rows in _stacks(placed, _SMALL // (k * k)):
        products += np.matmul(rows.transpose(0, 2, 1), rows).sum(axis=0)
    parts = (
        placed.sum(axis=0),
        products[upper_triangle(k)],
        np.einsum("nk,nk->k", squares, placed),
        np.einsum("nk,nk->k", squares, squares),
        np.einsum("n,nk->k", radius, placed),
        [float(np.sum(radius * radius))],
    )
    return np.concatenate(parts).astype(np.int64)


def sums_of_values(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """What a row at each value of one dimension adds to the sums, int64[n, 6] for float64[n] within ±:data:`LIMIT`."""
    placed = np.rint(np.clip(values, -LIMIT, LIMIT) / UNIT)
    squares = np.rint(placed * placed * (UNIT**2 / RADIUS_UNIT))
    third, fourth = squares * placed, squares * squares
    return np.stack((placed, placed * placed, third, fourth, third, fourth), axis=1).astype(np.int64)


def _mix(scaled: NDArray[np.float64], projection: NDArray[np.float64]) -> NDArray[np.float64]:
    """The product of float64[n, d] and float64[d, 50], a hundred columns at a time."""
    mixed = np.zeros((len(scaled), projection.shape[1]))
    for first in range(0, scaled.shape[1], _COLUMNS):
        part, signs = scaled[:, first : first + _COLUMNS], projection[first : first + _COLUMNS]
        done = 0
        for rows in _stacks(part, _SMALL // signs.size):
            count = rows.shape[0] * rows.shape[1]
            mixed[done : done + count] += np.matmul(rows, signs).reshape(count, -1)
            done += count
    return mixed


def _stacks(rows: NDArray[np.float64], height: int) -> Iterator[NDArray[np.float64]]:
    """The rows as a stack of matrices of `height` rows each, and the rest as one more.

    A matrix product so small is done by the calling thread; a larger one wakes a pool of threads, which costs more
    processor time than the product itself when others are at work.
    """
    whole = len(rows) // height * height
    if whole:
        yield rows[:whole].reshape(-1, height, rows.shape[1])
    if whole < len(rows):
        yield rows[whole:][None]


@lru_cache(maxsize=64)
def upper_triangle(dimensions: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column of each entry of an upper triangle, row by row."""
    row, column = np.triu_indices(dimensions)
    return row, column


def sums_of(dimensions: int) -> int:
    """How many sums a profile of so many dimensions has."""
    return 4 * dimensions + dimensions * (dimensions + 1) // 2 + 1


def _fold_signs(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, -1, 1, -2, ... as 0, 1, 2, 3, ...: small numbers of either sign are few bytes."""
    return (values << 1) ^ (values >> 63)


def _unfold_signs(folded: NDArray[np.int64]) -> NDArray[np.int64]:
    return (folded >> 1) ^ -(folded & 1)


def _floats(payload: bytes) -> NDArray[np.float64]:
    return np.frombuffer(payload, dtype="<f8").astype(np.float64)
