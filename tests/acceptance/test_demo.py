"""The demo, as a newcomer runs it: the whole product in one command."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def _start(folder: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "driftwatch", "demo", *options],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _processes_of(folder: Path) -> list[str]:
    """The command lines of the processes whose temporary folder is ours, the demo's children among them."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"TMPDIR={folder}\0".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def test_it_finds_what_changed_tells_it_and_ends_everything(tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            busy.bind(("127.0.0.1", 8300))
            busy.listen()
        except OSError:
            pass  # somebody else keeps it busy for us
        process = _start(tmp_path, "--exit", "--json", "--share", "0.2")
        out, err = process.communicate(timeout=500)
    assert process.returncode == 0, err
    assert "Port 8300 is busy" in err
    report = json.loads(out)
    assert report["schema"] == 1
    assert report["rows_logged"] == report["rows_stored"] > 50_000
    assert report["outcomes"] > 30_000
    assert report["drifted"][0] == "temp"
    assert {"score"} < set(report["drifted"])
    assert {"carrier", "origin", "distance"} <= set(report["not_drifted"])
    assert report["incidents"][0]["opened_at"].startswith("2013-04")
    assert report["messages"]["slack"] == report["messages"]["email"] > 0
    assert _processes_of(tmp_path) == []
    assert list(tmp_path.glob("driftwatch-demo-*")) == []


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_everything_that_it_started(tmp_path: Path, ending: signal.Signals) -> None:
    process = _start(tmp_path, "--share", "0.2")
    deadline = time.monotonic() + 120
    while not any("demo.serving" in line for line in _processes_of(tmp_path)):
        assert time.monotonic() < deadline, "the model server was not started in time"
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(ending)
    process.send_signal(ending)  # impatience changes nothing
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "Traceback" not in out + err
    assert _processes_of(tmp_path) == []
    assert list(tmp_path.glob("driftwatch-demo-*")) == []
