"""A finding: one fact about one window, at watch or above."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from driftwatch.domain.instant import from_iso, to_iso
from driftwatch.domain.signal import Severity, Signal

__all__ = ["Finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a monitor found in one half-open window.

    Attributes:
        window_start: microseconds UTC, included.
        window_end: microseconds UTC, excluded.
        at: when it was known, on the clock of the run (a replay has its own).
        signal: what is monitored.
        column: the column, or None for the model as a whole.
        severity: watch, warning or critical.
        kind: what was seen ("location", "shape", "new_values", "missing_share", ...).
        value: what was measured (for the calibrated rule: the z score).
        threshold: what it was held against.
        effect: effect sizes by method key, for people.
        segment: the segment, or None for all rows.
        version: the model version, or None.
        n: rows in the window.
        details: plain facts for pages and messages (scale in buckets, sign, p_value, n_reference ...).
    """

    window_start: int
    window_end: int
    at: int
    signal: Signal
    column: str | None
    severity: Severity
    kind: str
    value: float
    threshold: float
    effect: Mapping[str, float] = field(default_factory=dict)
    segment: str | None = None
    version: str | None = None
    n: int = 0
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def matters(self) -> bool:
        """False for drift that is known to change nothing about how well the model is expected to do."""
        impact = self.details.get("impact")
        return not isinstance(impact, Mapping) or bool(impact.get("matters", True))

    def to_dict(self) -> dict[str, Any]:
        """The public shape of ``backtest --json``, plus `n` and `details`."""
        return {
            "window_start": to_iso(self.window_start),
            "window_end": to_iso(self.window_end),
            "at": to_iso(self.at),
            "signal": self.signal.value,
            "column": self.column,
            "segment": self.segment,
            "version": self.version,
            "severity": self.severity.value,
            "kind": self.kind,
            "value": self.value,
            "threshold": self.threshold,
            "effect": dict(self.effect),
            "n": self.n,
            "details": dict(self.details),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Finding":
        """Read what :meth:`to_dict` wrote."""
        return cls(
            window_start=from_iso(data["window_start"]),
            window_end=from_iso(data["window_end"]),
            at=from_iso(data["at"]),
            signal=Signal(data["signal"]),
            column=data["column"],
            severity=Severity(data["severity"]),
            kind=data["kind"],
            value=data["value"],
            threshold=data["threshold"],
            effect=dict(data["effect"]),
            segment=data["segment"],
            version=data["version"],
            n=data["n"],
            details=dict(data["details"]),
        )
