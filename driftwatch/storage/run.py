"""Runs of monitors: exactly one effect a window, settings and data version, whoever does the work.

A worker claims a run and holds a lease, by the database's clock; each claim has a higher fence. What it writes
happens in the transaction in which :func:`finish` returned True.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ormsgpack
import zstandard
from sqlalchemy import BindParameter, Connection, Select, and_, bindparam, exists, func, or_, select, update

from driftwatch.domain.instant import SECOND
from driftwatch.storage.schema import monitor_runs, monitors
from driftwatch.storage.upsert import insert

__all__ = [
    "RunRow",
    "claim",
    "claim_span",
    "count_states",
    "decode_result",
    "encode_result",
    "extend",
    "extend_all",
    "finish",
    "first_window",
    "insert_all_due",
    "insert_due",
    "latest_run",
    "list_results",
    "release",
]


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run.

    Attributes:
        id: assigned by the store.
        monitor_id: whose.
        window_start: microseconds UTC, included.
        window_end: excluded.
        config_hash: which settings.
        data_version: how many deltas the window held when it became due.
        state: ``"due"``, ``"running"`` or ``"finished"``.
        status: of a finished run, a `domain.signal.RunStatus`; else None.
        attempt: how often it was claimed.
        fence: of the newest claim.
        owner: of the newest claim, or None.
        lease_until: when the claim ends by the database's clock, or None.
        backfill: the window was first evaluated so late that nobody is to be told.
        due_at: not to be claimed before.
        finished_at: microseconds UTC, or None.
        n: rows judged.
        result: the verdict in a compact form, or None.
        last_error: why it failed, or None.
    """

    id: int
    monitor_id: int
    window_start: int
    window_end: int
    config_hash: str
    data_version: int
    state: str
    status: str | None
    attempt: int
    fence: int
    owner: str | None
    lease_until: int | None
    backfill: bool
    due_at: int
    finished_at: int | None
    n: int
    result: bytes | None
    last_error: str | None


_PACK = ormsgpack.OPT_SERIALIZE_NUMPY
_COLUMNS = tuple(monitor_runs.c[name] for name in RunRow.__dataclass_fields__)


def insert_due(
    conn: Connection,
    monitor_id: int,
    window_start: int,
    window_end: int,
    config_hash: str,
    data_version: int,
    *,
    at: int,
    backfill: bool = False,
) -> int | None:
    """Say that a window is due; returns the run's id, or None if this very run exists already."""
    statement = (
        insert(conn, monitor_runs)
        .values(
            monitor_id=monitor_id,
            window_start=window_start,
            window_end=window_end,
            config_hash=config_hash,
            data_version=data_version,
            backfill=backfill,
            due_at=at,
        )
        .on_conflict_do_nothing()
        .returning(monitor_runs.c.id)
    )
    return conn.execute(statement).scalar()


def insert_all_due(
    conn: Connection,
    monitor_id: int,
    windows: Sequence[tuple[int, int, int, bool]],
    *,
    config_hash: str,
    at: int,
) -> None:
    """Say that many windows are due, in one statement; those that are known already are left as they are.

    Args:
        conn: a writing connection.
        monitor_id: whose.
        windows: ``(window_start, window_end, data_version, backfill)`` of each.
        config_hash: which settings.
        at: now.
    """
    rows = [
        {
            "monitor_id": monitor_id,
            "window_start": start,
            "window_end": end,
            "config_hash": config_hash,
            "data_version": data_version,
            "backfill": backfill,
            "due_at": at,
        }
        for start, end, data_version, backfill in windows
    ]
    if rows:
        conn.execute(insert(conn, monitor_runs).on_conflict_do_nothing(), rows)


def claim(conn: Connection, owner: str, *, now: int, lease_seconds: float) -> RunRow | None:
    """Take the oldest run that is due, or whose owner let its lease end.

    Windows of one monitor are handed out in order: none while an earlier one is unfinished. Call it in a transaction
    of its own and commit before the work starts.

    Args:
        conn: a writing connection.
        owner: who asks; unique among processes.
        now: the database's clock (`Store.now`).
        lease_seconds: how long the claim lasts unless extended.
    """
    found = conn.execute(_HEAD, {"now": now}).scalar()
    if found is None:
        return None
    (taken,) = _take(conn, [found], owner, now=now, lease_seconds=lease_seconds)
    return taken


