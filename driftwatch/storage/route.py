"""Declared routes, as documents."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, select

from driftwatch.storage.schema import routes
from driftwatch.storage.upsert import insert

__all__ = ["changed_at", "find_route", "list_routes", "put_route", "remove_route"]


def put_route(conn: Connection, name: str, spec: Mapping[str, Any], *, at: int) -> None:
    """Make a route, or change the one of that name."""
    values: dict[str, Any] = {"spec": dict(spec), "changed_at": at}
    conn.execute(
        insert(conn, routes)
        .values(name=name, created_at=at, **values)
        .on_conflict_do_update(index_elements=["name"], set_=values)
    )


def find_route(conn: Connection, name: str) -> dict[str, Any] | None:
    """The document of that name, or None."""
    return conn.execute(select(routes.c.spec).where(routes.c.name == name)).scalar()


def changed_at(conn: Connection, name: str) -> int | None:
    """When the route of that name got its present document, microseconds UTC; None if there is none."""
    return conn.execute(select(routes.c.changed_at).where(routes.c.name == name)).scalar()


def list_routes(conn: Connection) -> list[dict[str, Any]]:
    """All documents, by name."""
    return list(conn.execute(select(routes.c.spec).order_by(routes.c.name)).scalars())


def remove_route(conn: Connection, name: str) -> bool:
    """Forget a route; False if there is none of that name."""
    return conn.execute(delete(routes).where(routes.c.name == name)).rowcount == 1
