"""Monitors with a threshold that the user fixed, in the store, each with what it would raise when nothing is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from driftwatch.errors import NotFoundError, SpecError
from driftwatch.monitors.fixed import FalseAlarms, MonitorSpec, parse_monitor
from driftwatch.monitors.reading import nearest
from driftwatch.service.beside import THRESHOLD, estimate_false_alarms
from driftwatch.service.judging import spec_of
from driftwatch.service.profile_windows import Grid
from driftwatch.service.training import DRIFT_MONITOR
from driftwatch.storage import audit, monitor, reference, registration
from driftwatch.storage.monitor import MonitorRow
from driftwatch.storage.registration import ModelRow
from driftwatch.storage.store import Store

__all__ = [
    "KnownMonitor",
    "check_threshold",
    "list_thresholds",
    "put_threshold",
    "remove_threshold",
    "settle_estimates",
]

_EXPECTED = "expected_false_alarms"


@dataclass(frozen=True)
class KnownMonitor:
    """A declared monitor.

    Attributes:
        spec: the declaration.
        expected: what it would have raised over the reference; None until that is over.
    """

    spec: MonitorSpec
    expected: Mapping[str, Any] | None

    @property
    def cost(self) -> str:
        """The expected false alarms in words."""
        if self.expected is None:
            return "expected false alarms: not known before the reference is over"
        return (
            "expected false alarms a month: {per_month:.1f} (95%: {low:.1f} to {high:.1f}); in {days:.0f} days of "
            "reference {alarms} alarms, {breaches} of {windows} windows at the threshold or beyond"
        ).format(**self.expected)

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {**self.spec.to_dict(), _EXPECTED: None if self.expected is None else dict(self.expected)}


def put_threshold(conn: Connection, spec: MonitorSpec, *, at: int, actor: str) -> str:
    """Store a declared monitor; returns created, changed or unchanged.

    Raises:
        SpecError: there is no such model, or its windows do not fit the model's buckets.
    """
    model = registration.find_model(conn, spec.environment, spec.model)
    if model is None:
        known = [each.name for each in registration.list_models(conn) if each.environment == spec.environment]
        told = f"there is no model {spec.model!r} in {spec.environment}.{nearest(spec.model, known)}"
        raise SpecError(told, path="model")
    check_threshold(spec, model)
    before = monitor.find_monitor(conn, model.id, spec.name)
    document = spec.to_dict()
    if before is not None and before.enabled and before.spec.get("document") == document:
        return "unchanged"
    monitor.put_monitor(conn, model.id, spec.name, THRESHOLD, {"document": document, _EXPECTED: None}, at=at)
    verb = "created" if before is None else "changed"
    old = None if before is None else before.spec.get("document")
    subject = f"monitor/{spec.environment}/{spec.model}/{spec.name}"
    audit.append_event(conn, at=at, actor=actor, verb=verb, subject=subject, before=old, after=document)
    return verb


def remove_threshold(conn: Connection, model: ModelRow, name: str, *, at: int, actor: str) -> None:
    """Stop a declared monitor; what it found stays.

    Raises:
        NotFoundError: there is no such monitor.
    """
    rows = {row.name: row for row in monitor.list_monitors(conn, model.id, kind=THRESHOLD) if row.enabled}
    if name not in rows:
        raise NotFoundError(f"{model.name} has no declared monitor {name!r}.{nearest(name, list(rows))}")
    monitor.put_monitor(conn, model.id, name, THRESHOLD, rows[name].spec, at=at, enabled=False)
    subject = f"monitor/{model.environment}/{model.name}/{name}"
    before = rows[name].spec.get("document")
    audit.append_event(conn, at=at, actor=actor, verb="removed", subject=subject, before=before)


def list_thresholds(conn: Connection, model_id: int) -> list[KnownMonitor]:
    """The declared monitors of a model that are not removed, by name."""
    return [_known(row) for row in monitor.list_monitors(conn, model_id, kind=THRESHOLD) if row.enabled]


def settle_estimates(store: Store, model: ModelRow) -> int:
    """Work out the expected false alarms that are not known yet, once the operating reference is; returns how many."""
    with store.read() as conn:
        rows = [
            row
            for row in monitor.list_monitors(conn, model.id, kind=THRESHOLD)
            if row.enabled and _stale(row, conn, model.id)
        ]
        period = _period(conn, model.id) if rows else None
        if period is None:
            return 0
        spec = spec_of(model)
        found = {
            row.name: estimate_false_alarms(conn, model.id, spec, period, parse_monitor(row.spec["document"]))
            for row in rows
        }
    settled = {name: each for name, each in found.items() if each is not None}
    if not settled:
        return 0
    with store.begin() as conn:
        now = store.now(conn)
        for row in rows:
            if row.name in settled:
                spec_now = {**row.spec, _EXPECTED: _dated(settled[row.name], period)}
                monitor.put_monitor(conn, model.id, row.name, THRESHOLD, spec_now, at=now)
    return len(settled)


def _stale(row: MonitorRow, conn: Connection, model_id: int) -> bool:
    """Whether nothing is known yet, or of another reference."""
    expected = row.spec.get(_EXPECTED)
    period = _period(conn, model_id)
    return expected is None or (period is not None and expected.get("reference") != list(period))


def _dated(expected: FalseAlarms, period: tuple[int, int]) -> dict[str, Any]:
    return {**expected.to_dict(), "reference": list(period)}


def _period(conn: Connection, model_id: int) -> tuple[int, int] | None:
    row = reference.get_reference(conn, model_id, "operating")
    return None if row is None or row.start is None or row.end is None else (row.start, row.end)


def _known(row: MonitorRow) -> KnownMonitor:
    return KnownMonitor(parse_monitor(row.spec["document"]), row.spec.get(_EXPECTED))


def check_threshold(spec: MonitorSpec, model: ModelRow) -> None:
    """Check a monitor against its model.

    Raises:
        SpecError: its name is taken, or its windows or columns do not fit the model.
    """
    if spec.name == DRIFT_MONITOR:
        raise SpecError(f"{spec.name!r} is the monitor that every model has; take another name", path="name")
    declared = spec_of(model)
    if Grid.of(declared, spec.window) is None:
        minutes = declared.bucket // 60_000_000
        raise SpecError(f"it is no whole number of the model's buckets of {minutes} minutes", path="window")
    names = [*declared.features.names, *declared.columns.roles().values(), *declared.columns.roles()]
    for column in spec.columns:
        if declared.features.names and column not in names:
            raise SpecError(f"{spec.model} has no column {column!r}.{nearest(column, names)}", path="columns")
