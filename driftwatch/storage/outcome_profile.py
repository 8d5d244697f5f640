"""Labelled rows by bucket: made from the outcomes, replaced as a whole whenever one of them changes."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from driftwatch.storage.schema import outcome_counts, outcome_profiles
from driftwatch.storage.upsert import insert

__all__ = [
    "JUDGED",
    "LATEST",
    "OutcomeBucket",
    "OutcomeProgress",
    "put_outcome_bucket",
    "put_progress",
    "read_outcome_buckets",
    "read_progress",
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
        n: predictions in it whose outcome counts.
        n_labelled: of them, how many have an outcome.
        known_by: outcomes observed before this instant are counted; None: all.
        computed_at: when it was made.
        payload: the tally of the labelled rows, opaque here.
        segments: the tallies of each segment, opaque too; None where rows are not split.
        n_undecided: outcomes of rows that were not decided, which no tally holds.
    """

    version_id: int
    bucket_at: int
    n: int
    n_labelled: int
    known_by: int | None
    computed_at: int
    payload: bytes
    segments: bytes | None = None
    n_undecided: int = 0


@dataclass(frozen=True, slots=True)
class OutcomeProgress:
    """How far a model's outcomes are counted.

    Attributes:
        counted_until: what was received before, microseconds UTC on the store's clock.
        reference_start: of the reference from which the age was learned.
        reference_end: excluded.
        judged_age: how long after the end of a window its outcomes are judged, microseconds.
        splits: by what the rows were split that are counted, opaque here; "" for nothing.
        roles: the columns that rows are tallied by, see :func:`~driftwatch.monitors.outcome_role.roles_key`.
    """

    counted_until: int
    reference_start: int
    reference_end: int
    judged_age: int
    splits: str = ""
    roles: str = ""


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
    return [OutcomeBucket(*row[:6], bytes(row[6]), row[7] and bytes(row[7]), row[8]) for row in rows]  # type: ignore[call-arg]


def read_progress(conn: Connection, model_id: int) -> OutcomeProgress | None:
    """How far a model's outcomes are counted, or None before the first time."""
    held = outcome_counts.c
    row = conn.execute(
        select(*(held[name] for name in OutcomeProgress.__dataclass_fields__)).where(held.model_id == model_id)
    ).one_or_none()
    return None if row is None else OutcomeProgress(*row)


def put_progress(conn: Connection, model_id: int, progress: OutcomeProgress) -> None:
    """Outcomes and predictions received before `progress.counted_until` are counted."""
    values = {name: getattr(progress, name) for name in OutcomeProgress.__dataclass_fields__}
    conn.execute(
        insert(conn, outcome_counts)
        .values(model_id=model_id, **values)
        .on_conflict_do_update(index_elements=["model_id"], set_=values)
    )
