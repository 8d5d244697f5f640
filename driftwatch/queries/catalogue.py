"""The models that the store knows, and what is declared of each."""

from dataclasses import dataclass, field

from sqlalchemy import Connection

from driftwatch.domain.instant import DAY
from driftwatch.errors import SpecError
from driftwatch.monitors.alignment import Alignment
from driftwatch.monitors.spec import ModelSpec, parse_model_spec
from driftwatch.storage import profile, registration
from driftwatch.storage.reference import get_reference

__all__ = [
    "DEFAULT_ENVIRONMENT",
    "KnownModel",
    "KnownReference",
    "find_model",
    "list_models",
    "read_importance",
    "read_reference",
]

DEFAULT_ENVIRONMENT = "production"
_LEARNING_DAYS = 14


@dataclass(frozen=True, slots=True)
class KnownReference:
    """What a model is compared with.

    Attributes:
        start: microseconds UTC, included.
        end: excluded.
        n: rows, 0 while they are still being counted.
        fixed: declared or confirmed; else it is still being learned.
    """

    start: int
    end: int
    n: int
    fixed: bool


@dataclass(frozen=True)
class KnownModel:
    """A registered model.

    Attributes:
        id: of the store.
        environment: part of its identity.
        name: its name.
        spec: what is declared; the defaults for a model without a specification.
        spec_fault: why a stored specification cannot be read, or "".
        versions: version ids by name, newest first.
        first_at: start of its oldest bucket, microseconds UTC, or None before its first row.
        last_at: event time of its newest row.
    """

    id: int
    environment: str
    name: str
    spec: ModelSpec
    spec_fault: str
    versions: dict[str, int] = field(default_factory=dict)
    first_at: int | None = None
    last_at: int | None = None

    @property
    def replay(self) -> bool:
        """Whether its clock is that of the rows."""
        return self.spec.clock == "replay"

    @property
    def width(self) -> int:
        """Microseconds of one judged window."""
        return self.spec.bucket

    def now(self, database_now: int) -> int:
        """Where its time stands: the newest row of a replay, else the database's clock."""
        if self.replay and self.last_at is not None:
            return self.last_at + 1
        return database_now


def list_models(conn: Connection) -> list[KnownModel]:
    """All models, by environment and name."""
    return [_known(conn, row) for row in registration.list_models(conn)]


def find_model(conn: Connection, name: str, environment: str = DEFAULT_ENVIRONMENT) -> KnownModel | None:
    """The model of that name, or None."""
    row = registration.find_model(conn, environment, name)
    return None if row is None else _known(conn, row)


def read_reference(conn: Connection, model: KnownModel) -> KnownReference | None:
    """The reference as recorded, else as declared, else the 14 days that are being learned; None without rows."""
    row = get_reference(conn, model.id, "operating")
    if row is not None and row.start is not None and row.end is not None:
        return KnownReference(row.start, row.end, row.n, fixed=True)
    declared = model.spec.reference.period if model.spec.reference else None
    if declared is not None:
        return KnownReference(*declared, 0, fixed=True)
    if model.first_at is None:
        return None
    alignment = Alignment.of(model.spec)
    start = alignment.start(alignment.index(model.first_at))
    return KnownReference(start, start + _LEARNING_DAYS * DAY, 0, fixed=False)


def read_importance(conn: Connection, model: KnownModel) -> dict[str, float]:
    """Importance by feature as shares of their sum: as declared, else of the newest version; empty if none."""
    weights = dict(model.spec.importance)
    if not weights and model.versions:
        newest = next(iter(model.versions.values()))
        registered = registration.read_features(conn, newest).values()
        weights = {each.name: each.importance for each in registered if each.importance is not None}
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()} if total > 0 else {}


def _known(conn: Connection, row: registration.ModelRow) -> KnownModel:
    spec, fault = _spec(row)
    return KnownModel(
        id=row.id,
        environment=row.environment,
        name=row.name,
        spec=spec,
        spec_fault=fault,
        versions={each.version: each.id for each in reversed(registration.list_versions(conn, row.id))},
        first_at=profile.first_bucket(conn, row.id),
        last_at=profile.watermark(conn, row.id),
    )


def _spec(row: registration.ModelRow) -> tuple[ModelSpec, str]:
    plain = ModelSpec(model=row.name, environment=row.environment)
    if row.spec is None:
        return plain, ""
    try:
        return parse_model_spec(row.spec), ""
    except SpecError as error:
        return plain, str(error)
