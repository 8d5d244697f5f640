"""A table whose columns are read when they are asked for: what Parquet is made for, and the others are held for."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import pyarrow as pa

from driftwatch.errors import DataError
from driftwatch.integrations.tabular import describe_source, read_table, refuse_twins

__all__ = ["ColumnSource", "open_columns"]


class ColumnSource(Protocol):
    """Columns by name. Safe to ask from several threads."""

    @property
    def column_names(self) -> list[str]:
        """In the order of the table."""

    @property
    def num_rows(self) -> int:
        """How many rows."""

    @property
    def schema(self) -> pa.Schema:
        """The types."""

    def column(self, name: str) -> pa.ChunkedArray:
        """One column; a `DataError` where it cannot be read."""


class _ParquetColumns:
    """One Parquet file. A column is in memory only as long as somebody holds it."""

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        self._path = path
        self._lock = Lock()  # the reader keeps its place in the file
        with _told(path):
            self._file = pq.ParquetFile(path)
            self.schema: pa.Schema = self._file.schema_arrow
            self.num_rows: int = self._file.metadata.num_rows
        self.column_names: list[str] = list(self.schema.names)

    def column(self, name: str) -> pa.ChunkedArray:
        with self._lock, _told(self._path):
            return self._file.read(columns=[name], use_pandas_metadata=False).column(name)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turns what Arrow or the file system says into one sentence with the file's name."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        words = getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0][:300]
        raise DataError(f"{path} cannot be read: {words}") from None


def open_columns(source: Any) -> ColumnSource:
    """Open a file or a frame; of one Parquet file only the footer is read here.

    Args:
        source: as :func:`driftwatch.integrations.tabular.read_table` takes it.

    Raises:
        DataError: the source cannot be read, or names a column twice.
    """
    path = Path(source) if isinstance(source, str | os.PathLike) else None
    if path is None or not path.is_file() or not _is_parquet(path):
        table: ColumnSource = read_table(source)
        return table
    opened = _ParquetColumns(path)
    refuse_twins(opened.column_names, describe_source(source))
    return opened


def _is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PAR1"
    except OSError:
        return False  # `read_table` says what is wrong
