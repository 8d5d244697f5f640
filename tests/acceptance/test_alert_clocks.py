"""Live clocks: silence, backfill and late rows."""

from collections.abc import Iterator

import pytest
from acceptance.alert_world import START, World, runs_of
from acceptance.clocked import Clocked

from driftwatch.domain.instant import HOUR, MINUTE
from driftwatch.service.tick import Ticker
from driftwatch.storage import incident, notification, profile
from driftwatch.storage.schema import monitor_runs, profile_deltas
from driftwatch.storage.store import Store

WEEKS = 14 * 24


@pytest.fixture
def clocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clocked]:
    with Clocked.open(f"sqlite:///{tmp_path_factory.mktemp('store')}/dw.db") as store:
        yield store


def ticker(store: Store) -> Ticker:
    return Ticker(store, public_url="http://127.0.0.1:8301")


def test_what_happened_before_the_service_looked_is_drawn_and_told_to_nobody(clocked: Clocked) -> None:
    world = World(clocked, clock="live", hot=range(WEEKS + 5, WEEKS + 10))
    world.add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
    world.log(0, WEEKS + 100)
    clocked.clock = START + (WEEKS + 100) * HOUR + 3 * MINUTE
    report = ticker(clocked).tick()
    assert (report.judged, report.messages) == (100, 0)
    assert [run.backfill for run in runs_of(world)] == [True] * 76 + [False] * 24  # a day and three minutes ago
    with clocked.read() as conn:
        (found,) = incident.list_incidents(conn)
        assert notification.list_notifications(conn, found.id) == []
    assert not found.is_open
    assert found.columns == ("temp",)


def test_an_incident_that_began_before_the_service_looked_and_lasts_is_told(clocked: Clocked) -> None:
    world = World(clocked, clock="live", hot=range(WEEKS + 5, WEEKS + 200))
    world.add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
    world.log(0, WEEKS + 100)
    clocked.clock = START + (WEEKS + 100) * HOUR + 3 * MINUTE
    assert ticker(clocked).tick().messages == 1
    with clocked.read() as conn:
        (found,) = incident.list_incidents(conn)
        (sent,) = notification.list_notifications(conn, found.id)
    assert (sent.reason, sent.seq) == ("first", 1)
    assert found.since == START + (WEEKS + 5) * HOUR


def test_silence_of_a_live_model_is_seen_as_it_happens(clocked: Clocked) -> None:
    world = World(clocked, clock="live")
    world.log(0, WEEKS + 3)
    worker = ticker(clocked)
    for hour in range(WEEKS + 1, WEEKS + 40, 6):
        clocked.clock = START + hour * HOUR + 3 * MINUTE
        worker.tick()
    assert [run.status for run in runs_of(world)][:5] == ["ok", "ok", "ok", "no_data", "no_data"]
    with clocked.read() as conn:
        (found,) = incident.list_incidents(conn)
    assert found.is_open
    assert found.title == "Traffic in flights"


def test_late_rows_are_judged_again_and_the_old_result_stays(clocked: Clocked) -> None:
    world = World(clocked, clock="live", empty=[WEEKS + 2])
    world.log(0, WEEKS + 5)
    clocked.clock = START + (WEEKS + 5) * HOUR + 3 * MINUTE
    worker = ticker(clocked)
    worker.tick()
    assert [run.status for run in runs_of(world)] == ["ok", "ok", "no_data", "ok", "ok"]

    world.empty = ()
    world.log(WEEKS + 2, WEEKS + 3)
    clocked.clock += 30 * MINUTE
    assert worker.tick().judged == 0  # judged less than an hour ago
    clocked.clock += 40 * MINUTE
    worker.tick()
    assert [run.status for run in runs_of(world)] == ["ok", "ok", "ok", "ok", "ok", "no_data"]
    with clocked.read() as conn:
        tried = conn.execute(
            monitor_runs.select().where(monitor_runs.c.window_start == START + (WEEKS + 2) * HOUR)
        ).all()
    assert sorted((row.data_version, row.status) for row in tried) == [(0, "no_data"), (1, "ok")]
    clocked.clock += 2 * HOUR
    assert worker.tick().judged == 2  # the hours that went by; nothing is judged a third time


def test_rows_that_come_late_to_the_reference_fit_it_anew(clocked: Clocked) -> None:
    world = World(clocked, clock="live", empty=range(100, 110))
    world.log(0, WEEKS + 2)
    clocked.clock = START + (WEEKS + 2) * HOUR + 3 * MINUTE
    worker = ticker(clocked)
    worker.tick()
    world.empty = ()
    world.log(100, 110)
    world.log(WEEKS + 2, WEEKS + 3)
    clocked.clock += HOUR
    worker.tick()
    warm = [run.result for run in runs_of(world)][-1]
    with clocked.begin() as conn:
        conn.execute(monitor_runs.delete())
    ticker(clocked).tick()
    assert [run.result for run in runs_of(world)][-1] == warm


def test_the_oldest_row_is_found_whether_folded_or_not(clocked: Clocked) -> None:
    world = World(clocked)
    world.log(5, 8)
    with clocked.begin() as conn:
        assert profile.first_bucket(conn, world.model_id) == START + 5 * HOUR
        profile.fold(conn, world.version_id, START + 5 * HOUR, lambda payloads: payloads[0], at=1)
        assert profile.first_bucket(conn, world.model_id) == START + 5 * HOUR
        conn.execute(profile_deltas.delete())
        assert profile.first_bucket(conn, world.model_id) == START + 5 * HOUR
        assert profile.first_bucket(conn, world.model_id + 1) is None
