"""Compaction: the small feature blocks of a day that is over become one Arrow block."""

import logging

from driftwatch.domain.instant import DAY
from driftwatch.errors import DriftwatchError
from driftwatch.service.feature_block import BlockColumns, join_blocks, read_block
from driftwatch.service.framing import kind_on_the_wire
from driftwatch.storage import block, block_listing, registration
from driftwatch.storage.block import Block
from driftwatch.storage.store import Store

__all__ = ["SMALL_ROWS", "compact_blocks"]

_LOG = logging.getLogger("driftwatch.compaction")

SMALL_ROWS = 16_384
"""Blocks with fewer rows are joined, up to four times as many in one."""


def compact_blocks(store: Store, *, limit: int = 100, now: int | None = None) -> int:
    """Join the small blocks of closed days, at most `limit` days at a time, one transaction a day.

    A day is closed an hour after its end by the store's clock; late rows make new small blocks, which are joined again.

    Returns:
        How many blocks were joined.
    """
    with store.read() as conn:
        now = store.now(conn) if now is None else now
        today = (now - DAY // 24) // DAY
        days = block_listing.list_small_days(conn, before_day=today, below=SMALL_ROWS, limit=limit)
    return sum(_compact(store, version_id, day) for version_id, day in days)


def _compact(store: Store, version_id: int, day: int) -> int:
    with store.begin() as conn:
        found, columns, rows = [], [], 0
        for reference in block_listing.list_blocks(conn, [version_id], day=day):
            if reference.n >= SMALL_ROWS or rows + reference.n > 4 * SMALL_ROWS:
                continue
            each = block_listing.read_block(conn, reference)
            read = _read(each) if each is not None else None
            if each is not None and read is not None:
                found.append(each)
                columns.append(read)
                rows += each.n
        if len(found) < 2:
            return 0
        features = registration.read_features(conn, version_id)
        kinds = {name: kind_on_the_wire(row.kind) for name, row in features.items()}
        block.replace_blocks(conn, found, codec="arrow", payload=join_blocks(columns, kinds))
    return len(found)


def _read(each: Block) -> BlockColumns | None:
    try:
        return read_block(each.codec, each.payload)
    except (DriftwatchError, ValueError):
        _LOG.exception("block %s cannot be read and stays as it is", each.id.hex())
        return None
