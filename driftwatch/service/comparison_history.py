"""The columns of a comparison along time: what the calibrated rule needs of a reference of two weeks or more."""

import numpy as np
from numpy.typing import NDArray

from driftwatch.domain.instant import DAY, HOUR, SECOND
from driftwatch.drift.rule import Calendar, Series, categorical_series, numeric_series
from driftwatch.profiles.bucket import CategoricalColumn, NumericColumn
from driftwatch.profiles.kernel import assign_bins
from driftwatch.service.arrow_column import NO_TIME
from driftwatch.service.comparison_column import PRESENT, ReadColumn

__all__ = ["LEAST_DAYS", "Timeline", "series_in_time"]

LEAST_DAYS = 14
_WEEK = 7 * DAY
_MOST_HOURS = 400 * 24


class Timeline:
    """Rows of both sides on one axis of hours or days.

    A current file that begins before the reference has ended, or long after, is moved by whole weeks to just after it:
    the rule compares hours of the week.

    Attributes:
        calendar: the axis.
        n_reference: buckets of the reference.
        start: the first current bucket.
        length: buckets in all.
        reference: int64[n], the bucket of each row of the reference, -1 without a time.
        current: int64[m], the bucket of each current row, -1 without a time.
    """

    def __init__(self, reference: NDArray[np.int64], current: NDArray[np.int64], width: int) -> None:
        first, last = int(reference[reference != NO_TIME].min()), int(reference[reference != NO_TIME].max())
        width = HOUR if width < DAY and (last - first) // HOUR <= _MOST_HOURS else DAY
        self.calendar = Calendar.starting(first // SECOND, width // SECOND)
        origin = self.calendar.start_seconds(0) * SECOND
        self.n_reference = (last - origin) // width + 1
        end = origin + self.n_reference * width
        begin = int(current[current != NO_TIME].min())
        shift = -((begin - end) // _WEEK) * _WEEK
        self.reference = _places(reference, origin, width)
        self.current = _places(current, origin - shift, width)
        self.start = int(self.current[self.current >= 0].min())
        self.length = int(self.current.max()) + 1


def series_in_time(column: ReadColumn, timeline: Timeline) -> Series:
    """A column's rows by bucket, the reference first: what the calibrated rule takes."""
    sides = ((column.reference, timeline.reference), (column.current, timeline.current))
    missing = np.zeros(timeline.length, dtype=np.int64)
    if isinstance(column.reference, NumericColumn) and not column.identifier:
        bins = column.codec.bins
        counts = np.zeros(timeline.length * bins, dtype=np.int64)
        for side, places in sides:
            if isinstance(side, NumericColumn):
                gone = ~np.isfinite(side.values) | (False if side.nulls is None else side.nulls)
                kept = ~gone & (places >= 0)
                where = places[kept] * bins + assign_bins(side.values[kept], column.codec)
                counts += np.bincount(where, minlength=len(counts))
                missing += np.bincount(places[gone & (places >= 0)], minlength=timeline.length)
        return numeric_series(
            column.name,
            column.codec.edges,
            counts.reshape(timeline.length, bins),
            missing,
            n_reference=timeline.n_reference,
            calendar=timeline.calendar,
        )
    buckets: list[dict[str, int]] = [{} for _ in range(timeline.length)]
    for side, places in sides:
        if isinstance(side, NumericColumn):  # a counter: only gaps mean anything
            gone = np.zeros(len(places), dtype=np.bool_) if side.nulls is None else side.nulls
            side = CategoricalColumn([PRESENT], np.where(gone, -1, 0))  # noqa: PLW2901
        if side is not None:
            missing += np.bincount(places[(side.codes < 0) & (places >= 0)], minlength=timeline.length)
            _fill(buckets, side, places, identifier=column.identifier)
    return categorical_series(
        column.name, buckets, missing, n_reference=timeline.n_reference, calendar=timeline.calendar
    )


def _fill(
    buckets: list[dict[str, int]], column: CategoricalColumn, places: NDArray[np.int64], *, identifier: bool
) -> None:
    kept = (column.codes >= 0) & (places >= 0)
    width = max(1, len(column.dictionary))
    cells, counts = np.unique(places[kept] * width + column.codes[kept], return_counts=True)
    for cell, count in zip(cells.tolist(), counts.tolist(), strict=True):
        place, code = divmod(cell, width)
        value = PRESENT if identifier else column.dictionary[code]
        buckets[place][value] = buckets[place].get(value, 0) + count


def _places(at: NDArray[np.int64], origin: int, width: int) -> NDArray[np.int64]:
    known = at != NO_TIME
    return np.where(known, (np.where(known, at, origin) - origin) // width, -1)
