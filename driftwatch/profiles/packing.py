"""Integer counts as few bytes: the narrowest type, byte planes apart, left to the compressor of the whole."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["pack_counts", "unpack_counts"]

_WIDTHS = ((1, 1 << 8), (2, 1 << 16), (4, 1 << 32))


def pack_counts(counts: NDArray[np.int64]) -> list[Any]:
    """Counts as [number, width, bytes]; the low bytes of all first, then the next ones, which are nearly all zero.

    Negative counts (the profile of an erasure) take eight bytes each.
    """
    if not len(counts):
        return [0, 1, b""]
    low, high = int(counts.min()), int(counts.max())
    width = 8 if low < 0 else next((width for width, limit in _WIDTHS if high < limit), 8)
    planes = counts.astype("<i8").view(np.uint8).reshape(-1, 8)[:, :width].T
    return [len(counts), width, planes.tobytes()]


def unpack_counts(packed: list[Any]) -> NDArray[np.int64]:
    """Read what :func:`pack_counts` wrote."""
    number, width, payload = packed
    if width == 1:
        return np.frombuffer(payload, dtype=np.uint8).astype(np.int64)
    planes = np.zeros((number, 8), dtype=np.uint8)
    planes[:, :width] = np.frombuffer(payload, dtype=np.uint8).reshape(width, number).T
    return planes.reshape(-1).view("<i8").astype(np.int64)
