"""Marks on the time line of a model: deployments and people's notes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from driftwatch.storage.schema import annotations, deployments

__all__ = [
    "AnnotationRow",
    "DeploymentRow",
    "insert_annotation",
    "insert_deployment",
    "list_annotations",
    "list_deployments",
]


@dataclass(frozen=True, slots=True)
class DeploymentRow:
    """A version went live somewhere."""

    id: int
    model_id: int
    version_id: int | None
    deployment: str
    role: str | None
    deployed_at: int
    source: str | None
    details: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class AnnotationRow:
    """A person's note on an instant, or on [start_at, end_at)."""

    id: int
    model_id: int
    start_at: int
    end_at: int | None
    note: str
    author: str | None


_DEPLOYMENT = tuple(deployments.c[name] for name in DeploymentRow.__dataclass_fields__)
_ANNOTATION = tuple(annotations.c[name] for name in AnnotationRow.__dataclass_fields__)


def insert_deployment(
    conn: Connection,
    model_id: int,
    *,
    at: int,
    version_id: int | None = None,
    deployment: str = "default",
    role: str | None = None,
    source: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> int:
    """Mark a deployment; returns its id."""
    values = {
        "model_id": model_id,
        "version_id": version_id,
        "deployment": deployment,
        "role": role,
        "deployed_at": at,
        "source": source,
        "details": None if details is None else dict(details),
    }
    return int(conn.execute(deployments.insert().values(**values).returning(deployments.c.id)).scalar_one())


def insert_annotation(
    conn: Connection,
    model_id: int,
    *,
    start_at: int,
    note: str,
    at: int,
    end_at: int | None = None,
    author: str | None = None,
) -> int:
    """Write a note on the time line; returns its id."""
    values = {
        "model_id": model_id,
        "start_at": start_at,
        "end_at": end_at,
        "note": note,
        "author": author,
        "created_at": at,
    }
    return int(conn.execute(annotations.insert().values(**values).returning(annotations.c.id)).scalar_one())


def list_deployments(conn: Connection, model_id: int, start: int, end: int) -> list[DeploymentRow]:
    """Deployments in [start, end), in order."""
    rows = conn.execute(
        select(*_DEPLOYMENT)
        .where(deployments.c.model_id == model_id, deployments.c.deployed_at >= start, deployments.c.deployed_at < end)
        .order_by(deployments.c.deployed_at, deployments.c.id)
    )
    return [DeploymentRow(*row) for row in rows]


def list_annotations(conn: Connection, model_id: int, start: int, end: int) -> list[AnnotationRow]:
    """Notes that begin in [start, end), in order."""
    rows = conn.execute(
        select(*_ANNOTATION)
        .where(annotations.c.model_id == model_id, annotations.c.start_at >= start, annotations.c.start_at < end)
        .order_by(annotations.c.start_at, annotations.c.id)
    )
    return [AnnotationRow(*row) for row in rows]
