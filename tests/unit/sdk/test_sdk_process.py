"""What happens to rows when processes fork, end, and are killed; and what the import costs them."""

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from driftwatch import Client
from driftwatch.wire import decode

NewClient = Callable[..., Client]

HEAVY = ["numpy", "pandas", "scipy", "sqlalchemy", "pyarrow", "pydantic"]
COSTLY = ["asyncio", "ssl", "urllib.request", "logging", "http.client", "json"]


def _python(code: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _ids(path: Path) -> list[str]:
    if not path.exists():
        return []
    connection = sqlite3.connect(path)
    try:
        return [id_ for (frame,) in connection.execute("SELECT frame FROM inbox") for id_ in decode(frame).ids]
    finally:
        connection.close()


def _wait_for_child(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_forked_child_sends_its_own_rows_and_not_its_parents(new_client: NewClient, tmp_path: Path) -> None:
    path = tmp_path / "inbox.db"
    client = new_client(f"sqlite:///{path}", linger_seconds=30.0)
    assert client.log_prediction({}, prediction=1, id="sent before")
    assert client.flush()
    assert client.log_prediction({}, prediction=1, id="waits in the parent")
    child = os.fork()
    if child == 0:
        clean = client.stats.sent == 0 and client.stats.queued_rows == 0
        client.log_prediction({}, prediction=1, id="from the child")
        os._exit(0 if clean and client.flush(30) and client.stats.sent == 1 else 1)
    assert _wait_for_child(child) == 0
    assert sorted(_ids(path)) == ["from the child", "sent before"]
    assert client.flush()
    assert sorted(_ids(path)) == ["from the child", "sent before", "waits in the parent"]
    assert client.stats.sent == 2


def test_a_forked_child_opens_its_own_connection(new_client: NewClient, service: Any) -> None:
    client = new_client(service.url, linger_seconds=30.0)
    client.log_prediction({}, prediction=1, id="parent 1")
    assert client.flush()
    child = os.fork()
    if child == 0:
        client.log_prediction({}, prediction=1, id="child")
        os._exit(0 if client.flush(30) else 1)
    assert _wait_for_child(child) == 0
    client.log_prediction({}, prediction=1, id="parent 2")
    assert client.flush()
    assert [frame.ids for frame in service.frames()] == [["parent 1"], ["child"], ["parent 2"]]
    assert service.connections == 2


def test_a_fork_while_the_sender_is_at_work_leaves_both_sides_whole(new_client: NewClient, tmp_path: Path) -> None:
    path = tmp_path / "inbox.db"
    client = new_client(f"sqlite:///{path}", linger_seconds=0.001)
    expected: list[str] = []
    children = []
    for i in range(10):
        names = [f"parent {i} {j}" for j in range(50)]
        assert [client.log_prediction({}, prediction=1, id=name) for name in names] == names
        expected += names
        child = os.fork()
        if child == 0:
            client.log_prediction({}, prediction=1, id=f"child {i}")
            os._exit(0 if client.flush(30) else 1)
        children.append(child)
        expected.append(f"child {i}")
    assert [_wait_for_child(child) for child in children] == [0] * 10
    assert client.flush(30)
    assert sorted(_ids(path)) == sorted(expected)


def _log_one(client: Client) -> None:
    client.log_prediction({}, prediction=1, id="from multiprocessing")


def test_a_child_of_multiprocessing_flushes_at_its_end(new_client: NewClient, tmp_path: Path) -> None:
    path = tmp_path / "inbox.db"
    client = new_client(f"sqlite:///{path}", linger_seconds=30.0)
    process = multiprocessing.get_context("fork").Process(target=_log_one, args=(client,))
    process.start()
    process.join(30)
    assert process.exitcode == 0
    assert _ids(path) == ["from multiprocessing"]


def test_the_end_of_the_process_flushes(tmp_path: Path) -> None:
    code = """
import sys, driftwatch
client = driftwatch.Client(sys.argv[1], model="m", version="1", linger_seconds=30.0)
for i in range(100):
    client.log_prediction({"x": i}, prediction=1, id=str(i))
"""
    process = _python(code, f"sqlite:///{tmp_path}/inbox.db")
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 0
    assert sorted(_ids(tmp_path / "inbox.db"), key=int) == [str(i) for i in range(100)]


def test_a_synchronous_client_tries_once_more_at_the_end_of_the_process(tmp_path: Path) -> None:
    code = """
import sqlite3, sys, driftwatch
other = sqlite3.connect(sys.argv[2], isolation_level=None)
other.execute("CREATE TABLE inbox (batch_id TEXT PRIMARY KEY, received_at BIGINT, frame BLOB)")
other.execute("BEGIN IMMEDIATE")
client = driftwatch.Client(sys.argv[1], model="m", version="1", synchronous=True, timeout_seconds=0.01)
client.log_prediction({}, prediction=1, id="late")
assert client.stats.queued_rows == 1
other.execute("COMMIT")
other.close()
"""
    path = tmp_path / "inbox.db"
    process = _python(code, f"sqlite:///{path}", str(path))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert _ids(path) == ["late"]


def test_the_end_of_the_process_does_not_wait_for_a_service_that_is_away() -> None:
    code = """
import driftwatch
client = driftwatch.Client("http://127.0.0.1:9", model="m", version="1", shutdown_seconds=0.3)
client.log_prediction({"x": 1}, prediction=1)
"""
    start = time.monotonic()
    process = _python(code)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert time.monotonic() - start < 20


def test_a_killed_process_loses_at_most_the_rows_of_its_linger(tmp_path: Path) -> None:
    code = """
import sys, time, driftwatch
client = driftwatch.Client(sys.argv[1], model="m", version="1", linger_seconds=0.2)
i = 0
while True:
    client.log_prediction({"x": i}, prediction=1, id=str(i))
    print(i, time.time(), flush=True)
    i += 1
    time.sleep(0.005)
"""
    path = tmp_path / "inbox.db"
    process = _python(code, f"sqlite:///{path}")
    assert process.stdout is not None
    logged = [process.stdout.readline().split() for _ in range(300)]
    process.send_signal(signal.SIGKILL)
    killed_at = time.time()
    logged += [line.split() for line in process.communicate(timeout=60)[0].splitlines() if line.count(" ") == 1]
    stored = set(_ids(path))
    assert stored
    lost = [float(at) for i, at in logged if i not in stored]
    # The linger, and as much again for a busy machine's delays of writing and of killing.
    assert all(at > killed_at - 2.0 for at in lost)
    assert stored == {str(i) for i in range(len(stored))}


def test_the_import_and_the_client_load_nothing_that_costs() -> None:
    code = f"""
import sys, driftwatch
driftwatch.Client
names = {[*HEAVY, *COSTLY, "dataclasses", "uuid"]!r}
print(*[name for name in names if name in sys.modules])
arguments = dict(model="m", version="1", hash_key="k", redact={{"a": "hash"}}, shutdown_seconds=0.1)
client = driftwatch.Client("http://127.0.0.1:9", **arguments)
print(*[name for name in {[*HEAVY, *COSTLY]!r} if name in sys.modules])
client.log_prediction({{"a": 1, "b": "x", "c": object()}}, prediction=1)
print(*[name for name in {HEAVY!r} if name in sys.modules])
"""
    process = _python(code)
    output, errors = process.communicate(timeout=60)
    assert (output, process.returncode) == ("\n\n\n", 0), errors
