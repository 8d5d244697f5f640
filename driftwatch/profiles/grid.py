"""The key grid: 65,536 cells that exist before any reference does, and that every fine edge is snapped to.

A value's cell is the top 16 bits of ``float32((x - centre) / scale)``: sign, exponent and seven bits of mantissa, 128
cells an octave on either side of the centre. Two profiles on one grid add cell by cell, and a codec whose edges are
cell boundaries can be reached from the cells without an error.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CELLS", "MINUS_OVERFLOW", "PLUS_OVERFLOW", "KeyGrid", "order_cells", "propose_grid", "robust_spread"]

CELLS = 1 << 16
# In the order of the values, cell 32,768 begins at the centre. Finite values beyond float32 fall into the cells of
# infinity.
PLUS_OVERFLOW = 32768 + 0x7F80
MINUS_OVERFLOW = 32767 - 0x7F80
_LARGEST = 0.5 * np.finfo(np.float64).max


@dataclass(frozen=True, slots=True)
class KeyGrid:
    """Where the cells lie.

    Attributes:
        centre: a multiple of `scale` near the median; data like 1e6 ± 1 would fall into one cell without it.
        scale: a power of two near the standard deviation.
    """

    centre: float
    scale: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.centre) and math.isfinite(self.scale) and self.scale > 0):
            raise ValueError(f"a key grid needs a finite centre and a positive scale, not {self}")

    def scaled(self, values: NDArray[np.float64], out: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """``(x - centre) / scale`` in float64; may overflow to infinity.

        Adding the negated centre instead of subtracting it makes +0.0 of -0.0, so that the two share a cell.
        """
        with np.errstate(over="ignore"):
            result = np.add(values, 0.0 - self.centre, out=out)
            return np.multiply(result, 1.0 / self.scale, out=result)

    def cells(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """The cell of each value, in the order of the values: monotone, int64[n] in [0, 65536). NaN has no meaning."""
        with np.errstate(over="ignore", invalid="ignore"):
            bits = self.scaled(values).astype(np.float32).view(np.int32) >> 16
        return np.where(bits >= 0, bits + 32768, -1 - bits).astype(np.int64)

    def upper_edges(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        """The largest float64 that lies in each cell or below it, float64[n].

        Found by bisection over the representations of float64 with :meth:`cells` itself as the judge, so that rounding
        in the scaling can never make an edge disagree with the cells. ±infinity where there is no such boundary.
        """
        low = np.full(len(cells), _ordered(-np.inf), dtype=np.uint64)
        high = np.full(len(cells), _ordered(np.inf), dtype=np.uint64)
        one = np.uint64(1)
        while np.any(high - low > one):
            middle = low + (high - low) // np.uint64(2)
            below = self.cells(_double(middle)) <= cells
            low = np.where(below, middle, low)
            high = np.where(below, high, middle)
        return _double(low)


def order_cells(raw: NDArray[np.int64]) -> NDArray[np.int64]:
    """Counts by the bits of the key (as uint16), int64[65536], put into the order of the values."""
    return np.concatenate((raw[:32767:-1], raw[:32768]))


def robust_spread(values: NDArray[np.float64]) -> float:
    """(q90 - q10)/2.56, the standard deviation of a normal; where that is 0 the sd, then the median's size, then 1.

    Args:
        values: float64[n], sorted, finite, n >= 1.
    """
    last = len(values) - 1
    spread = float(values[round(0.9 * last)] / 2.56 - values[round(0.1 * last)] / 2.56)
    if spread <= 0:
        largest = float(max(abs(values[0]), abs(values[-1])))
        spread = float((values / largest).std()) * largest if largest > 0 else 0.0
    if spread <= 0 or values[0] == values[-1]:
        spread = abs(float(values[last // 2]))
    return spread if spread > 0 else 1.0


def propose_grid(values: NDArray[np.float64]) -> KeyGrid:
    """A grid for data like `values`.

    Two processes that centre differently could never merge: the first proposal for a column is registered, and used by
    everyone.

    Args:
        values: float64[n]; NaN and infinities are passed over. Without a finite value the grid is (0, 1).
    """
    finite = np.sort(values[np.isfinite(values)])
    if not len(finite):
        return KeyGrid(0.0, 1.0)
    exponent = min(max(round(math.log2(robust_spread(finite))), -1000), 1000)
    scale = math.ldexp(1.0, exponent)
    middle = float(finite[(len(finite) - 1) // 2])
    steps = middle / scale
    centre = float(np.rint(steps)) * scale if abs(steps) < 2.0**52 else middle
    return KeyGrid(centre if abs(centre) < _LARGEST else 0.0, scale)


def _ordered(value: float) -> np.uint64:
    bits = np.float64(value).view(np.uint64)
    top = np.uint64(1 << 63)
    return np.uint64(~bits) if bits & top else np.uint64(bits | top)


def _double(ordered: NDArray[np.uint64]) -> NDArray[np.float64]:
    top = np.uint64(1 << 63)
    bits = np.where(ordered & top != 0, ordered ^ top, ~ordered)
    return bits.astype(np.uint64).view(np.float64)
