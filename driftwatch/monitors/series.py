"""Which columns are judged, and their history as the rule's series."""

from collections.abc import Sequence

import numpy as np

from driftwatch.drift.rule import Calendar, LevelCounts, Series, coded_series, numeric_series
from driftwatch.monitors.history import UNLISTED, ColumnKey, History, NumericHistory
from driftwatch.monitors.spec import ModelSpec
from driftwatch.profiles.text import derived_names

__all__ = ["PRESENT", "column_series", "is_identifier", "judged_columns", "kind_of"]

_IDENTIFIER_SHARE = 0.5
PRESENT = "present"
"""The one level of a column of which only gaps are judged."""


def judged_columns(history: History, spec: ModelSpec) -> dict[ColumnKey, str]:
    """The columns that the specification asks for, or all; and what each is called.

    An output is called what the specification calls its column, else by its role.
    """
    declared = {*spec.features.names, *(name for text in spec.features.text for name in derived_names(text))}
    roles = spec.columns.roles()
    names: dict[ColumnKey, str] = {}
    if spec.is_service_metric:
        return names
    for family, name in sorted(history.columns.keys() | history.faults.keys()):
        if family == "feature" and (not declared or name in declared):
            names[family, name] = name
    taken = set(names.values())
    for family, role in sorted(history.columns.keys() | history.faults.keys()):
        if family == "output":
            name = roles.get(role, role)
            names[family, role] = f"{name} (output)" if name in taken else name
    return names


def kind_of(history: History, key: ColumnKey) -> str:
    """``numeric`` or ``categorical``."""
    return "numeric" if isinstance(history.columns.get(key), NumericHistory) else "categorical"


def is_identifier(history: History, key: ColumnKey, first: int, stop: int) -> bool:
    """Whether more than half of the values of a categorical column are different ones: then only gaps mean anything."""
    column = history.columns[key]
    if isinstance(column, NumericHistory):
        return False
    totals = column.totals(first, stop)
    return len(totals) > _IDENTIFIER_SHARE * sum(totals.values())


def column_series(
    history: History,
    key: ColumnKey,
    calendar: Calendar,
    indexes: Sequence[int],
    n_reference: int,
    *,
    identifier: bool = False,
) -> Series:
    """One column in the windows of these indexes; the first `n_reference` are the reference.

    A window in which the model has rows but the column was not sent has all of them missing. Values that a bucket did
    not list count as known ones.
    """
    column = history.columns[key]
    carried = history.vector_at(column.rows, indexes)
    missing = history.vector_at(column.missing, indexes)
    missing = np.where(carried == 0, history.vector_at(history.rows, indexes), missing)
    name = key[1]
    if isinstance(column, NumericHistory):
        counts = column.counts_at(indexes)
        return numeric_series(name, column.codec.edges, counts, missing, n_reference=n_reference, calendar=calendar)
    places, codes, rows = column.coded_at(indexes)
    other = np.zeros(len(indexes), dtype=np.int64)
    if identifier:
        present = other.copy()
        np.add.at(present, places, rows)
        listed = LevelCounts(np.arange(len(indexes)), np.zeros(len(indexes), dtype=np.int64), present, (PRESENT,))
    else:
        is_listed = codes != column.codes.get(UNLISTED, -1)
        np.add.at(other, places[~is_listed], rows[~is_listed])
        listed = LevelCounts(places[is_listed], codes[is_listed], rows[is_listed], column.values_from(0))
    return coded_series(name, listed, missing, n_reference=n_reference, calendar=calendar, other=other)
