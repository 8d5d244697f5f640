"""An alert: the state of one monitored thing. Severity and values are annotations, never identity."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from driftwatch.domain.finding import Finding
from driftwatch.domain.instant import from_iso, to_iso
from driftwatch.domain.signal import Severity, Signal

__all__ = ["Alert", "AlertKey", "AlertState", "effect_size", "segment_state_key"]

# The distance that speaks for a finding: the first that it has. All lie between 0 and 1, so that columns of any unit
# can be ranked against one another. A distance of bins comes after Kolmogorov-Smirnov: few rows in many bins are far
# from anything.
_DISTANCES = (
    "kolmogorov_smirnov",
    "total_variation_distance",
    "jensen_shannon_distance",
    "hellinger_distance",
    "l_infinity_distance",
)
_SHARES = ("missing_share_change", "novel_share")


def segment_state_key(segment: str) -> str:
    """Under what the state of a segment stands among those of a window's columns.

    >>> segment_state_key("country=PT")
    '[country=PT]'
    """
    return f"[{segment}]"


class AlertState(StrEnum):
    """Where an alert stands. Calibrated rules go from normal to firing at once."""

    FIRING = "firing"
    RECOVERING = "recovering"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class AlertKey:
    """The label set that an alert is one of.

    Attributes:
        environment: of the model.
        model: the model's name.
        version: the model version, or None when the monitor watches all of them.
        deployment: where it runs.
        signal: what is monitored.
        column: the column, or None for the model as a whole.
        segment: the segment, or None for all rows.
    """

    environment: str
    model: str
    version: str | None
    deployment: str
    signal: Signal
    column: str | None
    segment: str | None

    @property
    def labels(self) -> dict[str, str]:
        """The labels that are set, by name."""
        named = {
            "deployment": self.deployment,
            "environment": self.environment,
            "feature": self.column,
            "model": self.model,
            "segment": self.segment,
            "signal": self.signal.value,
            "version": self.version,
        }
        return {name: value for name, value in named.items() if value is not None}

    @property
    def place(self) -> str | None:
        """The column, with the segment where there is one: ``amount (country=PT)``; None for the model as a whole."""
        if self.segment is None or self.column is None:
            return self.column or self.segment
        return f"{self.column} ({self.segment})"

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the sorted labels, in hex: equal for equal labels, in every process and release."""
        text = json.dumps(self.labels, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Alert:
    """One label set that has alarmed.

    Attributes:
        key: its identity.
        state: firing, recovering or resolved.
        severity: the worst of the last day of windows, while it fires.
        since: start of the first alarming window, microseconds UTC.
        last_alarm_at: end of the newest alarming window, microseconds UTC.
        quiet: how long it has been judged without an alarm since then, in microseconds of windows.
        peak: the finding with the largest effect since it began to fire.
        latest: the newest finding.
        severe_at: end of the newest window that was as bad as `severity`, microseconds UTC; 0 if nobody has noted it.
    """

    key: AlertKey
    state: AlertState
    severity: Severity
    since: int
    last_alarm_at: int
    quiet: int
    peak: Finding
    latest: Finding
    severe_at: int = 0

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the key."""
        return self.key.fingerprint

    @property
    def effect(self) -> float:
        """The size of the peak; see :func:`effect_size`."""
        return effect_size(self.peak)

    @property
    def rank(self) -> tuple[float, float, float]:
        """What alerts are led by, largest first: an impact on performance, effect × importance, then effect alone."""
        importance = self.peak.details.get("importance")
        weight = float(importance) if isinstance(importance, int | float) else 0.0
        return (float(self.peak.matters), weight * self.effect, self.effect)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-safe form that :meth:`from_dict` reads back."""
        return {
            "environment": self.key.environment,
            "model": self.key.model,
            "version": self.key.version,
            "deployment": self.key.deployment,
            "signal": self.key.signal.value,
            "column": self.key.column,
            "segment": self.key.segment,
            "state": self.state.value,
            "severity": self.severity.value,
            "since": to_iso(self.since),
            "last_alarm_at": to_iso(self.last_alarm_at),
            "quiet": self.quiet,
            "peak": self.peak.to_dict(),
            "latest": self.latest.to_dict(),
            "severe_at": to_iso(self.severe_at),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Alert":
        """Read what :meth:`to_dict` wrote."""
        key = AlertKey(
            environment=data["environment"],
            model=data["model"],
            version=data["version"],
            deployment=data["deployment"],
            signal=Signal(data["signal"]),
            column=data["column"],
            segment=data["segment"],
        )
        return cls(
            key=key,
            state=AlertState(data["state"]),
            severity=Severity(data["severity"]),
            since=from_iso(data["since"]),
            last_alarm_at=from_iso(data["last_alarm_at"]),
            quiet=int(data["quiet"]),
            peak=Finding.from_dict(data["peak"]),
            latest=Finding.from_dict(data["latest"]),
            severe_at=from_iso(data["severe_at"]) if "severe_at" in data else 0,
        )


def effect_size(finding: Finding) -> float:
    """How large a finding is, 0 to 1: its leading distance or the change of a share, whichever is larger.

    Without any of them the largest effect of whatever kind; 0 without any.
    """
    distance = next((abs(finding.effect[method]) for method in _DISTANCES if method in finding.effect), None)
    sizes = [abs(finding.effect[method]) for method in _SHARES if method in finding.effect]
    if distance is not None:
        sizes.append(distance)
    return max(sizes or [abs(value) for value in finding.effect.values()], default=0.0)
