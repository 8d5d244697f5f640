"""Child processes and ports of the demo: started together, ended together."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from driftwatch.errors import DriftwatchError

__all__ = ["free_port", "running", "wait_until_healthy"]

_GRACE_SECONDS = 20.0
_ENDINGS = (signal.SIGINT, signal.SIGTERM)


def free_port(preferred: int) -> int:
    """`preferred` if nothing listens there, else a port that the system picks."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            # As servers do: a port that is only waiting for its last connections to age is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise DriftwatchError("No port is free on 127.0.0.1.")


@contextlib.contextmanager
def running(command: Sequence[str], *, log: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` while the block runs; its output goes to `log`. It is asked to end, and made to if it does not.

    The child has a session of its own, so that Ctrl-C reaches it once and in order, through us.
    """
    process = None
    with log.open("wb") as output:
        try:
            with _endings_deferred():  # between the child's birth and our knowing it, nobody would end it
                process = subprocess.Popen(  # noqa: S603 (our own modules, no shell)
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **environment},
                    start_new_session=True,
                )
            yield process
        finally:
            if process is not None:
                _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        # Whatever it started itself is in its session and goes with it.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def _endings_deferred() -> Iterator[None]:
    """Ctrl-C and SIGTERM that come in the block are handled at its end."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's affair
        return
    came: list[int] = []
    kept = {each: signal.signal(each, lambda number, _frame: came.append(number)) for each in _ENDINGS}
    try:
        yield
    finally:
        for each, handler in kept.items():
            signal.signal(each, handler)
    if came:
        signal.raise_signal(came[0])


def wait_until_healthy(
    process: "subprocess.Popen[bytes]", *, port: int, what: str, log: Path, path: str = "/healthz", seconds: float
) -> None:
    """Return when ``GET path`` answers 200.

    Raises:
        DriftwatchError: the process ended, or did not answer in time; carries the end of its log.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DriftwatchError(f"{what} ended with exit code {process.returncode}:\n{_tail(log)}")
        if _answers(port, path):
            return
        time.sleep(0.1)
    raise DriftwatchError(f"{what} did not answer on port {port} within {seconds:.0f} s:\n{_tail(log)}")


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2.0)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
