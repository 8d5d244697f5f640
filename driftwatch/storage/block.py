"""Feature blocks: the feature columns of a batch's rows of one UTC day, as received or compacted."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update

from driftwatch.domain.instant import DAY
from driftwatch.storage.schema import batch_blocks, feature_blocks

__all__ = ["Block", "find_block", "insert_block", "read_blocks", "replace_blocks"]


@dataclass(frozen=True, slots=True)
class Block:
    """Feature columns of `n` rows.

    Attributes:
        id: 16 bytes.
        version_id: whose.
        day: whole days since 1970, UTC.
        first_at: oldest event time in it, microseconds UTC.
        last_at: newest event time in it.
        n: rows.
        codec: ``"frame"`` (as received) or ``"arrow"`` (IPC, zstd).
        payload: the bytes.
    """

    id: bytes
    version_id: int
    day: int
    first_at: int
    last_at: int
    n: int
    codec: str
    payload: bytes


_COLUMNS = tuple(feature_blocks.c[name] for name in Block.__dataclass_fields__)


def insert_block(
    conn: Connection,
    version_id: int,
    *,
    batch_id: str,
    day: int,
    first_at: int,
    last_at: int,
    n: int,
    codec: str,
    payload: bytes,
) -> bytes:
    """Store the features of a batch's rows of one day; a batch that crosses midnight stores one block a day.

    The batch's receipt must have been inserted before.

    Returns:
        The block's id.
    """
    block_id = uuid.uuid4().bytes
    block = Block(block_id, version_id, day, first_at, last_at, n, codec, payload)
    _store(conn, block)
    where = {"batch_id": batch_id, "day": day, "block_id": block_id, "block_offset": 0, "n": n}
    conn.execute(batch_blocks.insert().values(**where))
    return block_id


def read_blocks(conn: Connection, version_id: int, start: int, end: int) -> Iterator[Block]:
    """Blocks with rows in [start, end) by first event time. They may hold rows outside of it too."""
    rows = conn.execute(
        select(*_COLUMNS)
        .where(
            feature_blocks.c.version_id == version_id,
            feature_blocks.c.day.between(start // DAY, (end - 1) // DAY),
            feature_blocks.c.first_at < end,
            feature_blocks.c.last_at >= start,
        )
        .order_by(feature_blocks.c.day, feature_blocks.c.first_at, feature_blocks.c.id)
        .execution_options(yield_per=16)  # a long window's blocks never stand in memory together
    )
    return (Block(*row) for row in rows)


def find_block(conn: Connection, batch_id: str, day: int) -> tuple[Block, int] | None:
    """The block that holds a batch's rows of one day, and the place of the first of them in it."""
    row = conn.execute(
        select(*_COLUMNS, batch_blocks.c.block_offset)
        .join_from(
            batch_blocks,
            feature_blocks,
            (feature_blocks.c.id == batch_blocks.c.block_id) & (feature_blocks.c.day == batch_blocks.c.day),
        )
        .where(batch_blocks.c.batch_id == batch_id, batch_blocks.c.day == day)
    ).one_or_none()
    return None if row is None else (Block(*row[:-1]), row.block_offset)


def replace_blocks(conn: Connection, old: Sequence[Block], *, codec: str, payload: bytes) -> bytes:
    """Put one block in the place of several of one version and day, whose rows it holds in the same order.

    Returns:
        The new block's id.

    Raises:
        ValueError: the blocks are of different versions or days.
    """
    if len({(block.version_id, block.day) for block in old}) != 1:
        raise ValueError("blocks of one version and one day can be joined, no others")
    new = Block(
        uuid.uuid4().bytes,
        old[0].version_id,
        old[0].day,
        min(block.first_at for block in old),
        max(block.last_at for block in old),
        sum(block.n for block in old),
        codec,
        payload,
    )
    _store(conn, new)
    offset = 0
    for block in old:
        conn.execute(
            update(batch_blocks)
            .where(batch_blocks.c.block_id == block.id, batch_blocks.c.day == block.day)
            .values(block_id=new.id, block_offset=batch_blocks.c.block_offset + offset)
        )
        offset += block.n
    conn.execute(
        delete(feature_blocks).where(
            feature_blocks.c.day == new.day, feature_blocks.c.id.in_([block.id for block in old])
        )
    )
    return new.id


def _store(conn: Connection, block: Block) -> None:
    values = {name: getattr(block, name) for name in Block.__dataclass_fields__}
    conn.execute(feature_blocks.insert().values(**values))
