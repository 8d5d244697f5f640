"""The labelled rows of a model by window, and those of each of its segments."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from driftwatch.monitors.history import CategoricalHistory, NumericHistory
from driftwatch.monitors.outcome_cells import LabelledCells, cells_of, in_score_bins, score_cells
from driftwatch.performance.segment_tally import SplitTally
from driftwatch.performance.tally import Tally
from driftwatch.profiles.codec import NumericCodec

__all__ = ["OutcomeHistory"]

_MOST_SEGMENTS = 500  # by name, before it is known which of them are judged


@dataclass
class OutcomeHistory:
    """The labelled rows of a model by window, each window at the same age; only the cells that hold rows are kept.

    Attributes:
        score_codec: bins of the score, or None.
        error_codec: bins of a regression's error, or None.
        windows: by window index.
        outcomes: the rows by outcome, where outcomes are classes.
        segments: the same of each segment's rows, by its name.
        is_closed: whether other segments than these are passed over from now on.
    """

    score_codec: NumericCodec | None = None
    error_codec: NumericCodec | None = None
    windows: dict[int, LabelledCells] = field(default_factory=dict)
    outcomes: CategoricalHistory = field(default_factory=CategoricalHistory)
    segments: dict[str, "OutcomeHistory"] = field(default_factory=dict)
    is_closed: bool = False

    def add(self, index: int, tally: Tally, splits: Mapping[str, SplitTally] | None = None) -> None:
        """Add a bucket to its window, in the bins of the score's codec: those that calibration and judging know.

        Args:
            index: of the window.
            tally: the bucket's labelled rows.
            splits: the same rows by segment.

        Raises:
            ValueError: it is of another kind, or in other bins.
        """
        cells, known = cells_of(in_score_bins(tally, self.score_codec)), self.windows.get(index)
        self.windows[index] = cells if known is None else known.add(cells)
        self.outcomes.add_rows(index, cells.levels or {})
        for split in (splits or {}).values():
            for name, segment in sorted(split.segments.items(), key=lambda each: (-each[1].n, each[0])):
                if name not in self.segments:
                    if self.is_closed or len(self.segments) >= _MOST_SEGMENTS:
                        continue
                    self.segments[name] = OutcomeHistory(self.score_codec, self.error_codec)
                self.segments[name].add(index, segment.tally)

    def keep(self, names: Collection[str]) -> None:
        """Drop all other segments, and take no new ones."""
        self.segments = {name: history for name, history in self.segments.items() if name in names}
        self.is_closed = True

    def forget(self, index: int) -> None:
        """Take one window out again."""
        self.windows.pop(index, None)
        self.outcomes.forget(index)
        for segment in self.segments.values():
            segment.forget(index)

    def follow(self, column: NumericHistory, indexes: Iterable[int]) -> None:
        """Hold the scores of some windows, whether they are labelled or not: a history of its own."""
        for index in indexes:
            counts = column.bins.get(index)
            self.forget(index)
            if counts is not None:
                self.windows[index] = score_cells(counts)

    def between(self, first: int, stop: int) -> list[LabelledCells | None]:
        """The windows of a range; None where nothing is labelled."""
        return [self.windows.get(index) for index in range(first, stop)]

    def labelled(self, first: int, stop: int) -> NDArray[np.int64]:
        """int64[stop - first], labelled rows."""
        return np.array([0 if cells is None else cells.n for cells in self.between(first, stop)], dtype=np.int64)