def _head() -> Select[int]:
    """The run that is handed out next at the time `now`."""
    now: BindParameter[int] = bindparam("now")
    unfinished = monitor_runs.c.state.in_(["due", "running"])
    open_to_all = or_(
        and_(monitor_runs.c.state == "due", monitor_runs.c.due_at <= now),
        and_(monitor_runs.c.state == "running", monitor_runs.c.lease_until < now),
    )
    # Found among the unfinished runs alone, by their index: a monitor has thousands that are finished.
    heads = (
        select(monitor_runs.c.monitor_id, func.min(monitor_runs.c.window_end).label("window_end"))
        .where(unfinished)
        .group_by(monitor_runs.c.monitor_id)
        .subquery()
    )
    earlier = monitor_runs.alias("earlier")
    is_first = ~exists().where(
        earlier.c.monitor_id == monitor_runs.c.monitor_id,
        earlier.c.window_end == monitor_runs.c.window_end,
        earlier.c.state.in_(["due", "running"]),
        earlier.c.id < monitor_runs.c.id,
    )
    return (
        select(monitor_runs.c.id)
        .join(
            heads,
            and_(heads.c.monitor_id == monitor_runs.c.monitor_id, heads.c.window_end == monitor_runs.c.window_end),
        )
        .where(open_to_all, is_first)
        .order_by(monitor_runs.c.window_end, monitor_runs.c.id)
        .limit(1)
        .with_for_update(of=monitor_runs, skip_locked=True)
    )


_HEAD = _head()  # built once: that takes longer than to run it


def claim_span(conn: Connection, owner: str, *, now: int, lease_seconds: float, limit: int) -> list[RunRow]:
    """Take the run that :func:`claim` would take, and those of its monitor that follow it, at most `limit` in all.

    Nobody else can be handed one of them meanwhile, since an earlier one is unfinished. They are judged in one go and
    finished in order, each on its own fence.
    """
    head = claim(conn, owner, now=now, lease_seconds=lease_seconds)
    if head is None:
        return []
    following = conn.execute(
        select(monitor_runs.c.id, monitor_runs.c.state, monitor_runs.c.due_at, monitor_runs.c.lease_until)
        .where(
            monitor_runs.c.monitor_id == head.monitor_id,
            monitor_runs.c.state.in_(["due", "running"]),
            monitor_runs.c.id != head.id,
        )
        .order_by(monitor_runs.c.window_end, monitor_runs.c.id)
        .limit(limit - 1)
        .with_for_update()
    ).all()
    taken = []
    for row in following:
        if (row.due_at > now) if row.state == "due" else (row.lease_until >= now):
            break
        taken.append(row.id)
    rows = _take(conn, taken, owner, now=now, lease_seconds=lease_seconds) if taken else []
    return [head, *sorted(rows, key=lambda run: (run.window_end, run.id))]


def _take(conn: Connection, ids: Sequence[int], owner: str, *, now: int, lease_seconds: float) -> list[RunRow]:
    rows = conn.execute(
        update(monitor_runs)
        .where(monitor_runs.c.id.in_(ids))
        .values(
            state="running",
            owner=owner,
            fence=monitor_runs.c.fence + 1,
            attempt=monitor_runs.c.attempt + 1,
            lease_until=now + int(lease_seconds * SECOND),
            started_at=now,
        )
        .returning(*_COLUMNS)
    ).all()
    return [_row(row) for row in rows]


def encode_result(result: Mapping[str, Any]) -> bytes:
    """A verdict (JSON-safe, ``summary`` and ``findings``) in the compact form of the `result` column."""
    return zstandard.ZstdCompressor(level=3).compress(ormsgpack.packb({"v": 1, **result}, option=_PACK))


def decode_result(payload: bytes) -> dict[str, Any]:
    """Read what :func:`encode_result` wrote.

    Raises:
        ValueError: these bytes are no verdict, or one of a later release.
    """
    try:
        result = ormsgpack.unpackb(zstandard.ZstdDecompressor().decompress(bytes(payload)))
        if result.pop("v") != 1:
            raise ValueError("a verdict of a later release cannot be read by this one")
    except (KeyError, TypeError, AttributeError, zstandard.ZstdError) as error:
        raise ValueError("these bytes are no verdict") from error
    return dict(result)


def _held(run_id: int, owner: str, fence: int) -> tuple[Any, ...]:
    held = monitor_runs.c
    return (held.id == run_id, held.owner == owner, held.fence == fence, held.state == "running")


