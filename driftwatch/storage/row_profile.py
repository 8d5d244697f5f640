"""What all rows of a bucket say, labelled or not: made from the rows, replaced as a whole when they have changed."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from driftwatch.storage.schema import error_models, row_profiles
from driftwatch.storage.upsert import insert

__all__ = [
    "RowProfile",
    "StoredErrorModel",
    "put_error_model",
    "put_row_profile",
    "read_error_model",
    "read_row_profiles",
    "read_row_versions",
]


@dataclass(frozen=True, slots=True)
class RowProfile:
    """One version's bucket.

    Attributes:
        version_id: whose.
        bucket_at: its start, microseconds UTC.
        n: predictions in it.
        n_decided: of them, those whose outcome can exist.
        data_version: how many deltas its profile held when this was made.
        made_by: the columns, bins and models that it was made with.
        computed_at: when it was made.
        payload: sums of the decided rows, opaque here.
    """

    version_id: int
    bucket_at: int
    n: int
    n_decided: int
    data_version: int
    made_by: str
    computed_at: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class StoredErrorModel:
    """What predicts the error of a regression.

    Attributes:
        roles: the columns that it was learned by.
        reference_start: from which it was learned, microseconds UTC.
        reference_end: excluded.
        fitted_at: when.
        payload: the model, opaque here.
    """

    roles: str
    reference_start: int
    reference_end: int
    fitted_at: int
    payload: bytes


_COLUMNS = tuple(row_profiles.c[name] for name in RowProfile.__dataclass_fields__)


def put_row_profile(conn: Connection, made: RowProfile) -> None:
    """Replace what is known of a bucket."""
    values = {name: getattr(made, name) for name in RowProfile.__dataclass_fields__}
    conn.execute(
        insert(conn, row_profiles)
        .values(**values)
        .on_conflict_do_update(index_elements=["version_id", "bucket_at"], set_=values)
    )


def read_row_profiles(
    conn: Connection,
    version_ids: Sequence[int],
    made_by: str,
    start: int,
    end: int,
    *,
    computed_since: int | None = None,
) -> list[RowProfile]:
    """Every bucket of some versions that starts in [start, end), in order of time.

    Args:
        conn: a connection.
        version_ids: whose.
        made_by: only those that were made with it.
        start: microseconds UTC.
        end: excluded.
        computed_since: only those that were made at this instant or later.
    """
    held = row_profiles.c
    rows = conn.execute(
        select(*_COLUMNS)
        .where(
            held.version_id.in_(version_ids),
            held.made_by == made_by,
            held.bucket_at >= start,
            held.bucket_at < end,
            *([] if computed_since is None else [held.computed_at >= computed_since]),
        )
        .order_by(held.bucket_at, held.version_id)
    )
    return [RowProfile(row[0], row[1], row[2], row[3], row[4], row[5], row[6], bytes(row[7])) for row in rows]


def read_row_versions(conn: Connection, version_id: int, made_by: str, start: int, end: int) -> dict[int, int]:
    """By bucket of one version that starts in [start, end), how many deltas what was made with `made_by` holds."""
    held = row_profiles.c
    rows = conn.execute(
        select(held.bucket_at, held.data_version).where(
            held.version_id == version_id, held.made_by == made_by, held.bucket_at >= start, held.bucket_at < end
        )
    )
    return {int(bucket_at): int(data_version) for bucket_at, data_version in rows}


def put_error_model(conn: Connection, model_id: int, made: StoredErrorModel) -> None:
    """Replace a model's error model."""
    values = {name: getattr(made, name) for name in StoredErrorModel.__dataclass_fields__}
    conn.execute(
        insert(conn, error_models)
        .values(model_id=model_id, **values)
        .on_conflict_do_update(index_elements=["model_id"], set_=values)
    )


def read_error_model(conn: Connection, model_id: int) -> StoredErrorModel | None:
    """A model's error model, or None before it is learned."""
    held = error_models.c
    row = conn.execute(
        select(*(held[name] for name in StoredErrorModel.__dataclass_fields__)).where(held.model_id == model_id)
    ).one_or_none()
    return None if row is None else StoredErrorModel(row[0], row[1], row[2], row[3], bytes(row[4]))
