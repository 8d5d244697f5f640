"""Transactions, snapshots, database time, and errors that say how to mend them."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from driftwatch.domain.instant import SECOND
from driftwatch.errors import SchemaVersionError, StoreError
from driftwatch.storage import registration
from driftwatch.storage.store import Store


def test_an_exception_takes_back_everything_of_its_transaction(store: Store) -> None:
    def write_and_fail() -> None:
        with store.begin() as conn:
            registration.ensure_model(conn, "production", "flights", at=1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    with store.read() as conn:
        assert registration.list_models(conn) == []


def test_a_reader_sees_one_snapshot_while_others_write(store: Store) -> None:
    with store.read() as reader:
        assert registration.list_models(reader) == []
        with store.begin() as writer:
            registration.ensure_model(writer, "production", "flights", at=1)
        assert registration.list_models(reader) == []
    with store.read() as reader:
        assert [model.name for model in registration.list_models(reader)] == ["flights"]


def test_a_reader_cannot_write(store: Store) -> None:
    with pytest.raises(StoreError, match=r"read-?only"), store.read() as conn:
        registration.ensure_model(conn, "production", "flights", at=1)
    with store.begin() as conn:  # the connection is as good as new
        registration.ensure_model(conn, "production", "flights", at=1)


def test_a_second_write_transaction_of_one_thread_is_a_mistake(store: Store) -> None:
    with store.begin(), pytest.raises(RuntimeError, match="already writes"), store.begin():
        pass
    with store.begin() as conn:  # the mistake has broken nothing
        registration.ensure_model(conn, "production", "flights", at=1)


def test_writers_of_many_threads_queue_and_lose_nothing(store: Store) -> None:
    def write(number: int) -> None:
        for turn in range(5):
            with store.begin() as conn:
                registration.ensure_model(conn, "production", f"model-{number}-{turn}", at=1)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as conn:
        assert len(registration.list_models(conn)) == 40


def test_a_new_reader_does_not_wait_for_a_writer(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("driftwatch.storage.engine._BUSY_SECONDS", 0)
    with store.begin() as writing:
        registration.ensure_model(writing, "production", "flights", at=1)
        with store.read() as conn:
            assert registration.list_models(conn) == []


def test_database_time_goes_on_inside_a_transaction(store: Store) -> None:
    with store.begin() as conn:
        first = store.now(conn)
        times = {store.now(conn) for _ in range(2000)}
    assert min(times) >= first
    assert len(times) > 1
    assert max(times) - first < 60 * SECOND


def test_the_sqlite_file_is_what_a_long_life_needs(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Store.open(f"sqlite:///{path}") as store, store.read() as conn:
        pragma = {name: conn.exec_driver_sql(f"PRAGMA {name}").scalar() for name in _WANTED}
    assert pragma == _WANTED


_WANTED = {"journal_mode": "wal", "auto_vacuum": 2, "foreign_keys": 1, "synchronous": 2, "busy_timeout": 30000}


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "store.db"
    Store.open(f"sqlite:///{path}").close()
    assert path.is_file()


@pytest.mark.parametrize("url", ["mysql://host/db", "flights.db", "sqlite://", "sqlite:///:memory:", ""])
def test_an_address_that_is_none_is_answered_with_the_two_that_are(url: str) -> None:
    with pytest.raises(StoreError, match=r"sqlite:///path/to/driftwatch\.db"):
        Store.open(url)


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="a file, not a folder") as caught:
        Store.open(f"sqlite:///{tmp_path}")
    assert str(tmp_path) in str(caught.value)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be made") as caught:
        Store.open(f"sqlite:///{tmp_path}/file/store.db")
    assert "DRIFTWATCH_STORE" in str(caught.value)


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("these are my notes, " * 100)
    with pytest.raises(StoreError, match="not a database"):
        Store.open(f"sqlite:///{path}")
    assert path.read_text() == "these are my notes, " * 100


def test_an_unreachable_postgresql_is_named_without_its_password() -> None:
    with pytest.raises(StoreError, match="Check that PostgreSQL runs there") as caught:
        Store.open("postgresql://somebody:secret@127.0.0.1:1/driftwatch")
    assert "127.0.0.1:1/driftwatch" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_an_empty_postgresql_is_refused_with_the_command_that_makes_the_tables(empty_postgresql: str) -> None:
    with pytest.raises(SchemaVersionError, match="driftwatch db upgrade") as caught:
        Store.open(empty_postgresql)
    assert caught.value.found is None


def test_a_lock_that_another_program_holds_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store.db"
    with Store.open(f"sqlite:///{path}") as store, closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with store.read() as conn:  # readers go on
            conn.exec_driver_sql("PRAGMA busy_timeout=10")
        with pytest.raises(StoreError, match="Another program holds"), store.begin():
            pass
        other.rollback()
        with store.begin() as conn:
            registration.ensure_model(conn, "production", "flights", at=1)
