"""The dashboard as a child process: started with the service's store, and ended with the service."""

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from driftwatch._layout import bundled_dir
from driftwatch._optional import require
from driftwatch.service.listener import bind

__all__ = ["DashboardProcess"]

_GRACE_SECONDS = 5.0


class DashboardProcess:
    """One ``streamlit run`` over one store.

    Args:
        store_url: the store that the pages read.
        host: the address to listen on.
        port: the port to listen on.
        environment: variables of the child, beside ``DRIFTWATCH_STORE``.
    """

    def __init__(self, store_url: str, *, host: str, port: int, environment: Mapping[str, str] | None = None) -> None:
        self._store_url = store_url
        self._host = host
        self._port = port
        self._environment = dict(os.environ if environment is None else environment)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where people open it."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def command(self) -> list[str]:
        """The command line of the child."""
        options = {
            "server.address": self._host,
            "server.port": str(self._port),
            "server.headless": "true",
            "server.fileWatcherType": "none",
            "browser.gatherUsageStats": "false",
            "client.toolbarMode": "viewer",
        }
        flags = [part for name, value in options.items() for part in (f"--{name}", value)]
        return [sys.executable, "-m", "streamlit", "run", str(bundled_dir("dashboards") / "app.py"), *flags]

    def check(self) -> None:
        """Make sure that it can start: streamlit is installed and the port is free.

        Raises:
            MissingPartError: streamlit is not installed.
            PortTakenError: another process listens on the port.
        """
        require("streamlit", extra="dashboard", purpose="The dashboard")
        bind(self._host, self._port, option="--dashboard-port").close()

    def start(self) -> None:
        """Start the child, in a session of its own, so that Ctrl-C reaches the service first."""
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, no shell
            self.command,
            env={**self._environment, "DRIFTWATCH_STORE": self._store_url},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            **_die_with_parent(),
        )

    def ended(self) -> int | None:
        """The exit code of a child that ended by itself, else None."""
        return None if self._process is None else self._process.poll()

    def stop(self) -> None:
        """End the child: asked first, killed after five seconds."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _die_with_parent() -> dict[str, Any]:
    """On Linux the kernel ends the child when a service that was killed outright could not."""
    if sys.platform != "linux":
        return {}
    import ctypes
    import signal

    libc = ctypes.CDLL(None, use_errno=True)

    def request() -> None:  # runs between fork and exec
        libc.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG

    return {"preexec_fn": request}