def extend(conn: Connection, run_id: int, owner: str, fence: int, *, now: int, lease_seconds: float) -> bool:
    """Keep a claim for longer; False if it was lost."""
    until = now + int(lease_seconds * SECOND)
    kept = conn.execute(update(monitor_runs).where(*_held(run_id, owner, fence)).values(lease_until=until))
    return kept.rowcount == 1


def extend_all(conn: Connection, owner: str, *, now: int, lease_seconds: float) -> int:
    """Keep everything that this owner is at work on for longer; returns how many runs that is."""
    until = now + int(lease_seconds * SECOND)
    kept = conn.execute(
        update(monitor_runs)
        .where(monitor_runs.c.owner == owner, monitor_runs.c.state == "running")
        .values(lease_until=until)
    )
    return kept.rowcount


def finish(
    conn: Connection,
    run_id: int,
    owner: str,
    fence: int,
    *,
    at: int,
    status: str,
    n: int = 0,
    result: bytes | None = None,
    last_error: str | None = None,
) -> bool:
    """End a run. False if the claim was lost: then roll back, and write nothing of it.

    Call it first in the transaction that writes findings, alerts and notifications.
    """
    ended = conn.execute(
        update(monitor_runs)
        .where(*_held(run_id, owner, fence))
        .values(
            state="finished",
            status=status,
            n=n,
            result=result,
            last_error=last_error,
            finished_at=at,
            lease_until=None,
        )
    )
    return ended.rowcount == 1


def release(conn: Connection, run_id: int, owner: str, fence: int, *, retry_at: int, last_error: str) -> bool:
    """Give a run that failed back, to be claimed again from `retry_at` on; False if the claim was lost."""
    given = conn.execute(
        update(monitor_runs)
        .where(*_held(run_id, owner, fence))
        .values(state="due", owner=None, lease_until=None, due_at=retry_at, last_error=last_error)
    )
    return given.rowcount == 1


def latest_run(conn: Connection, monitor_id: int) -> RunRow | None:
    """The run of the newest window, in whatever state, or None before the first."""
    row = conn.execute(
        select(*_COLUMNS)
        .where(monitor_runs.c.monitor_id == monitor_id)
        .order_by(monitor_runs.c.window_end.desc(), monitor_runs.c.id.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else _row(row)


def first_window(conn: Connection, monitor_id: int, *, since: int) -> int | None:
    """The start of a monitor's earliest window that begins at `since` or later, in whatever state; None before it."""
    found = conn.execute(
        select(func.min(monitor_runs.c.window_start)).where(
            monitor_runs.c.monitor_id == monitor_id, monitor_runs.c.window_start >= since
        )
    ).scalar()
    return None if found is None else int(found)


def list_results(conn: Connection, model_id: int, start: int, end: int) -> list[RunRow]:
    """The newest finished run of every window that ends in (start, end], of all of a model's monitors, in order."""
    newer = monitor_runs.alias("newer")
    superseded = exists().where(
        newer.c.monitor_id == monitor_runs.c.monitor_id,
        newer.c.window_start == monitor_runs.c.window_start,
        newer.c.window_end == monitor_runs.c.window_end,
        newer.c.state == "finished",
        newer.c.id > monitor_runs.c.id,
    )
    rows = conn.execute(
        select(*_COLUMNS)
        .join(monitors, monitors.c.id == monitor_runs.c.monitor_id)
        .where(
            monitors.c.model_id == model_id,
            monitor_runs.c.state == "finished",
            monitor_runs.c.window_end > start,
            monitor_runs.c.window_end <= end,
            ~superseded,
        )
        .order_by(monitor_runs.c.window_end, monitor_runs.c.monitor_id)
    )
    return [_row(row) for row in rows]


def count_states(conn: Connection, monitor_ids: Sequence[int] | None = None) -> dict[str, int]:
    """How many runs are due, running and finished, of some monitors or of all."""
    statement = select(monitor_runs.c.state, func.count()).group_by(monitor_runs.c.state)
    if monitor_ids is not None:
        statement = statement.where(monitor_runs.c.monitor_id.in_(monitor_ids))
    return {state: int(n) for state, n in conn.execute(statement)}


def _row(row: Any) -> RunRow:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name
    values["result"] = None if values["result"] is None else bytes(values["result"])
    return RunRow(**values)
