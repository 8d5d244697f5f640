"""From an Arrow column to what is profiled: numbers, categories, times, flags. Values that do not fit are counted."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from driftwatch.domain.instant import DAY, MINUTE, from_datetime, to_datetime
from driftwatch.domain.signal import ColumnKind
from driftwatch.errors import DataError
from driftwatch.profiles.bucket import CategoricalColumn, NumericColumn
from driftwatch.service.arrow_buffer import to_codes, to_floats

__all__ = ["NO_TIME", "read_categories", "read_flags", "read_kind", "read_numbers", "read_times", "read_values"]
__all__ += ["read_embeddings"]

NO_TIME = np.iinfo(np.int64).min
"""The time of a row that has none."""

_UNIT_LIMITS = ((1e11, 1_000_000.0), (1e14, 1_000.0), (1e17, 1.0), (np.inf, 0.001))
_QUARTER = 15 * MINUTE
_FALSE = ("", "0", "f", "false", "n", "no", "none", "null")


def read_kind(column: pa.ChunkedArray) -> ColumnKind | None:
    """The kind that the values say, or None where they are nothing that drifts (times, bytes, nothing at all)."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_boolean(kind):
        return ColumnKind.BOOLEAN
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return ColumnKind.NUMERIC
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return ColumnKind.CATEGORICAL
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    if is_list and (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)):
        return ColumnKind.EMBEDDING
    return None


def read_embeddings(column: pa.ChunkedArray) -> NDArray[np.float32]:
    """float32[n, d], NaN in rows without a vector or with one that has not the most frequent length.

    Raises:
        DataError: the column holds no lists of numbers.
    """
    if read_kind(column) is not ColumnKind.EMBEDDING:
        raise DataError(f"values of type {column.type} are no lists of numbers")
    array = column.combine_chunks()
    sizes = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False)
    present = sizes[sizes > 0]
    dimensions = int(np.bincount(present).argmax()) if len(present) else 0
    fitting = np.flatnonzero((sizes == dimensions) & (sizes > 0))
    flat = pc.list_flatten(array.take(pa.array(fitting))).cast(pa.float32()).fill_null(np.nan)
    vectors = np.full((len(column), dimensions), np.nan, dtype=np.float32)
    vectors[fitting] = flat.to_numpy(zero_copy_only=False).reshape(len(fitting), dimensions)
    return vectors


def read_numbers(column: pa.ChunkedArray) -> tuple[NumericColumn, int]:
    """The column as float64 with its nulls, and how many values are no numbers (they count as missing)."""
    column = _plain(column)
    if read_kind(column) is ColumnKind.CATEGORICAL:
        return _parse_numbers(column)
    if pa.types.is_null(column.type):
        return NumericColumn(np.full(len(column), np.nan), np.ones(len(column), dtype=np.bool_)), 0
    try:
        numbers = pc.cast(column, pa.float64(), safe=False)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        raise DataError(f"values of type {column.type} are not numbers") from None
    return NumericColumn(*to_floats(numbers)), 0


