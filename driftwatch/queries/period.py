"""Days, weeks and months of a model's own time zone."""

from collections.abc import Iterator
from datetime import timedelta

from driftwatch.domain.instant import DAY, from_datetime, to_datetime
from driftwatch.monitors.alignment import Alignment
from driftwatch.monitors.spec import ModelSpec
from driftwatch.queries.span import Span

__all__ = ["PERIODS", "period_name", "periods_of"]

PERIODS = ("day", "week", "month")
"""By what performance is told."""


def periods_of(span: Span, period: str, spec: ModelSpec) -> Iterator[Span]:
    """The periods that hold an instant of the window, ascending; weeks begin on Monday.

    Args:
        span: the window.
        period: one of :data:`PERIODS`.
        spec: of the model, whose time zone counts.
    """
    if period == "month":
        yield from _months(span, spec)
        return
    days = Alignment(DAY, spec.timezone)
    length = 7 if period == "week" else 1
    for number in range(days.index(span.start) // length, days.index(span.end - 1) // length + 1):
        yield Span(days.start(number * length), days.start((number + 1) * length))


def period_name(span: Span, period: str, spec: ModelSpec) -> str:
    """A period by its date: "13 Feb 2013", "week of 11 Feb 2013", "Feb 2013"."""
    moment = to_datetime(span.start).astimezone(spec.zone)
    if period == "month":
        return f"{moment:%b} {moment.year}"
    return f"{'week of ' if period == 'week' else ''}{moment.day} {moment:%b} {moment.year}"


def _months(span: Span, spec: ModelSpec) -> Iterator[Span]:
    moment = to_datetime(span.start).astimezone(spec.zone)
    month = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while from_datetime(month) < span.end:
        after = (month + timedelta(days=32)).replace(day=1)
        yield Span(from_datetime(month), from_datetime(after))
        month = after
