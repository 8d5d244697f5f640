"""What routes and silences may ask of a model beside its alerts."""

from driftwatch.alerting.matching import Facts
from driftwatch.storage.registration import ModelRow

__all__ = ["facts_of"]


def facts_of(model: ModelRow) -> Facts:
    """The facts of a registered model."""
    return Facts(owner=str((model.spec or {}).get("owner") or ""))
