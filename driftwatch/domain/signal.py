"""What can be monitored, how bad it is, and what kinds of column there are."""

from enum import StrEnum

__all__ = ["ColumnKind", "RunStatus", "Severity", "Signal"]


class Signal(StrEnum):
    """What a monitor watches. One enum for findings, alerts, routes and pages."""

    DRIFT = "drift"
    PREDICTION_DRIFT = "prediction_drift"
    OUTCOME_DRIFT = "outcome_drift"
    MULTIVARIATE_DRIFT = "multivariate_drift"
    CONCEPT_DRIFT = "concept_drift"
    SKEW = "skew"
    QUALITY = "quality"
    SCHEMA = "schema"
    PERFORMANCE = "performance"
    ESTIMATED_PERFORMANCE = "estimated_performance"
    LATENCY = "latency"
    ERROR = "error"
    TRAFFIC = "traffic"
    ROLLOUT = "rollout"
    SYSTEM = "system"


class Severity(StrEnum):
    """How bad: a watch colours the dashboard, a warning opens an incident, a critical one pages."""

    NONE = "none"
    WATCH = "watch"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for none ... 3 for critical."""
        return list(Severity).index(self)


class ColumnKind(StrEnum):
    """How a column is profiled and compared."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    BOOLEAN = "boolean"
    TEXT = "text"
    EMBEDDING = "embedding"


class RunStatus(StrEnum):
    """What came of judging one window. A run that fails is never "ok"."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
    NO_DATA = "no_data"
    LOW_DATA = "low_data"
    ERROR = "error"
    PARTIAL = "partial"
