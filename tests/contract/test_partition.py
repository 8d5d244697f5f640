"""Monthly partitions on PostgreSQL."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from driftwatch.domain.instant import from_iso
from driftwatch.errors import StoreError
from driftwatch.storage import partition, prediction, profile, registration
from driftwatch.storage.schema import PARTITIONED
from driftwatch.storage.store import Store


@pytest.mark.parametrize(
    ("text_of", "month"),
    [
        ("2013-01-31T23:59:59.999999", "2013-01"),
        ("2013-02-01T00:00:00", "2013-02"),
        ("1969-12-31T23:00:00", "1969-12"),
        ("2000-12-31T12:00:00", "2000-12"),
    ],
)
def test_the_month_of_an_instant(text_of: str, month: str) -> None:
    assert partition.month_of(from_iso(text_of)) == month
    assert partition.months_of([from_iso(text_of)]) == {month}


def test_months_ahead_cross_the_year() -> None:
    assert partition.months_ahead(from_iso("2026-11-24T00:00:00")) == ["2026-10", "2026-11", "2026-12", "2027-01"]
    assert partition.months_ahead(from_iso("2026-01-01T00:00:00"), ahead=0) == ["2025-12", "2026-01"]
    assert partition.months_between("2026-12", "2027-01") == ["2026-12", "2027-01"]


@pytest.mark.parametrize("months", [("2026-02", "2026-01"), ("2026-1", "2026-02"), ("2026-13", "2027-01"), ("", "x")])
def test_what_is_no_span_of_months_is_refused(months: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=r"not a month|before"):
        partition.months_between(*months)


def test_sqlite_needs_none(tmp_path: object) -> None:
    with Store.open(f"sqlite:///{tmp_path}/store.db") as store, store.read() as conn:
        assert partition.ensure(store, ["2026-01"]) == []
        assert partition.list_partitions(conn) == []


@pytest.fixture
def postgresql(new_postgresql: Callable[[], str]) -> str:
    return new_postgresql()


def test_a_partition_holds_exactly_its_month(postgresql: str) -> None:
    with Store.open(postgresql) as store:
        assert partition.ensure(store, ["2020-02"]) == ["2020-02"]
        assert partition.ensure(store, ["2020-02"]) == []
        with store.begin() as conn:
            model_id = registration.ensure_model(conn, "production", "flights", at=1)
            version_id = registration.ensure_version(conn, model_id, "1", at=1)
            for moment in ("2020-02-01T00:00:00", "2020-02-29T23:59:59.999999"):
                profile.insert_delta(conn, version_id, from_iso(moment), 1, b"", batch_id=moment, at=1)
            count = conn.execute(text("SELECT count(*) FROM profile_deltas_2020_02")).scalar_one()
        assert count == 2
        for moment in ("2020-01-31T23:59:59.999999", "2020-03-01T00:00:00"):
            with pytest.raises(IntegrityError, match="no partition"), store.begin() as conn:
                profile.insert_delta(conn, version_id, from_iso(moment), 1, b"", batch_id=moment, at=1)


def test_every_partition_has_the_indexes_and_keys_of_its_table(postgresql: str) -> None:
    with Store.open(postgresql) as store:
        partition.ensure(store, ["2020-02"])
        with store.read() as conn:
            for table in PARTITIONED:
                counts = [
                    conn.execute(
                        text(
                            "SELECT (SELECT count(*) FROM pg_index WHERE indrelid = CAST(:name AS regclass)), "
                            "(SELECT count(*) FROM pg_constraint WHERE conrelid = CAST(:name AS regclass) "
                            "AND contype IN ('p', 'f'))"
                        ),
                        {"name": name},
                    ).one()
                    for name in (table, f"{table}_2020_02")
                ]
                assert counts[0] == counts[1]
                assert counts[0][0] > 0


def test_processes_that_need_the_same_month_take_turns(postgresql: str) -> None:
    stores = [Store.open(postgresql) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda store: partition.ensure(store, ["2021-01", "2021-02"]), stores))
    assert sorted(made) == [[], [], [], [], [], ["2021-01", "2021-02"]]
    with stores[0].read() as conn:
        assert partition.list_partitions(conn) == ["2013-01", "2013-02", "2013-03", "2021-01", "2021-02"]
    for store in stores:
        store.close()


def test_a_partition_is_made_while_others_write_to_the_table(postgresql: str) -> None:
    with Store.open(postgresql) as store, Store.open(postgresql) as other:
        with other.begin() as conn:
            model_id = registration.ensure_model(conn, "production", "flights", at=1)
            version_id = registration.ensure_version(conn, model_id, "1", at=1)
        january = from_iso("2013-01-05T00:00:00")
        with other.begin() as conn:
            rows = prediction.Envelope("flights", version_id, "b1", "default", ["a"], [january])
            assert prediction.insert_predictions(conn, rows) == set()
            profile.insert_delta(conn, version_id, january, 1, b"", batch_id="b1", at=1)
            assert partition.ensure(store, ["2022-05"]) == ["2022-05"]


def test_a_lock_that_is_not_to_be_had_ends_as_an_error(postgresql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition, "_LOCK_SECONDS", 0.1)
    with Store.open(postgresql) as store, Store.open(postgresql) as other:
        with other.begin() as conn:
            conn.execute(text("LOCK TABLE predictions IN ACCESS EXCLUSIVE MODE"))
            with pytest.raises(StoreError, match="lock timeout"):
                partition.ensure(store, ["2022-05"])
        assert partition.ensure(store, ["2022-05"]) == ["2022-05"]


def test_wrong_clocks_can_not_fill_the_catalogue(postgresql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition, "LIMIT", 4)
    with Store.open(postgresql) as store:
        with pytest.raises(StoreError, match="wrong clocks"):
            partition.ensure(store, ["1970-01", "1970-02"])
        assert partition.ensure(store, ["1970-01"]) == ["1970-01"]


def test_what_is_no_month_is_refused_before_any_sql(postgresql: str) -> None:
    with Store.open(postgresql) as store, pytest.raises(ValueError, match="not a month"):
        partition.ensure(store, ["2020-01'; DROP TABLE models; --"])
