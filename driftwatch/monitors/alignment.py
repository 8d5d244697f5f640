"""Where the judged windows of a model lie: each one bucket of the width that the model declares.

Windows of up to an hour are counted in UTC, so that each is as long as any other; which hour of the week they are, says
the wall clock of the model's time zone. Longer ones follow the wall clock itself: a day is a local day, of 23 or 25
hours where the clock is moved, and noon is in the same part of it all year.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from driftwatch.domain.instant import DAY, HOUR
from driftwatch.domain.wall_clock import bucket_number, start_of_bucket
from driftwatch.monitors.spec import ModelSpec

__all__ = ["Alignment"]

_MONDAY = 3 * DAY  # 1969-12-29, a Monday, lies three days before 1970


@dataclass(frozen=True, slots=True)
class Alignment:
    """Instants to window indexes and back; index 0 is the first window of Monday 1969-12-29.

    Attributes:
        width: of a window, microseconds, from a minute to a day, a divisor of the day.
        zone: IANA name of the time zone.
    """

    width: int
    zone: str = "UTC"

    @classmethod
    def of(cls, spec: ModelSpec) -> "Alignment":
        """The alignment of a model."""
        return cls(spec.bucket, spec.timezone)

    @property
    def hourly(self) -> "Alignment":
        """The hours that shorter windows add up to; itself, if they are no shorter."""
        return replace(self, width=HOUR) if HOUR % self.width == 0 else self

    def index(self, at: int) -> int:
        """The index of the window that holds `at`."""
        return bucket_number(at, self.width, self.zone) + _MONDAY // self.width

    def start(self, index: int) -> int:
        """The start of a window, microseconds UTC; its end is the start of the next.

        Of a local day that a zone has left out it is the start of the next: such a window is empty.
        """
        return start_of_bucket(index - _MONDAY // self.width, self.width, self.zone)

    def windows(self, start: int, end: int) -> Iterable[int]:
        """The starts of all windows that touch ``[start, end)``, ascending."""
        indexes = range(self.index(start), self.index(end - 1) + 1)
        starts = [self.start(index) for index in indexes]
        return (each for each, after in zip(starts, [*starts[1:], None], strict=True) if each != after)

    @property
    def per_day(self) -> int:
        """Windows in a day (of 24 hours)."""
        return DAY // self.width
