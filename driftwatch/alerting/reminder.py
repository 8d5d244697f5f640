"""What a receiver is still to be told of an open incident: level-triggered, so that nothing kept back is forgotten."""

from dataclasses import dataclass

from driftwatch.alerting.dispatch import Delivery
from driftwatch.domain.signal import Severity

__all__ = ["Told", "due"]


@dataclass(frozen=True, slots=True)
class Told:
    """The newest message about an incident that a receiver has, or is about to get.

    Attributes:
        reason: of the message.
        severity: that it told of.
        at: when it was delivered or given up, microseconds UTC; when it was written, while it waits.
        waits: it is still on its way.
    """

    reason: str
    severity: Severity
    at: int
    waits: bool = False


def due(delivery: Delivery, told: Told | None, *, acknowledged: bool, at: int) -> str | None:
    """Why a message about an open incident is due to one receiver now, or None.

    Args:
        delivery: what it would be told, as things stand now.
        told: what it was told last; None if nothing.
        acknowledged: whether somebody has the incident in hand: then it is not repeated.
        at: the present, microseconds UTC.
    """
    if delivery.held:
        return None
    if told is None or told.reason == "resolved":
        return "first"
    severity = delivery.incident.severity
    if severity.rank > told.severity.rank:
        return "escalated"
    after = delivery.repeat.after(severity)
    if acknowledged or told.waits or after is None or at - told.at < after:
        return None
    return "repeat"
