"""The demo from start to end: service, model server, replay, judging, messages, dashboard."""

import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import driftwatch
from driftwatch.demo.flights import CATEGORICAL, FEATURES, NUMERIC, REFERENCE_END, REFERENCE_START, load_flights
from driftwatch.demo.process import free_port, running, wait_until_healthy
from driftwatch.demo.receivers import MailReceiver, SlackReceiver
from driftwatch.demo.replay import ModelServer, replay
from driftwatch.demo.serving import MODEL, VERSION
from driftwatch.demo.summary import Drifted, read_drifted, read_incidents, read_progress
from driftwatch.domain.instant import from_datetime
from driftwatch.errors import DriftwatchError
from driftwatch.service.apply import apply_documents
from driftwatch.storage.store import Store

__all__ = ["DemoReport", "run_demo"]

_JUDGING_SECONDS = 120.0
_SERVICE_SECONDS = 60.0
_TRAINING_SECONDS = 180.0


@dataclass(frozen=True)
class DemoReport:
    """What happened.

    Attributes:
        rows_logged: predictions that the model server logged, the reference included.
        rows_stored: predictions that arrived in the store.
        outcomes: landings that arrived in the store.
        drifted: columns that raised an alarm, largest effect first.
        not_drifted: monitored columns that raised none.
        incidents: in the public shape of a backtest's.
        slack: messages the Slack receiver got.
        email: messages the mail server got.
        seconds: from start to the last message.
        dashboard_url: where the dashboard listens.
    """

    rows_logged: int
    rows_stored: int
    outcomes: int
    drifted: list[Drifted]
    not_drifted: list[str]
    incidents: list[dict[str, Any]]
    slack: list[dict[str, Any]] = field(repr=False)
    email: list[Any] = field(repr=False)
    seconds: float
    dashboard_url: str

    def to_dict(self) -> dict[str, Any]:
        """The public shape of ``driftwatch demo --exit --json``."""
        return {
            "schema": 1,
            "rows_logged": self.rows_logged,
            "rows_stored": self.rows_stored,
            "outcomes": self.outcomes,
            "drifted": [found.column for found in self.drifted],
            "not_drifted": self.not_drifted,
            "incidents": self.incidents,
            "messages": {"slack": len(self.slack), "email": len(self.email)},
            "seconds": round(self.seconds, 1),
        }


@contextlib.contextmanager
def run_demo(console: Console, *, share: float, dashboard: bool) -> Iterator[DemoReport]:
    """Run everything; inside the block the dashboard is up, after it everything that was started has ended.

    Args:
        console: where progress is shown.
        share: fraction of the flights that are replayed, in (0, 1].
        dashboard: whether to start the dashboard.
    """
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="driftwatch-demo-")))
        api, board, serving = (_port(console, name, port) for name, port in _PORTS)
        slack = stack.enter_context(contextlib.closing(SlackReceiver(free_port(8320))))
        mail = stack.enter_context(contextlib.closing(MailReceiver(free_port(8325))))
        store = stack.enter_context(Store.open(f"sqlite:///{folder / 'driftwatch.db'}"))
        apply_documents(store, [_model_document(), *_receiver_documents(slack.url, mail.url)], actor="demo")
        _start_service(stack, console, folder, api, board, dashboard=dashboard)
        _start_model_server(stack, console, folder, api, serving, share)
        flights = load_flights(share=share)
        logged = _replay(console, store, flights, api, serving)
        _wait_for_messages(store, slack, mail)
        yield _report(store, logged, slack, mail, time.monotonic() - started, f"http://127.0.0.1:{board}")


# Forty rows are scored faster by one thread than by two that wait for each other.
_ONE_THREAD = {"OMP_NUM_THREADS": "1"}
_PORTS = (("the service", 8300), ("the dashboard", 8301), ("the model server", 8310))


def _port(console: Console, name: str, preferred: int) -> int:
    port = free_port(preferred)
    if port != preferred:
        console.print(f"Port {preferred} is busy: {name} takes {port} instead.", style="yellow")
    return port


def _model_document() -> dict[str, Any]:
    return {
        "kind": "model",
        "model": MODEL,
        "version": VERSION,
        "task": "binary",
        "columns": {
            "timestamp": "at",
            "id": "id",
            "prediction": "prediction",
            "score": "score",
            "label": "late",
            "label_timestamp": "landed_at",
        },
        "features": {"numeric": list(NUMERIC), "categorical": list(CATEGORICAL)},
        "reference": {"start": REFERENCE_START.date().isoformat(), "end": REFERENCE_END.date().isoformat()},
        "bucket": "1d",
        "clock": "replay",
    }


def _receiver_documents(slack_url: str, mail_url: str) -> list[dict[str, Any]]:
    return [
        {"kind": "receiver", "name": "demo-slack", "type": "slack", "webhook_url": slack_url},
        {
            "kind": "receiver",
            "name": "demo-mail",
            "type": "email",
            "smtp_url": mail_url,
            "from": "driftwatch@localhost",
            "to": ["on-call@localhost"],
        },
    ]


