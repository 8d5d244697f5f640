"""What a user declares about a model: ``model.yaml`` as a frozen value, key by key.

Times are int64 microseconds UTC; dates and naive times of the document are read in the model's time zone.
Reading the file itself is the service's affair (:mod:`driftwatch.service.specification`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from driftwatch.domain.instant import DAY, HOUR, MINUTE, from_datetime, to_iso
from driftwatch.domain.system import check_name
from driftwatch.errors import SpecError
from driftwatch.monitors import reading
from driftwatch.monitors.declared import (
    Exclusion,
    Features,
    ModelColumns,
    Reference,
    parse_columns,
    parse_exclusions,
    parse_features,
    parse_holidays,
    parse_reference,
)
from driftwatch.monitors.declared_constraint import Constraint, parse_constraints
from driftwatch.monitors.declared_objective import Objective, parse_objective
from driftwatch.monitors.segmentation import parse_segments, segments_document
from driftwatch.profiles.segmentation import Segmentation

__all__ = [
    "ATTRIBUTION",
    "TASKS",
    "Constraint",
    "Exclusion",
    "Features",
    "ModelColumns",
    "ModelSpec",
    "Objective",
    "Reference",
    "parse_bucket",
    "parse_model_spec",
]

ATTRIBUTION = "attribution."
"""What the name of an undeclared column of attributions begins with, and that of the tag that it is stored as."""

TASKS = ("binary", "multiclass", "regression", "ranking", "none")
_DAY = timedelta(days=1)
_SERVICE_ROLES = {"timestamp", "latency_seconds", "error"}
_CLOCKS = ("live", "replay")
_COSTS = ("true_positive", "false_positive", "false_negative", "true_negative")
_UNITS = {"m": MINUTE, "h": HOUR, "d": DAY}


@dataclass(frozen=True)
class ModelSpec:
    """One model, as declared.

    Attributes:
        model: its name; with `environment` its identity.
        environment: ``"production"`` unless said otherwise.
        version: the served version, or None when `version_column` holds it (or nobody said).
        version_column: the column that holds each row's version, or None.
        task: binary, multiclass, regression, ranking or none.
        owner: who answers for it.
        timezone: IANA name; of naive times, and of the seasonal slots.
        columns: the columns with a role.
        features: declared features; empty means inferred from every column without a role.
        importance: feature to weight, at least 0.
        attributions: feature to the column of a log that holds its attribution; such columns are no features.
        pii: columns whose values are never shown.
        protected: columns of protected groups.
        segments: by what rows are split.
        constraints: what the user demands of columns.
        slo: how many calls may fail or be slow, or None.
        costs: cost of each confusion cell, or empty.
        decision_threshold: score from which the decision is positive, or None.
        exclude: periods left out of the reference and of judging.
        holidays: local days that are left out likewise.
        reference: the operating period, or the training file, or None (the first 14 days).
        bucket: width of the shortest window in microseconds, from 1 minute to 1 day, a divisor of the day.
        false_alarms_per_month: the model's budget of false alarms per 30 days.
        clock: ``live`` or ``replay`` (event time only; may notify about the past).
    """

    model: str
    environment: str = "production"
    version: str | None = None
    version_column: str | None = None
    task: str = "none"
    owner: str | None = None
    timezone: str = "UTC"
    columns: ModelColumns = field(default_factory=lambda: ModelColumns(timestamp="timestamp"))
    features: Features = field(default_factory=Features)
    importance: Mapping[str, float] = field(default_factory=dict)
    attributions: Mapping[str, str] = field(default_factory=dict)
    pii: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    segments: tuple[Segmentation, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    slo: Objective | None = None
    costs: Mapping[str, float] = field(default_factory=dict)
    decision_threshold: float | None = None
    exclude: tuple[Exclusion, ...] = ()
    holidays: tuple[date, ...] = ()
    reference: Reference | None = None
    bucket: int = HOUR
    false_alarms_per_month: float = 1.0
    clock: str = "live"

    @property
    def left_out(self) -> tuple[Exclusion, ...]:
        """Every period that is neither reference nor judged: the excluded ones, and the holidays."""
        midnights = [[datetime.combine(day + _DAY * n, time(), self.zone) for n in (0, 1)] for day in self.holidays]
        holidays = (Exclusion(from_datetime(start), from_datetime(end), "holiday") for start, end in midnights)
        return (*self.exclude, *holidays)

    @property
    def is_service_metric(self) -> bool:
        """Whether there is nothing to judge but latency, errors and traffic: no task, and no other column."""
        roles = self.columns.roles().keys()
        alone = self.task == "none" and not self.features.names and roles <= _SERVICE_ROLES
        return alone and not roles.isdisjoint({"latency_seconds", "error"})

    @property
    def zone(self) -> ZoneInfo:
        """The model's time zone."""
        return ZoneInfo(self.timezone)

    def attribution_columns(self, names: Sequence[str]) -> dict[str, str]:
        """Feature to column of its attribution: as declared, else the ``attribution.<feature>`` among `names`."""
        if self.attributions:
            return dict(self.attributions)
        found = (name for name in names if name.startswith(ATTRIBUTION))
        return {name.removeprefix(ATTRIBUTION): name for name in found}

    @property
    def unused(self) -> tuple[str, ...]:
        """Declared keys that are kept, and that the service of this release does not act on."""
        return ("columns.query_id",) if self.columns.query_id and self.task != "ranking" else ()

    def to_dict(self) -> dict[str, Any]:
        """The declaration as a JSON-safe map that :func:`parse_model_spec` reads back to an equal value."""
        document: dict[str, Any] = {
            "kind": "model",
            "model": self.model,
            "environment": self.environment,
            "version": {"column": self.version_column} if self.version_column else self.version,
            "task": self.task,
            "owner": self.owner,
            "timezone": self.timezone,
            "columns": self.columns.to_dict(),
            "features": self.features.to_dict(),
            "importance": dict(self.importance),
            "attributions": dict(self.attributions),
            "pii": list(self.pii),
            "protected": list(self.protected),
            "segments": segments_document(self.segments),
            "constraints": [each.to_dict() for each in self.constraints],
            "slo": self.slo.to_dict() if self.slo else None,
            "costs": dict(self.costs),
            "decision_threshold": self.decision_threshold,
            "exclude": [{"start": to_iso(e.start), "end": to_iso(e.end), "why": e.why} for e in self.exclude],
            "holidays": [each.isoformat() for each in self.holidays],
            "reference": self.reference.to_dict() if self.reference else None,
            "bucket": _bucket_text(self.bucket),
            "false_alarms_per_month": self.false_alarms_per_month,
            "clock": self.clock,
        }
        return {key: value for key, value in document.items() if value not in (None, {}, [])}


