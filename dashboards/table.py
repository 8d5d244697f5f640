"""Columns and habits that all tables share."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from dashboards.component import COLOURS
from driftwatch.queries.status import Status

__all__ = ["RESOLVED", "Field", "chips", "right", "row_clicked", "table", "words"]

Field: TypeAlias = tuple[Sequence[Any], ColumnConfig]
"""The values of one column, and how they are written."""

RESOLVED = "✓ Resolved"
"""Stands in a status column for what was an alarm."""

_MOST_ROWS = 25
_ROW_HEIGHT = 38
_CHIP_WIDTH = 108


def chips(label: str = "Status", *, more: str | None = None) -> ColumnConfig:
    """The status column: its values are lists of one status label, or of :data:`RESOLVED`."""
    return st.column_config.MultiselectColumn(
        label,
        options=[*(status.label for status in Status), RESOLVED],
        color=[*(COLOURS[status] for status in Status), "gray"],
        width=_CHIP_WIDTH,
        help=more,
    )


def right(label: str, *, more: str | None = None, width: Any = None) -> ColumnConfig:
    """A column of ready-made texts of numbers with their unit."""
    return st.column_config.TextColumn(label, alignment="right", help=more, width=width)


def words(label: str, *, width: Any = None) -> ColumnConfig:
    """A column of texts."""
    return st.column_config.TextColumn(label, width=width)


def table(
    fields: Mapping[str, Field],
    *,
    key: str,
    about: str,
    clickable: bool = False,
    row_height: int = _ROW_HEIGHT,
) -> int | None:
    """Draw a table; returns the row that was clicked, counted in the data as given, or None.

    Args:
        fields: by name, the values of each column, all of one length, and how they are written.
        key: stable name of the element.
        about: what the table holds, for those who cannot see it.
        clickable: whether a click anywhere in a row opens something.
        row_height: pixels.
    """
    frame = pd.DataFrame({name: pd.Series(list(values), dtype=object) for name, (values, _) in fields.items()})
    config: dict[str, Any] = {name: written for name, (_, written) in fields.items()}
    height: Any = "content" if len(frame) <= _MOST_ROWS else (_MOST_ROWS + 1) * row_height
    if not clickable:
        st.dataframe(
            frame,
            hide_index=True,
            row_height=row_height,
            height=height,
            placeholder="–",
            column_config=config,
            key=key,
            alt=about,
        )
        return None
    event = st.dataframe(
        frame,
        hide_index=True,
        row_height=row_height,
        height=height,
        placeholder="–",
        column_config=config,
        key=key,
        alt=about,
        on_select="rerun",
        selection_mode="single-cell",
    )
    return row_clicked(event, len(frame))


def row_clicked(event: Any, rows: int) -> int | None:
    """The row of a single-cell selection, or None."""
    cells = event["selection"]["cells"] if event else []
    if not cells:
        return None
    row = int(cells[0][0])
    return row if 0 <= row < rows else None
