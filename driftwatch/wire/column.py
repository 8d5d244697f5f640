"""A column of a frame: packed where every value is alike, checked without a loop over packed values."""

import sys
from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from driftwatch.errors import FrameError
from driftwatch.wire.kind import BOOLEAN, CATEGORICAL, EMBEDDING, KINDS, NULL, NUMERIC, clean_text

__all__ = ["BadValue", "FeatureColumn", "build_column", "column_from_wire", "from_bytes", "to_bytes", "types_of"]

_NONE = type(None)
_SWAP = sys.byteorder == "big"


def to_bytes(typecode: str, values: Iterable[Any]) -> bytes:
    """Values as little-endian bytes; `typecode` as in `array`: d float64, f float32, q int64, i int32."""
    packed = array(typecode, values)
    if _SWAP:
        packed.byteswap()
    return packed.tobytes()


def from_bytes(typecode: str, data: bytes) -> "array[Any]":
    """The values behind `to_bytes`, as an array of the standard library."""
    packed = array(typecode)
    packed.frombytes(data)
    if _SWAP:
        packed.byteswap()
    return packed


def types_of(values: Iterable[Any]) -> set[type[Any]]:
    """The exact types that occur, at the speed of C."""
    return set(map(type, values))


class FeatureColumn:
    """The values of one feature in a frame.

    Attributes:
        kind: `numeric`, `boolean`, `categorical`, `embedding`, or `null` for a column without one value.
        values: numeric: float64 little-endian bytes, or, where a value is null, a list of numbers and None.
            boolean: a list of bools and None. embedding: a list of float32 little-endian bytes and None.
            null: a list of None. categorical: None.
        dictionary: categorical: the distinct texts.
        codes: categorical: int32 little-endian bytes, positions in `dictionary`, -1 = null.
    """

    __slots__ = ("codes", "dictionary", "kind", "values")

    def __init__(
        self,
        kind: str,
        *,
        values: "bytes | list[Any] | None" = None,
        dictionary: list[str] | None = None,
        codes: bytes | None = None,
    ) -> None:
        self.kind = kind
        self.values = values
        self.dictionary = dictionary
        self.codes = codes

    def __repr__(self) -> str:
        return f"FeatureColumn({self.kind!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FeatureColumn):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]

    def to_list(self) -> list[Any]:
        """One plain value or None a row: for tests and for people, not for speed."""
        if self.dictionary is not None and self.codes is not None:
            return [None if code < 0 else self.dictionary[code] for code in from_bytes("i", self.codes)]
        if isinstance(self.values, bytes):
            return from_bytes("d", self.values).tolist()
        values = list(self.values or [])
        if self.kind == EMBEDDING:
            return [None if value is None else from_bytes("f", value).tolist() for value in values]
        return values

    def to_wire(self) -> dict[str, Any]:
        """The map that stands for this column in a frame."""
        if self.dictionary is not None:
            return {"kind": self.kind, "dict": self.dictionary, "codes": self.codes}
        return {"kind": self.kind, "values": self.values}


class BadValue:
    """A value that does not fit its column; the column has null in its place.

    Attributes:
        position: the row within the column.
        reason: what is wrong, with the value.
    """

    __slots__ = ("position", "reason")

    def __init__(self, position: int, reason: str) -> None:
        self.position = position
        self.reason = reason

    def __repr__(self) -> str:
        return f"BadValue({self.position}, {self.reason!r})"


def build_column(values: Sequence[Any], kind: str | None = None) -> tuple[FeatureColumn, list[BadValue]]:
    """Pack plain values (None, bool, int, float, str, lists of numbers) into a column.

    The kind is the one that most values have, booleans among numbers being numbers; a value of another kind
    becomes null and is reported, so that one wrong row does not cost the column.

    Args:
        values: one a row.
        kind: the kind that the column is known to have; used if no value says otherwise.
    """
    types = types_of(values)
    kinds = {kind_of_type(each) for each in types} - {None}
    if kinds == {BOOLEAN, NUMERIC}:
        kinds = {NUMERIC}
    if len(kinds) == 1:
        return _PACK[kinds.pop() or NULL](values)
    if not kinds:
        return _PACK[kind if kind in _PACK else NULL](values)
    return _settle(values)


