"""Workers that are killed in the middle of their work, and workers that do it at the same time."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from acceptance.alert_world import World
from sqlalchemy import func, select

from driftwatch.service.tick import Ticker
from driftwatch.storage.schema import alert_transitions, findings, monitor_runs, notifications
from driftwatch.storage.store import Store

pytestmark = pytest.mark.slow

WEEKS = 14 * 24
WINDOWS = 260
HOT = [hour for week in range(4) for hour in range(WEEKS + 3 + 60 * week, WEEKS + 9 + 60 * week)]

WORKER = """
import sys
from driftwatch.service.tick import Ticker
from driftwatch.storage.store import Store

with Store.open(sys.argv[1]) as store:
    worker = Ticker(store, public_url="http://127.0.0.1:8301", lease_seconds=1.0)
    while True:
        worker.tick()
"""


def filled(store: Store, name: str = "flights") -> World:
    world = World(store, name, hot=HOT)
    for receiver in ("ops", "lead"):
        world.add_receiver(receiver, type="slack", webhook_url="env:OPS_WEBHOOK")
    world.log(0, WEEKS + WINDOWS)
    return world


def effects(world: World) -> dict[str, Sequence[tuple[Any, ...]]]:
    """Everything that judging left behind, without the clocks and names of who did it."""
    runs = select(monitor_runs.c.window_start, monitor_runs.c.state, monitor_runs.c.status)
    found = select(findings.c.window_start, findings.c.column_name, findings.c.signal, findings.c.kind)
    moves = select(
        alert_transitions.c.window_start,
        alert_transitions.c.from_state,
        alert_transitions.c.to_state,
        alert_transitions.c.moved_at,
    )
    sent = select(notifications.c.receiver_id, notifications.c.group_key, notifications.c.seq, notifications.c.reason)
    with world.store.read() as conn:
        return {
            name: sorted(tuple(row) for row in conn.execute(query))
            for name, query in {"runs": runs, "findings": found, "moves": moves, "sent": sent}.items()
        }


def finished(store: Store) -> int:
    with store.read() as conn:
        query = select(func.count()).select_from(monitor_runs).where(monitor_runs.c.state == "finished")
        return int(conn.execute(query).scalar_one())


def test_a_worker_killed_in_the_middle_leaves_every_window_with_exactly_one_effect(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/calm.db") as store:
        calm = filled(store)
        Ticker(store, public_url="http://127.0.0.1:8301").tick()
        expected = effects(calm)
    assert len(expected["runs"]) == WINDOWS - 2
    assert len(expected["sent"]) > 2
    url = f"sqlite:///{tmp_path}/killed.db"
    with Store.open(url) as store:
        world = filled(store)
        kills = 0
        for wanted in (1, 60, 130, 200, len(expected["runs"])):
            with subprocess.Popen([sys.executable, "-c", WORKER, url]) as worker:
                while finished(store) < wanted:
                    assert worker.poll() is None
                    time.sleep(0.01)
                os.kill(worker.pid, signal.SIGKILL)
            kills += 1
        assert kills == 5
        assert effects(world) == expected


def test_workers_at_the_same_time_share_the_work_and_do_none_of_it_twice(store: Store) -> None:
    world = filled(store)
    workers = [Ticker(store, public_url="http://127.0.0.1:8301") for _ in range(3)]
    judged: list[int] = []
    faults: list[BaseException] = []

    def work(worker: Ticker) -> None:
        try:
            for _ in range(20):
                judged.append(worker.tick().judged)
                if finished(store) == WINDOWS - 2:
                    return
                time.sleep(0.05)
        except BaseException as error:
            faults.append(error)
            raise

    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert sum(judged) == WINDOWS - 2
    left = effects(world)
    assert len(left["runs"]) == len({row[0] for row in left["runs"]}) == WINDOWS - 2
    assert {row[1] for row in left["runs"]} == {"finished"}
    assert len(left["sent"]) == len({row[:3] for row in left["sent"]})
    assert {row[3] for row in left["sent"]} == {"first", "resolved"}
