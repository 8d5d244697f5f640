"""What the state machine remembers of one model and deployment between two windows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from driftwatch.domain.alert import segment_state_key
from driftwatch.domain.finding import Finding
from driftwatch.domain.incident import Incident
from driftwatch.domain.instant import DAY, from_iso, to_iso

__all__ = ["CALIBRATED", "IncidentBook", "JudgedWindow", "Pace"]


@dataclass(frozen=True, slots=True)
class Pace:
    """How soon an incident lets go, and what is news of it. Lengths in microseconds of windows.

    Attributes:
        quiet_to_close: how long an alert is judged without an alarm until it is resolved.
        reopen_within: so long after its last alarm the same column reopens the old incident without a new page.
        tells_joined: an alert that joins an incident which readers know of is told as news.
    """

    quiet_to_close: int = DAY
    reopen_within: int = 7 * DAY
    tells_joined: bool = False


CALIBRATED = Pace()
"""Of what the alarm rule judges: a day of quiet ends it, a week keeps it together."""


@dataclass(frozen=True, slots=True)
class JudgedWindow:
    """One window's verdict, as the state machine takes it.

    Attributes:
        start: microseconds UTC, included.
        end: microseconds UTC, excluded.
        at: when the verdict was known, on the clock of the windows; `end` or later.
        findings: what was found; those at warning or above are alarms.
        states: ``"judged"``, ``"low_data"`` or ``"no_data"`` of every column that is monitored, and of every segment
            under :func:`~driftwatch.domain.alert.segment_state_key`. Only a judged column of a judged segment can be
            quiet. What is missing here is no longer monitored; it counts as quiet.
        backfill: the window was first evaluated so late that nobody is to be told of it.
        pace: how soon its incident lets go.
    """

    start: int
    end: int
    at: int
    findings: tuple[Finding, ...]
    states: Mapping[str, str]
    backfill: bool = False
    pace: Pace = CALIBRATED

    @property
    def was_judged(self) -> bool:
        """Whether any column got a verdict."""
        return "judged" in self.states.values()

    def is_quiet_for(self, column: str | None, segment: str | None = None) -> bool:
        """Whether this window, having no alarm of `column` in `segment`, counts as quiet for it."""
        if segment is not None and self.states.get(segment_state_key(segment), "judged") != "judged":
            return False
        if column is None or column not in self.states:
            return self.was_judged
        return self.states[column] == "judged"


@dataclass(frozen=True, slots=True)
class IncidentBook:
    """The open incident of one model and deployment, and those that may be reopened.

    Attributes:
        environment: of the model.
        model: the model's name.
        deployment: where it runs.
        sequence: the number of the newest incident, 0 before the first.
        through: end of the newest window taken, or None before the first.
        current: the open incident, or None.
        closed: closed incidents with an alarm in the last seven days, or whose end is still to be told, oldest first.
    """

    environment: str
    model: str
    deployment: str = "default"
    sequence: int = 0
    through: int | None = None
    current: Incident | None = None
    closed: tuple[Incident, ...] = ()

    def with_opening_owed(self, incident_id: str) -> "IncidentBook":
        """The memory after the news of an incident was thrown away unsent: if it reopens, that is told as new."""

        def owed(incident: Incident) -> Incident:
            return replace(incident, owed="first", announced=False) if incident.id == incident_id else incident

        current = None if self.current is None else owed(self.current)
        return replace(self, current=current, closed=tuple(owed(incident) for incident in self.closed))

    def to_dict(self) -> dict[str, Any]:
        """A JSON-safe form that :meth:`from_dict` reads back."""
        return {
            "environment": self.environment,
            "model": self.model,
            "deployment": self.deployment,
            "sequence": self.sequence,
            "through": None if self.through is None else to_iso(self.through),
            "current": None if self.current is None else self.current.to_dict(),
            "closed": [incident.to_dict() for incident in self.closed],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "IncidentBook":
        """Read what :meth:`to_dict` wrote."""
        through, current = data["through"], data["current"]
        return cls(
            environment=data["environment"],
            model=data["model"],
            deployment=data["deployment"],
            sequence=int(data["sequence"]),
            through=None if through is None else from_iso(through),
            current=None if current is None else Incident.from_dict(current),
            closed=tuple(Incident.from_dict(incident) for incident in data["closed"]),
        )
