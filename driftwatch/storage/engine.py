"""Connections to SQLite and PostgreSQL: transactions, locks, database time, and errors that say how to mend them."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import orjson
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
)

from driftwatch._optional import require
from driftwatch.errors import StoreError

__all__ = ["Database"]

_BUSY_SECONDS = 30
_WRITE = "driftwatch_write"


class Database:
    """One database and how to talk to it. `Store` is this with the schema looked after.

    Thread-safe: each transaction has a connection of its own. Writes on SQLite queue at one lock in this process and
    begin IMMEDIATE, so that several processes queue at the file instead of failing half-way.

    Attributes:
        url: where it is.
        dialect: ``"sqlite"`` or ``"postgresql"``.
        engine: SQLAlchemy's engine.
        path: the SQLite file, or None.
    """

    def __init__(self, url: str) -> None:
        self.url = _parse(url)
        self.path = Path(self.url.database or "") if self.url.get_backend_name() == "sqlite" else None
        self.engine = _sqlite_engine(self.url, self.path) if self.path is not None else _postgresql_engine(self.url)
        self.dialect = self.engine.dialect.name
        self._writer = threading.Lock()
        self._writing = threading.local()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A write transaction: committed at the end of the block, rolled back by an exception.

        Raises:
            StoreError: the database cannot be reached, is locked for too long, or is full.
            RuntimeError: this thread is in a write transaction already.
        """
        if getattr(self._writing, "active", False):
            raise RuntimeError("this thread already writes: pass its connection on instead of opening a second one")
        self._writing.active = True
        try:
            with self._queue(), self.explained(), self.engine.connect() as plain:
                conn = self.writing(plain)
                with conn.begin():
                    yield conn
        finally:
            self._writing.active = False

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one snapshot for the whole block, and cannot write.

        Raises:
            StoreError: the database cannot be reached.
        """
        with self.explained(), self.engine.connect() as conn:
            if self.dialect == "postgresql":
                conn.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with conn.begin():
                yield conn

    def now(self, conn: Connection) -> int:
        """The database's own clock, in microseconds UTC: hosts may disagree, leases must not."""
        if self.dialect == "postgresql":
            statement = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"
        else:
            statement = "SELECT CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) * 1000"
        return int(conn.execute(text(statement)).scalar_one())

    def writing(self, conn: Connection) -> Connection:
        """The connection, with its next transaction announced as a writing one."""
        return conn.execution_options(**{_WRITE: True})

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __str__(self) -> str:
        """Where the database is, without a password."""
        return str(self.path) if self.path is not None else self.url.render_as_string(hide_password=True)

    @contextmanager
    def _queue(self) -> Iterator[None]:
        if self.dialect == "postgresql":
            yield
            return
        with self._writer:
            yield

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn what the database refuses into a `StoreError` with advice; mistakes in our own SQL stay as they are."""
        try:
            yield
        except DBAPIError as error:
            if _is_our_mistake(error):
                raise
            raise StoreError(f"{self}: {_advice(self, error.orig or error)}") from error
        except sqlite3.Error as error:  # from the few statements that go past SQLAlchemy
            raise StoreError(f"{self}: {_advice(self, error)}") from error


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    backend = parsed.drivername.split("+")[0] if parsed is not None else ""
    if parsed is None or backend not in {"sqlite", "postgresql", "postgres"}:
        raise StoreError(
            f"{url!r} is not the address of a store. Use sqlite:///path/to/driftwatch.db or postgresql://user@host/database."
        )
    if backend == "sqlite":
        if not parsed.database or parsed.database == ":memory:" or parsed.database.startswith("file:"):
            raise StoreError(f"{url!r} names no file. Use sqlite:///path/to/driftwatch.db.")
        return parsed.set(drivername="sqlite+pysqlite")
    require("psycopg", extra="postgres", purpose="A PostgreSQL store")
    return parsed.set(drivername="postgresql+psycopg")


def _dumps(value: Any) -> str:
    # Not-a-number becomes null: PostgreSQL refuses NaN in JSON, and unknown is null in all our contracts.
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS).decode()


def _sqlite_engine(url: URL, path: Path) -> Engine:
    engine = create_engine(
        url,
        connect_args={"timeout": _BUSY_SECONDS, "isolation_level": None},
        json_serializer=_dumps,
        json_deserializer=orjson.loads,
    )

    @event.listens_for(engine, "do_connect")
    def _make_folder(*_: object) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{path}: the folder {path.parent} cannot be made ({error.strerror}). Choose another file with "
                "DRIFTWATCH_STORE, or make the folder and give this user the right to write in it."
            ) from error

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        try:
            connection.execute(f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000}")
            # Only before the first table, where alone it works: on a file in use it would wait for the writer.
            if connection.execute("PRAGMA page_count").fetchone()[0] == 0:
                connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
        except sqlite3.Error:
            connection.close()
            raise

    @event.listens_for(engine, "begin")
    def _begin(conn: Connection) -> None:
        writes = bool(conn.get_execution_options().get(_WRITE))
        conn.exec_driver_sql(f"PRAGMA query_only={int(not writes)}")
        conn.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


# synchronous=FULL: a receipt tells the client to forget its copy, so an acknowledged batch must outlive a power cut
# (NORMAL would do for a killed process); the price is one fsync for a transaction that holds up to 4,096 rows.
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "journal_size_limit=67108864",
    "temp_store=MEMORY",
)


def _postgresql_engine(url: URL) -> Engine:
    return create_engine(
        url,
        pool_pre_ping=True,
        pool_size=8,
        max_overflow=24,
        connect_args={"connect_timeout": 10, "application_name": "driftwatch", "options": "-c TimeZone=UTC"},
        json_serializer=_dumps,
        json_deserializer=orjson.loads,
    )


def _is_our_mistake(error: DBAPIError) -> bool:
    if isinstance(error, IntegrityError | ProgrammingError | DataError | NotSupportedError):
        return True
    # SQLite files wrong SQL under OperationalError, with its plainest code.
    return getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR


def _advice(database: Database, error: BaseException) -> str:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    if database.path is None:
        return f"{reason}. Check that PostgreSQL runs there, that the database exists and that this user may use it."
    lowered = reason.lower()
    if "locked" in lowered or "busy" in lowered:
        return f"{reason} for {_BUSY_SECONDS} s. Another program holds a long transaction on this file; try again."
    if "full" in lowered:
        return f"{reason}. Free space on this disk, or move the file."
    return (
        f"{reason}. Check that the path is a file, not a folder, and that this user may write it and its folder "
        f"{database.path.parent}; DRIFTWATCH_STORE chooses another file."
    )
