"""The inbox: clients write with one INSERT and the database's plain driver, nothing of ours."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg
import pytest

from driftwatch.storage import inbox
from driftwatch.storage.schema import metadata
from driftwatch.storage.store import Store


def test_its_shape_never_changes() -> None:
    assert [column.name for column in metadata.tables["inbox"].columns] == ["batch_id", "received_at", "frame"]


def _client(url: str) -> tuple[Any, str]:
    if url.startswith("sqlite"):
        return sqlite3.connect(url.removeprefix("sqlite:///")), "?, ?, ?"
    return psycopg.connect(url), "%s, %s, %s"


def test_a_client_writes_with_the_plain_driver_and_a_worker_takes_the_oldest_first(
    store: Store, store_url: str
) -> None:
    client, places = _client(store_url)
    with closing(client):
        for name, at in (("b2", 20), ("b1", 10), ("b3", 30)):
            client.execute(f"INSERT INTO inbox (batch_id, received_at, frame) VALUES ({places})", (name, at, b"\0DWF1"))
        client.commit()
    with store.begin() as conn:
        assert inbox.count_inbox(conn) == 3
        assert inbox.take(conn) == [inbox.InboxRow("b1", 10, b"\0DWF1")]
        assert [row.batch_id for row in inbox.take(conn, limit=9)] == ["b2", "b3"]
        assert inbox.take(conn) == []
        assert inbox.count_inbox(conn) == 0


def test_a_frame_waits_once(store: Store) -> None:
    with store.begin() as conn:
        assert inbox.append(conn, "b1", 1, b"first")
        assert not inbox.append(conn, "b1", 2, b"second")
        assert inbox.take(conn) == [inbox.InboxRow("b1", 1, b"first")]


def test_a_frame_whose_ingest_fails_is_back(store: Store) -> None:
    with store.begin() as conn:
        inbox.append(conn, "b1", 1, b"frame")

    def ingest() -> None:
        with store.begin() as conn:
            assert inbox.take(conn) != []
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ingest()
    with store.read() as conn:
        assert inbox.count_inbox(conn) == 1


def test_each_frame_is_taken_by_one_of_many_workers(store: Store) -> None:
    with store.begin() as conn:
        for number in range(40):
            inbox.append(conn, f"b{number:02d}", number, b"frame")

    def drain(_worker: int) -> list[str]:
        taken: list[str] = []
        while True:
            with store.begin() as conn:
                rows = inbox.take(conn)
            if not rows:
                return taken
            taken += [row.batch_id for row in rows]

    with ThreadPoolExecutor(4) as pool:
        taken = [name for names in pool.map(drain, range(4)) for name in names]
    assert sorted(taken) == [f"b{number:02d}" for number in range(40)]
