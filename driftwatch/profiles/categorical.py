"""The profile of a categorical column in one time bucket: its heaviest values, exactly, and how many there are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.profiles.cardinality import REGISTERS, estimate_distinct, register_values
from driftwatch.profiles.packing import pack_counts, unpack_counts

__all__ = ["CATEGORY_CAP", "CategoricalProfile", "profile_categorical", "profile_counts"]

CATEGORY_CAP = 1000


@dataclass(frozen=True, slots=True, eq=False)
class CategoricalProfile:
    """Counts of the 1,000 heaviest values, the mass of all others, and the registers of all.

    Up to the cap, merging is exact. Above it a value that is not listed has at most `cut` rows, and a listed one
    at most `cut` more than its count.

    Attributes:
        counts: rows by value.
        other: rows whose value is not listed.
        cut: the bound above; 0 while nothing was cut.
        n: rows with a value.
        n_null: rows without one.
        registers: uint8[4096], HyperLogLog of all values.
    """

    counts: Mapping[str, int]
    other: int
    cut: int
    n: int
    n_null: int
    registers: NDArray[np.uint8]

    @property
    def rows(self) -> int:
        """All rows, missing ones too."""
        return self.n + self.n_null

    @property
    def missing(self) -> int:
        """Rows without a value."""
        return self.n_null

    @property
    def distinct(self) -> int:
        """How many distinct values: exact while nothing was cut, else estimated."""
        return max(len(self.counts), estimate_distinct(self.registers)) if self.cut else len(self.counts)

    def merge(self, other: "CategoricalProfile") -> "CategoricalProfile":
        """The profile of both together."""
        counts = dict(self.counts)
        for value, count in other.counts.items():
            counts[value] = counts.get(value, 0) + count
        kept, dropped, cut = _heaviest(counts)
        return CategoricalProfile(
            kept,
            self.other + other.other + dropped,
            self.cut + other.cut + cut,
            self.n + other.n,
            self.n_null + other.n_null,
            np.maximum(self.registers, other.registers),
        )

    def to_fields(self) -> list[Any]:
        """Plain values for msgpack; :meth:`from_fields` reads them."""
        values = sorted(self.counts)
        counts = np.array([self.counts[value] for value in values], dtype=np.int64)
        occupied = np.flatnonzero(self.registers)
        # Few values leave the registers nearly empty; then the occupied ones are fewer bytes.
        registers: Any = self.registers.tobytes()
        if len(occupied) * 3 < REGISTERS:
            registers = [pack_counts(np.diff(occupied, prepend=0)), self.registers[occupied].tobytes()]
        return [values, pack_counts(counts), self.other, self.cut, self.n_null, registers]

    @classmethod
    def from_fields(cls, fields: list[Any]) -> "CategoricalProfile":
        """The profile that :meth:`to_fields` took apart."""
        values, packed, other, cut, n_null, registers = fields
        counts = unpack_counts(packed)
        if isinstance(registers, bytes):
            filled = np.frombuffer(registers, dtype=np.uint8)
        else:
            filled = np.zeros(REGISTERS, dtype=np.uint8)
            filled[np.cumsum(unpack_counts(registers[0]))] = np.frombuffer(registers[1], dtype=np.uint8)
        return cls(
            dict(zip(values, counts.tolist(), strict=True)), other, cut, int(counts.sum()) + other, n_null, filled
        )


def profile_categorical(dictionary: Sequence[str], codes: NDArray[np.integer[Any]]) -> CategoricalProfile:
    """Profile one column of one bucket.

    Args:
        dictionary: the values; a value may stand there twice.
        codes: int[n], each row's place in the dictionary, -1 where the value is missing.

    Raises:
        ValueError: a code outside the dictionary.
    """
    if len(codes) and not (int(codes.min()) >= -1 and int(codes.max()) < len(dictionary)):
        raise ValueError(
            f"codes lie between -1 and {len(dictionary) - 1}, not {int(codes.min())} to {int(codes.max())}"
        )
    by_code = np.bincount(codes.astype(np.int64) + 1, minlength=len(dictionary) + 1)
    counts: dict[str, int] = {}
    for place in np.flatnonzero(by_code[1:]).tolist():
        value = dictionary[place]
        counts[value] = counts.get(value, 0) + int(by_code[place + 1])
    return profile_counts(counts, n_null=int(by_code[0]))


def profile_counts(
    counts: Mapping[str, int], *, n_null: int = 0, registers: NDArray[np.uint8] | None = None
) -> CategoricalProfile:
    """The profile of rows that are already counted by value; `registers` where they are known too."""
    kept, dropped, cut = _heaviest(counts)
    if registers is None:
        registers = register_values(counts)
    return CategoricalProfile(kept, dropped, cut, sum(kept.values()) + dropped, n_null, registers)


def _heaviest(counts: Mapping[str, int]) -> tuple[Mapping[str, int], int, int]:
    """The 1,000 heaviest, the mass of the rest, and the largest count among the rest."""
    if len(counts) <= CATEGORY_CAP:
        return counts, 0, 0
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rest = [count for _, count in ranked[CATEGORY_CAP:]]
    return dict(ranked[:CATEGORY_CAP]), sum(rest), rest[0]
