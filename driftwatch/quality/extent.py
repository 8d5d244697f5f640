"""The range of a numeric column: how far beyond it is still a matter of course."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["ExtentBaseline", "fit_extent"]

_STRETCH = 8.0
_LEAST_EXCESS = 1.0  # the reference's whole width: a new record is no fault


@dataclass(frozen=True, slots=True)
class ExtentBaseline:
    """The range of a column in the reference.

    Attributes:
        low: its smallest value.
        high: its largest.
        excess: how far outside it a value has to lie, in widths of the range.
    """

    low: float
    high: float
    excess: float

    def beyond(self, low: float, high: float) -> float:
        """How far the range ``[low, high]`` reaches outside, in widths; 0 if it does not."""
        return _beyond(low, high, self.low, self.high)


def fit_extent(folds: Sequence[tuple[float, float]]) -> ExtentBaseline | None:
    """Learn a range from the smallest and largest value of each cycle (week or day) of the reference.

    What a cycle reaches beyond all others sets what must be passed: 1 + 8/folds times as far, and one width at least.

    Returns:
        None with fewer than two cycles, or where the range is a point.
    """
    seen = [each for each in folds if each[0] <= each[1]]
    if len(seen) < 2:
        return None
    low, high = min(each[0] for each in seen), max(each[1] for each in seen)
    if not low < high or not math.isfinite(high - low):
        return None
    excess = 0.0
    for place, (fold_low, fold_high) in enumerate(seen):
        others = [each for other, each in enumerate(seen) if other != place]
        rest = min(each[0] for each in others), max(each[1] for each in others)
        excess = max(excess, _beyond(fold_low, fold_high, *rest))
    return ExtentBaseline(low, high, max(_LEAST_EXCESS, excess * (1.0 + _STRETCH / len(seen))))


def _beyond(low: float, high: float, from_low: float, to_high: float) -> float:
    if from_low <= low and high <= to_high:
        return 0.0
    width = to_high - from_low
    return max(from_low - low, high - to_high) / width if width > 0 else math.inf
