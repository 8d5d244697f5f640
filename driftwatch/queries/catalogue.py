"""The models that the store knows, and what is declared of each."""

from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from driftwatch.domain.instant import DAY
from driftwatch.errors import SpecError
from driftwatch.monitors.alignment import judged_width
from driftwatch.monitors.spec import ModelSpec, parse_model_spec
from driftwatch.storage import registration
from driftwatch.storage.schema import batches, model_versions, reference_sets

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
        first_at: event time of its oldest row, microseconds UTC, or None.
        last_at: event time of its newest row.
        received_at: when its newest batch came.
    """

    id: int
    environment: str
    name: str
    spec: ModelSpec
    spec_fault: str
    versions: dict[str, int] = field(default_factory=dict)
    first_at: int | None = None
    last_at: int | None = None
    received_at: int | None = None

    @property
    def replay(self) -> bool:
        """Whether its clock is that of the rows."""
        return self.spec.clock == "replay"

    @property
    def width(self) -> int:
        """Microseconds of one judged window."""
        return judged_width(self.spec.bucket)

    def now(self, database_now: int) -> int:
        """Where its time stands: the newest row of a replay, else the database's clock."""
        if self.replay and self.last_at is not None:
            return self.last_at + 1
        return database_now


def list_models(conn: Connection) -> list[KnownModel]:
    """All models, by environment and name."""
    versions: dict[int, dict[str, int]] = {}
    newest_first = select(model_versions).order_by(model_versions.c.created_at.desc(), model_versions.c.id.desc())
    for version in conn.execute(newest_first):
        versions.setdefault(version.model_id, {})[version.version] = version.id
    seen = {
        data.model_id: data
        for data in conn.execute(
            select(
                batches.c.model_id,
                func.min(batches.c.first_at).label("first_at"),
                func.max(batches.c.last_at).label("last_at"),
                func.max(batches.c.received_at).label("received_at"),
            )
            .where(batches.c.kind == "predictions")
            .group_by(batches.c.model_id)
        )
    }
    known = []
    for row in registration.list_models(conn):
        spec, fault = _spec(row.name, row.environment, row.spec)
        data = seen.get(row.id)
        known.append(
            KnownModel(
                id=row.id,
                environment=row.environment,
                name=row.name,
                spec=spec,
                spec_fault=fault,
                versions=versions.get(row.id, {}),
                first_at=data.first_at if data else None,
                last_at=data.last_at if data else None,
                received_at=data.received_at if data else None,
            )
        )
    return known


def find_model(conn: Connection, name: str, environment: str = DEFAULT_ENVIRONMENT) -> KnownModel | None:
    """The model of that name, or None."""
    return next(
        (model for model in list_models(conn) if (model.name, model.environment) == (name, environment)),
        None,
    )


def read_reference(conn: Connection, model: KnownModel) -> KnownReference | None:
    """The reference as recorded, else as declared, else the 14 days that are being learned; None without rows."""
    row = conn.execute(
        select(reference_sets)
        .where(
            reference_sets.c.model_id == model.id,
            reference_sets.c.kind == "operating",
            reference_sets.c.superseded_at.is_(None),
            reference_sets.c.reference_start.is_not(None),
        )
        .order_by(reference_sets.c.created_at.desc(), reference_sets.c.id.desc())
        .limit(1)
    ).first()
    if row is not None:
        return KnownReference(row.reference_start, row.reference_end, row.n, fixed=True)
    declared = model.spec.reference.period if model.spec.reference else None
    if declared is not None:
        return KnownReference(*declared, 0, fixed=True)
    if model.first_at is None:
        return None
    start = model.first_at - model.first_at % model.width
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


def _spec(name: str, environment: str, document: dict[str, object] | None) -> tuple[ModelSpec, str]:
    plain = ModelSpec(model=name, environment=environment)
    if document is None:
        return plain, ""
    try:
        return parse_model_spec(document), ""
    except SpecError as error:
        return plain, str(error)
