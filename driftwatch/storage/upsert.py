"""INSERT ... ON CONFLICT, which both databases know and SQLAlchemy spells once a dialect."""

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

__all__ = ["insert"]


def insert(conn: Connection, table: Table) -> postgresql.Insert:
    """The insert of this connection's dialect, with ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
    if conn.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)  # type: ignore[return-value]  # the same methods with the same meaning
