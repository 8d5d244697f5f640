"""Leases for jobs that one worker at a time does, by the database's clock."""

from sqlalchemy import Connection, delete, or_

from driftwatch.domain.instant import SECOND
from driftwatch.storage.schema import leases
from driftwatch.storage.upsert import insert

__all__ = ["acquire", "give_back"]


def acquire(conn: Connection, name: str, owner: str, *, now: int, seconds: float) -> int | None:
    """Take or keep a lease.

    Args:
        conn: a writing connection.
        name: of the job.
        owner: who asks; unique among processes.
        now: the database's clock (`Store.now`).
        seconds: how long it lasts.

    Returns:
        The fence, higher with each call, or None while another owner holds it.
    """
    values = {"owner": owner, "lease_until": now + int(seconds * SECOND)}
    statement = (
        insert(conn, leases)
        .values(name=name, fence=1, **values)
        .on_conflict_do_update(
            index_elements=["name"],
            set_={**values, "fence": leases.c.fence + 1},
            where=or_(leases.c.owner == owner, leases.c.lease_until < now),
        )
        .returning(leases.c.fence)
    )
    return conn.execute(statement).scalar()


def give_back(conn: Connection, name: str, owner: str) -> bool:
    """End a lease early; False if it was not this owner's any more."""
    return conn.execute(delete(leases).where(leases.c.name == name, leases.c.owner == owner)).rowcount == 1
