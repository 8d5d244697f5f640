"""Children of the demo end with it, whenever it is told to end."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from driftwatch.demo.process import running


def test_a_child_that_is_being_started_when_ctrl_c_comes_is_ended_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def interrupted(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        child: subprocess.Popen[bytes] = start(*arguments, **options)
        started.append(child)
        os.kill(os.getpid(), signal.SIGINT)  # the child lives, and nobody knows it yet
        return child

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
    try:
        with pytest.raises(KeyboardInterrupt), running(command, log=tmp_path / "log", environment={}):
            pytest.fail("the interrupt was forgotten")
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert [child.returncode for child in started] == [-signal.SIGTERM]
