"""The explanation that is kept with an incident, for its page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from driftwatch.storage import registration
from driftwatch.storage.explanation import find_explanation
from driftwatch.storage.incident import find_incident
from driftwatch.storage.store import Store

__all__ = ["KeptExplanation", "read_explanation"]


@dataclass(frozen=True, slots=True)
class KeptExplanation:
    """Why and where an incident's columns drift.

    Attributes:
        sentences: for people, the most useful first.
        document: all of it, as ``driftwatch explain --json`` prints it, of at most 20 features.
    """

    sentences: tuple[str, ...]
    document: Mapping[str, Any]


def read_explanation(store: Store, incident_id: str) -> KeptExplanation | None:
    """What was kept of an incident, or None if nobody has asked for an explanation of it."""
    with store.read() as conn:
        incident = find_incident(conn, incident_id)
        model = None if incident is None else registration.find_model(conn, incident.environment, incident.model)
        if incident is None or model is None:
            return None
        document = find_explanation(conn, model.id, incident.since, incident.last_alarm_at)
    return None if document is None else KeptExplanation(tuple(document["sentences"]), document)
