"""At which age a bucket's outcomes are judged: when most of what will be known is known, whatever its class."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from driftwatch.domain.instant import HOUR, MINUTE
from driftwatch.domain.wall_clock import wall_clock
from driftwatch.monitors.spec import ModelSpec

__all__ = ["MATURE_SHARE", "judged_age", "outcome_width"]

MATURE_SHARE = 0.9
"""Share of the outcomes, of each class, that is known at the age at which buckets are judged."""

_LEAST_ROWS = 30
_QUARTER = 15 * MINUTE


def judged_age(
    predicted_at: NDArray[np.int64],
    known_at: NDArray[np.int64],
    classes: Sequence[str | None],
    reference: tuple[int, int],
    width: int,
) -> int:
    """The age, a whole number of windows, in microseconds.

    It is learned from the first half of the reference, with what was known at the reference's end, so that each of
    these rows had at least half of the reference's length to become known; no age is longer than that. Of several
    classes the slowest decides: positives are often known long before negatives.

    Args:
        predicted_at: int64[n].
        known_at: int64[n], when each row's outcome became known.
        classes: of each row; None for outcomes that are no classes.
        reference: ``(start, end)``.
        width: of a window.
    """
    start, end = reference
    half = (end - start) // 2
    seen = (predicted_at >= start) & (predicted_at < start + half) & (known_at < end)
    delays = np.maximum(known_at - predicted_at, 0)
    of = np.array([each or "" for each in classes], dtype=object)
    longest = 0
    for name in np.unique(of[seen].astype(str)) if seen.any() else []:
        rows = delays[seen & (of == name)]
        if len(rows) >= _LEAST_ROWS:
            longest = max(longest, int(np.quantile(rows, MATURE_SHARE, method="inverted_cdf")))
    whole = -(-longest // width) * width
    return int(min(whole, half // width * width))


def outcome_width(spec: ModelSpec) -> int:
    """The width of an outcome's bucket, microseconds: whole windows are whole numbers of them, in local time too.

    That of a window, but no less than an hour; an hour where the zone's clock is moved by hours, else a quarter.
    """
    offsets = wall_clock(spec.timezone).offsets
    if not offsets.any():
        return max(spec.bucket, HOUR)
    return HOUR if not np.any(offsets % HOUR) else _QUARTER
