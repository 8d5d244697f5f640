"""Arrow columns as numpy arrays, straight from their buffers.

``to_numpy`` of pyarrow imports pandas, which takes longer than comparing twenty columns of ten thousand rows.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["to_codes", "to_floats"]


def to_floats(column: pa.ChunkedArray) -> tuple[NDArray[np.float64], NDArray[np.bool_] | None]:
    """A float64 column: its values, NaN where one is null, and which are null (None where none is).

    A column of one chunk without nulls is not copied, and not to be written to.
    """
    chunks = [_chunk(chunk, np.dtype(np.float64)) for chunk in column.chunks]
    values = _joined([values for values, _ in chunks], np.dtype(np.float64))
    if not column.null_count:
        return values, None
    nulls = np.concatenate([missing for _, missing in chunks])
    return np.where(nulls, np.nan, values), nulls


def to_codes(indices: pa.Array) -> NDArray[np.int32]:
    """The int32 indices of a dictionary array, -1 where one is null."""
    values, nulls = _chunk(indices, np.dtype(np.int32))
    return np.where(nulls, np.int32(-1), values) if indices.null_count else values


def _chunk(array: pa.Array, kind: np.dtype[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    bits, data = array.buffers()
    length, offset = len(array), array.offset
    if data is None or not length:
        return np.zeros(length, dtype=kind), np.full(length, bool(array.null_count))
    values = np.frombuffer(data, dtype=kind, count=length, offset=offset * kind.itemsize)
    if bits is None or not array.null_count:
        return values, np.zeros(length, dtype=np.bool_)
    flags = np.unpackbits(np.frombuffer(bits, dtype=np.uint8), bitorder="little")
    return values, flags[offset : offset + length] == 0


def _joined(parts: list[NDArray[Any]], kind: np.dtype[Any]) -> NDArray[Any]:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=kind)
