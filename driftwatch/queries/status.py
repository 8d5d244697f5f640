"""The one status of a model or column: a sign, a word, and what comes first."""

from collections.abc import Iterable
from enum import StrEnum

from driftwatch.domain.signal import RunStatus, Severity

__all__ = ["Status", "of_run", "of_severity", "worst"]


class Status(StrEnum):
    """Worst first. Absence of knowledge (no data, low data, learning) is neither healthy nor an alarm."""

    CRITICAL = "critical"
    WARNING = "warning"
    RUN_ERROR = "run_error"
    NO_DATA = "no_data"
    LOW_DATA = "low_data"
    LEARNING = "learning"
    WATCH = "watch"
    HEALTHY = "healthy"

    @property
    def sign(self) -> str:
        """The shape that stands for it everywhere."""
        return _SIGNS[self]

    @property
    def word(self) -> str:
        """Its name for people."""
        return self.value.replace("_", " ").capitalize()

    @property
    def label(self) -> str:
        """Sign and word.

        >>> Status.CRITICAL.label
        '▲ Critical'
        """
        return f"{self.sign} {self.word}"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Status).index(self)

    @property
    def firing(self) -> bool:
        """Whether people were told."""
        return self in (Status.CRITICAL, Status.WARNING)


_SIGNS = {
    Status.CRITICAL: "▲",
    Status.WARNING: "◆",
    Status.RUN_ERROR: "✕",
    Status.NO_DATA: "○",
    Status.LOW_DATA: "◌",
    Status.LEARNING: "◔",
    Status.WATCH: "◇",
    Status.HEALTHY: "●",
}

_RUNS = {
    RunStatus.OK: Status.HEALTHY,
    RunStatus.WARNING: Status.WARNING,
    RunStatus.CRITICAL: Status.CRITICAL,
    RunStatus.NO_DATA: Status.NO_DATA,
    RunStatus.LOW_DATA: Status.LOW_DATA,
    RunStatus.ERROR: Status.RUN_ERROR,
    RunStatus.PARTIAL: Status.LOW_DATA,
}

_SEVERITIES = {
    Severity.NONE: Status.HEALTHY,
    Severity.WATCH: Status.WATCH,
    Severity.WARNING: Status.WARNING,
    Severity.CRITICAL: Status.CRITICAL,
}


def of_run(status: RunStatus) -> Status:
    """The status that a run's outcome stands for."""
    return _RUNS[status]


def of_severity(severity: Severity) -> Status:
    """The status that a severity stands for."""
    return _SEVERITIES[severity]


def worst(statuses: Iterable[Status]) -> Status | None:
    """The worst of them, None of nothing."""
    return min(statuses, key=lambda status: status.rank, default=None)
