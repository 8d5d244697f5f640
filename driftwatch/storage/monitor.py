"""Monitors: what is evaluated, window after window, with which settings."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, select, update

from driftwatch.storage.registration import ModelRow
from driftwatch.storage.schema import models, monitors
from driftwatch.storage.upsert import insert

__all__ = [
    "MonitorRow",
    "find_model",
    "find_monitor",
    "hash_of",
    "list_monitors",
    "lock_monitor",
    "put_monitor",
]


@dataclass(frozen=True, slots=True)
class MonitorRow:
    """One monitor; `config_hash` names the settings in `spec`, so that each run knows which it was judged with."""

    id: int
    model_id: int
    name: str
    kind: str
    spec: dict[str, Any]
    config_hash: str
    enabled: bool


_COLUMNS = tuple(monitors.c[name] for name in MonitorRow.__dataclass_fields__)


def hash_of(spec: Mapping[str, Any]) -> str:
    """The name of a set of settings: equal for equal settings, whatever their order."""
    return hashlib.sha256(orjson.dumps(dict(spec), option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def put_monitor(
    conn: Connection, model_id: int, name: str, kind: str, spec: Mapping[str, Any], *, at: int, enabled: bool = True
) -> MonitorRow:
    """Make a monitor, or give the one of that name these settings; equal settings change nothing."""
    values: dict[str, Any] = {"kind": kind, "spec": dict(spec), "config_hash": hash_of(spec), "enabled": enabled}
    found = find_monitor(conn, model_id, name)
    if found is None:
        conn.execute(
            insert(conn, monitors)
            .values(model_id=model_id, name=name, created_at=at, changed_at=at, **values)
            .on_conflict_do_nothing()
        )
        found = _need(conn, model_id, name)
    if (found.kind, found.config_hash, found.enabled) != (kind, values["config_hash"], enabled):
        conn.execute(update(monitors).where(monitors.c.id == found.id).values(changed_at=at, **values))
    return _need(conn, model_id, name)


def find_monitor(conn: Connection, model_id: int, name: str) -> MonitorRow | None:
    """The monitor of that name, or None."""
    row = conn.execute(select(*_COLUMNS).where(monitors.c.model_id == model_id, monitors.c.name == name)).one_or_none()
    return None if row is None else MonitorRow(*row)


def list_monitors(conn: Connection, model_id: int, *, kind: str | None = None) -> list[MonitorRow]:
    """The monitors of a model, of one kind or of all, by name."""
    statement = select(*_COLUMNS).where(monitors.c.model_id == model_id).order_by(monitors.c.name)
    if kind is not None:
        statement = statement.where(monitors.c.kind == kind)
    return [MonitorRow(*row) for row in conn.execute(statement)]


def _need(conn: Connection, model_id: int, name: str) -> MonitorRow:
    found = find_monitor(conn, model_id, name)
    assert found is not None, "just inserted"  # noqa: S101
    return found


def find_model(conn: Connection, monitor_id: int) -> ModelRow | None:
    """The model that a monitor watches, or None."""
    row = conn.execute(
        select(models).join(monitors, monitors.c.model_id == models.c.id).where(monitors.c.id == monitor_id)
    ).one_or_none()
    return None if row is None else ModelRow(row.id, row.environment, row.name, row.spec, row.created_at)


def lock_monitor(conn: Connection, monitor_id: int) -> None:
    """Let nobody else say what is due for this monitor until the transaction ends."""
    conn.execute(select(monitors.c.id).where(monitors.c.id == monitor_id).with_for_update())
