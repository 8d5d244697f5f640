"""Silences: for a while, messages about what they match are kept back. Alerts and incidents go on as ever."""

from collections.abc import Mapping
from dataclasses import dataclass

from driftwatch.alerting.matching import Matcher, refusal
from driftwatch.domain.instant import SECOND, to_iso

__all__ = ["Silence"]


@dataclass(frozen=True, slots=True)
class Silence:
    """What somebody wants to hear nothing of, from when until when.

    Attributes:
        id: assigned by the store.
        match: conditions on an alert's labels, at least one; all must hold.
        start: microseconds UTC, included.
        end: excluded.
        author: who made it.
        note: why.
        name: of a declared one, or None.
    """

    id: int
    match: tuple[Matcher, ...]
    start: int
    end: int
    author: str
    note: str
    name: str | None = None

    def is_active(self, at: int) -> bool:
        """Whether it holds at an instant."""
        return self.start <= at < self.end

    def silences(self, labels: Mapping[str, str], at: int) -> bool:
        """Whether messages about an alert with these labels are kept back at an instant."""
        return self.is_active(at) and refusal(self.match, labels) is None

    def __str__(self) -> str:
        until = to_iso(self.end - self.end % SECOND)
        return f"silenced until {until} by {self.author}: {self.note} (silence {self.id})"
