"""Features and tags of single rows, picked from blocks into columns of their own."""

import logging
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from driftwatch.domain.instant import DAY
from driftwatch.domain.signal import ColumnKind
from driftwatch.errors import DriftwatchError
from driftwatch.profiles.bucket import CategoricalColumn, Column, NumericColumn
from driftwatch.profiles.rows import take
from driftwatch.service.batch import read_column
from driftwatch.service.feature_block import BlockColumns, read_block
from driftwatch.service.output import as_kind, text_column
from driftwatch.storage import block
from driftwatch.wire import FeatureColumn

__all__ = ["RowAssembly"]

_LOG = logging.getLogger("driftwatch.rows")
_Rows = NDArray[np.int64]


class _Numbers:
    """A numeric column that is filled in parts; what no part fills is null."""

    def __init__(self, n: int) -> None:
        self._values = np.full(n, np.nan)
        self._nulls = np.ones(n, dtype=np.bool_)

    def put(self, rows: _Rows, column: Column) -> None:
        if isinstance(column, NumericColumn):
            self._values[rows] = column.values
            self._nulls[rows] = False if column.nulls is None else column.nulls

    def column(self) -> NumericColumn:
        return NumericColumn(self._values, self._nulls if self._nulls.any() else None)


class _Categories:
    """A categorical column that is filled in parts; what no part fills is null."""

    def __init__(self, n: int) -> None:
        self._codes = np.full(n, -1, dtype=np.int32)
        self._places: dict[str, int] = {}

    def put(self, rows: _Rows, column: Column) -> None:
        if isinstance(column, CategoricalColumn):
            ours = [self._places.setdefault(column.dictionary[code], len(self._places)) for code in _used(column)]
            table = np.full(len(column.dictionary) + 1, -1, dtype=np.int32)
            table[_used(column)] = ours
            self._codes[rows] = table[column.codes]

    def column(self) -> CategoricalColumn:
        return CategoricalColumn(list(self._places), self._codes)


def _used(column: CategoricalColumn) -> list[int]:
    codes = np.unique(column.codes)
    used: list[int] = codes[codes >= 0].tolist()
    return used


class RowAssembly:
    """Columns of `n` rows that are read block by block.

    Args:
        n: how many rows.
        kinds: the features that are wanted, with the kind that their values are read as.
        tags: the tags that are wanted; all, if None.

    Attributes:
        found: bool[n], the rows whose block was read.
    """

    def __init__(self, n: int, kinds: Mapping[str, ColumnKind], tags: Collection[str] | None) -> None:
        self._n = n
        self._kinds = kinds
        self._wanted_tags = tags
        self._features: dict[str, _Numbers | _Categories] = {}
        self._tags: dict[str, _Categories] = {}
        self.found = np.zeros(n, dtype=np.bool_)

    def read(
        self, conn: Connection, version_id: int, located: Mapping[tuple[int, bytes], Sequence[tuple[int, int]]]
    ) -> None:
        """Fill in the rows of one version.

        Args:
            conn: of the snapshot that the places were read in.
            version_id: whose.
            located: by day and block, pairs of a row and its place in the block.
        """
        if not located:
            return
        days = [day for day, _ in located]
        for each in block.read_blocks(conn, version_id, min(days) * DAY, (max(days) + 1) * DAY):
            pairs = located.get((each.day, bytes(each.id)))
            if not pairs:
                continue
            try:
                columns = read_block(each.codec, each.payload)
            except (DriftwatchError, ValueError):
                _LOG.exception("block %s cannot be read and is passed over", each.id.hex())
                continue
            rows, places = np.array(pairs, dtype=np.int64).T
            self._put(columns, rows, places)

    def features(self) -> dict[str, Column]:
        """The features that were seen, by name, in the order of their names."""
        return {name: self._features[name].column() for name in sorted(self._features)}

    def tags(self) -> dict[str, CategoricalColumn]:
        """The tags that were seen, by name."""
        return {name: self._tags[name].column() for name in sorted(self._tags)}

    def _put(self, columns: BlockColumns, rows: _Rows, places: _Rows) -> None:
        for name in self._kinds.keys() & columns.features.keys():
            column = _read(columns.features[name], self._kinds[name])
            if column is not None:
                self._feature(name).put(rows, take(column, places))
        for name, values in columns.tags.items():
            if self._wanted_tags is None or name in self._wanted_tags:
                tag = self._tags.setdefault(name, _Categories(self._n))
                tag.put(rows, text_column([values[place] for place in places.tolist()]))
        self.found[rows] = True

    def _feature(self, name: str) -> _Numbers | _Categories:
        fresh = _Numbers if self._kinds[name] is ColumnKind.NUMERIC else _Categories
        return self._features.setdefault(name, fresh(self._n)) if name not in self._features else self._features[name]


def _read(column: FeatureColumn, kind: ColumnKind) -> Column | None:
    """The values as the registered kind, or None if they are of another nature (they are in quarantine)."""
    if column.kind not in ("numeric", "categorical", "boolean"):
        return None
    return as_kind(read_column(column), kind)
