"""Frames appended to one table, `inbox(batch_id primary key, received_at, frame)`, whose shape never changes.

The service's worker, or `driftwatch ingest --drain`, takes them from there. INSERT on this table is all that the
client needs; nothing of the store's schema is known here.
"""

import os
import time
from _thread import allocate_lock
from typing import Any
from weakref import WeakSet

from driftwatch.errors import DeliveryError
from driftwatch.sdk.transport import Parcel

__all__ = ["PostgresInbox", "SqliteInbox"]

_CREATE = (
    "CREATE TABLE IF NOT EXISTS inbox (batch_id TEXT NOT NULL, received_at BIGINT NOT NULL, frame BLOB NOT NULL, "
    "CONSTRAINT pk_inbox PRIMARY KEY (batch_id))"
)
_INSERT_SQLITE = "INSERT OR IGNORE INTO inbox (batch_id, received_at, frame) VALUES (?, ?, ?)"
_INSERT_POSTGRES = (
    "INSERT INTO inbox (batch_id, received_at, frame) VALUES (%s, %s, %s) ON CONFLICT (batch_id) DO NOTHING"
)


class SqliteInbox:
    """The inbox in an SQLite file; file and table are made if they are missing.

    Args:
        path: of the file; missing folders are made.
        timeout_seconds: how long to wait for another writer.

    Attributes:
        at_work: held while SQLite is at work.
    """

    def __init__(self, path: str, *, timeout_seconds: float) -> None:
        self._path = os.path.abspath(path)  # noqa: PTH100 - pathlib costs import time
        self._timeout_seconds = timeout_seconds
        self._connection: Any = None
        self.at_work = allocate_lock()
        _sqlite_inboxes.add(self)

    def send(self, parcel: Parcel) -> None:
        """Append one frame and commit."""
        import sqlite3

        with self.at_work:
            try:
                if self._connection is None:
                    self._connection = self._open()
                row = (parcel.batch_id, time.time_ns() // 1000, parcel.body)
                self._connection.execute(_INSERT_SQLITE, row)
            except (sqlite3.Error, OSError) as error:
                self._close()
                raise DeliveryError(f"the inbox {self._path} cannot be written: {error}", retryable=True) from error

    def close(self) -> None:
        """Close the file; the next send opens it again."""
        with self.at_work:
            self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self) -> Any:
        import sqlite3

        os.makedirs(os.path.dirname(self._path), exist_ok=True)  # noqa: PTH103, PTH120 - as above
        new = not os.path.exists(self._path) or os.path.getsize(self._path) == 0  # noqa: PTH110, PTH202 - as above
        connection = sqlite3.connect(
            self._path, timeout=self._timeout_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            if new:
                connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
                connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(_CREATE)
        except sqlite3.Error:
            connection.close()
            raise
        return connection


_FORK_SECONDS = 0.5

_sqlite_inboxes: "WeakSet[SqliteInbox]" = WeakSet()
_quiet: list[SqliteInbox] = []


def _let_finish() -> None:
    """Before a fork: a child that inherits SQLite's locks in the middle of a transaction never gets them again."""
    _quiet.extend(inbox for inbox in list(_sqlite_inboxes) if inbox.at_work.acquire(timeout=_FORK_SECONDS))


def _go_on() -> None:
    while _quiet:
        _quiet.pop().at_work.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_let_finish, after_in_parent=_go_on, after_in_child=_go_on)


class PostgresInbox:
    """The inbox in a PostgreSQL database; the table must be there (`driftwatch db upgrade`).

    Args:
        url: `postgresql://user@host/database`.
        timeout_seconds: how long to wait for a connection.
    """

    def __init__(self, url: str, *, timeout_seconds: float) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._connection: Any = None

    def send(self, parcel: Parcel) -> None:
        """Append one frame and commit."""
        import psycopg

        try:
            if self._connection is None:
                self._connection = psycopg.connect(
                    self._url,
                    autocommit=True,
                    connect_timeout=max(1, int(self._timeout_seconds)),
                    prepare_threshold=None,
                    application_name="driftwatch-sdk",
                )
            row = (parcel.batch_id, time.time_ns() // 1000, parcel.body)
            self._connection.execute(_INSERT_POSTGRES, row)
        except psycopg.errors.UndefinedTable:
            self.close()
            message = "the database has no table inbox; run: driftwatch db upgrade"
            raise DeliveryError(message, retryable=True) from None
        except (psycopg.Error, OSError) as error:
            self.close()
            raise DeliveryError(f"the inbox cannot be written: {error}", retryable=True) from error

    def close(self) -> None:
        """Close the connection; the next send opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
