"""All predictions of one version in a short period with some of their columns, whether they have an outcome or not.

Outcomes are tallied by what their predictions were: a segment, a protected group, a query, a decision. The envelope
holds none of it; it lies in the blocks of features.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from driftwatch.domain.signal import ColumnKind
from driftwatch.profiles.bucket import Column
from driftwatch.profiles.rows import Rows
from driftwatch.service.row_assembly import RowAssembly
from driftwatch.service.row_place import RowPlaces
from driftwatch.storage import prediction_sample, registration
from driftwatch.storage.prediction_sample import SampledEnvelope

__all__ = ["KeyedRows", "read_columns"]

_READ = (ColumnKind.NUMERIC, ColumnKind.CATEGORICAL, ColumnKind.BOOLEAN)


@dataclass(frozen=True, slots=True, eq=False)
class KeyedRows:
    """n predictions, ascending in time, with columns.

    Attributes:
        envelopes: n of them.
        rows: their columns; null where a row's features were not sent, or cannot be read.
        place: by key and time, which of the n.
    """

    envelopes: Sequence[SampledEnvelope]
    rows: Rows
    place: Mapping[tuple[bytes, int], int]

    def column(self, name: str) -> Column | None:
        """A feature or tag; None if no row has it."""
        return self.rows.column(name)


def read_columns(conn: Connection, version_id: int, start: int, end: int, columns: Collection[str]) -> KeyedRows:
    """Every prediction made in [start, end).

    Args:
        conn: a connection.
        version_id: whose.
        start: microseconds UTC, included.
        end: excluded.
        columns: names of the features and tags that are wanted.
    """
    places = RowPlaces.read(conn, version_id, start, end)
    envelopes = list(prediction_sample.read_envelopes(conn, version_id, start, end))
    placed = [(row, index) for index, each in enumerate(envelopes) if (row := places.find(each)) is not None]
    registered = registration.read_features(conn, version_id).items()
    kinds = {name: kind for name, row in registered if name in columns and (kind := ColumnKind(row.kind)) in _READ}
    assembly = RowAssembly(len(envelopes), kinds, columns)
    located = places.locate(conn, [row for row, _ in placed])
    assembly.read(
        conn,
        version_id,
        {block: [(placed[index][1], place) for index, place in pairs] for block, pairs in located.items()},
    )
    rows = Rows(
        at=np.array([each.at for each in envelopes], dtype=np.int64), features=assembly.features(), tags=assembly.tags()
    )
    return KeyedRows(envelopes, rows, {(each.key, each.at): place for place, each in enumerate(envelopes)})
