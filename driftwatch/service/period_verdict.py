"""What the judged windows of a period said of each column."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from driftwatch.domain.finding import Finding
from driftwatch.domain.signal import Severity, Signal
from driftwatch.queries.run import read_runs
from driftwatch.queries.span import Span
from driftwatch.queries.status import Status
from driftwatch.storage import finding

__all__ = ["PeriodVerdict", "read_verdicts"]

_JUDGED = (Status.CRITICAL, Status.WARNING, Status.WATCH, Status.HEALTHY)
_OF_COLUMNS = (Signal.DRIFT, Signal.PREDICTION_DRIFT)


@dataclass(frozen=True, slots=True)
class PeriodVerdict:
    """What the windows of the period said of one column.

    Attributes:
        severity: the worst of them.
        windows_judged: windows in which the column was judged.
        windows_alarmed: those at warning or critical.
        kinds: what was seen in these, the most frequent first.
    """

    severity: Severity
    windows_judged: int
    windows_alarmed: int
    kinds: tuple[str, ...]

    @property
    def drifted(self) -> bool | None:
        """Whether a window alarmed; None where none was judged."""
        return self.windows_alarmed > 0 if self.windows_judged else None

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {
            "drifted": self.drifted,
            "severity": self.severity.value,
            "windows_judged": self.windows_judged,
            "windows_alarmed": self.windows_alarmed,
            "kinds": list(self.kinds),
        }


def read_verdicts(conn: Connection, model_id: int, start: int, end: int) -> dict[str, PeriodVerdict]:
    """By column, what the windows that end in (start, end] said: features and outputs, without segments."""
    findings = [each for each in finding.list_findings(conn, model_id, start, end) if each.signal in _OF_COLUMNS]
    judged: dict[str, int] = {}
    for run in read_runs(conn, model_id, Span(start, end)):
        for name, result in run.columns.items():
            judged[name] = judged.get(name, 0) + (result.status in _JUDGED)
    by_column: dict[str, list[Finding]] = {}
    for each in findings:
        if each.column is not None and each.segment is None:
            by_column.setdefault(each.column, []).append(each)
    return {name: _verdict(count, by_column.get(name, [])) for name, count in judged.items()}


def _verdict(judged: int, findings: Sequence[Finding]) -> PeriodVerdict:
    loud = [each for each in findings if each.severity.rank >= Severity.WARNING.rank]
    kinds: dict[str, int] = {}
    for each in loud:
        kinds[each.kind] = kinds.get(each.kind, 0) + 1
    return PeriodVerdict(
        max((each.severity for each in findings), key=lambda severity: severity.rank, default=Severity.NONE),
        judged,
        len({(each.window_start, each.window_end) for each in loud}),
        tuple(sorted(kinds, key=lambda kind: (-kinds[kind], kind))),
    )
