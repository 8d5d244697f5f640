"""Several processes and threads open a store at once: one makes it, all go on."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from driftwatch.storage import migration
from driftwatch.storage.engine import Database
from driftwatch.storage.store import Store

_OPEN = "import sys; from driftwatch.storage.store import Store; Store.open(sys.argv[1]).close()"


def test_processes_that_open_a_new_sqlite_file_together(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    processes = [subprocess.Popen([sys.executable, "-W", "error", "-c", _OPEN, url]) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]
    Store.open(url).close()


def test_threads_that_open_a_new_sqlite_file_together(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    with ThreadPoolExecutor(8) as pool:
        for store in pool.map(lambda _: Store.open(url), range(8)):
            store.close()


def test_upgrades_of_one_postgresql_together(empty_postgresql: str) -> None:
    databases = [Database(empty_postgresql) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migration.upgrade, databases))
    for database in databases:
        migration.check(database)
        database.close()
