"""Reference sets: what current windows are compared with. A new one supersedes the last of its kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from driftwatch.storage.schema import reference_sets

__all__ = ["ReferenceRow", "confirm_reference", "get_reference", "put_reference"]


@dataclass(frozen=True, slots=True)
class ReferenceRow:
    """One reference set.

    Attributes:
        id: assigned by the store.
        model_id: whose.
        version_id: the version it is made of, or None for all.
        kind: ``"operating"`` (the first weeks of production) or ``"training"`` (a file).
        start: microseconds UTC, included; None for a file.
        end: excluded; None for a file.
        source: where it came from, for people.
        n: rows.
        confirmed: whether a person has said that it is right.
        details: plain facts.
        payload: its profile, or None if the buckets of [start, end) are it.
        created_at: microseconds UTC.
    """

    id: int
    model_id: int
    version_id: int | None
    kind: str
    start: int | None
    end: int | None
    source: str | None
    n: int
    confirmed: bool
    details: Mapping[str, Any] | None
    payload: bytes | None
    created_at: int


def put_reference(
    conn: Connection,
    model_id: int,
    kind: str,
    *,
    at: int,
    start: int | None = None,
    end: int | None = None,
    n: int = 0,
    payload: bytes | None = None,
    version_id: int | None = None,
    source: str | None = None,
    confirmed: bool = False,
    details: Mapping[str, Any] | None = None,
    created_by: str | None = None,
) -> int:
    """Store a reference set and supersede the model's current one of this kind; returns its id."""
    conn.execute(
        update(reference_sets)
        .where(
            reference_sets.c.model_id == model_id,
            reference_sets.c.kind == kind,
            reference_sets.c.superseded_at.is_(None),
        )
        .values(superseded_at=at)
    )
    return int(
        conn.execute(
            reference_sets.insert()
            .values(
                model_id=model_id,
                version_id=version_id,
                kind=kind,
                reference_start=start,
                reference_end=end,
                source=source,
                n=n,
                confirmed=confirmed,
                details=None if details is None else dict(details),
                payload=payload,
                created_at=at,
                created_by=created_by,
            )
            .returning(reference_sets.c.id)
        ).scalar_one()
    )


def confirm_reference(conn: Connection, reference_id: int) -> bool:
    """Note that a person has said that a reference set is right; False if it was superseded or confirmed before."""
    changed = conn.execute(
        update(reference_sets)
        .where(
            reference_sets.c.id == reference_id,
            reference_sets.c.superseded_at.is_(None),
            reference_sets.c.confirmed.is_(False),
        )
        .values(confirmed=True)
    )
    return changed.rowcount == 1


def get_reference(conn: Connection, model_id: int, kind: str) -> ReferenceRow | None:
    """The current reference set of a kind, or None."""
    row = conn.execute(
        select(reference_sets)
        .where(
            reference_sets.c.model_id == model_id,
            reference_sets.c.kind == kind,
            reference_sets.c.superseded_at.is_(None),
        )
        .order_by(reference_sets.c.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    return ReferenceRow(
        row.id,
        row.model_id,
        row.version_id,
        row.kind,
        row.reference_start,
        row.reference_end,
        row.source,
        row.n,
        row.confirmed,
        row.details,
        None if row.payload is None else bytes(row.payload),
        row.created_at,
    )
