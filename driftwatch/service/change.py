"""What changed about a column, in words for a message."""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from driftwatch.monitors.history import CategoricalHistory, NumericHistory
from driftwatch.queries import format as written

__all__ = ["Totals", "change_of", "totals_of"]

Totals: TypeAlias = NDArray[np.int64] | Mapping[str, float]
"""Rows by bin of a numeric column; share by value of a categorical one."""


def totals_of(column: NumericHistory | CategoricalHistory, first: int, stop: int) -> Totals:
    """The distribution of a column over the windows ``[first, stop)`` by index."""
    if isinstance(column, NumericHistory):
        return column.totals(first, stop)
    counts = column.totals(first, stop)
    total = sum(counts.values())
    return {level: rows / total for level, rows in counts.items()} if total else {}


def change_of(column: NumericHistory | CategoricalHistory, before: Totals, now: Totals, *, is_private: bool) -> str:
    """Reference → current, such as ``median 3 → 4``; "" if there is nothing to tell.

    Args:
        column: whose distributions they are.
        before: in the reference.
        now: in the window.
        is_private: whether its values must not be shown.
    """
    if isinstance(column, NumericHistory):
        usual, current = (_median(each, column.codec.edges) for each in (before, now))
        if usual is None or current is None or usual == current:
            return ""
        return f"median {written.number(usual)} → {written.number(current)}"
    if isinstance(before, np.ndarray) or isinstance(now, np.ndarray) or not before or not now:
        return ""
    level = max(sorted(before.keys() | now.keys()), key=lambda each: abs(now.get(each, 0.0) - before.get(each, 0.0)))
    name = "one value" if is_private else f"“{level[:40]}”"
    return f"{name} {written.share(before.get(level, 0.0))} → {written.share(now.get(level, 0.0))}"


def _median(counts: Totals, edges: NDArray[np.float64]) -> float | None:
    """The upper edge of the bin that holds the median: within one bin of it, exact for a value with its own bin."""
    if not isinstance(counts, np.ndarray) or not counts.any():
        return None
    place = int(np.searchsorted(np.cumsum(counts), (int(counts.sum()) + 1) // 2))
    return float(edges[min(place, len(edges) - 1)])
