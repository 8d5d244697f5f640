"""The trail of a model: sums over the windows that end at its newest bucket, carried on as buckets come.

A window of half a year that moves by one bucket gains one and loses one. All that is carried is counts of rows, so that
the sums are exact: it makes no difference whether they were carried over thousands of buckets or taken afresh.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from driftwatch.drift.rule.fitting import ModelFit
from driftwatch.drift.rule.lanes import Lanes
from driftwatch.drift.rule.stack import ColumnSource, Snapshots, Spans, Stack

__all__ = ["Trail", "TrailStep"]

Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]

_LANES = 64
"""Lanes that are measured at once: their windows stay in the processor's cache."""

_BUCKETS = 32
_COLUMN_BUCKETS = 1024


@dataclass(frozen=True, slots=True, eq=False)
class TrailStep:
    """A few buckets of all columns, to be measured a few columns at a time.

    Attributes:
        ends: int64[N], their positions.
        courses: the columns by kind, and their sums.
    """

    ends: Ints
    courses: tuple[tuple[Stack, Snapshots], ...]

    def lanes(self, rows: Mapping[str, Ints], low: Mapping[str, Bools]) -> Iterator[tuple[tuple[str, ...], Lanes]]:
        """Names of some columns and their lanes, bucket by bucket, until all columns have had their turn.

        Args:
            rows: by column, int64[N], all rows of the buckets.
            low: by column, bool[S, N], windows with too few of them.
        """
        width = max(1, _LANES // len(self.ends))
        for stack, course in self.courses:
            for first in range(0, len(stack.names), width):
                columns = slice(first, first + width)
                names = stack.names[columns]
                rows_here = np.stack([rows[name] for name in names])
                low_here = np.stack([low[name] for name in names])
                yield names, stack.lanes(course, columns, rows_here, low_here)


class Trail:
    """Where a model's columns stand: trailing sums of the windows that end before position `end`.

    It is carried forward as buckets come, put right when buckets before `end` have changed, and taken back to judge
    such a bucket again. Not thread-safe.

    Attributes:
        end: one past the last bucket that is summed.
    """

    def __init__(self, model: ModelFit, sources: Mapping[str, ColumnSource], end: int) -> None:
        """Sum the windows of these columns that end before position `end`."""
        self.end = end
        self._lengths = Spans.of(model).lengths
        kinds = {name: model.columns[name].kind for name in sources}
        self._stacks = [
            Stack([name for name in sources if kinds[name] == kind], model) for kind in sorted(set(kinds.values()))
        ]
        for stack in self._stacks:
            stack.start(sources, end)

    def wants(self, start: int, stop: int) -> set[int]:
        """Positions whose buckets must be at hand to judge [start, stop): what enters the windows, and what leaves."""
        low, high = min(start, self.end), max(stop, self.end)
        leaving = {place - length for place in range(low, high) for length in self._lengths}
        return {place for place in leaving | set(range(low, high)) if place >= 0}

    def revise(self, sources: Mapping[str, ColumnSource], positions: Sequence[int]) -> bool:
        """Take note that buckets have changed; False if one is too old to be put right: then start afresh."""
        known = np.array(sorted(place for place in positions if place < self.end), dtype=np.int64)
        if not all(stack.remembers(place) for stack in self._stacks for place in known.tolist()):
            return False
        if len(known):
            for stack in self._stacks:
                stack.revise(sources, known, self.end)
        return True

    def back_at(self, sources: Mapping[str, ColumnSource], end: int) -> "Trail":
        """The trail as it was at an earlier end; this one stays."""
        earlier = copy.copy(self)
        stacks = [stack.copied() for stack in self._stacks]
        for stack in stacks if end < self.end else ():
            stack.go_back(sources, np.arange(end, self.end))
        earlier._stacks, earlier.end = stacks, end  # noqa: SLF001 - its own kind
        return earlier

    def follow(self, sources: Mapping[str, ColumnSource], start: int, stop: int) -> Iterator[TrailStep]:
        """Carry the sums on to `stop`; of the buckets from `start` on, what has to be measured, in order.

        What a step holds is good until the next one is asked for.
        """
        most = max(1, min(_BUCKETS, _COLUMN_BUCKETS // max(1, len(sources))))
        while self.end < stop:
            bound = start if self.end < start else stop
            ends = np.arange(self.end, min(bound, self.end + most))
            courses = tuple((stack, stack.advance(sources, ends)) for stack in self._stacks)
            self.end += len(ends)
            if ends[0] >= start:
                yield TrailStep(ends, courses)
