"""When a week is told: a day and a time on somebody's wall clock."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from driftwatch.domain.instant import from_datetime, to_datetime

__all__ = ["SummaryTime"]


@dataclass(frozen=True, slots=True)
class SummaryTime:
    """One moment of every week.

    Attributes:
        day: of the week, 0 for Monday.
        minute: of that day. What a change of the clock leaves out comes as much later, what comes twice counts once.
        zone: IANA name of the clock.
    """

    day: int = 0
    minute: int = 8 * 60
    zone: str = "UTC"

    def newest(self, now: int) -> int:
        """The number (days since the year 1) of the newest day whose moment is not after `now`, microseconds UTC."""
        shown = to_datetime(now).astimezone(ZoneInfo(self.zone))
        found = shown.date() - timedelta(days=(shown.weekday() - self.day) % 7)
        return found.toordinal() if self.at(found.toordinal()) <= now else found.toordinal() - 7

    def at(self, number: int) -> int:
        """The moment of the day of that number, microseconds UTC."""
        clock = time(self.minute // 60, self.minute % 60, tzinfo=ZoneInfo(self.zone))
        return from_datetime(datetime.combine(date.fromordinal(number), clock).astimezone(UTC))
