"""The history of several numbers at once: sums of moments by window."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from driftwatch.drift.moment_baseline import MomentSeries
from driftwatch.profiles.moments import MomentsProfile, sums_of

__all__ = ["MomentsHistory"]


@dataclass
class MomentsHistory:
    """Moments by window index.

    Attributes:
        frame: digest of the frame that they were taken with; others cannot be added to them and are left out.
        dimensions: k.
        n: rows.
        sums: as a profile has them.
    """

    frame: bytes
    dimensions: int
    n: dict[int, int] = field(default_factory=dict)
    sums: dict[int, NDArray[np.int64]] = field(default_factory=dict)

    def add(self, index: int, profile: MomentsProfile) -> None:
        """Add one bucket."""
        if profile.frame != self.frame:
            return
        self.n[index] = self.n.get(index, 0) + profile.n
        known = self.sums.get(index)
        self.sums[index] = profile.sums if known is None else known + profile.sums

    def forget(self, index: int) -> None:
        """Take one window out again."""
        self.n.pop(index, None)
        self.sums.pop(index, None)

    def series(self, indexes: Sequence[int], rows: Mapping[int, int]) -> MomentSeries:
        """The windows of these indexes; `rows` are all rows of the model by window."""
        sums = np.zeros((len(indexes), sums_of(self.dimensions)), dtype=np.int64)
        for place, index in enumerate(indexes):
            known = self.sums.get(index)
            if known is not None:
                sums[place] = known
        n, whole = (np.array([of.get(index, 0) for index in indexes], dtype=np.int64) for of in (self.n, rows))
        return MomentSeries(self.dimensions, n, sums, whole)
