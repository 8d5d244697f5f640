"""Tables from anywhere: Parquet, CSV and Arrow files, pandas, polars and pyarrow frames, dicts of columns."""

import csv
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.ipc as pa_ipc
import pyarrow.parquet as pq

from driftwatch.errors import DataError

__all__ = ["describe_source", "read_table", "refuse_twins"]

_NULLS = ["", "#N/A", "<NA>", "N/A", "NULL", "NaN", "None", "n/a", "nan", "null"]
# Of numbers and times alone: as a text it is a country or a continent.
_NUMBER_NULLS = ["NA", "-NaN", "-nan", "1.#IND", "1.#QNAN"]
_SEPARATORS = (",", ";", "\t", "|")
_BLOCK = 16 << 20
_SNIFFED = 1 << 16


def describe_source(source: Any) -> str:
    """What a message calls the source: the file's name, or the kind of frame."""
    if isinstance(source, str | os.PathLike):
        return str(os.fspath(source))
    return f"the {type(source).__module__.split('.')[0]} {type(source).__name__}"


def read_table(source: Any) -> pa.Table:
    """Read a file or a frame.

    Columns keep their names and types; in CSV files and in frames of Python objects, a column whose values are of
    several types becomes text. Times without an offset stay naive (they are read as UTC, or in the model's time zone).

    Args:
        source: a path (Parquet, CSV also compressed, Arrow file or stream; told by content before suffix), a pandas or
            polars frame, a pyarrow table or record batch, a dict of columns, or a list of dicts.

    Raises:
        DataError: the source cannot be read, or names a column twice.
    """
    table = _read_file(Path(source)) if isinstance(source, str | os.PathLike) else _from_frame(source)
    refuse_twins(table.column_names, describe_source(source))
    return table


