"""Training-serving skew row by row: features computed again offline against what was served, joined by id."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from driftwatch.domain.instant import to_iso
from driftwatch.errors import DataError, UserError
from driftwatch.integrations.tabular import read_table
from driftwatch.monitors.reading import nearest
from driftwatch.profiles.bucket import Column
from driftwatch.profiles.rows import take
from driftwatch.quality.agreement import FeatureAgreement, compare_rows
from driftwatch.service.arrow_column import read_categories, read_values
from driftwatch.service.row_reading import SampledRows

__all__ = ["RowSkew", "compare_with_served"]


@dataclass(frozen=True)
class RowSkew:
    """What came of the comparison.

    Attributes:
        offline_rows: rows of the file.
        served_rows: rows of the period in the store that were looked at.
        joined: rows that both have.
        features: the largest share of differing rows first.
        left_out: columns of the file that are no features of the model, by why.
        ids: of the joined rows, by their position.
    """

    offline_rows: int
    served_rows: int
    joined: int
    features: tuple[FeatureAgreement, ...]
    left_out: Mapping[str, str]
    ids: tuple[str, ...]

    def to_dict(self, *, masked: frozenset[str] = frozenset()) -> dict[str, Any]:
        """JSON-safe; of `masked` features the values of examples are not told."""
        features = []
        for each in self.features:
            told = each.to_dict()
            for example in told["examples"]:
                example["id"] = self.ids[example.pop("row")]
                if each.feature in masked:
                    example |= {"served": "masked", "offline": "masked"}
            features.append(told)
        counts = {"offline_rows": self.offline_rows, "served_rows": self.served_rows, "joined": self.joined}
        return {"schema": 1, **counts, "features": features, "left_out": dict(self.left_out)}


def compare_with_served(
    path: Path, served: SampledRows, *, id_column: str, relative: float, absolute: float
) -> RowSkew:
    """Compare a file of recomputed features with what was served.

    Args:
        path: a table with the prediction ids and one column for each feature that was computed again.
        served: rows of the store with their ids.
        id_column: the file's column of ids.
        relative: tolerance, a share of the served value.
        absolute: tolerance, in the feature's unit.

    Raises:
        UserError: the file has no such column.
        DataError: an id comes twice in the file, or none of them was served.
    """
    table = read_table(path)
    if id_column not in table.column_names:
        raise UserError(
            f"{path.name} has no column {id_column!r}.{nearest(id_column, table.column_names)} Name the one that holds "
            "prediction ids with --id"
        )
    ids = read_categories(table.column(id_column))
    if len(np.unique(ids.codes[ids.codes >= 0])) != np.count_nonzero(ids.codes >= 0):
        raise DataError(f"an id comes twice in {path.name}: which row is right?", column=id_column)
    place_of = {name: place for place, name in enumerate(served.rows.ids or ())}
    places = np.array([place_of.get(name, -1) for name in [*ids.dictionary, ""]], dtype=np.int64)[ids.codes]
    joined = np.flatnonzero((places >= 0) & (ids.codes >= 0))
    if not len(joined):
        raise DataError(_nothing_joined(path, served))
    features, left_out = [], {}
    for name in table.column_names:
        kind = served.kinds.get(name)
        column: Column | None = served.rows.features.get(name)
        if name == id_column:
            continue
        if kind is None or column is None:
            left_out[name] = "the model has no such feature" if kind is None else f"{kind.value} is not compared"
            continue
        try:
            offline, _ = read_values(table.column(name), kind)
        except DataError as error:
            left_out[name] = str(error)
            continue
        sides = take(column, places[joined]), take(offline, joined)
        features.append(compare_rows(name, *sides, relative=relative, absolute=absolute))
    features.sort(key=lambda each: (-(each.share or 0.0), each.feature))
    names = served.rows.ids or ()
    return RowSkew(
        table.num_rows,
        len(served.rows),
        len(joined),
        tuple(features),
        left_out,
        tuple(names[place] for place in places[joined].tolist()),
    )


def _nothing_joined(path: Path, served: SampledRows) -> str:
    if not len(served.rows):
        return "the store has no rows with features in this period; give another --start and --end"
    first, last = (to_iso(int(served.rows.at[place])) for place in (0, -1))
    return (
        f"no id of {path.name} is among the {len(served.rows):,} rows served from {first} to {last}; an id of the "
        f"store looks like {(served.rows.ids or [''])[0]!r}"
    )
