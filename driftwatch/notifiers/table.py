"""A message's table where there are no tables: a line a row."""

from collections.abc import Sequence

__all__ = ["row_line", "row_lines"]

_LONGEST_CELL = 160


def row_line(row: Sequence[str]) -> str:
    """One row as one line; a sign stands before its row without a dot between them.

    >>> row_line(("▲", "flights", "Drift: temp"))
    '▲ flights · Drift: temp'
    """
    cells = [cell if len(cell) <= _LONGEST_CELL else cell[: _LONGEST_CELL - 1] + "…" for cell in row if cell]
    if len(cells) > 1 and len(cells[0]) == 1:
        cells[:2] = [f"{cells[0]} {cells[1]}"]
    return " · ".join(cells)


def row_lines(table: Sequence[Sequence[str]], *, room: int) -> tuple[list[str], int]:
    """The rows below the head that fit into so many characters, and how many do not."""
    lines: list[str] = []
    for row in table[1:]:
        line = row_line(row)
        room -= len(line) + 1
        if room < 0:
            break
        lines.append(line)
    return lines, max(0, len(table) - 1 - len(lines))
