"""Counts of rows that break what is demanded of them: a part of the bucket profile that adds like the rest of it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["EXAMPLES_KEPT", "CheckCounts", "Value", "merge_counts", "sample_examples"]

Value: TypeAlias = float | str

EXAMPLES_KEPT = 16
"""Different values that are kept of the rows that break a check."""

_SPREAD = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


@dataclass(frozen=True, slots=True)
class CheckCounts:
    """What came of one check over some rows.

    Of all values that break it, the sixteen whose hashes are smallest are kept, each with all of its rows: a fair draw
    from the different values, and one that is the same in whatever order rows were counted (a value that is among the
    sixteen of the whole is among the sixteen of every part that it is in).

    Attributes:
        n: rows that were checked.
        n_violated: rows that break it.
        examples: rows by value, of at most 16 values.
    """

    n: int
    n_violated: int
    examples: Mapping[Value, int] = field(default_factory=dict)

    def merge(self, other: "CheckCounts") -> "CheckCounts":
        """Both together; associative and commutative, bit for bit."""
        counts = dict(self.examples)
        for value, count in other.examples.items():
            counts[value] = counts.get(value, 0) + count
        if len(counts) > EXAMPLES_KEPT:
            counts = {value: counts[value] for value in sorted(counts, key=_rank)[:EXAMPLES_KEPT]}
        return CheckCounts(self.n + other.n, self.n_violated + other.n_violated, counts)

    def heaviest(self, number: int) -> list[tuple[Value, int]]:
        """The kept values with the most rows; equal counts in order of the value."""
        ranked = sorted(self.examples.items(), key=lambda item: (-item[1], isinstance(item[0], str), item[0]))
        return ranked[:number]

    def to_fields(self) -> list[Any]:
        """Plain values for msgpack; :meth:`from_fields` reads them."""
        return [self.n, self.n_violated, [[value, self.examples[value]] for value in sorted(self.examples, key=_rank)]]

    @classmethod
    def from_fields(cls, fields: Sequence[Any]) -> "CheckCounts":
        """The counts that :meth:`to_fields` took apart."""
        n, n_violated, examples = fields
        return cls(n, n_violated, dict(examples))


def merge_counts(left: Mapping[str, CheckCounts], right: Mapping[str, CheckCounts]) -> dict[str, CheckCounts]:
    """Counts by key, of both sides together."""
    merged = dict(left)
    for key, counts in right.items():
        merged[key] = merged[key].merge(counts) if key in merged else counts
    return merged


def sample_examples(values: Sequence[str] | NDArray[np.float64], counts: Iterable[int]) -> dict[Value, int]:
    """The values that :class:`CheckCounts` keeps.

    Args:
        values: k different values, finite or infinite; no NaN.
        counts: rows of each.
    """
    by_value = zip(values.tolist() if isinstance(values, np.ndarray) else values, counts, strict=True)
    if len(values) <= EXAMPLES_KEPT:
        return dict(by_value)
    if isinstance(values, np.ndarray):
        kept = set(np.argsort(_spread(values), kind="stable")[:EXAMPLES_KEPT].tolist())
        return {value: count for place, (value, count) in enumerate(by_value) if place in kept}
    return dict(sorted(by_value, key=lambda item: _rank(item[0]))[:EXAMPLES_KEPT])


def _rank(value: Value) -> tuple[bool, int]:
    """A total order of values that is as good as random; numbers come before text."""
    if isinstance(value, str):
        digest = hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        return True, int.from_bytes(digest, "big")
    return False, int(_spread(np.array([value], dtype=np.float64))[0])


def _spread(values: NDArray[np.float64]) -> NDArray[np.uint64]:
    """uint64[k], a one-to-one scrambling of the values' bits (the finaliser of SplitMix64, Steele et al. 2014)."""
    bits = np.ascontiguousarray(values + 0.0).view(np.uint64)  # -0.0 becomes 0.0: they are one value
    mixed = bits + _SPREAD[0]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _SPREAD[1]
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SPREAD[2]
    return np.asarray(mixed ^ (mixed >> np.uint64(31)), dtype=np.uint64)