def refuse_twins(names: Iterable[str], source: str) -> None:
    """Refuse a table that names a column twice.

    Raises:
        DataError: with the name.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataError(f"{source} has two columns named {name!r}; rename or drop one of them", column=name)
        seen.add(name)


def _read_file(path: Path) -> pa.Table:
    if not path.exists():
        raise DataError(f"There is no file {str(path)!r} (looked in {Path.cwd()})")
    try:
        if path.is_dir():
            return pq.read_table(path)
        with path.open("rb") as file:
            head = file.read(_SNIFFED)
        if not head:
            raise DataError(f"{path} is empty (0 bytes)")
        if head[:4] == b"PAR1" or path.suffix.lower() in {".parquet", ".pq"}:
            return pq.read_table(path)
        if head[:6] == b"ARROW1":
            with pa.memory_map(str(path)) as mapped:
                return pa_ipc.open_file(mapped).read_all()
        if head[:4] == b"\xff\xff\xff\xff" or path.suffix.lower() in {".arrow", ".arrows", ".feather", ".ipc"}:
            with pa.memory_map(str(path)) as mapped:
                return pa_ipc.open_stream(mapped).read_all()
        if b"\0" in head and path.suffix.lower() not in {".gz", ".bz2", ".zst", ".lz4"}:
            raise DataError(f"{path} is neither Parquet nor Arrow nor text (it has zero bytes)")
        return _read_csv(path, head)
    except pa.ArrowException as error:
        raise DataError(f"{path} cannot be read: {_first_line(error)}") from None
    except (OSError, UnicodeError) as error:
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or _first_line(error)}") from None


def _read_csv(path: Path, head: bytes) -> pa.Table:
    """Types are inferred from all values: a column that begins with numbers and goes on with words is text."""
    parse = pa_csv.ParseOptions(delimiter=_separator(path, head), newlines_in_values=b'"' in head)
    read = pa_csv.ReadOptions(block_size=_BLOCK)
    convert = pa_csv.ConvertOptions(null_values=[*_NULLS, *_NUMBER_NULLS], strings_can_be_null=False)
    try:
        table = pa_csv.read_csv(path, read, parse, convert)
    except pa.ArrowInvalid as error:
        if "conversion error" not in str(error):
            raise _csv_error(path, error) from None
        table = _read_as_text(path, read, parse)
    try:
        binary = not table.column_names or any(pa.types.is_binary(kind) for kind in table.schema.types)
    except UnicodeDecodeError:
        binary = True
    if binary:
        raise DataError(f"{path} is not UTF-8 text. Save it as UTF-8, or as Parquet")
    return _text_nulls(table)


def _read_as_text(path: Path, read: pa_csv.ReadOptions, parse: pa_csv.ParseOptions) -> pa.Table:
    """Every column as text, then each as the first type that all of its values have."""
    try:
        with pa_csv.open_csv(path, read, parse) as reader:
            names = reader.schema.names
        types = dict.fromkeys(names, pa.string())
        convert = pa_csv.ConvertOptions(column_types=types, strings_can_be_null=False)
        table = pa_csv.read_csv(path, read, parse, convert)
    except pa.ArrowInvalid as error:
        raise _csv_error(path, error) from None
    nulls = pa.array([*_NULLS, *_NUMBER_NULLS])
    columns = [_inferred(column, nulls) for column in table.columns]
    return pa.Table.from_arrays(columns, names=table.column_names)


def _inferred(column: pa.ChunkedArray, nulls: pa.Array) -> pa.ChunkedArray:
    blanked = pc.if_else(pc.is_in(column, value_set=nulls), pa.scalar(None, pa.string()), column)
    for target in (pa.int64(), pa.float64(), pa.bool_(), pa.timestamp("us")):
        try:
            return pc.cast(blanked, target)
        except pa.ArrowInvalid:
            continue
    return column


def _text_nulls(table: pa.Table) -> pa.Table:
    nulls = pa.array(_NULLS)
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            column = table.column(place)
            empty = pc.is_in(column, value_set=nulls)
            table = table.set_column(place, field.name, pc.if_else(empty, pa.scalar(None, pa.string()), column))
    return table


def _separator(path: Path, head: bytes) -> str:
    if path.suffix.lower() in {".gz", ".bz2", ".zst", ".lz4"}:
        return ","
    line = next(iter(head.decode("utf-8-sig", errors="replace").splitlines()), "")
    fields = {separator: len(next(csv.reader([line], delimiter=separator), [])) for separator in _SEPARATORS}
    return max(_SEPARATORS, key=lambda separator: fields[separator])


def _csv_error(path: Path, error: Exception) -> DataError:
    text = _first_line(error)
    if "UTF8" in text or "utf8" in text.lower():
        return DataError(f"{path} is not UTF-8 text. Save it as UTF-8, or as Parquet")
    return DataError(f"{path} cannot be read as CSV: {text}")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:300] if str(error) else type(error).__name__


def _from_frame(source: Any) -> pa.Table:
    if isinstance(source, pa.Table):
        return source
    if isinstance(source, pa.RecordBatch):
        return pa.Table.from_batches([source])
    if isinstance(source, Mapping):
        return _from_columns((str(name), values) for name, values in source.items())
    home = type(source).__module__.split(".")[0]
    if home == "pandas" and hasattr(source, "columns"):
        # By place, since pandas allows a name twice: that is found, and named, afterwards.
        return _from_columns((str(name), source.iloc[:, place]) for place, name in enumerate(source.columns))
    if hasattr(source, "__arrow_c_stream__"):
        return _from_stream(source)
    if isinstance(source, list) and all(isinstance(row, Mapping) for row in source):
        names = list(dict.fromkeys(name for row in source for name in row))
        return _from_columns((str(name), [row.get(name) for row in source]) for name in names)
    raise _no_table(source)


def _from_stream(source: Any) -> pa.Table:
    try:
        return pa.table(source)
    except (pa.ArrowInvalid, TypeError):  # a single column streams too, and has no names
        raise _no_table(source) from None


def _no_table(source: Any) -> DataError:
    return DataError(
        f"{describe_source(source)} is no table: give a path, a pandas, polars or pyarrow frame, or a dict of columns"
    )


def _from_columns(columns: Iterable[tuple[str, Any]]) -> pa.Table:
    names, arrays = [], []
    for name, values in columns:
        names.append(name)
        arrays.append(_array(name, values))
    lengths = {len(array) for array in arrays}
    if len(lengths) > 1:
        told = ", ".join(f"{name} {len(array)}" for name, array in zip(names[:5], arrays[:5], strict=True))
        raise DataError(f"the columns are of different lengths: {told}")
    return pa.Table.from_arrays(arrays, names=names)


def _array(name: str, values: Any) -> pa.Array | pa.ChunkedArray:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError, OverflowError):
        return pa.array(_texts(name, values), pa.string())


def _texts(name: str, values: Any) -> list[str | None]:
    """Values of several types as text; None, NaN and NA (whatever is not equal to itself) as missing."""
    try:
        return [None if _is_missing(value) else str(value) for value in values]
    except TypeError:
        raise DataError(f"column {name!r} is no sequence of values: {type(values).__name__}", column=name) from None


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    return isinstance(value, float) and value != value  # noqa: PLR0124 - NaN alone is not itself
