"""Alerts that another one explains: they go on, and are kept back from messages with the other's name.

* Without rows there is nothing to say of drift and performance of the model.
* A column whose quality or schema is broken says nothing by its drift.
* What the whole model does, its segments do.
* A critical alert of a column speaks for that column's warnings.
* What serves in the shadow disturbs nobody.
"""

from collections.abc import Sequence

from driftwatch.alerting.matching import Facts
from driftwatch.domain.alert import Alert
from driftwatch.domain.signal import Severity, Signal

__all__ = ["suppressed_by"]

_SHADOW = "shadow"
_NEEDS_ROWS = frozenset(
    {
        Signal.DRIFT,
        Signal.PREDICTION_DRIFT,
        Signal.OUTCOME_DRIFT,
        Signal.MULTIVARIATE_DRIFT,
        Signal.CONCEPT_DRIFT,
        Signal.SKEW,
        Signal.PERFORMANCE,
        Signal.ESTIMATED_PERFORMANCE,
    }
)
_BROKEN = frozenset({Signal.QUALITY, Signal.SCHEMA})


def suppressed_by(alert: Alert, firing: Sequence[Alert], facts: Facts) -> str:
    """What an alert is suppressed by, in words, or "".

    Args:
        alert: of one model and deployment.
        firing: every alert of that model and deployment that is not resolved.
        facts: what is known of the model.
    """
    if facts.role == _SHADOW:
        return f"suppressed by its role: {_SHADOW}"
    cause = next((other for other in firing if other is not alert and _explains(other, alert)), None)
    if cause is None:
        return ""
    what = "no data" if _is_silence(cause) else cause.key.signal.value.replace("_", " ")
    bad = "critical " if cause.severity is Severity.CRITICAL else ""
    return f"suppressed by {bad}{what} of {cause.key.column or cause.key.model}"


def _explains(cause: Alert, alert: Alert) -> bool:
    """Never both ways: each rule goes from one signal, segment or severity to another."""
    if _is_silence(cause):
        return alert.key.signal in _NEEDS_ROWS and cause.key.segment in {None, alert.key.segment}
    if (cause.key.signal, cause.key.column) == (alert.key.signal, alert.key.column) and cause.key.segment is None:
        return alert.key.segment is not None
    is_same_place = cause.key.column == alert.key.column and cause.key.segment in {None, alert.key.segment}
    return cause.key.column is not None and is_same_place and _outweighs(cause, alert)


def _outweighs(cause: Alert, alert: Alert) -> bool:
    """Of two alerts of one column."""
    if cause.key.signal in _BROKEN and alert.key.signal is Signal.DRIFT:
        return True
    is_drift_of_broken = cause.key.signal is Signal.DRIFT and alert.key.signal in _BROKEN
    return not is_drift_of_broken and cause.severity is Severity.CRITICAL and alert.severity is Severity.WARNING


def _is_silence(alert: Alert) -> bool:
    return alert.key.signal is Signal.TRAFFIC and alert.latest.kind == "no_data"
