"""The references of a model: shown, confirmed by a person, or moved to another period."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from driftwatch.domain.instant import to_iso
from driftwatch.errors import NotFoundError, SpecError
from driftwatch.monitors.alignment import Alignment
from driftwatch.service.judging import spec_of
from driftwatch.storage import audit, profile, reference, registration
from driftwatch.storage.reference import ReferenceRow
from driftwatch.storage.registration import ModelRow
from driftwatch.storage.store import Store

__all__ = ["References", "confirm_reference", "move_reference", "read_references"]

_MOVED = "moved"


@dataclass(frozen=True)
class References:
    """What windows are compared with.

    Attributes:
        operating: the period that baselines are learned from; None before it is over.
        training: the file that the model was trained on; None if there is none.
    """

    operating: ReferenceRow | None
    training: ReferenceRow | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {"operating": _operating(self.operating), "training": _training(self.training)}


def read_references(conn: Connection, model_id: int) -> References:
    """The references of a model that are on record."""
    return References(*(reference.get_reference(conn, model_id, kind) for kind in ("operating", "training")))


def confirm_reference(store: Store, model: ModelRow, *, actor: str) -> References:
    """Note that a person has looked at the operating reference and finds it right.

    Raises:
        NotFoundError: there is none yet.
    """
    with store.begin() as conn:
        known = reference.get_reference(conn, model.id, "operating")
        if known is None:
            raise NotFoundError(
                f"{model.name} has no operating reference yet: its first 14 days are still being collected. "
                "Name a period with driftwatch reference move"
            )
        if reference.confirm_reference(conn, known.id):
            _audit(conn, model, "confirmed", actor, store.now(conn), _operating(known))
        return read_references(conn, model.id)


def move_reference(store: Store, model: ModelRow, start: int, end: int, *, actor: str) -> References:
    """Compare with another period from now on; what was judged before stays.

    Args:
        store: where to.
        model: whose.
        start: microseconds UTC; the window that holds it is the first.
        end: the window that holds the instant before is the last.
        actor: who does it.

    Raises:
        SpecError: the period is declared in model.yaml, is empty, or holds no row.
    """
    spec = spec_of(model)
    if spec.reference is not None and spec.reference.period is not None:
        raise SpecError(
            f"the reference of {model.name} is declared in its model.yaml; change it there and apply it",
            path="reference",
        )
    if end <= start:
        raise SpecError(f"it ends at {to_iso(end)}, not after its start at {to_iso(start)}", path="reference")
    alignment = Alignment.of(spec)
    bounds = alignment.start(alignment.index(start)), alignment.start(alignment.index(end - 1) + 1)
    with store.begin() as conn:
        versions = [version.id for version in registration.list_versions(conn, model.id)]
        n = sum(bucket.n for bucket in profile.count_buckets(conn, versions, *bounds))
        if not n:
            raise SpecError(f"no row lies between {to_iso(bounds[0])} and {to_iso(bounds[1])}", path="reference")
        before = reference.get_reference(conn, model.id, "operating")
        now = store.now(conn)
        reference.put_reference(
            conn,
            model.id,
            "operating",
            at=now,
            start=bounds[0],
            end=bounds[1],
            n=n,
            source=_MOVED,
            confirmed=True,
            created_by=actor,
        )
        moved = read_references(conn, model.id)
        _audit(conn, model, "moved", actor, now, _operating(moved.operating), before=_operating(before))
        return moved


def _audit(
    conn: Connection,
    model: ModelRow,
    verb: str,
    actor: str,
    now: int,
    after: Mapping[str, Any] | None,
    *,
    before: Mapping[str, Any] | None = None,
) -> None:
    subject = f"reference/{model.environment}/{model.name}"
    audit.append_event(conn, at=now, actor=actor, verb=verb, subject=subject, before=before, after=after)


def _operating(row: ReferenceRow | None) -> dict[str, Any] | None:
    if row is None or row.start is None or row.end is None:
        return None
    return {
        "start": to_iso(row.start),
        "end": to_iso(row.end),
        "rows": row.n,
        "source": row.source,
        "confirmed": row.confirmed,
    }


def _training(row: ReferenceRow | None) -> dict[str, Any] | None:
    if row is None:
        return None
    columns = (row.details or {}).get("columns", [])
    return {"file": row.source, "rows": row.n, "columns": columns, "stored_at": to_iso(row.created_at)}
