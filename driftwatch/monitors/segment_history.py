"""The histories of a model's segments, kept beside that of all rows.

A segment's history is one of the same form. It is as wide as that of all rows, so there is room for a limited number:
while the reference is read, twice as many as will be judged, those that come first; afterwards those that are judged.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from driftwatch.profiles.bucket import BucketProfile

if TYPE_CHECKING:
    from driftwatch.monitors.history import History

__all__ = ["MOST_JUDGED", "MOST_SERIES", "SegmentHistories", "most_segments"]

MOST_JUDGED = 50
"""Segments of one model that are judged: those with the most rows in the reference."""

MOST_SERIES = 1_000
"""Columns of segments, over all segments: a model of many columns has fewer segments judged."""

_NAMED = 1_000  # segments without room that are remembered by name


def most_segments(n_columns: int) -> int:
    """How many segments of a model with that many columns are judged.

    >>> most_segments(10), most_segments(100), most_segments(5_000)
    (50, 10, 1)
    """
    return min(MOST_JUDGED, max(1, MOST_SERIES // max(1, n_columns)))


@dataclass
class SegmentHistories:
    """Histories by segment.

    Attributes:
        by_name: such as ``country=PT``.
        refused: segments that there was no room for.
        is_closed: whether other segments than these are passed over from now on.
    """

    by_name: dict[str, "History"] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    is_closed: bool = False

    def add(self, whole: "History", bucket_start: int, segments: Mapping[str, BucketProfile]) -> None:
        """Add the segments of one bucket, the largest first where there is not room for all.

        Args:
            whole: the history of all rows, which these are kept beside.
            bucket_start: microseconds UTC.
            segments: by name.
        """
        for name, profile in sorted(segments.items(), key=lambda each: (-each[1].rows, each[0])):
            history = self.by_name.get(name)
            if history is None:
                if self.is_closed or not self._has_room(name, len(profile.features) + len(profile.outputs)):
                    continue
                history = self.by_name[name] = type(whole)(whole.alignment, whole.codecs, exclude=whole.exclude)
            history.add(bucket_start, replace(profile, latency=None, checks={}, moments={}, segments={}))

    def _has_room(self, name: str, n_columns: int) -> bool:
        if name not in self.refused and len(self.by_name) < 2 * most_segments(n_columns):
            return True
        if len(self.refused) < _NAMED:
            self.refused.add(name)
        return False

    def keep(self, names: Collection[str]) -> None:
        """Drop all others, and take no new ones."""
        self.by_name = {name: history for name, history in self.by_name.items() if name in names}
        self.is_closed = True

    def forget(self, index: int) -> None:
        """Take one window out of all of them."""
        for history in self.by_name.values():
            history.forget(index)

    def shed(self, before: int, *, categories_before: int) -> None:
        """Drop the distributions of older windows of all of them."""
        for history in self.by_name.values():
            history.shed(before, categories_before=categories_before)

    def lend(self, index: int, profiles: Sequence[BucketProfile]) -> None:
        """Put back the distributions of a window that were dropped."""
        for name, history in self.by_name.items():
            history.lend(index, [profile.segments[name] for profile in profiles if name in profile.segments])

    def lacks(self, index: int) -> bool:
        """Whether a distribution of some segment in a window was dropped."""
        return any(history.lacks(index) for history in self.by_name.values())

    @property
    def n_columns(self) -> int:
        """Columns over all segments."""
        return sum(len(history.columns) for history in self.by_name.values())
