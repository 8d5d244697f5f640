"""The parts of a model's declaration: columns with a role, features, excluded periods, the reference."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from driftwatch.domain.instant import to_iso
from driftwatch.domain.signal import ColumnKind
from driftwatch.errors import SpecError
from driftwatch.monitors import reading

__all__ = [
    "Exclusion",
    "Features",
    "ModelColumns",
    "Reference",
    "parse_columns",
    "parse_exclusions",
    "parse_features",
    "parse_holidays",
    "parse_reference",
]


@dataclass(frozen=True)
class ModelColumns:
    """The columns of a prediction log that have a role; all but `timestamp` are optional.

    `score` is one column (binary: P(positive)), or a map of class to column (multiclass).
    """

    timestamp: str
    id: str | None = None
    prediction: str | None = None
    score: str | Mapping[str, str] | None = None
    label: str | None = None
    label_timestamp: str | None = None
    latency_seconds: str | None = None
    error: str | None = None
    request_id: str | None = None
    entity: str | None = None
    deployment: str | None = None
    query_id: str | None = None
    decision: str | None = None

    def roles(self) -> dict[str, str]:
        """Role to column, for the roles that are filled; classes of a multiclass score are ``score.<class>``."""
        filled: dict[str, str] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, Mapping):
                filled.update({f"{each.name}.{key}": column for key, column in value.items()})
            elif value is not None:
                filled[each.name] = value
        return filled

    def to_dict(self) -> dict[str, Any]:
        """Role to column, as in the document."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            role: dict(value) if isinstance(value, Mapping) else value
            for role, value in values.items()
            if value is not None
        }


@dataclass(frozen=True)
class Features:
    """Declared features by kind; all empty means that they are inferred."""

    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    boolean: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    embedding: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All declared features, in order of kind."""
        return tuple(self.kinds())

    def kinds(self) -> dict[str, ColumnKind]:
        """Feature to kind."""
        return {name: ColumnKind(each.name) for each in fields(self) for name in getattr(self, each.name)}

    def to_dict(self) -> dict[str, list[str]]:
        """Kind to names, without the empty kinds."""
        return {each.name: list(getattr(self, each.name)) for each in fields(self) if getattr(self, each.name)}


@dataclass(frozen=True)
class Exclusion:
    """A half-open period ``[start, end)`` that is neither reference nor judged."""

    start: int
    end: int
    why: str | None = None


@dataclass(frozen=True)
class Reference:
    """An operating period ``[start, end)``, or the training set in `file`."""

    start: int | None = None
    end: int | None = None
    file: str | None = None

    @property
    def period(self) -> tuple[int, int] | None:
        """``(start, end)`` of an operating reference."""
        return None if self.start is None or self.end is None else (self.start, self.end)

    def to_dict(self) -> dict[str, str]:
        """As in the document."""
        if self.start is None or self.end is None:
            return {"file": self.file or ""}
        return {"start": to_iso(self.start), "end": to_iso(self.end)}


def parse_columns(value: Any) -> ModelColumns:
    """Read ``columns``.

    Raises:
        SpecError: no timestamp, an unknown role, one column in two roles.
    """
    roles = tuple(each.name for each in fields(ModelColumns))
    mapping = reading.read_mapping(value, "columns", roles)
    chosen: dict[str, Any] = {}
    for role, column in mapping.items():
        if role == "score" and isinstance(column, Mapping):
            chosen[role] = {str(key): _required(name, f"columns.score.{key}") for key, name in column.items()}
        else:
            chosen[role] = reading.read_name(column, f"columns.{role}")
    if chosen.get("timestamp") is None:
        raise SpecError(
            "the column of the prediction time is missing; write timestamp: <column>", path="columns.timestamp"
        )
    columns = ModelColumns(**chosen)
    seen: dict[str, str] = {}
    for role, column in columns.roles().items():
        # A request or query id may be the row's id, and a decision the prediction.
        if column in seen and not {role, seen[column]} & {"id", "request_id", "query_id", "decision"}:
            raise SpecError(
                f"{column!r} is already the {seen[column]}; one column has one role", path=f"columns.{role}"
            )
        seen.setdefault(column, role)
    return columns


def parse_features(value: Any, columns: ModelColumns) -> Features:
    """Read ``features``.

    Raises:
        SpecError: an unknown kind, a feature of two kinds, a feature that has a role.
    """
    kinds = tuple(each.name for each in fields(Features))
    mapping = reading.read_mapping(value, "features", kinds)
    features = Features(**{kind: reading.read_names(mapping.get(kind), f"features.{kind}") for kind in kinds})
    role_of = {column: role for role, column in columns.roles().items()}
    seen: dict[str, str] = {}
    for kind, names in features.to_dict().items():
        for name in names:
            if name in seen:
                raise SpecError(f"{name!r} is already {seen[name]}; a feature has one kind", path=f"features.{kind}")
            if name in role_of:
                raise SpecError(f"{name!r} is the {role_of[name]}, so it is no feature", path=f"features.{kind}")
            seen[name] = kind
    return features


def parse_exclusions(value: Any, zone: ZoneInfo) -> tuple[Exclusion, ...]:
    """Read ``exclude``.

    Raises:
        SpecError: a period without start or end, or that ends before it starts.
    """
    exclusions = []
    for path, item in _items(value, "exclude"):
        mapping = reading.read_mapping(item, path, ("start", "end", "why"))
        start, end = _read_period(mapping, path, zone)
        exclusions.append(Exclusion(start, end, reading.read_name(mapping.get("why"), f"{path}.why")))
    return tuple(exclusions)


def parse_holidays(value: Any) -> tuple[date, ...]:
    """Read ``holidays``: local days, in order, each once.

    Raises:
        SpecError: no list of dates.
    """
    holidays = set()
    for path, item in _items(value, "holidays"):
        try:
            holidays.add(item if type(item) is date else date.fromisoformat(item))
        except (TypeError, ValueError):
            raise SpecError(f"{item!r} is not a day; write, for example, 2024-12-25", path=path) from None
    return tuple(sorted(holidays))


def parse_reference(value: Any, zone: ZoneInfo) -> Reference | None:
    """Read ``reference``: ``{start, end}`` or ``{file}``; None when it is left out.

    Raises:
        SpecError: both, or half a period.
    """
    if value is None:
        return None
    mapping = reading.read_mapping(value, "reference", ("start", "end", "file"))
    if "file" in mapping:
        if len(mapping) > 1:
            raise SpecError("give either a period (start, end) or a file, not both", path="reference")
        return Reference(file=_required(mapping["file"], "reference.file"))
    start, end = _read_period(mapping, "reference", zone)
    return Reference(start, end)


def _read_period(mapping: Mapping[str, Any], path: str, zone: ZoneInfo) -> tuple[int, int]:
    for key in ("start", "end"):
        if mapping.get(key) is None:
            raise SpecError(f"{key} is missing; a period is {{start: 2016-01-01, end: 2016-02-01}}", path=path)
    start = reading.read_instant(mapping["start"], f"{path}.start", zone)
    end = reading.read_instant(mapping["end"], f"{path}.end", zone)
    if end <= start:
        raise SpecError(f"it ends at {to_iso(end)}, not after its start at {to_iso(start)}", path=path)
    return start, end


def _items(value: Any, path: str) -> list[tuple[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise SpecError(f"{value!r} is not a list", path=path)
    return [(f"{path}[{position}]", item) for position, item in enumerate(value)]


def _required(value: Any, path: str) -> str:
    name = reading.read_name(value, path)
    if name is None:
        raise SpecError("a name is missing; give text", path=path)
    return name
