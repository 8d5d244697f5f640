"""An incident: the alerts of one model that belong together, told to people once."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from driftwatch.domain.alert import Alert, AlertState
from driftwatch.domain.instant import from_iso, to_iso
from driftwatch.domain.signal import Severity, Signal

__all__ = ["Incident"]

_NAMED_COLUMNS = 3


@dataclass(frozen=True, slots=True)
class Incident:
    """A group of alerts of one model and deployment, from the first alarm until all of them are resolved.

    Attributes:
        environment: of the model.
        model: the model's name.
        deployment: where it runs.
        sequence: the how-manieth incident of this group, from 1.
        opened_at: when the first alarm was known, microseconds UTC on the clock of the windows.
        resolved_at: when it closed, or None while it is open.
        severity: the worst since it opened.
        alerts: its alerts, largest effect first.
        messages: how many messages were due for it so far; the number of the newest one.
        announced: whether readers have been told that it is open.
        owed: why a message is due that no window was allowed to send yet ("" if none).
        why_resolved: what ended it ("" while it is open).
        edges: when it last opened, closed, opened again ..., microseconds UTC on the clock of the windows.
        flapping: readers have been told that it comes and goes.
    """

    environment: str
    model: str
    deployment: str
    sequence: int
    opened_at: int
    resolved_at: int | None
    severity: Severity
    alerts: tuple[Alert, ...]
    messages: int = 0
    announced: bool = False
    owed: str = ""
    why_resolved: str = ""
    edges: tuple[int, ...] = ()
    flapping: bool = False

    @property
    def id(self) -> str:
        """Readable, safe in an address, and the same for the same model and sequence."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.model.lower()).strip("-")[:24] or "model"
        return f"{slug}-{self._digest()[:8]}-{self.sequence}"

    @property
    def group(self) -> str:
        """What its messages are grouped by."""
        return f"{self.environment}/{self.model}/{self.deployment}"

    @property
    def dedup_key(self) -> str:
        """``dw:<group>:<sequence>``, stable from open to resolve, at most 255 characters of printable ASCII."""
        if re.fullmatch(r"[\w.-]{1,80}(/[\w.-]{1,80}){2}", self.group, re.ASCII):
            return f"dw:{self.group}:{self.sequence}"
        return f"dw:{self._digest()}:{self.sequence}"

    @property
    def is_open(self) -> bool:
        """Whether an alert of it is still firing or recovering."""
        return self.resolved_at is None

    @property
    def firing(self) -> tuple[Alert, ...]:
        """The alerts that are not resolved, largest effect first."""
        return tuple(alert for alert in self.alerts if alert.state is not AlertState.RESOLVED)

    @property
    def standing(self) -> Severity:
        """How bad it is now: the worst of what is not resolved, none at its end."""
        return max((alert.severity for alert in self.firing), key=lambda each: each.rank, default=Severity.NONE)

    @property
    def since(self) -> int:
        """Start of the first alarming window, microseconds UTC."""
        return min(alert.since for alert in self.alerts)

    @property
    def last_alarm_at(self) -> int:
        """End of the newest alarming window, microseconds UTC."""
        return max(alert.last_alarm_at for alert in self.alerts)

    @property
    def signals(self) -> tuple[Signal, ...]:
        """The signals of its alerts, without repeats, largest effect first."""
        return tuple(dict.fromkeys(alert.key.signal for alert in self.alerts))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of its alerts, without repeats, largest effect first."""
        return tuple(dict.fromkeys(alert.key.column for alert in self.alerts if alert.key.column is not None))

    @property
    def title(self) -> str:
        """One line: which signals, of which model, in which columns of which segments."""
        words = [signal.value.replace("_", " ") for signal in self.signals]
        what = " and ".join([*([", ".join(words[:-1])] if words[1:] else []), words[-1]])
        head = f"{what[:1].upper()}{what[1:]} in {self.model}"
        places = self._places
        if not places:
            return head
        more = len(places) - _NAMED_COLUMNS
        named = ", ".join(places[:_NAMED_COLUMNS])
        return f"{head}: {named}" + (f" and {more} more" if more > 0 else "")

    @property
    def _places(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(place for alert in self.alerts if (place := alert.key.place) is not None))

    def summary(self) -> dict[str, Any]:
        """The public shape of ``backtest --json`` and of the API."""
        return {
            "id": self.id,
            "opened_at": to_iso(self.opened_at),
            "resolved_at": None if self.resolved_at is None else to_iso(self.resolved_at),
            "severity": self.severity.value,
            "signals": [signal.value for signal in self.signals],
            "columns": list(self.columns),
            "title": self.title,
        }

    def to_dict(self) -> dict[str, Any]:
        """A JSON-safe form that :meth:`from_dict` reads back: the public shape and all that the state needs."""
        return {
            **self.summary(),
            "environment": self.environment,
            "model": self.model,
            "deployment": self.deployment,
            "sequence": self.sequence,
            "alerts": [alert.to_dict() for alert in self.alerts],
            "messages": self.messages,
            "announced": self.announced,
            "owed": self.owed,
            "why_resolved": self.why_resolved,
            "edges": [to_iso(edge) for edge in self.edges],
            "flapping": self.flapping,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Incident":
        """Read what :meth:`to_dict` wrote, in this release or before there were edges."""
        resolved_at = data["resolved_at"]
        return cls(
            environment=data["environment"],
            model=data["model"],
            deployment=data["deployment"],
            sequence=int(data["sequence"]),
            opened_at=from_iso(data["opened_at"]),
            resolved_at=None if resolved_at is None else from_iso(resolved_at),
            severity=Severity(data["severity"]),
            alerts=tuple(Alert.from_dict(alert) for alert in data["alerts"]),
            messages=int(data["messages"]),
            announced=bool(data["announced"]),
            owed=data["owed"],
            why_resolved=data["why_resolved"],
            edges=tuple(from_iso(edge) for edge in data.get("edges", ())),
            flapping=bool(data.get("flapping", False)),
        )

    def _digest(self) -> str:
        parts = json.dumps([self.environment, self.model, self.deployment], ensure_ascii=False)
        return hashlib.sha256(parts.encode()).hexdigest()
