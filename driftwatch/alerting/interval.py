"""Hours of the week on somebody's wall clock."""

from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from driftwatch.domain.instant import to_datetime

__all__ = ["DAYS", "WHOLE_DAY", "Interval"]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WHOLE_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Interval:
    """Some hours of some days, as the clock on the wall shows them.

    Attributes:
        days: of the week, 0 for Monday; the days on which it begins.
        first: minute of the day at which it begins, included.
        stop: minute at which it ends, excluded; at or before `first` it ends on the next day.
        zone: IANA name of the clock. What a change of it leaves out has no moment, what comes twice has two.
    """

    days: tuple[int, ...] = tuple(range(7))
    first: int = 0
    stop: int = WHOLE_DAY
    zone: str = "UTC"

    def holds(self, at: int) -> bool:
        """Whether the instant (microseconds UTC) lies in it."""
        shown = to_datetime(at).astimezone(ZoneInfo(self.zone))
        minute = shown.hour * 60 + shown.minute
        if self.first < self.stop:
            return shown.weekday() in self.days and self.first <= minute < self.stop
        if minute >= self.first:
            return shown.weekday() in self.days
        return minute < self.stop and (shown - timedelta(days=1)).weekday() in self.days

    def __str__(self) -> str:
        days = "every day" if len(self.days) == len(DAYS) else " ".join(DAYS[day] for day in self.days)
        return f"{days} {_clock(self.first)}-{_clock(self.stop)} {self.zone}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
