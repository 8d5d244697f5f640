"""Which windows the rule judges, and where they lie on its week.

The rule knows hours and days. A bucket width that divides the hour (1m, 5m, 15m, ...) is judged hour by hour; any other
(45m, 2h, 6h, 12h ...) day by day, since a day is a whole number of every bucket.

Seasonal slots follow the model's time zone through its *standard* offset at the start of the reference, rounded
towards zero to whole buckets. Daylight saving time therefore moves local habits by one slot for half of the year; each
hourly slot is merged with its two neighbours, which covers that. Days are local days where the buckets are fine enough.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from driftwatch.domain.instant import DAY, HOUR, to_datetime
from driftwatch.monitors.spec import ModelSpec

__all__ = ["Alignment", "judged_width"]

_MONDAY = 3 * DAY  # 1969-12-29, a Monday, lies three days before 1970


def judged_width(bucket: int) -> int:
    """The width of the windows that are judged, an hour or a day, in microseconds.

    >>> judged_width(15 * 60 * 1_000_000) == HOUR, judged_width(6 * HOUR) == DAY
    (True, True)
    """
    return HOUR if HOUR % bucket == 0 else DAY


@dataclass(frozen=True, slots=True)
class Alignment:
    """Instants to window indexes and back; index 0 is the first window of Monday 1969-12-29, local time.

    Attributes:
        width: of a window, microseconds.
        offset: what is added to UTC, microseconds.
    """

    width: int
    offset: int = 0

    @classmethod
    def of(cls, spec: ModelSpec, reference_start: int) -> "Alignment":
        """The alignment of a model whose reference starts at `reference_start`."""
        moment = to_datetime(reference_start).astimezone(spec.zone)
        standard = (moment.utcoffset() or timedelta()) - (moment.dst() or timedelta())
        return cls(judged_width(spec.bucket), int(standard / timedelta(microseconds=spec.bucket)) * spec.bucket)

    def index(self, at: int) -> int:
        """The index of the window that holds `at`."""
        return (at + self.offset + _MONDAY) // self.width

    def start(self, index: int) -> int:
        """The start of a window, microseconds UTC; its end is the start of the next."""
        return index * self.width - self.offset - _MONDAY

    def windows(self, start: int, end: int) -> Iterable[int]:
        """The starts of all windows that touch ``[start, end)``, ascending."""
        return (self.start(index) for index in range(self.index(start), self.index(end - 1) + 1))

    @property
    def per_day(self) -> int:
        """Windows in a day."""
        return DAY // self.width
