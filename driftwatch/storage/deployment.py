"""Where the versions of a model run, and as what."""

from sqlalchemy import Connection, select

from driftwatch.storage.schema import deployments

__all__ = ["find_role"]


def find_role(conn: Connection, model_id: int, deployment: str) -> str | None:
    """As what a deployment serves by its newest entry: champion, challenger, shadow or canary; None if nobody said."""
    statement = (
        select(deployments.c.role)
        .where(deployments.c.model_id == model_id, deployments.c.deployment == deployment)
        .order_by(deployments.c.deployed_at.desc(), deployments.c.id.desc())
        .limit(1)
    )
    return conn.execute(statement).scalar()
