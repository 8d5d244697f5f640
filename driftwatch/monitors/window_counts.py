"""Counts by window index: a mapping to use, an array to compute with."""

from collections.abc import Iterator, MutableMapping, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["WindowCounts"]

_ROOM = 64


class WindowCounts(MutableMapping[int, int]):
    """A count for each of some windows that lie near one another.

    >>> counts = WindowCounts()
    >>> counts[7] = 3
    >>> counts.at(range(6, 9)).tolist(), counts.get(6)
    ([0, 3, 0], None)
    """

    __slots__ = ("_first", "_known", "_size", "_values")

    def __init__(self) -> None:
        self._first = 0
        self._size = 0
        self._values = np.zeros(0, dtype=np.int64)
        self._known = np.zeros(0, dtype=np.bool_)

    def at(self, indexes: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
        """int64[n], the counts of windows by index; 0 where there is none."""
        if isinstance(indexes, range) and indexes.step == 1:
            return self._span(indexes.start, indexes.stop)
        places = np.asarray(indexes, dtype=np.int64) - self._first
        inside = (places >= 0) & (places < len(self._values))
        if inside.all():
            return self._values[places]
        result = np.zeros(len(places), dtype=np.int64)
        result[inside] = self._values[places[inside]]
        return result

    def _span(self, start: int, stop: int) -> NDArray[np.int64]:
        low, high = start - self._first, stop - self._first
        if low >= 0 and high <= len(self._values):
            return self._values[low:high].copy()
        result = np.zeros(max(stop - start, 0), dtype=np.int64)
        left, right = max(low, 0), min(high, len(self._values))
        if left < right:
            result[left - low : right - low] = self._values[left:right]
        return result

    def __getitem__(self, index: int) -> int:
        place = index - self._first
        if 0 <= place < len(self._values) and self._known[place]:
            return int(self._values[place])
        raise KeyError(index)

    def __setitem__(self, index: int, count: int) -> None:
        place = index - self._first
        if not 0 <= place < len(self._values):
            self._grow(index)
            place = index - self._first
        self._size += not self._known[place]
        self._values[place] = count
        self._known[place] = True

    def __delitem__(self, index: int) -> None:
        self[index]  # raises if there is none
        self._values[index - self._first] = 0
        self._known[index - self._first] = False
        self._size -= 1

    def __iter__(self) -> Iterator[int]:
        return iter((np.flatnonzero(self._known) + self._first).tolist())

    def __len__(self) -> int:
        return self._size

    def _grow(self, index: int) -> None:
        """Make room for a window, and as much again."""
        if not len(self._values):
            self._first, low, high = index, 0, _ROOM
        else:
            room = max(_ROOM, len(self._values) // 2)
            low = max(0, self._first - index + room) if index < self._first else 0
            high = max(0, index + 1 + room - self._first - len(self._values)) if index >= self._first else 0
        self._values = np.pad(self._values, (low, high))
        self._known = np.pad(self._known, (low, high))
        self._first -= low
