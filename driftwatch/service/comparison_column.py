"""One column of two files: what it is on either side, made comparable, profiled."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from driftwatch.domain.signal import ColumnKind
from driftwatch.drift.pairwise import ColumnPair, categorical_pair, numeric_pair
from driftwatch.errors import DataError
from driftwatch.profiles.bucket import CategoricalColumn, Column, NumericColumn
from driftwatch.profiles.categorical import CategoricalProfile, profile_counts
from driftwatch.profiles.codec import NumericCodec, build_codec
from driftwatch.profiles.numeric import NumericProfile, profile_numeric
from driftwatch.service.arrow_column import read_kind, read_numbers, read_values

__all__ = ["PRESENT", "ReadColumn", "read_column"]

PRESENT = "present"
_IDENTIFIER_SHARE = 0.5
_IDENTIFIER_ROWS = 100
_COMPARED = (ColumnKind.NUMERIC, ColumnKind.CATEGORICAL, ColumnKind.BOOLEAN)


@dataclass(frozen=True)
class ReadColumn:
    """One column, read from both sides as one kind.

    Attributes:
        name: the column.
        kind: numeric, categorical or boolean; None where neither side holds a value.
        reference: its values, or None where the reference has no such column.
        current: its values, or None where the current file has no such column.
        retyped: what changed about its type, in words, or "".
        comparable: whether the two sides can be compared at all.
        identifier: nearly every value is another one: only gaps mean anything.
        type_reference: the type in the reference, in words.
        type_current: the type in the current file, in words.
    """

    name: str
    kind: ColumnKind | None
    reference: Column | None
    current: Column | None
    retyped: str = ""
    comparable: bool = True
    identifier: bool = False
    type_reference: str = ""
    type_current: str = ""

    @cached_property
    def codec(self) -> NumericCodec:
        """The bins, from the reference's values (or the current ones where it has none)."""
        for side in (self.reference, self.current):
            if isinstance(side, NumericColumn):
                codec = build_codec(side.present)
                if codec.bins > 1:
                    return codec
        return build_codec(np.zeros(0))

    @cached_property
    def profiles(self) -> tuple[NumericProfile | CategoricalProfile | None, NumericProfile | CategoricalProfile | None]:
        """Both sides profiled, in the same bins."""
        return self._profile(self.reference), self._profile(self.current)

    @cached_property
    def counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """Rows by value on both sides of a categorical column, all values."""
        return _count(self.reference), _count(self.current)

    def released(self) -> "ReadColumn":
        """The same without its rows: what was made of them is kept, and their memory given back."""
        made = {"codec": self.codec, "profiles": self.profiles, "counts": self.counts}
        lean = replace(self, reference=None, current=None)
        lean.__dict__.update(made)
        return lean

    def pair(self) -> ColumnPair | None:
        """The column as one window, or None where a side has no such column or the two cannot be compared."""
        before, after = self.profiles
        if before is None or after is None or not self.comparable:
            return None
        missing = (_absent(before), _absent(after))
        if self.identifier:
            return categorical_pair(self.name, {PRESENT: before.n}, {PRESENT: after.n}, missing)
        if isinstance(before, NumericProfile) and isinstance(after, NumericProfile):
            return numeric_pair(self.name, self.codec.edges, before.counts, after.counts, missing)
        return categorical_pair(self.name, *self.counts, missing)

    def finite(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The finite values of both sides of a numeric column."""
        sides = []
        for side in (self.reference, self.current):
            values = side.present if isinstance(side, NumericColumn) else np.zeros(0)
            sides.append(values[np.isfinite(values)])
        return sides[0], sides[1]

    def _profile(self, side: Column | None) -> NumericProfile | CategoricalProfile | None:
        if side is None:
            return None
        if isinstance(side, NumericColumn):
            return profile_numeric(side.values, self.codec, side.nulls)
        counts = self.counts[0 if side is self.reference else 1]
        return profile_counts(counts, n_null=int(np.count_nonzero(side.codes < 0)))


def _absent(profile: NumericProfile | CategoricalProfile) -> int:
    """Rows without a value to compare: an infinity is none, as in the service's monitors."""
    return profile.missing + (profile.n_inf if isinstance(profile, NumericProfile) else 0)


def read_column(
    name: str, reference: pa.ChunkedArray | None, current: pa.ChunkedArray | None, declared: ColumnKind | None
) -> ReadColumn | None:
    """Read a column of both sides as one kind: the declared one, the reference's, or the current one.

    Args:
        name: the column.
        reference: its values, or None.
        current: its values, or None.
        declared: the kind that the specification says, or None.

    Returns:
        None for what cannot drift here: times, lists, binary values.
    """
    sides = [None if side is None else _Side.of(side) for side in (reference, current)]
    if declared is None and any(side is not None and side.kind is None and not side.empty for side in sides):
        return None
    kinds = [side.kind for side in sides if side is not None and side.kind is not None]
    kind = declared or (kinds[0] if kinds else None)
    if kind is None:
        return ReadColumn(name, None, _nothing(reference), _nothing(current))
    if kind not in _COMPARED:
        return None
    before, after = sides
    words = ("" if before is None else before.words, "" if after is None else after.words)
    changed = before is not None and after is not None and len({*kinds}) > 1
    retyped, comparable = "", True
    if changed and before is not None and after is not None and current is not None:
        retyped = f"{before.words} in the reference, {after.words} now"
        if kind is ColumnKind.NUMERIC:
            bad, shown = _not_numbers(current)
            retyped += f"; {bad:,} of {len(current) - current.null_count:,} values are no numbers{shown}"
            comparable = bad * 2 <= len(current) - current.null_count
    read = [None if side is None else _read(name, side, kind) for side in (reference, current)]
    identifier = read[0] is not None and _is_identifier(read[0], reference)
    return ReadColumn(name, kind, read[0], read[1], retyped, comparable, identifier, *words)


@dataclass(frozen=True)
class _Side:
    kind: ColumnKind | None
    empty: bool
    words: str

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> "_Side":
        empty = column.null_count == len(column)
        if empty and pa.types.is_null(column.type):
            return cls(None, empty, "empty")
        kind = read_kind(column)
        # An all-missing column of text says nothing about its type: CSV readers guess it.
        if empty and kind is ColumnKind.CATEGORICAL:
            return cls(None, empty, "empty")
        names = {ColumnKind.NUMERIC: "numbers", ColumnKind.CATEGORICAL: "text", ColumnKind.BOOLEAN: "true/false"}
        return cls(kind, empty, names.get(kind, str(column.type)) if kind else str(column.type))


def _read(name: str, column: pa.ChunkedArray, kind: ColumnKind) -> Column:
    try:
        return read_values(column, kind)[0]
    except DataError as error:
        raise DataError(f"column {name!r}: {error}", column=name) from None


def _nothing(side: pa.ChunkedArray | None) -> Column | None:
    return None if side is None else CategoricalColumn([], np.full(len(side), -1, dtype=np.int32))


def _not_numbers(column: pa.ChunkedArray) -> tuple[int, str]:
    if read_kind(column) is not ColumnKind.CATEGORICAL:
        return 0, ""
    numbers, bad = read_numbers(column)
    if not bad or numbers.nulls is None:
        return bad, ""
    where = np.flatnonzero(numbers.nulls & ~column.is_null().to_numpy())
    return bad, f", such as {str(column[int(where[0])].as_py())[:40]!r}"


def _is_identifier(column: Column, raw: pa.ChunkedArray | None) -> bool:
    if isinstance(column, CategoricalColumn):
        rows = int(np.count_nonzero(column.codes >= 0))
        return rows > _IDENTIFIER_ROWS and len(column.dictionary) > _IDENTIFIER_SHARE * rows
    # Whole numbers that only ever rise: a counter, whose later values always lie outside its earlier range.
    if raw is None or not pa.types.is_integer(raw.type) or len(column.values) <= _IDENTIFIER_ROWS:
        return False
    return column.nulls is None and bool(np.all(np.diff(column.values) > 0))


def _count(column: Column | None) -> dict[str, int]:
    if not isinstance(column, CategoricalColumn):
        return {}
    used = column.codes[column.codes >= 0]
    counts = np.bincount(used, minlength=len(column.dictionary)).tolist()
    result: dict[str, int] = {}
    for value, count in zip(column.dictionary, counts, strict=True):
        if count:
            result[value] = result.get(value, 0) + count
    return result
