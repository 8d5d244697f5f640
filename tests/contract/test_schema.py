"""The migrated schema, the tables as written down, and their names."""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from driftwatch._layout import bundled_dir
from driftwatch.errors import SchemaVersionError
from driftwatch.storage import inbox, migration, registration
from driftwatch.storage.engine import Database
from driftwatch.storage.schema import metadata
from driftwatch.storage.store import Store

HEAD = migration.HEAD
LATER = f"{int(HEAD) + 1:04}"
NAMES = sorted({*metadata.tables, *(column.name for table in metadata.tables.values() for column in table.columns)})


def test_alembic_sees_no_difference_between_the_revisions_and_the_tables(store: Store) -> None:
    with store.begin() as conn:
        # Defaults are compared by the catalogues below: alembic takes the empty text for none.
        context = MigrationContext.configure(conn, opts={"compare_type": True, "include_name": _is_no_partition})
        assert compare_metadata(context, metadata) == []


def _is_no_partition(name: str | None, kind: str, _parents: Any) -> bool:
    return kind != "table" or re.search(r"_\d{4}_\d{2}$", name or "") is None


def test_the_catalogue_is_the_same_as_if_made_from_the_tables_sqlite(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/migrated.db") as migrated, migrated.read() as conn:
        found = _sqlite_catalogue(conn)
    with Database(f"sqlite:///{tmp_path}/made.db") as made, made.begin() as conn:
        metadata.create_all(conn)
        wanted = _sqlite_catalogue(conn)
    assert found == wanted
    assert len(wanted) > 50


def _sqlite_catalogue(conn: Connection) -> dict[str, set[str]]:
    """Each object's definition as a set of its lines: constraints may stand in any order."""
    rows = conn.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'alembic_version'"))
    return {name: {line.strip().rstrip(",") for line in _plain(sql).split("\n")} for name, sql in rows}


def _plain(sql: str) -> str:
    sql = sql.replace("CREATE TABLE IF NOT EXISTS", "CREATE TABLE").replace('"', "")
    return sql.replace("DEFAULT (true)", "DEFAULT true").replace("DEFAULT (false)", "DEFAULT false")


def test_the_catalogue_is_the_same_as_if_made_from_the_tables_postgresql(
    new_postgresql: Callable[[], str], empty_postgresql: str
) -> None:
    with Database(new_postgresql()) as migrated, migrated.read() as conn:
        found = _postgresql_catalogue(conn)
    with Database(empty_postgresql) as made, made.begin() as conn:
        metadata.create_all(conn)
        wanted = _postgresql_catalogue(conn)
    assert found == wanted
    assert len(wanted) > 300


def _postgresql_catalogue(conn: Connection) -> set[tuple[Any, ...]]:
    no_partition = "NOT c.relispartition AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'alembic_version'"
    queries = (
        (
            "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, "
            "pg_get_expr(d.adbin, d.adrelid) "
            "FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 "
            "LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum "
            f"WHERE c.relkind IN ('r', 'p') AND {no_partition}"
        ),
        (
            "SELECT c.relname, k.conname, pg_get_constraintdef(k.oid) FROM pg_class c JOIN pg_constraint k "
            f"ON k.conrelid = c.oid WHERE {no_partition}"
        ),
        (
            f"SELECT c.relname, pg_get_indexdef(c.oid) FROM pg_class c WHERE c.relkind IN ('i', 'I') AND {no_partition}"
            " AND c.relname <> 'alembic_version_pkc'"
        ),
        f"SELECT c.relname, pg_get_partkeydef(c.oid) FROM pg_class c WHERE c.relkind = 'p' AND {no_partition}",
    )
    return {tuple(row) for query in queries for row in conn.execute(text(query))}


def test_the_newest_revision_in_the_folder_is_the_one_that_this_release_needs() -> None:
    config = Config()
    config.set_main_option("script_location", str(bundled_dir("migrations")))
    assert ScriptDirectory.from_config(config).get_heads() == [migration.HEAD]


def test_revisions_import_nothing_of_the_package() -> None:
    for path in (bundled_dir("migrations") / "versions").glob("*.py"):
        assert not re.search(r"^\s*(from|import) driftwatch", path.read_text(), re.MULTILINE), path


def test_no_name_is_reserved_in_duckdb() -> None:
    with duckdb.connect() as conn:
        rows = conn.execute("SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'")
        refused = {name for (name,) in rows.fetchall()} - _COLUMN_NAMES_DUCKDB_TAKES
        assert refused & set(NAMES) == set()
        for name in NAMES:
            conn.execute(f"CREATE TABLE {name} ({name} INTEGER)")
            conn.execute(f"SELECT t.{name} FROM {name} AS t WHERE {name} IS NULL")


# Names that DuckDB takes for columns and tables, but not for functions or types.
_COLUMN_NAMES_DUCKDB_TAKES = {"position"}


def test_no_name_is_reserved_in_sqlite() -> None:
    with closing(sqlite3.connect(":memory:")) as conn:
        for name in NAMES:
            conn.execute(f"CREATE TABLE {name} ({name} INTEGER)")
            conn.execute(f"SELECT t.{name} FROM {name} AS t WHERE {name} IS NULL")


def test_no_name_is_reserved_in_postgresql(new_postgresql: Callable[[], str]) -> None:
    with Database(new_postgresql()) as database, database.read() as conn:
        rows = conn.execute(text("SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')"))
        refused = {word for (word,) in rows}
    assert "select" in refused
    assert refused & set(NAMES) == set()


def test_sqlite_makes_a_copy_before_it_upgrades_what_holds_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.db"
    with Store.open(f"sqlite:///{path}") as store, store.begin() as conn:
        registration.ensure_model(conn, "production", "flights", at=1)
    _pretend_a_second_revision(tmp_path, monkeypatch)
    with Store.open(f"sqlite:///{path}") as store, store.read() as conn:
        assert migration.revision(conn) == LATER
        assert [model.name for model in registration.list_models(conn)] == ["flights"]
    (copy,) = tmp_path.glob(f"store.db.before-{LATER}-*")
    with closing(sqlite3.connect(copy)) as conn:
        assert conn.execute("SELECT version_num FROM alembic_version").fetchone() == (HEAD,)
        assert conn.execute("SELECT name FROM models").fetchone() == ("flights",)


def test_an_upgrade_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store.db"
    Store.open(f"sqlite:///{path}").close()
    _pretend_a_second_revision(
        tmp_path, monkeypatch, body="    op.add_column('models', sa.Column('x', sa.Text())); 1 / 0"
    )
    with pytest.raises(ZeroDivisionError):
        Store.open(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as conn:
        assert conn.execute("SELECT version_num FROM alembic_version").fetchone() == (HEAD,)
        assert "x" not in {row[1] for row in conn.execute("PRAGMA table_info(models)")}


def test_postgresql_at_an_older_schema_waits_for_the_command(
    new_postgresql: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = new_postgresql()
    _pretend_a_second_revision(tmp_path, monkeypatch)
    with pytest.raises(SchemaVersionError, match="run: driftwatch db upgrade") as caught:
        Store.open(url)
    assert (caught.value.found, caught.value.needed) == (HEAD, LATER)
    with Database(url) as database:
        migration.upgrade(database)
    Store.open(url).close()


def test_a_store_of_a_newer_release_is_refused_and_left_alone(store: Store, store_url: str) -> None:
    with store.begin() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaVersionError, match="newer driftwatch"):
        Store.open(store_url)


def _pretend_a_second_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str | None = None) -> None:
    import shutil

    folder = tmp_path / "later" / "migrations"
    shutil.copytree(bundled_dir("migrations"), folder)
    statement = body or "    op.add_column('models', sa.Column('nickname', sa.Text()))"
    (folder / "versions" / f"{LATER}_later.py").write_text(
        f"import sqlalchemy as sa\nfrom alembic import op\n\nrevision = '{LATER}'\ndown_revision = '{HEAD}'\n\n\n"
        f"def upgrade() -> None:\n{statement}\n"
    )
    monkeypatch.setattr(migration, "bundled_dir", lambda _name: folder)
    monkeypatch.setattr(migration, "HEAD", LATER)


def test_a_file_that_a_client_made_for_its_inbox_becomes_a_store(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path)) as client:
        client.execute(
            "CREATE TABLE inbox (batch_id TEXT NOT NULL PRIMARY KEY, received_at BIGINT NOT NULL, frame BLOB NOT NULL)"
        )
        client.execute("INSERT INTO inbox (batch_id, received_at, frame) VALUES ('b1', 5, x'0102')")
        client.commit()
    with Store.open(f"sqlite:///{path}") as store, store.begin() as conn:
        assert conn.exec_driver_sql("PRAGMA auto_vacuum").scalar() == 2
        assert inbox.take(conn) == [inbox.InboxRow("b1", 5, b"\x01\x02")]
