"""The history of several numbers at once: sums of moments by window."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from driftwatch.drift.moment_baseline import MomentSeries
from driftwatch.monitors.window_counts import WindowCounts
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

    def series(self, first: int, stop: int, rows: WindowCounts, *, since: int | None = None) -> MomentSeries:
        """The windows from index `first` to `stop`, which is not included.

        Args:
            first: where the axis begins.
            stop: where it ends.
            rows: all rows of the model by window.
            since: index of the first window that will be looked at; zeros stand for those before it.
        """
        n = np.zeros(stop - first, dtype=np.int64)
        sums = np.zeros((stop - first, sums_of(self.dimensions)), dtype=np.int64)
        for index in range(first if since is None else max(first, since), stop):
            if index in self.sums:
                n[index - first], sums[index - first] = self.n[index], self.sums[index]
        return MomentSeries(self.dimensions, n, sums, rows.at(range(first, stop)))
