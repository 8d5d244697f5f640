"""Models, versions, features and codecs: read, else inserted; whoever is first wins, everybody else reads the winner.

Every function writes in one order (model, version, features by name, codecs by column), so that first batches that
arrive together wait for one another and never deadlock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Table, select, update

from driftwatch.domain.system import SYSTEM_ENVIRONMENT, SYSTEM_MODEL
from driftwatch.storage.schema import codecs, features, model_versions, models
from driftwatch.storage.upsert import insert

__all__ = [
    "FeatureRow",
    "ModelRow",
    "VersionRow",
    "ensure_codec",
    "ensure_codecs",
    "ensure_features",
    "ensure_model",
    "ensure_version",
    "find_model",
    "find_version",
    "list_models",
    "list_versions",
    "read_codecs",
    "read_features",
    "set_spec",
]


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A registered model; `spec` is model.yaml as applied, or None."""

    id: int
    environment: str
    name: str
    spec: dict[str, Any] | None
    created_at: int


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A registered version of a model."""

    id: int
    model_id: int
    version: str
    created_at: int
    retired_at: int | None


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """A registered feature of a version."""

    name: str
    kind: str
    importance: float | None
    tags: dict[str, Any] | None


def ensure_model(conn: Connection, environment: str, name: str, *, at: int) -> int:
    """The id of the model, registered now if it is new."""
    return _ensure_id(conn, models, {"environment": environment, "name": name}, {"created_at": at, "changed_at": at})


def ensure_version(conn: Connection, model_id: int, version: str, *, at: int) -> int:
    """The id of the version, registered now if it is new."""
    return _ensure_id(conn, model_versions, {"model_id": model_id, "version": version}, {"created_at": at})


def _ensure_id(conn: Connection, table: Table, identity: Mapping[str, Any], more: Mapping[str, Any]) -> int:
    known = select(table.c.id).filter_by(**identity)
    found = conn.execute(known).scalar()
    if found is None:
        fresh = insert(conn, table).values(**identity, **more).on_conflict_do_nothing().returning(table.c.id)
        found = conn.execute(fresh).scalar()
    return int(conn.execute(known).scalar_one() if found is None else found)


def ensure_features(conn: Connection, version_id: int, kinds: Mapping[str, str], *, at: int = 0) -> dict[str, str]:
    """The registered kind of each feature named in `kinds`; new ones are registered with the kind given."""
    known = _kinds(conn, version_id)
    fresh = [
        {"version_id": version_id, "name": name, "kind": kinds[name], "created_at": at}
        for name in sorted(kinds.keys() - known.keys())
    ]
    if fresh:
        conn.execute(insert(conn, features).on_conflict_do_nothing(), fresh)
        known = _kinds(conn, version_id)
    return {name: known[name] for name in kinds}


def _kinds(conn: Connection, version_id: int) -> dict[str, str]:
    rows = conn.execute(select(features.c.name, features.c.kind).where(features.c.version_id == version_id))
    return {name: kind for name, kind in rows}  # noqa: C416 - a Row is no pair to dict()'s type


def read_features(conn: Connection, version_id: int) -> dict[str, FeatureRow]:
    """Every registered feature of a version, by name."""
    rows = conn.execute(
        select(features.c.name, features.c.kind, features.c.importance, features.c.tags)
        .where(features.c.version_id == version_id)
        .order_by(features.c.name)
    )
    return {row.name: FeatureRow(row.name, row.kind, row.importance, row.tags) for row in rows}


def ensure_codec(conn: Connection, model_id: int, column: str, payload: bytes, *, at: int = 0) -> bytes:
    """Propose a codec for one column; returns the one that everybody uses."""
    return ensure_codecs(conn, model_id, {column: payload}, at=at)[column]


def ensure_codecs(conn: Connection, model_id: int, payloads: Mapping[str, bytes], *, at: int = 0) -> dict[str, bytes]:
    """Propose codecs by column; returns, for the same columns, those that everybody uses."""
    known = read_codecs(conn, model_id)
    fresh = [
        {"model_id": model_id, "column_name": column, "payload": payloads[column], "created_at": at}
        for column in sorted(payloads.keys() - known.keys())
    ]
    if fresh:
        conn.execute(insert(conn, codecs).on_conflict_do_nothing(), fresh)
        known = read_codecs(conn, model_id)
    return {column: known[column] for column in payloads}


def read_codecs(conn: Connection, model_id: int) -> dict[str, bytes]:
    """Every registered codec of a model, by column."""
    rows = conn.execute(select(codecs.c.column_name, codecs.c.payload).where(codecs.c.model_id == model_id))
    return {column: bytes(payload) for column, payload in rows}


def list_models(conn: Connection) -> list[ModelRow]:
    """Every model, by environment and name; what stands for the service itself is none."""
    is_none = (models.c.environment == SYSTEM_ENVIRONMENT) & (models.c.name == SYSTEM_MODEL)
    rows = conn.execute(select(models).where(~is_none).order_by(models.c.environment, models.c.name))
    return [_model(row) for row in rows]


def find_model(conn: Connection, environment: str, name: str) -> ModelRow | None:
    """The model of that name, or None."""
    row = conn.execute(select(models).where(models.c.environment == environment, models.c.name == name)).one_or_none()
    return None if row is None else _model(row)


def list_versions(conn: Connection, model_id: int) -> list[VersionRow]:
    """Every version of a model, oldest first."""
    rows = conn.execute(
        select(model_versions).where(model_versions.c.model_id == model_id).order_by(model_versions.c.id)
    )
    return [_version(row) for row in rows]


def find_version(conn: Connection, model_id: int, version: str) -> VersionRow | None:
    """The version of that name, or None."""
    row = conn.execute(
        select(model_versions).where(model_versions.c.model_id == model_id, model_versions.c.version == version)
    ).one_or_none()
    return None if row is None else _version(row)


def set_spec(conn: Connection, model_id: int, spec: Mapping[str, Any] | None, *, at: int | None = None) -> None:
    """Store model.yaml as applied, or take it back with None."""
    changes: dict[str, Any] = {"spec": None if spec is None else dict(spec)}
    if spec is not None:
        changes |= {"task": spec.get("task"), "owner": spec.get("owner")}
    if at is not None:
        changes["changed_at"] = at
    conn.execute(update(models).where(models.c.id == model_id).values(**changes))


def _model(row: Row[Any]) -> ModelRow:
    return ModelRow(row.id, row.environment, row.name, row.spec, row.created_at)


def _version(row: Row[Any]) -> VersionRow:
    return VersionRow(row.id, row.model_id, row.version, row.created_at, row.retired_at)
