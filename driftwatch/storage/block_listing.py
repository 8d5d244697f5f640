"""Which feature blocks there are, and whose rows are in them, without payloads: for samples and for compaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from driftwatch.storage.block import Block
from driftwatch.storage.schema import batch_blocks, feature_blocks

__all__ = ["BatchPlace", "BlockRef", "list_blocks", "list_places", "list_small_days", "read_block"]


@dataclass(frozen=True, slots=True)
class BlockRef:
    """Where a block is, and how large; fields as in `block.Block`."""

    id: bytes
    version_id: int
    day: int
    first_at: int
    last_at: int
    n: int


@dataclass(frozen=True, slots=True)
class BatchPlace:
    """Where the features of a batch's rows of one UTC day are: in the order of the batch, repeated ids too.

    Attributes:
        batch_id: the batch.
        day: whole days since 1970, UTC.
        block_id: 16 bytes.
        block_offset: place of the first of them in the block.
        n: rows.
    """

    batch_id: str
    day: int
    block_id: bytes
    block_offset: int
    n: int


_REF = tuple(feature_blocks.c[name] for name in BlockRef.__dataclass_fields__)
_BLOCK = tuple(feature_blocks.c[name] for name in Block.__dataclass_fields__)


def list_blocks(conn: Connection, version_ids: Sequence[int], *, day: int | None = None) -> list[BlockRef]:
    """The blocks of some versions, by time; of one UTC day only, if it is given."""
    statement = select(*_REF).where(feature_blocks.c.version_id.in_(version_ids))
    if day is not None:
        statement = statement.where(feature_blocks.c.day == day)
    return [BlockRef(*row) for row in conn.execute(statement.order_by(*(feature_blocks.c[n] for n in _ORDER)))]


_ORDER = ("day", "first_at", "id")


def list_small_days(conn: Connection, *, before_day: int, below: int, limit: int = 100) -> list[tuple[int, int]]:
    """``(version_id, day)`` with at least two blocks of fewer than `below` rows, of days before `before_day`."""
    rows = conn.execute(
        select(feature_blocks.c.version_id, feature_blocks.c.day)
        .where(feature_blocks.c.day < before_day, feature_blocks.c.n < below)
        .group_by(feature_blocks.c.version_id, feature_blocks.c.day)
        .having(func.count() > 1)
        .order_by(func.count().desc(), feature_blocks.c.day)
        .limit(limit)
    )
    return [(version_id, day) for version_id, day in rows]


def read_block(conn: Connection, reference: BlockRef) -> Block | None:
    """The block with its payload, or None if it was compacted or erased meanwhile."""
    row = conn.execute(
        select(*_BLOCK).where(feature_blocks.c.id == reference.id, feature_blocks.c.day == reference.day)
    ).one_or_none()
    return None if row is None else Block(*row)


def list_places(conn: Connection, version_id: int, first_day: int, last_day: int) -> list[BatchPlace]:
    """Where the batches with features on one of the days have them, on all of their days, by batch and day."""
    of_days = (
        select(batch_blocks.c.batch_id)
        .join_from(
            feature_blocks,
            batch_blocks,
            (batch_blocks.c.block_id == feature_blocks.c.id) & (batch_blocks.c.day == feature_blocks.c.day),
        )
        .where(feature_blocks.c.version_id == version_id, feature_blocks.c.day.between(first_day, last_day))
    )
    rows = conn.execute(
        select(*(batch_blocks.c[name] for name in BatchPlace.__dataclass_fields__))
        .where(batch_blocks.c.batch_id.in_(of_days))
        .order_by(batch_blocks.c.batch_id, batch_blocks.c.day)
    )
    return [BatchPlace(row.batch_id, row.day, bytes(row.block_id), row.block_offset, row.n) for row in rows]