def kind_of_type(of: type) -> str | None:
    """The kind of values of a plain type; anything else is text."""
    return {bool: BOOLEAN, int: NUMERIC, float: NUMERIC, _NONE: None, list: EMBEDDING}.get(of, CATEGORICAL)


def _settle(values: Sequence[Any]) -> tuple[FeatureColumn, list[BadValue]]:
    """A column of several kinds: the majority's kind wins, the first seen on a tie."""
    counts: dict[str, int] = {}
    for value in values:
        kind = kind_of_type(type(value))
        if kind is not None and value == value:  # noqa: PLR0124 - NaN among texts is how pandas says null
            counts[kind] = counts.get(kind, 0) + 1
    if not counts:
        return _pack_numeric(values)
    winner = max(counts, key=lambda kind: counts[kind])
    if winner == BOOLEAN and NUMERIC in counts:
        winner = NUMERIC
    fitting = {winner, None, BOOLEAN} if winner == NUMERIC else {winner, None}
    bad: list[BadValue] = []
    kept: list[Any] = []
    for position, value in enumerate(values):
        kind = kind_of_type(type(value))
        if kind in fitting:
            kept.append(value)
            continue
        kept.append(None)
        if value == value:  # noqa: PLR0124 - NaN among texts is how pandas says null
            bad.append(BadValue(position, f"{_brief(value)} is {kind} in a column that is {winner}"))
    column, more = _PACK[winner](kept)
    return column, bad + more


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _pack_numeric(values: Sequence[Any]) -> tuple[FeatureColumn, list[BadValue]]:
    try:
        return FeatureColumn(NUMERIC, values=to_bytes("d", values)), []
    except TypeError:
        return FeatureColumn(NUMERIC, values=[None if value is None else float(value) for value in values]), []
    except OverflowError:
        return _pack_huge(values)


def _pack_huge(values: Sequence[Any]) -> tuple[FeatureColumn, list[BadValue]]:
    """A column with an integer beyond float64: such a value is null and reported."""
    kept: list[float | None] = []
    bad = []
    for position, value in enumerate(values):
        try:
            kept.append(None if value is None else float(value))
        except OverflowError:
            kept.append(None)
            bad.append(BadValue(position, "an integer beyond the range of float64"))
    return FeatureColumn(NUMERIC, values=kept if None in kept else to_bytes("d", kept)), bad


def _pack_boolean(values: Sequence[Any]) -> tuple[FeatureColumn, list[BadValue]]:
    return FeatureColumn(BOOLEAN, values=list(values)), []


def _pack_categorical(values: Sequence[Any]) -> tuple[FeatureColumn, list[BadValue]]:
    if not types_of(values) <= {str, _NONE}:
        values = [None if value is None else _text(value) for value in values]
    distinct = [value for value in dict.fromkeys(values) if value is not None]
    index = {value: code for code, value in enumerate(distinct)}
    clean = {value: clean_text(value) for value in distinct}
    if any(value != text for value, text in clean.items()):
        merged = {text: code for code, text in enumerate(dict.fromkeys(clean.values()))}
        index = {value: merged[text] for value, text in clean.items()}
        dictionary = list(merged)
    else:
        dictionary = distinct
    index[None] = -1
    return FeatureColumn(CATEGORICAL, dictionary=dictionary, codes=to_bytes("i", map(index.__getitem__, values))), []


def _text(value: Any) -> str:
    return bytes(value).decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _pack_embedding(values: Sequence[Any]) -> tuple[FeatureColumn, list[BadValue]]:
    kept: list[bytes | None] = []
    bad = []
    for position, value in enumerate(values):
        try:
            kept.append(None if value is None else to_bytes("f", value))
        except (TypeError, OverflowError):
            kept.append(None)
            bad.append(BadValue(position, f"{_brief(value)} is not a list of numbers"))
    return FeatureColumn(EMBEDDING, values=kept), bad


