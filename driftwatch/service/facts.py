"""What routes, silences and inhibition may ask of a model beside its alerts."""

from sqlalchemy import Connection

from driftwatch.alerting.matching import Facts
from driftwatch.storage import deployment as deployments
from driftwatch.storage.registration import ModelRow

__all__ = ["facts_of"]


def facts_of(conn: Connection, model: ModelRow, deployment: str = "default") -> Facts:
    """The facts of a registered model in one of its deployments."""
    return Facts(
        role=deployments.find_role(conn, model.id, deployment) or "champion",
        owner=str((model.spec or {}).get("owner") or ""),
    )
