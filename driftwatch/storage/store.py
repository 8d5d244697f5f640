"""The store as the rest of the program opens it."""

from typing import Self

from driftwatch.storage import migration
from driftwatch.storage.engine import Database

__all__ = ["Store"]


class Store(Database):
    """A database with this release's schema: ``with store.begin() as conn`` writes, ``with store.read()`` reads."""

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the store at `url` (``sqlite:///path`` or ``postgresql://...``).

        A SQLite file is made, or upgraded after a backup copy. A PostgreSQL database must have been made by
        ``driftwatch db upgrade``.

        Raises:
            StoreError: it cannot be reached or written; the message says how to mend it.
            SchemaVersionError: it has another schema; the message names the command.
        """
        store = cls(url)
        try:
            if store.dialect == "sqlite":
                migration.upgrade(store)
            else:
                migration.check(store)
        except BaseException:
            store.close()
            raise
        return store