_KEYS = (
    "kind", "model", "environment", "version", "task", "owner", "timezone", "columns", "features", "importance",
    "attributions", "pii", "protected", "segments", "constraints", "slo", "costs", "decision_threshold", "exclude",
    "holidays", "reference", "bucket", "false_alarms_per_month", "clock",
)  # fmt: skip


def parse_model_spec(document: Mapping[str, Any]) -> ModelSpec:
    """Read one ``kind: model`` document.

    Args:
        document: the parsed YAML or JSON.

    Raises:
        SpecError: an unknown key, a missing one or an impossible value, by name.
    """
    if not isinstance(document, Mapping):
        raise SpecError(f"a model specification is a map of keys to values, not {document!r}")
    reading.read_choice(document.get("kind", "model"), "kind", ("model",))
    reading.reject_unknown(document, _KEYS, "")
    model = reading.read_name(document.get("model"), "model")
    if model is None:
        raise SpecError("the model's name is missing; write, for example, model: hotel-cancel", path="model")
    environment = reading.read_name(document.get("environment"), "environment") or "production"
    check_name(environment, model)
    timezone = _read_timezone(document.get("timezone", "UTC"))
    zone = ZoneInfo(timezone)
    columns = parse_columns(document.get("columns"))
    features = parse_features(document.get("features"), columns)
    version, version_column = _read_version(document.get("version"))
    spec = ModelSpec(
        model=model,
        environment=environment,
        version=version,
        version_column=version_column,
        task=_read_task(document.get("task", "none"), columns),
        owner=reading.read_name(document.get("owner"), "owner"),
        timezone=timezone,
        columns=columns,
        features=features,
        importance=_read_numbers(document.get("importance"), "importance", low=0.0),
        attributions=_read_attributions(document.get("attributions")),
        pii=reading.read_names(document.get("pii"), "pii"),
        protected=reading.read_names(document.get("protected"), "protected"),
        segments=parse_segments(document.get("segments"), private=reading.read_names(document.get("pii"), "pii")),
        constraints=parse_constraints(document.get("constraints")),
        slo=parse_objective(document.get("slo")),
        costs=_read_numbers(document.get("costs"), "costs", known=_COSTS),
        decision_threshold=_read_threshold(document.get("decision_threshold")),
        exclude=parse_exclusions(document.get("exclude"), zone),
        holidays=parse_holidays(document.get("holidays")),
        reference=parse_reference(document.get("reference"), zone),
        bucket=parse_bucket(document.get("bucket", "1h")),
        false_alarms_per_month=reading.read_number(
            document.get("false_alarms_per_month", 1.0), "false_alarms_per_month", low=0.0, above=True
        ),
        clock=reading.read_choice(document.get("clock", "live"), "clock", _CLOCKS),
    )
    _check_importance(spec)
    return spec


