"""By what outcomes are split: the declared segments, and the groups of each protected column."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from driftwatch.monitors.spec import ModelSpec
from driftwatch.performance.tally import as_class
from driftwatch.profiles.bucket import CategoricalColumn, NumericColumn
from driftwatch.profiles.rows import Rows
from driftwatch.profiles.segmentation import MOST_SEGMENTS, Band, Segmentation, assign_segments

__all__ = ["assign_splits", "protected_splits", "split_name", "splits_key", "splits_of"]

Assigned = tuple[list[str], NDArray[np.int64]]


def split_name(split: Segmentation) -> str:
    """What a split is called: its columns, numeric ones with their cuts.

    >>> split_name(Segmentation((Band("age", (30.0, 50.0)), Band("device"))))
    'age[30,50], device'
    """
    return ", ".join(
        band.column + (f"[{','.join(f'{cut:g}' for cut in band.cuts)}]" if band.cuts else "") for band in split.bands
    )


def protected_splits(spec: ModelSpec) -> dict[str, tuple[str, ...]]:
    """By protected column, the names of the splits by it: as `segments` declares it, else by its values."""
    declared = {
        column: tuple(split_name(split) for split in spec.segments if split.columns == (column,))
        for column in spec.protected
    }
    return {column: names or (column,) for column, names in declared.items()}


def splits_of(spec: ModelSpec) -> dict[str, Segmentation]:
    """Every split by its name, those of `segments` first."""
    splits = {split_name(split): split for split in spec.segments}
    for column, names in protected_splits(spec).items():
        splits.setdefault(names[0], Segmentation((Band(column, is_private=column in spec.pii),)))
    return splits


def splits_key(splits: Mapping[str, Segmentation]) -> str:
    """What tells two declarations of splits apart; "" for none."""
    return "; ".join(
        name + "".join(f" #{band.column}" for band in split.bands if band.is_private) for name, split in splits.items()
    )


def assign_splits(rows: Rows, splits: Mapping[str, Segmentation]) -> dict[str, Assigned]:
    """Which segment of each split each row is in, as on the side of drift; all rows in none where that cannot be said.

    A numeric column without cuts is split by its values here, since groups are often numbered.

    Args:
        rows: n rows.
        splits: by name.

    Returns:
        By split the segments' names, and int64[n] places in them, -1 for a row that is in none.
    """
    nowhere: Assigned = ([], np.full(len(rows), -1, dtype=np.int64))
    found = {}
    for name, split in splits.items():
        assigned = assign_segments(rows, split)
        if assigned is None and len(split.bands) == 1 and not split.bands[0].cuts:
            assigned = _by_number(rows, split.bands[0])
        found[name] = nowhere if assigned is None else assigned
    return found


def _by_number(rows: Rows, band: Band) -> Assigned | None:
    column = rows.column(band.column)
    if not isinstance(column, NumericColumn):
        return None
    values, codes = np.unique(column.with_nan, return_inverse=True)
    numbers = values[~np.isnan(values)]
    if len(numbers) > MOST_SEGMENTS:
        return None
    texts = [str(as_class(value)) for value in numbers.tolist()]
    texts_column = CategoricalColumn(texts, np.where(codes < len(texts), codes, -1).astype(np.int32))
    return assign_segments(Rows(at=rows.at, tags={band.column: texts_column}), Segmentation((band,)))