def _start_service(
    stack: contextlib.ExitStack, console: Console, folder: Path, api: int, board: int, *, dashboard: bool
) -> None:
    log = folder / "service.log"
    command = [sys.executable, "-m", "driftwatch", "serve", "--port", str(api), "--dashboard-port", str(board)]
    if not dashboard:
        command.append("--no-dashboard")
    environment = {
        "DRIFTWATCH_STORE": f"sqlite:///{folder / 'driftwatch.db'}",
        "DRIFTWATCH_PUBLIC_URL": f"http://127.0.0.1:{board}",
    }
    with console.status("Starting the service"):
        process = stack.enter_context(running(command, log=log, environment=environment))
        wait_until_healthy(process, port=api, what="The service", log=log, seconds=_SERVICE_SECONDS)
    console.print(f"● Service on http://127.0.0.1:{api}, one SQLite file")


def _start_model_server(
    stack: contextlib.ExitStack, console: Console, folder: Path, api: int, port: int, share: float
) -> None:
    log = folder / "model.log"
    url = f"http://127.0.0.1:{api}"
    command = [sys.executable, "-m", "driftwatch.demo.serving", "--port", str(port), "--url", url]
    with console.status("Training on January to March, logging these flights as the reference"):
        process = stack.enter_context(running([*command, "--share", str(share)], log=log, environment=_ONE_THREAD))
        wait_until_healthy(process, port=port, what="The model server", log=log, seconds=_TRAINING_SECONDS)
    console.print(f"● Model server on http://127.0.0.1:{port}, logging through the driftwatch client")


def _replay(console: Console, store: Store, flights: pd.DataFrame, api: int, serving: int) -> int:
    """Returns how many predictions the model server has logged."""
    later = flights[flights["at"] >= REFERENCE_END]
    days = int(later["at"].dt.floor("D").nunique())
    # A replay is judged up to one window before its newest row.
    last = from_datetime((later["at"].max() - pd.Timedelta(days=1)).floor("D").to_pydatetime())
    client = driftwatch.Client(f"http://127.0.0.1:{api}", model=MODEL, version=VERSION)
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with contextlib.closing(ModelServer(serving)) as server, Progress(*columns, console=console) as progress:
        replaying = progress.add_task("Replaying April to October", total=days)
        judging = progress.add_task("Judging the days", total=None)
        told: dict[str, str | None] = {}
        for done in replay(later, server, client):
            progress.update(replaying, advance=1)
            if done.day.day % 7 == 0:
                progress.update(judging, completed=read_progress(store).judged)
                _tell(console, store, told)
        client.close()
        sent = server.post("/flush", {})
        _wait_until_judged(store, last, lambda judged: progress.update(judging, completed=judged))
        _tell(console, store, told)
    return int(sent["sent"] + sent["dropped"])


def _tell(console: Console, store: Store, told: dict[str, str | None]) -> None:
    """Print the incidents that opened, closed or came back since the last call; `told` keeps when each was resolved."""
    for incident in read_incidents(store):
        name, resolved_at = incident["id"], incident["resolved_at"]
        if name in told and told[name] == resolved_at:
            continue
        if resolved_at is not None:
            console.print(f"  [green]✓[/] {resolved_at[:10]}  resolved: {incident['title']}")
        elif name in told:
            console.print(f"  [yellow]◆[/] {(told[name] or '')[:10]}  came back after that: {incident['title']}")
        else:
            console.print(f"  [yellow]◆[/] {incident['opened_at'][:10]}  opened: {incident['title']}")
        told[name] = resolved_at


def _wait_until_judged(store: Store, last: int, show: Any) -> None:
    deadline = time.monotonic() + _JUDGING_SECONDS
    while time.monotonic() < deadline:
        progress = read_progress(store)
        show(progress.judged)
        if progress.judged_until is not None and progress.judged_until >= last:
            return
        time.sleep(0.5)
    raise DriftwatchError(f"The service had not judged every day within {_JUDGING_SECONDS:.0f} s.")


def _wait_for_messages(store: Store, slack: SlackReceiver, mail: MailReceiver) -> None:
    """Until the outbox is empty."""
    from driftwatch.queries.health import read_health

    deadline = time.monotonic() + _JUDGING_SECONDS
    while read_health(store).waiting and time.monotonic() < deadline:
        time.sleep(0.3)
    if not slack.messages or not mail.messages:
        raise DriftwatchError("No message arrived; the demo's data drifts, so something is wrong.")


def _report(
    store: Store, logged: int, slack: SlackReceiver, mail: MailReceiver, seconds: float, url: str
) -> DemoReport:
    progress = read_progress(store)
    drifted = read_drifted(store)
    names = {found.column for found in drifted}
    return DemoReport(
        rows_logged=logged,
        rows_stored=progress.stored,
        outcomes=progress.outcomes,
        drifted=drifted,
        not_drifted=[name for name in (*FEATURES, "score", "prediction") if name not in names],
        incidents=read_incidents(store),
        slack=json.loads(json.dumps(slack.messages)),
        email=list(mail.messages),
        seconds=seconds,
        dashboard_url=url,
    )
