"""Bucket profiles: deltas written by ingest, folded by a worker, read together as one sum.

A payload is opaque here; who folds says how payloads are merged.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    Column,
    CompoundSelect,
    Connection,
    bindparam,
    delete,
    func,
    literal,
    literal_column,
    select,
    text,
    union_all,
)

from driftwatch.domain.instant import DAY
from driftwatch.storage import batch
from driftwatch.storage.schema import model_versions, profile_deltas, profiles
from driftwatch.storage.upsert import insert

__all__ = [
    "BucketCount",
    "BucketRow",
    "Unfolded",
    "count_buckets",
    "count_days",
    "first_bucket",
    "fold",
    "insert_delta",
    "list_unfolded",
    "read_buckets",
    "watermark",
]

Merge = Callable[[list[bytes]], bytes]


@dataclass(frozen=True, slots=True)
class BucketRow:
    """All that is known of one version's bucket.

    Attributes:
        bucket_at: start of the bucket, microseconds UTC.
        payloads: profiles whose sum is the bucket's: the folded one first, then those not folded yet.
        data_version: how many deltas are in that sum.
        n: rows in the bucket.
        n_errors: rows of it that were served with an error.
        received_at: when the newest of them came.
    """

    bucket_at: int
    payloads: list[bytes]
    data_version: int
    n: int
    n_errors: int
    received_at: int


@dataclass(frozen=True, slots=True)
class BucketCount:
    """The numbers of a bucket without its profile."""

    bucket_at: int
    n: int
    n_errors: int
    data_version: int
    received_at: int


@dataclass(frozen=True, slots=True)
class Unfolded:
    """A bucket with deltas that wait for folding."""

    version_id: int
    bucket_at: int
    n_deltas: int


def insert_delta(
    conn: Connection,
    version_id: int,
    bucket_at: int,
    n: int,
    payload: bytes,
    *,
    batch_id: str,
    at: int,
    n_errors: int = 0,
) -> None:
    """Store what one batch adds to one bucket; once a batch and bucket, in the transaction of its receipt.

    Args:
        conn: a writing connection.
        version_id: whose.
        bucket_at: start of the bucket, microseconds UTC.
        n: rows.
        payload: their profile.
        batch_id: the batch.
        at: when it was received.
        n_errors: rows of it that were served with an error.
    """
    conn.execute(
        profile_deltas.insert().values(
            version_id=version_id,
            bucket_at=bucket_at,
            batch_id=batch_id,
            n=n,
            n_errors=n_errors,
            received_at=at,
            payload=payload,
        )
    )


def list_unfolded(conn: Connection, *, limit: int = 1000) -> list[Unfolded]:
    """Buckets with deltas that wait, those with the most first."""
    waiting = func.count().label("waiting")
    rows = conn.execute(
        select(profile_deltas.c.version_id, profile_deltas.c.bucket_at, waiting)
        .group_by(profile_deltas.c.version_id, profile_deltas.c.bucket_at)
        .order_by(waiting.desc(), profile_deltas.c.bucket_at, profile_deltas.c.version_id)
        .limit(limit)
    )
    return [Unfolded(*row) for row in rows]


def fold(conn: Connection, version_id: int, bucket_at: int, merge: Merge, *, at: int) -> int:
    """Add a bucket's waiting deltas to its folded profile and delete them, all in the caller's transaction.

    Safe to repeat, and to run in several processes: whoever comes second finds nothing to do.

    Args:
        conn: a writing connection.
        version_id: whose.
        bucket_at: start of the bucket.
        merge: makes one payload of several; called with the folded one (if any) first.
        at: now.

    Returns:
        How many deltas were folded.
    """
    _lock_bucket(conn, version_id, bucket_at)
    deltas = conn.execute(
        select(profile_deltas)
        .where(profile_deltas.c.version_id == version_id, profile_deltas.c.bucket_at == bucket_at)
        .order_by(profile_deltas.c.batch_id)
    ).all()
    if not deltas:
        return 0
    folded = conn.execute(
        select(profiles).where(
            profiles.c.version_id == version_id,
            profiles.c.segment == "",
            profiles.c.column_name == "",
            profiles.c.bucket_at == bucket_at,
        )
    ).one_or_none()
    before = [] if folded is None else [folded]
    values: dict[str, Any] = {
        "n": sum(row.n for row in (*before, *deltas)),
        "n_errors": sum(row.n_errors for row in (*before, *deltas)),
        "folded": len(deltas) + (0 if folded is None else folded.folded),
        "folded_at": at,
        "received_at": max(row.received_at for row in (*before, *deltas)),
        "payload": merge([bytes(row.payload) for row in (*before, *deltas)]),
    }
    conn.execute(
        insert(conn, profiles)
        .values(version_id=version_id, segment="", column_name="", bucket_at=bucket_at, **values)
        .on_conflict_do_update(index_elements=["version_id", "segment", "column_name", "bucket_at"], set_=values)
    )
    conn.execute(
        delete(profile_deltas).where(
            profile_deltas.c.version_id == version_id,
            profile_deltas.c.bucket_at == bucket_at,
            profile_deltas.c.batch_id.in_([row.batch_id for row in deltas]),
        )
    )
    return len(deltas)


def _lock_bucket(conn: Connection, version_id: int, bucket_at: int) -> None:
    # Two folders that see different deltas of a bucket without a folded row yet would lose one another's sum.
    if conn.dialect.name == "postgresql":
        name = f"fold {version_id} {bucket_at}".encode()
        key = int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big", signed=True)
        conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def read_buckets(conn: Connection, version_id: int, start: int, end: int) -> list[BucketRow]:
    """Every bucket that starts in [start, end) and has rows, in order; one statement, so one snapshot."""
    rows = conn.execute(_READ, {"versions": [version_id], "start": start, "end": end}).all()
    found: dict[int, BucketRow] = {}
    for bucket_at, n, n_errors, data_version, received_at, _, payload in rows:
        known = found.get(bucket_at)
        if known is None:
            found[bucket_at] = BucketRow(bucket_at, [bytes(payload)], data_version, n, n_errors, received_at)
            continue
        known.payloads.append(bytes(payload))
        found[bucket_at] = replace(
            known,
            data_version=known.data_version + data_version,
            n=known.n + n,
            n_errors=known.n_errors + n_errors,
            received_at=max(known.received_at, received_at),
        )
    return list(found.values())


def count_buckets(conn: Connection, version_ids: Sequence[int], start: int, end: int) -> list[BucketCount]:
    """Rows and errors of every bucket that starts in [start, end), summed over versions, without reading profiles."""
    if not version_ids:
        return []
    rows = conn.execute(_COUNT, {"versions": version_ids, "start": start, "end": end})
    return [BucketCount(*map(int, row)) for row in rows]


def count_days(conn: Connection, version_ids: Sequence[int], start: int, end: int) -> dict[int, int]:
    """How many deltas are in the buckets that start in [start, end), by UTC day since 1970, summed over versions.

    While no bucket is deleted, a day with the same number has the same rows: deltas are only ever added.
    """
    if not version_ids:
        return {}
    rows = conn.execute(_COUNT_DAYS, {"versions": version_ids, "start": start, "end": end})
    return {int(day): int(deltas) for day, deltas in rows}


def _both(*payloads: Column[Any]) -> CompoundSelect[Any]:
    """Folded profiles and waiting deltas in one relation; the folded have no batch id, so they sort first."""
    folded = select(
        profiles.c.bucket_at,
        profiles.c.n,
        profiles.c.n_errors,
        profiles.c.folded,
        profiles.c.received_at,
        literal("").label("batch_id"),
        *payloads[:1],
    ).where(
        profiles.c.version_id.in_(bindparam("versions", expanding=True)),
        profiles.c.segment == "",
        profiles.c.column_name == "",
        profiles.c.bucket_at >= bindparam("start"),
        profiles.c.bucket_at < bindparam("end"),
    )
    waiting = select(
        profile_deltas.c.bucket_at,
        profile_deltas.c.n,
        profile_deltas.c.n_errors,
        literal(1).label("folded"),
        profile_deltas.c.received_at,
        profile_deltas.c.batch_id,
        *payloads[1:],
    ).where(
        profile_deltas.c.version_id.in_(bindparam("versions", expanding=True)),
        profile_deltas.c.bucket_at >= bindparam("start"),
        profile_deltas.c.bucket_at < bindparam("end"),
    )
    return union_all(folded, waiting)


# Statements that run with every judged window are built once: building one costs more than running it.
_PROFILES = _both(profiles.c.payload, profile_deltas.c.payload).subquery()
_READ = select(_PROFILES).order_by(_PROFILES.c.bucket_at, _PROFILES.c.batch_id)
_NUMBERS = _both().subquery()
_COUNT = (
    select(
        _NUMBERS.c.bucket_at,
        func.sum(_NUMBERS.c.n),
        func.sum(_NUMBERS.c.n_errors),
        func.sum(_NUMBERS.c.folded),
        func.max(_NUMBERS.c.received_at),
    )
    .group_by(_NUMBERS.c.bucket_at)
    .order_by(_NUMBERS.c.bucket_at)
)
_DAY = (_NUMBERS.c.bucket_at // literal_column(str(DAY))).label("day")
_COUNT_DAYS = select(_DAY, func.sum(_NUMBERS.c.folded)).group_by(_DAY)


def watermark(conn: Connection, model_id: int) -> int | None:
    """The newest event time of a model, microseconds UTC, or None before its first row."""
    newest = batch.newest_at(conn, model_id)
    if newest is not None:
        return newest
    # Receipts are kept for a while, profiles for longer.
    return conn.execute(
        select(func.max(profiles.c.bucket_at))
        .join(model_versions, model_versions.c.id == profiles.c.version_id)
        .where(model_versions.c.model_id == model_id)
    ).scalar()


def first_bucket(conn: Connection, model_id: int, *, since: int | None = None) -> int | None:
    """The start of a model's oldest bucket (at `since` or later), microseconds UTC, or None where there is none."""
    oldest = [
        conn.execute(
            select(func.min(table.c.bucket_at))
            .join(model_versions, model_versions.c.id == table.c.version_id)
            .where(model_versions.c.model_id == model_id, *([] if since is None else [table.c.bucket_at >= since]))
        ).scalar()
        for table in (profiles, profile_deltas)
    ]
    return min((at for at in oldest if at is not None), default=None)
