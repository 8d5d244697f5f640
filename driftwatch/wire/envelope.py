"""What both kinds of frame share: the magic, the map, its header, and the checks of plain columns."""

from typing import Any

from driftwatch.errors import FrameError, FrameVersionError
from driftwatch.wire.column import to_bytes, types_of
from driftwatch.wire.kind import MAX_ID_BYTES, MAX_TEXT_BYTES, clean_text

__all__ = ["ENVELOPE", "SCALAR", "TEXT", "VERSION", "pack_map", "unpack_map"]
__all__ += ["read_columns", "read_count", "read_header", "read_ids", "read_instants", "read_text", "read_values"]

VERSION = 1

Types = set[type[Any]]
TEXT: Types = {str, type(None)}
NUMBER: Types = {float, int, bool, type(None)}
SCALAR: Types = {float, int, bool, str, type(None)}
ENVELOPE: dict[str, Types] = {
    "prediction": SCALAR,
    "score": NUMBER,
    "latency_seconds": NUMBER,
    "error": {str, bool, type(None)},
    "request_id": TEXT,
    "entity": TEXT,
}
"""The optional columns of a frame that are not features, and the types of their values."""


def pack_map(data: dict[str, Any]) -> bytes:
    """Msgpack of a map; lone surrogates, which no encoding has, become question marks."""
    from ormsgpack import OPT_REPLACE_SURROGATES, packb

    return packb(data, None, OPT_REPLACE_SURROGATES)


def unpack_map(body: bytes, magic: bytes) -> dict[str, Any]:
    """The map behind the magic.

    Raises:
        FrameError: no such magic, damaged or cut off msgpack, or no map.
        FrameVersionError: a version that is not `VERSION`.
    """
    from ormsgpack import unpackb

    if body[:4] != magic:
        raise FrameError(f"a frame begins with {magic.decode()}, this body with {bytes(body[:4])!r}")
    try:
        data = unpackb(memoryview(body)[4:])
    except (ValueError, TypeError, RecursionError) as error:
        raise FrameError(f"the frame of {len(body):,} bytes is damaged or cut off: {error}") from None
    if not isinstance(data, dict):
        raise FrameError(f"the frame holds {type(data).__name__}, not a map")
    if "v" not in data:
        raise FrameError("the frame does not say its version (v)")
    version = data["v"]
    if version != VERSION or type(version) is not int:
        raise FrameVersionError(f"the frame is of version {version!r}; this release knows {VERSION}", version=version)
    return data


def read_header(data: dict[str, Any]) -> dict[str, Any]:
    """What every kind of frame says of itself: batch_id, model, environment, sdk, dropped.

    Raises:
        FrameError: one of them is missing or of another type.
    """
    dropped = data.get("dropped") or {}
    if not isinstance(dropped, dict) or not types_of(dropped.values()) <= {int}:
        raise FrameError("dropped must be a map of reason to count")
    return {
        "batch_id": read_text(data, "batch_id", None, MAX_ID_BYTES),
        "model": read_text(data, "model", None),
        "environment": read_text(data, "environment", "production"),
        "sdk": read_text(data, "sdk", ""),
        "dropped": dropped,
    }


def read_count(data: dict[str, Any]) -> int:
    """The number of rows.

    Raises:
        FrameError: it is no number of rows.
    """
    n = data.get("n")
    if type(n) is not int or n < 0:
        raise FrameError(f"n is {n!r}; it must be the number of rows")
    return n


def read_columns(data: dict[str, Any]) -> dict[str, Any]:
    """The map of columns.

    Raises:
        FrameError: there is none.
    """
    columns = data.get("columns")
    if not isinstance(columns, dict):
        raise FrameError("columns is missing or is not a map")
    return columns


def read_instants(values: Any, n: int) -> bytes:
    """Column `at` as int64 bytes.

    Raises:
        FrameError: it is not one int64 a row.
    """
    if isinstance(values, list) and types_of(values) <= {int}:
        try:
            values = to_bytes("q", values)
        except OverflowError:
            raise FrameError("column 'at' holds a number beyond int64 microseconds") from None
    if not isinstance(values, bytes) or len(values) != 8 * n:
        found = f"{len(values)} bytes" if isinstance(values, bytes) else type(values).__name__
        raise FrameError(f"column 'at' has {found} for {n} rows of int64 microseconds")
    return values


def read_text(data: dict[str, Any], key: str, default: str | None, limit: int = MAX_TEXT_BYTES) -> str:
    """A name in the header; a default of None means that it must be there and not be empty.

    Raises:
        FrameError: it is no text, or longer than `limit` bytes.
    """
    value = data.get(key, default)
    if not isinstance(value, str) or (default is None and not value):
        raise FrameError(f"{key} is {value!r}; it must be a text")
    if clean_text(value, limit) != value:
        raise FrameError(f"{key} has more than {limit} bytes or a NUL character")
    return value


def read_ids(values: Any, n: int) -> list[str]:
    """Column `id`.

    Raises:
        FrameError: it is not one text of 1 to 128 bytes a row.
    """
    if not isinstance(values, list) or len(values) != n or not types_of(values) <= {str}:
        raise FrameError(f"column 'id' is not one text a row for {n} rows")
    if n and (min(map(len, values)) == 0 or max(map(len, values)) * 4 > MAX_ID_BYTES):
        wrong = next((v for v in values if not 0 < len(v.encode()) <= MAX_ID_BYTES), None)
        if wrong is not None:
            raise FrameError(f"id {wrong[:40]!r} has {len(wrong.encode())} bytes; an id has 1 to {MAX_ID_BYTES}")
    return _without_nul(values)


def read_values(name: str, values: Any, n: int, types: Types) -> list[Any] | None:
    """An optional column of plain values; None if it is absent.

    Raises:
        FrameError: it is not one value of these types a row.
    """
    if values is None:
        return None
    if not isinstance(values, list) or len(values) != n:
        found = f"{len(values)} values" if isinstance(values, list) else type(values).__name__
        raise FrameError(f"column {name!r} has {found} for {n} rows")
    found_types = types_of(values)
    if not found_types <= types:
        odd = next(value for value in values if type(value) not in types)
        raise FrameError(f"column {name!r} holds {odd!r}")
    return _without_nul(values) if str in found_types else values


def _without_nul(values: list[Any]) -> list[Any]:
    """The texts as databases take them: none holds NUL."""
    if "\0" not in "".join([value for value in values if type(value) is str]):
        return values
    return [value.replace("\0", "\N{REPLACEMENT CHARACTER}") if type(value) is str else value for value in values]