def _pack_null(values: Sequence[Any]) -> tuple[FeatureColumn, list[BadValue]]:
    return FeatureColumn(NULL, values=[None] * len(values)), []


_PACK: dict[str, Callable[[Sequence[Any]], tuple[FeatureColumn, list[BadValue]]]] = {
    NUMERIC: _pack_numeric,
    BOOLEAN: _pack_boolean,
    CATEGORICAL: _pack_categorical,
    EMBEDDING: _pack_embedding,
    NULL: _pack_null,
}

_ALLOWED: dict[str, set[type[Any]]] = {
    NUMERIC: {float, int, _NONE},
    BOOLEAN: {bool, _NONE},
    CATEGORICAL: {str, _NONE},
    EMBEDDING: {bytes, _NONE},
    NULL: {_NONE},
}


def column_from_wire(name: str, data: Any, n: int) -> FeatureColumn:
    """Read and check the map of one feature.

    Raises:
        FrameError: it is not a map, its kind is not known, or lengths, types or codes contradict one another.
    """
    if not isinstance(data, dict):
        raise FrameError(f"feature {name!r} is {type(data).__name__}, not a map")
    kind = data.get("kind")
    if kind not in KINDS:
        raise FrameError(f"feature {name!r} has the kind {kind!r}; known are {', '.join(KINDS)}")
    if "dict" in data or "codes" in data:
        return _read_codes(name, kind, data, n)
    return _read_values(name, kind, data.get("values"), n)


def _read_values(name: str, kind: str, values: Any, n: int) -> FeatureColumn:
    if isinstance(values, bytes) and kind == NUMERIC:
        if len(values) != 8 * n:
            raise FrameError(f"feature {name!r} has {len(values)} bytes for {n} rows of float64")
        return FeatureColumn(NUMERIC, values=values)
    if not isinstance(values, list) or len(values) != n:
        found = f"{len(values)} values" if isinstance(values, list) else type(values).__name__
        raise FrameError(f"feature {name!r} has {found} for {n} rows")
    if not types_of(values) <= _ALLOWED[kind]:
        odd = next(value for value in values if type(value) not in _ALLOWED[kind])
        raise FrameError(f"feature {name!r} is {kind} and holds {_brief(odd)}")
    if kind == EMBEDDING and any(value is not None and len(value) % 4 for value in values):
        raise FrameError(f"feature {name!r} is an embedding whose bytes are not float32")
    return FeatureColumn(kind, values=values) if kind == EMBEDDING else _PACK[kind](values)[0]


def _read_codes(name: str, kind: str, data: dict[str, Any], n: int) -> FeatureColumn:
    dictionary, codes = data.get("dict"), data.get("codes")
    if kind != CATEGORICAL:
        raise FrameError(f"feature {name!r} is {kind} and has codes, which only categorical features have")
    if not isinstance(dictionary, list) or not types_of(dictionary) <= {str}:
        raise FrameError(f"feature {name!r} has no dictionary of texts")
    if isinstance(codes, list):
        codes = _codes_of_list(name, codes)
    if not isinstance(codes, bytes) or len(codes) != 4 * n:
        found = f"{len(codes)} bytes" if isinstance(codes, bytes) else type(codes).__name__
        raise FrameError(f"feature {name!r} has {found} of codes for {n} rows of int32")
    if n:
        numbers = from_bytes("i", codes)
        if max(numbers) >= len(dictionary) or min(numbers) < -1:
            raise FrameError(f"feature {name!r} has codes outside its dictionary of {len(dictionary)}")
    if len(set(dictionary)) == len(dictionary) and all(text == clean_text(text) for text in dictionary):
        return FeatureColumn(CATEGORICAL, dictionary=dictionary, codes=codes)
    return _pack_categorical(FeatureColumn(CATEGORICAL, dictionary=dictionary, codes=codes).to_list())[0]


def _codes_of_list(name: str, codes: list[Any]) -> bytes:
    try:
        return to_bytes("i", codes)
    except (TypeError, OverflowError):
        raise FrameError(f"feature {name!r} has codes that are not int32") from None
