"""Deltas and their folding: the sum is the same before, while and after."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection

from driftwatch.domain.instant import DAY, HOUR, from_iso
from driftwatch.storage import batch, profile, registration
from driftwatch.storage.store import Store

START = from_iso("2013-01-01T00:00:00")


def _merge(payloads: list[bytes]) -> bytes:
    """A payload is a number; their sum is the merged one."""
    return str(sum(int(payload) for payload in payloads)).encode()


def _version(conn: Connection, name: str = "1") -> tuple[int, int]:
    model_id = registration.ensure_model(conn, "production", "flights", at=1)
    return model_id, registration.ensure_version(conn, model_id, name, at=1)


def _add(conn: Connection, version_id: int, name: str, value: int, bucket_at: int = START, errors: int = 0) -> None:
    profile.insert_delta(
        conn, version_id, bucket_at, value, str(value).encode(), batch_id=name, at=START + value, n_errors=errors
    )


def _total(conn: Connection, version_id: int) -> tuple[int, int, int, int]:
    (row,) = profile.read_buckets(conn, version_id, START, START + HOUR)
    return int(_merge(row.payloads)), row.data_version, row.n, row.n_errors


def test_a_bucket_is_the_sum_of_its_deltas_folded_or_not(store: Store) -> None:
    with store.begin() as conn:
        _, version_id = _version(conn)
        for number in range(1, 5):
            _add(conn, version_id, f"b{number}", number, errors=1)
        assert _total(conn, version_id) == (10, 4, 10, 4)
        assert profile.fold(conn, version_id, START, _merge, at=START) == 4
        assert _total(conn, version_id) == (10, 4, 10, 4)
        assert profile.fold(conn, version_id, START, _merge, at=START) == 0  # to fold again changes nothing
        _add(conn, version_id, "late", 100)
        assert _total(conn, version_id) == (110, 5, 110, 4)
        (row,) = profile.read_buckets(conn, version_id, START, START + HOUR)
        assert row.payloads == [b"10", b"100"]  # the folded one first
        assert row.received_at == START + 100
        assert profile.fold(conn, version_id, START, _merge, at=START) == 1
        (row,) = profile.read_buckets(conn, version_id, START, START + HOUR)
        assert (row.payloads, row.data_version, row.received_at) == ([b"110"], 5, START + 100)


def test_buckets_are_read_by_their_start_in_order(store: Store) -> None:
    with store.begin() as conn:
        _, version_id = _version(conn)
        _, other_id = _version(conn, "2")
        for number, place in ((1, 2), (2, 0), (3, 1)):
            _add(conn, version_id, f"b{number}", number, START + place * HOUR)
            _add(conn, other_id, f"b{number}", 10 * number, START + place * HOUR, errors=1)
        profile.fold(conn, version_id, START + HOUR, _merge, at=START)
        rows = profile.read_buckets(conn, version_id, START, START + 2 * HOUR)
        assert [(row.bucket_at, row.payloads) for row in rows] == [(START, [b"2"]), (START + HOUR, [b"3"])]
        counts = profile.count_buckets(conn, [version_id, other_id], START, START + 3 * HOUR)
        assert [(row.bucket_at, row.n, row.n_errors, row.data_version) for row in counts] == [
            (START, 22, 1, 2),
            (START + HOUR, 33, 1, 2),
            (START + 2 * HOUR, 11, 1, 2),
        ]
        assert profile.count_buckets(conn, [], START, START + HOUR) == []
        day = START // DAY
        _add(conn, version_id, "b4", 1, (day + 1) * DAY)
        assert profile.count_days(conn, [version_id, other_id], START, START + 2 * DAY) == {day: 6, day + 1: 1}
        assert profile.count_days(conn, [version_id], START + HOUR, START + 2 * HOUR) == {day: 1}
        assert profile.count_days(conn, [], START, START + HOUR) == {}
        assert profile.read_buckets(conn, version_id, START - HOUR, START) == []


def test_the_buckets_with_most_to_fold_come_first(store: Store) -> None:
    with store.begin() as conn:
        _, version_id = _version(conn)
        _add(conn, version_id, "b1", 1, START)
        _add(conn, version_id, "b1", 1, START + HOUR)
        _add(conn, version_id, "b2", 2, START + HOUR)
        assert profile.list_unfolded(conn) == [
            profile.Unfolded(version_id, START + HOUR, 2),
            profile.Unfolded(version_id, START, 1),
        ]
        assert len(profile.list_unfolded(conn, limit=1)) == 1


def test_a_fold_that_fails_leaves_the_deltas(store: Store) -> None:
    with store.begin() as conn:
        _, version_id = _version(conn)
        _add(conn, version_id, "b1", 7)

    def fails(_payloads: list[bytes]) -> bytes:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), store.begin() as conn:
        profile.fold(conn, version_id, START, fails, at=START)
    with store.begin() as conn:
        assert _total(conn, version_id) == (7, 1, 7, 0)
        assert profile.fold(conn, version_id, START, _merge, at=START) == 1


def test_the_sum_never_wavers_while_writers_and_folders_race(store: Store) -> None:
    """Each delta is 1: a reader must always find the sum, the rows and the data version equal, and never fewer."""
    with store.begin() as conn:
        _, version_id = _version(conn)
    race = _Race(store, version_id)
    with ThreadPoolExecutor(6) as pool:
        others = [pool.submit(each) for each in (race.fold, race.fold, race.read)]
        for written in [pool.submit(race.write, number) for number in range(3)]:
            written.result()
        race.done.set()
        for other in others:
            other.result()
    with store.begin() as conn:
        profile.fold(conn, version_id, START, _merge, at=START)
        assert _total(conn, version_id) == (45, 45, 45, 0)
        assert profile.list_unfolded(conn) == []


class _Race:
    def __init__(self, store: Store, version_id: int) -> None:
        self.store = store
        self.version_id = version_id
        self.done = threading.Event()

    def write(self, writer: int) -> None:
        for turn in range(15):
            with self.store.begin() as conn:
                _add(conn, self.version_id, f"{writer}-{turn}", 1)

    def fold(self) -> None:
        while not self.done.wait(0.001):
            with self.store.begin() as conn:
                profile.fold(conn, self.version_id, START, _merge, at=START)

    def read(self) -> None:
        last = 0
        while not self.done.wait(0.001):
            with self.store.read() as conn:
                rows = profile.read_buckets(conn, self.version_id, START, START + HOUR)
            for row in rows:
                total = int(_merge(row.payloads))
                assert total == row.data_version == row.n
                assert total >= last
                last = total


def test_the_watermark_outlives_the_receipts(store: Store) -> None:
    with store.begin() as conn:
        model_id, version_id = _version(conn)
        assert profile.watermark(conn, model_id) is None
        _add(conn, version_id, "b1", 1, START + HOUR)
        profile.fold(conn, version_id, START + HOUR, _merge, at=START)
        assert profile.watermark(conn, model_id) == START + HOUR
        batch.insert_receipt(
            conn,
            batch.Receipt("b1", "predictions", model_id, b"h", 1, START, last_at=START + HOUR + 5),
        )
        assert profile.watermark(conn, model_id) == START + HOUR + 5
