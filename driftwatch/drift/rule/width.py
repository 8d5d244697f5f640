"""Counts in the narrowest type that holds them: what is kept for long is kept small."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["narrowed"]

_WIDTHS = ((np.uint8, 1 << 8), (np.uint16, 1 << 16), (np.uint32, 1 << 32))


def narrowed(counts: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
    """The same counts, 0 or more, in one, two, four or eight bytes each.

    >>> narrowed(np.array([3, 300])).dtype
    dtype('uint16')
    """
    largest = int(counts.max(initial=0))
    for width, limit in _WIDTHS:
        if largest < limit:
            return counts.astype(width)
    return counts.astype(np.int64)
