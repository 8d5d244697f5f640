"""The periods that a replay reports numbers of: days, or windows that are longer, and calendar months."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from driftwatch.domain.instant import DAY, from_datetime, to_datetime
from driftwatch.monitors.alignment import Alignment
from driftwatch.monitors.spec import ModelSpec

__all__ = ["report_periods"]


def report_periods(spec: ModelSpec, start: int, end: int, *, months: bool) -> Iterator[tuple[int, int]]:
    """``(start, end)`` of every local day that touches a period, in microseconds UTC, and then of its months."""
    alignment = Alignment.of(spec).hourly
    days = replace(alignment, width=max(DAY, alignment.width))
    for low in days.windows(start, end):
        yield low, days.start(days.index(low) + 1)
    month = to_datetime(start).astimezone(spec.zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while months and from_datetime(month) < end:
        after = (month + timedelta(days=32)).replace(day=1)
        yield from_datetime(month), from_datetime(after)
        month = after