def parse_bucket(value: Any, path: str = "bucket") -> int:
    """Microseconds of ``15m``, ``1h``, ``1d`` ...: from 1 minute to 1 day, and a divisor of the day.

    Raises:
        SpecError: anything else.
    """
    match = re.fullmatch(r"\s*(\d+)\s*([mhd])\s*", value) if isinstance(value, str) else None
    if match is None:
        raise SpecError(f"{value!r} is not a width of time; write 15m, 1h or 1d", path=path)
    width = int(match[1]) * _UNITS[match[2]]
    if not MINUTE <= width <= DAY or DAY % width:
        raise SpecError(f"{value!r} does not divide a day evenly; write 1m, 5m, 15m, 1h, 6h or 1d", path=path)
    return width


def _bucket_text(width: int) -> str:
    unit = next(letter for letter in "dhm" if width % _UNITS[letter] == 0)
    return f"{width // _UNITS[unit]}{unit}"


@cache
def _zone_names() -> frozenset[str]:
    """Found once a process: the search walks through hundreds of files."""
    return frozenset(available_timezones())


def _read_timezone(value: Any) -> str:
    if isinstance(value, str) and value in _zone_names():
        return value
    raise SpecError(
        f"{value!r} is not an IANA time zone such as Europe/Paris.{reading.nearest(str(value), _zone_names())}",
        path="timezone",
    )


def _read_version(value: Any) -> tuple[str | None, str | None]:
    if not isinstance(value, Mapping):
        return reading.read_name(value, "version"), None
    column = reading.read_name(reading.read_mapping(value, "version", ("column",)).get("column"), "version.column")
    if column is None:
        raise SpecError("give the version, or {column: name of the column that holds it}", path="version")
    return None, column


def _read_task(value: Any, columns: ModelColumns) -> str:
    task = reading.read_choice("none" if value is None else value, "task", TASKS)
    if isinstance(columns.score, Mapping) and task != "multiclass":
        raise SpecError(f"a map of class to column needs task: multiclass, not {task}", path="columns.score")
    return task


def _read_threshold(value: Any) -> float | None:
    return None if value is None else reading.read_number(value, "decision_threshold", low=0.0, high=1.0)


def _read_numbers(
    value: Any, path: str, *, known: tuple[str, ...] | None = None, low: float = float("-inf")
) -> dict[str, float]:
    mapping = reading.read_mapping(value, path, known)
    return {str(key): reading.read_number(item, f"{path}.{key}", low=low) for key, item in mapping.items()}


def _read_attributions(value: Any) -> dict[str, str]:
    mapping = reading.read_mapping(value, "attributions", None)
    columns = {str(key): reading.read_name(column, f"attributions.{key}") for key, column in mapping.items()}
    for feature, column in columns.items():
        if column is None:
            raise SpecError("give the column that holds this feature's attribution", path=f"attributions.{feature}")
    return {feature: column for feature, column in columns.items() if column is not None}


def _check_importance(spec: ModelSpec) -> None:
    declared = spec.features.names
    for name, weight in spec.importance.items():
        if declared and name not in declared:
            raise SpecError(
                f"no such feature (its importance is {weight:g}).{reading.nearest(name, declared)}",
                path=f"importance.{name}",
            )
