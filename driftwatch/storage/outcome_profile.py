"""Labelled rows by bucket: made from the outcomes, replaced as a whole whenever one of them changes."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from driftwatch.storage.schema import outcome_counts, outcome_profiles
from driftwatch.storage.upsert import insert

__all__ = [
    "JUDGED",
    "LATEST",
    "OutcomeBucket",
    "count_until",
    "counted_until",
    "put_outcome_bucket",
    "read_outcome_buckets",
]

LATEST = "latest"
"""With every outcome that is known so far."""

JUDGED = "judged"
"""With the outcomes that were known at the age at which buckets are judged, the same age for all."""


@dataclass(frozen=True, slots=True)
class OutcomeBucket:
    """What is known of one version's bucket.

    Attributes:
        version_id: whose.
        bucket_at: its start, microseconds UTC.
        n: predictions in it.
        n_labelled: of them, how many have an outcome.
        known_by: outcomes observed before this instant are counted; None: all.
        computed_at: when it was made.
        payload: the tally of the labelled rows, opaque here.
    """

    version_id: int
    bucket_at: int
    n: int
    n_labelled: int
    known_by: int | None
    computed_at: int
    payload: bytes


_COLUMNS = tuple(outcome_profiles.c[name] for name in OutcomeBucket.__dataclass_fields__)


def put_outcome_bucket(conn: Connection, stage: str, bucket: OutcomeBucket) -> None:
    """Replace what is known of a bucket at a stage."""
    values = {name: getattr(bucket, name) for name in OutcomeBucket.__dataclass_fields__}
    conn.execute(
        insert(conn, outcome_profiles)
        .values(stage=stage, **values)
        .on_conflict_do_update(index_elements=["version_id", "stage", "bucket_at"], set_=values)
    )


def read_outcome_buckets(
    conn: Connection, version_ids: list[int], stage: str, start: int, end: int, *, computed_since: int | None = None
) -> list[OutcomeBucket]:
    """Every bucket of some versions that starts in [start, end), in order of time.

    Args:
        conn: a connection.
        version_ids: whose.
        stage: LATEST or JUDGED.
        start: microseconds UTC.
        end: excluded.
        computed_since: only those that were made at this instant or later.
    """
    held = outcome_profiles.c
    rows = conn.execute(
        select(*_COLUMNS)
        .where(
            held.version_id.in_(version_ids),
            held.stage == stage,
            held.bucket_at >= start,
            held.bucket_at < end,
            *([] if computed_since is None else [held.computed_at >= computed_since]),
        )
        .order_by(held.bucket_at, held.version_id)
    )
    return [OutcomeBucket(row[0], row[1], row[2], row[3], row[4], row[5], bytes(row[6])) for row in rows]


def counted_until(conn: Connection, model_id: int) -> int:
    """Until when a model's outcomes are counted, microseconds UTC on the store's clock; 0 before the first time."""
    return (
        conn.execute(select(outcome_counts.c.counted_until).where(outcome_counts.c.model_id == model_id)).scalar() or 0
    )


def count_until(conn: Connection, model_id: int, until: int) -> None:
    """Outcomes and predictions received before `until` are counted."""
    conn.execute(
        insert(conn, outcome_counts)
        .values(model_id=model_id, counted_until=until)
        .on_conflict_do_update(index_elements=["model_id"], set_={"counted_until": until})
    )
