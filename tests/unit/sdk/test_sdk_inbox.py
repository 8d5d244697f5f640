import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from driftwatch import Client
from driftwatch.wire import decode, decode_outcomes, is_outcomes

NewClient = Callable[..., Client]


def _read(path: Path) -> list[tuple[str, int, bytes]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT batch_id, received_at, frame FROM inbox ORDER BY received_at").fetchall()
    finally:
        connection.close()


def test_frames_and_outcomes_are_rows_of_one_table(new_client: NewClient, tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "inbox.db"
    client = new_client(f"sqlite:///{path}")
    id_ = client.log_prediction({"x": 1.0}, prediction=1)
    client.log_outcome(id_, 0)
    assert client.flush()
    predictions, outcomes = sorted(_read(path), key=lambda row: is_outcomes(row[2]))
    assert decode(predictions[2]).ids == [id_]
    assert decode_outcomes(outcomes[2]).ids == [id_]
    assert predictions[0] == decode(predictions[2]).batch_id
    assert 1_600_000_000_000_000 < predictions[1] < 10_000_000_000_000_000


def test_a_relative_path_is_meant_from_the_folder_in_which_the_client_was_made(
    new_client: NewClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    client = new_client("sqlite:///inbox.db")
    monkeypatch.chdir("/")
    client.log_prediction({}, prediction=1)
    assert client.flush()
    assert len(_read(tmp_path / "inbox.db")) == 1


def test_a_table_that_is_there_is_used_as_it_is(new_client: NewClient, tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE inbox (batch_id TEXT PRIMARY KEY, received_at BIGINT, frame BLOB, more TEXT)")
    connection.close()
    client = new_client(f"sqlite:///{path}")
    client.log_prediction({}, prediction=1)
    assert client.flush()
    assert len(_read(path)) == 1


def test_the_same_parcel_twice_is_one_row(new_client: NewClient, tmp_path: Path) -> None:
    client = new_client(f"sqlite:///{tmp_path}/inbox.db")
    memory = new_client()
    memory.log_prediction({}, prediction=1)
    assert memory.flush()
    parcel = memory.transport.parcels[0]
    client.transport.send(parcel)
    client.transport.send(parcel)
    client.transport.close()
    assert len(_read(tmp_path / "inbox.db")) == 1


def test_another_writer_delays_and_loses_nothing(new_client: NewClient, tmp_path: Path) -> None:
    path = tmp_path / "inbox.db"
    client = new_client(f"sqlite:///{path}", timeout_seconds=0.05)
    client.log_prediction({}, prediction=1)
    assert client.flush()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    client.log_prediction({}, prediction=1)
    assert not client.flush(0.2)
    other.execute("COMMIT")
    other.close()
    assert client.flush(30)
    assert client.stats.sent == 2
    assert len(_read(path)) == 2


def test_a_place_that_cannot_be_written_is_told_and_tried_again(
    new_client: NewClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    client = new_client(f"sqlite:///{tmp_path}/file/inbox.db")
    client.log_prediction({}, prediction=1)
    assert not client.flush(0.2)
    assert "file/inbox.db cannot be written" in caplog.text
    assert client.stats.queued_rows == 1


def test_two_clients_share_a_file(new_client: NewClient, tmp_path: Path) -> None:
    clients = [new_client(f"sqlite:///{tmp_path}/inbox.db", version=str(i)) for i in range(2)]

    def work(client: Client) -> None:
        for i in range(200):
            client.log_prediction({"x": i}, prediction=1)
            if i % 20 == 0:
                client.flush(30)

    threads = [threading.Thread(target=work, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(client.flush(30) for client in clients)
    frames = [decode(row[2]) for row in _read(tmp_path / "inbox.db")]
    assert sorted(id_ for frame in frames for id_ in frame.ids) == sorted({id_ for f in frames for id_ in f.ids})
    assert sum(frame.n for frame in frames) == 400


def test_postgresql_needs_the_one_table_and_nothing_else(
    new_client: NewClient, empty_postgresql: str, caplog: pytest.LogCaptureFixture
) -> None:
    import psycopg

    client = new_client(empty_postgresql)
    id_ = client.log_prediction({"x": 1.0}, prediction=1)
    assert not client.flush(1.0)
    assert "the database has no table inbox; run: driftwatch db upgrade" in caplog.text
    url = empty_postgresql.replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE inbox (batch_id text PRIMARY KEY, received_at bigint, frame bytea)")
        client.log_outcome(id_, 0)
        assert client.flush(60)
        rows: list[Any] = connection.execute("SELECT batch_id, received_at, frame FROM inbox").fetchall()
        for parcel in (decode(row[2]) for row in rows if not is_outcomes(row[2])):
            assert parcel.ids == [id_]
        assert len(rows) == 2
    assert (client.stats.sent, client.stats.outcomes) == (1, 1)


def test_postgresql_that_ends_the_connection_gets_another(
    new_client: NewClient, new_postgresql: Callable[[], str]
) -> None:
    import psycopg

    url = new_postgresql()
    client = new_client(url)
    client.log_prediction({}, prediction=1)
    assert client.flush(30)
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'driftwatch-sdk'"
        )
        client.log_prediction({}, prediction=1)
        assert client.flush(30)
        (count,) = connection.execute("SELECT count(*) FROM inbox").fetchone() or (None,)
    assert count == 2
