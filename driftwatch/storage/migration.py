"""Bringing a store to this release's schema: SQLite by itself, PostgreSQL on command.

The revisions stand in the folder ``migrations`` and import nothing from the package.
"""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from driftwatch._layout import bundled_dir
from driftwatch.errors import SchemaVersionError, StoreError
from driftwatch.storage.engine import Database

__all__ = ["HEAD", "check", "revision", "upgrade"]

HEAD = "0006"
"""The revision that this release needs (a test holds it against the folder's newest)."""

_in_process = threading.Lock()
_ACROSS_PROCESSES = 0x6472_6966_7477  # "driftw": the key of PostgreSQL's advisory lock


def revision(conn: Connection) -> str | None:
    """The revision that the database is at, or None if driftwatch never made its tables there."""
    if not inspect(conn).has_table("alembic_version"):
        return None
    found = conn.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def check(database: Database) -> None:
    """Refuse a database that has another schema than this release.

    Raises:
        SchemaVersionError: names the command that mends it.
        StoreError: it cannot be reached.
    """
    with database.read() as conn:
        found = revision(conn)
    if found == HEAD:
        return
    if found is None:
        raise SchemaVersionError(
            f"{database} has no driftwatch tables yet. Make them with: driftwatch db upgrade", found=None, needed=HEAD
        )
    _refuse_newer(database, found)
    raise SchemaVersionError(
        f"{database} is at schema {found}, this release needs {HEAD}. Back it up, then run: driftwatch db upgrade",
        found=found,
        needed=HEAD,
    )


def upgrade(database: Database) -> Path | None:
    """Bring the schema to this release's, in one transaction; a no-op when it is there already.

    Safe to call from many threads and processes at once: one does the work. A SQLite file that holds data is copied
    first.

    Returns:
        The backup copy, if one was made.

    Raises:
        SchemaVersionError: the database was made by a newer release.
        StoreError: it cannot be reached or written.
    """
    with database.read() as conn:
        found = revision(conn)
    if found == HEAD:
        return None
    with _in_process, database.explained():
        if database.path is not None:
            return _upgrade_sqlite(database)
        _upgrade_postgresql(database)
    return None


def _upgrade_postgresql(database: Database) -> None:
    with database.engine.begin() as conn:
        conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ACROSS_PROCESSES})
        _run(database, conn)


def _upgrade_sqlite(database: Database) -> Path | None:
    with database.engine.connect() as plain:
        raw = plain.connection.driver_connection
        assert raw is not None  # noqa: S101 - a connected connection has one
        raw.execute("PRAGMA query_only=OFF")
        _make_incremental(raw)
        # Rebuilding a table drops the old one, which must not delete what refers to it; checked before the commit.
        raw.execute("PRAGMA foreign_keys=OFF")
        conn = database.writing(plain)
        try:
            with conn.begin():
                backup = _backup(database, conn)
                _run(database, conn)
                broken = conn.execute(text("PRAGMA foreign_key_check")).fetchall()
                if broken:
                    raise StoreError(
                        f"{database}: the upgrade would break {len(broken)} references; nothing was changed."
                    )
        finally:
            raw.execute("PRAGMA foreign_keys=ON")
    return backup


def _make_incremental(raw: sqlite3.Connection) -> None:
    # A client may have made the file with its inbox before the service ever ran.
    if raw.execute("PRAGMA auto_vacuum").fetchone()[0] != 2:  # 2 = incremental
        raw.execute("PRAGMA auto_vacuum=INCREMENTAL")
        raw.execute("VACUUM")


def _backup(database: Database, conn: Connection) -> Path | None:
    found = revision(conn)
    if found is None or found == HEAD or database.path is None:
        return None
    if not conn.execute(text("SELECT EXISTS (SELECT 1 FROM models)")).scalar():
        return None
    target = database.path.with_name(f"{database.path.name}.before-{HEAD}-{database.now(conn)}")
    with closing(sqlite3.connect(database.path)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
    return target


def _run(database: Database, conn: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    found = revision(conn)
    if found == HEAD:  # another process was faster
        return
    if found is not None:
        _refuse_newer(database, found)
    config = Config()
    config.set_main_option("script_location", str(bundled_dir("migrations")).replace("%", "%%"))
    config.attributes["connection"] = conn
    command.upgrade(config, HEAD)


def _refuse_newer(database: Database, found: str) -> None:
    if any((bundled_dir("migrations") / "versions").glob(f"{found}_*.py")):
        return
    raise SchemaVersionError(
        f"{database} is at schema {found}, which this release does not know: a newer driftwatch made it. "
        "Run that release, or put the backup copy back.",
        found=found,
        needed=HEAD,
    )
