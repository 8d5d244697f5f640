"""Sums of float64 values without any rounding, so that every order of adding gives the same bits."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ExactSum", "sum_exactly"]

_HALF = 26  # bits of a mantissa's lower part: sums of 2^36 of them fit an int64
_LEAST = -1074  # the exponent of the smallest float64
_ONE: int = 2**1074
_FEW = 100  # values that are added one by one in less time


@dataclass(frozen=True, slots=True)
class ExactSum:
    """The integer multiple of 2^-1074 that a sum of finite float64 values is.

    Attributes:
        units: that integer; Python's have no bound.
    """

    units: int = 0

    def __add__(self, other: "ExactSum") -> "ExactSum":
        """Both together."""
        return ExactSum(self.units + other.units)

    def __float__(self) -> float:
        """The nearest float64; infinite beyond its range."""
        try:
            return self.units / _ONE
        except OverflowError:
            return float("inf") if self.units > 0 else float("-inf")

    def to_fields(self) -> list[Any]:
        """Plain values for msgpack: the number without its trailing zero bits, and how many those are."""
        zeros = (self.units & -self.units).bit_length() - 1 if self.units else 0
        odd = self.units >> zeros
        return [zeros, odd.to_bytes((odd.bit_length() + 8) // 8, "little", signed=True)]

    @classmethod
    def from_fields(cls, fields: list[Any]) -> "ExactSum":
        """Read what :meth:`to_fields` wrote."""
        zeros, odd = fields
        return cls(int.from_bytes(odd, "little", signed=True) << zeros)


def sum_exactly(values: NDArray[np.float64]) -> ExactSum:
    """The exact sum of finite values, float64[n].

    Mantissas are added as integers, exponent by exponent (a Kulisch accumulator).

    Raises:
        ValueError: a value is not finite.
    """
    if not np.all(np.isfinite(values)):
        raise ValueError("only finite values have an exact sum")
    if len(values) <= _FEW:
        ratios = (value.as_integer_ratio() for value in values.tolist())
        return ExactSum(sum(part << (1 - _LEAST - whole.bit_length()) for part, whole in ratios))
    fractions, exponents = np.frexp(values)
    mantissas = np.ldexp(fractions, 53).astype(np.int64)
    places = exponents.astype(np.int64) - 53 - _LEAST  # the value is mantissa × 2^(place + least); below 0: subnormal
    negative = np.minimum(places, 0)
    mantissas >>= -negative  # exact: a subnormal number has as many trailing zeros
    places -= negative
    order = np.argsort(places, kind="stable")
    places, mantissas = places[order], mantissas[order]
    starts = np.flatnonzero(np.diff(places, prepend=-1))
    high = np.add.reduceat(mantissas >> _HALF, starts).tolist()
    low = np.add.reduceat(mantissas & ((1 << _HALF) - 1), starts).tolist()
    return ExactSum(
        sum(((h << _HALF) + part) << place for place, h, part in zip(places[starts].tolist(), high, low, strict=True))
    )