def read_categories(column: pa.ChunkedArray, *, boolean: bool = False) -> CategoricalColumn:
    """The column as a sorted dictionary of texts and codes; whole numbers are written without a point."""
    column = _plain(column)
    if pa.types.is_floating(column.type):
        texts = [_number_text(value) for value in column.to_pylist()]
        column = pa.chunked_array([pa.array(texts, pa.string())])
    try:
        column = pc.cast(column, pa.string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        column = pa.chunked_array([pa.array([None if v is None else str(v) for v in column.to_pylist()], pa.string())])
    encoded = column.combine_chunks().dictionary_encode()
    values = [str(value) for value in encoded.dictionary.to_pylist()]
    if boolean:
        values = ["true" if is_true(value) else "false" for value in values]
    codes = to_codes(encoded.indices)
    # A sorted dictionary: the order of the rows leaves no trace.
    dictionary, place = np.unique(np.array(values, dtype=object), return_inverse=True)
    if values:
        codes = np.where(codes < 0, -1, place[codes]).astype(np.int32)
    return CategoricalColumn(dictionary.tolist(), codes)


def read_values(column: pa.ChunkedArray, kind: ColumnKind) -> tuple[NumericColumn | CategoricalColumn, int]:
    """The column as `kind`, and how many of its values do not fit."""
    if kind is ColumnKind.NUMERIC:
        return read_numbers(column)
    return read_categories(column, boolean=kind is ColumnKind.BOOLEAN), 0


def read_flags(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    """bool[n]: true where the row failed; null, false, zero and empty text mean that it was served."""
    categories = read_categories(column, boolean=True)
    failing = np.array([*(value == "true" for value in categories.dictionary), False])
    return np.asarray(failing[categories.codes], dtype=np.bool_)


def is_true(text: str) -> bool:
    """Whether a value says yes: null, false, zero and empty text say no.

    >>> is_true("approved"), is_true("0"), is_true("No")
    (True, False, False)
    """
    return text.strip().lower() not in _FALSE


def read_times(column: pa.ChunkedArray, zone: ZoneInfo) -> NDArray[np.int64]:
    """int64[n] microseconds UTC; :data:`NO_TIME` where there is none. Times without an offset are read in `zone`.

    Raises:
        DataError: the column holds nothing that is a time.
    """
    column = _plain(column)
    kind = column.type
    if read_kind(column) is ColumnKind.CATEGORICAL:
        return _parse_times(column, zone)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _epoch_times(column)
    if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        raise DataError(f"values of type {kind} are not times")
    naive = pa.types.is_date(kind) or kind.tz is None
    target = pa.timestamp("us") if naive else pa.timestamp("us", kind.tz)
    micros = pc.cast(pc.cast(column, target, safe=False), pa.int64())
    times = micros.fill_null(NO_TIME).to_numpy().astype(np.int64)
    return _to_utc(times, zone) if naive else times


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        return pc.cast(column, column.type.value_type)
    return column


def _number_text(value: float | None) -> str | None:
    if value is None or value != value:  # noqa: PLR0124 - NaN is missing
        return None
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(value)


def _parse_numbers(column: pa.ChunkedArray) -> tuple[NumericColumn, int]:
    encoded = column.combine_chunks().dictionary_encode()
    parsed = np.array([*map(_number, encoded.dictionary.to_pylist()), np.nan], dtype=np.float64)
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    values = parsed[codes]
    nulls = np.isnan(values)
    bad = int(np.count_nonzero(nulls & (codes >= 0)))
    return NumericColumn(values, nulls if nulls.any() else None), bad


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _parse_times(column: pa.ChunkedArray, zone: ZoneInfo) -> NDArray[np.int64]:
    encoded = column.combine_chunks().dictionary_encode()
    parsed = np.array([*(_time(text, zone) for text in encoded.dictionary.to_pylist()), NO_TIME], dtype=np.int64)
    times: NDArray[np.int64] = parsed[encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
    if len(times) and (times == NO_TIME).all():
        sample = next((text for text in encoded.dictionary.to_pylist() if text), None)
        raise DataError(f"no value is a time; the first is {sample!r}; write 2016-01-31T12:00:00+00:00")
    return times


def _time(text: str, zone: ZoneInfo) -> int:
    try:
        moment = datetime.fromisoformat(text.strip())
        return from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=zone))
    except (ValueError, OverflowError):
        return NO_TIME


def _epoch_times(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Numbers since 1970 in seconds, milli-, micro- or nanoseconds: their size says which (1973 to 5138)."""
    numbers, _ = read_numbers(column)
    finite = np.isfinite(numbers.values) if numbers.nulls is None else np.isfinite(numbers.values) & ~numbers.nulls
    times = np.full(len(numbers.values), NO_TIME, dtype=np.int64)
    if finite.any():
        middle = float(np.median(np.abs(numbers.values[finite])))
        factor = next(factor for limit, factor in _UNIT_LIMITS if middle < limit)
        micros = numbers.values[finite] * factor
        times[finite] = np.where(np.abs(micros) < 9e18, micros, float(NO_TIME)).astype(np.int64)
    return times


def _to_utc(times: NDArray[np.int64], zone: ZoneInfo) -> NDArray[np.int64]:
    if zone.key == "UTC":
        return times
    valid = np.abs(times) < 9_000 * 365 * DAY  # beyond, the calendar ends
    quarters, where = np.unique(times[valid] // _QUARTER, return_inverse=True)
    offsets = np.array([_offset(int(quarter) * _QUARTER, zone) for quarter in quarters], dtype=np.int64)
    result = times.copy()
    if len(quarters):
        result[valid] -= offsets[where]
    return result


def _offset(local: int, zone: ZoneInfo) -> int:
    try:
        delta = to_datetime(local).replace(tzinfo=zone).utcoffset() or timedelta()
    except OverflowError:
        return 0
    return delta // timedelta(microseconds=1)
