"""`driftwatch serve` as a process: it starts whole or not at all, loses nothing when killed, and ends in order."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from ingesting import NOON, frame_of, profiles_of, version_id

from driftwatch.service.access import create_key
from driftwatch.service.audit_verification import read_checkpoints, verify
from driftwatch.storage import inbox, prediction
from driftwatch.storage.batch import find_receipt
from driftwatch.storage.store import Store
from driftwatch.wire import CONTENT_TYPE, Frame

pytestmark = pytest.mark.slow

FRAME = {"Content-Type": CONTENT_TYPE}


@dataclass
class Service:
    """One running `driftwatch serve`."""

    process: "subprocess.Popen[str]"
    url: str
    store_url: str
    said: str = ""

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode}: {self.process.communicate()}")
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    return
            time.sleep(0.1)
        raise AssertionError("not ready within 60 s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(folder: Path, *options: str, port: int | None = None) -> Service:
    port = port or free_port()
    store_url = f"sqlite:///{folder}/driftwatch.db"
    command = [sys.executable, "-m", "driftwatch", "serve", "--port", str(port), *options]
    environment = {**os.environ, "DRIFTWATCH_STORE": store_url}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    return Service(process, f"http://127.0.0.1:{port}", store_url)


@contextlib.contextmanager
def running(folder: Path, *options: str, port: int | None = None) -> Iterator[Service]:
    service = start(folder, *options, port=port)
    try:
        service.wait_until_ready()
        yield service
    finally:
        if service.process.poll() is None:
            service.process.send_signal(signal.SIGTERM)
            service.process.wait(30)
        for stream in (service.process.stdout, service.process.stderr):
            assert stream is not None
            stream.close()


def refused(folder: Path, *options: str, port: int | None = None) -> tuple[int, str]:
    """Exit code and words of a service that does not start."""
    service = start(folder, *options, port=port)
    out, err = service.process.communicate(timeout=60)
    assert out == ""
    return service.process.returncode, err


@dataclass
class Sender:
    """A client that numbers its batches, sends each until it is acknowledged, and knows which ones were."""

    url: str
    name: str
    acknowledged: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    thread: threading.Thread | None = None

    def start(self) -> None:
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def join(self) -> None:
        assert self.thread is not None
        self.thread.join(30)
        assert not self.thread.is_alive()

    def frame(self, place: int) -> Frame:
        at = [NOON + 1000 * place + row for row in range(20)]
        return frame_of(f"{self.name}-{place}", n=20, at=at, features={"temp": [float(place)] * 20}, score=[0.5] * 20)

    def run(self) -> None:
        place = 0
        with httpx.Client(base_url=self.url, timeout=30) as client:
            while not self.stop.is_set():
                frame = self.frame(place)
                self.sent.append(frame.batch_id)
                while frame.batch_id not in self.acknowledged:
                    if self.stop.is_set():
                        return
                    try:
                        status = client.post("/v1/batches", content=frame.raw, headers=FRAME).status_code
                    except httpx.HTTPError:
                        time.sleep(0.05)
                        continue
                    assert status in {200, 202, 503}
                    if status != 503:
                        self.acknowledged.append(frame.batch_id)
                place += 1


def test_a_service_killed_under_load_keeps_every_acknowledged_batch_exactly_once(tmp_path: Path) -> None:
    port = free_port()
    senders = [Sender(f"http://127.0.0.1:{port}", f"sender-{place}") for place in range(4)]
    for round_ in range(3):
        with running(tmp_path, "--roles", "api,worker", port=port) as service:
            if not round_:
                for sender in senders:
                    sender.start()
            before = sum(len(sender.acknowledged) for sender in senders)
            deadline = time.monotonic() + 30
            while sum(len(sender.acknowledged) for sender in senders) < before + 40 and time.monotonic() < deadline:
                time.sleep(0.01)
            os.kill(service.process.pid, signal.SIGKILL)
            service.process.wait()
    acknowledged_by_the_dead = {batch_id for sender in senders for batch_id in sender.acknowledged}
    assert len(acknowledged_by_the_dead) >= 100
    with running(tmp_path, "--roles", "api,worker", port=port):
        time.sleep(0.5)
        for sender in senders:
            sender.stop.set()
        for sender in senders:
            sender.join()
        # Sent again, as a client does: what was acknowledged is known, even by those who were killed since.
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            for sender in senders:
                for batch_id in sender.sent:
                    frame = sender.frame(int(batch_id.rpartition("-")[2]))
                    status = client.post("/v1/batches", content=frame.raw, headers=FRAME).status_code
                    assert status == 200 if batch_id in sender.acknowledged else status in {200, 202}
    sent = {batch_id for sender in senders for batch_id in sender.sent}
    with Store.open(f"sqlite:///{tmp_path}/driftwatch.db") as store:
        with store.read() as conn:
            receipts = [find_receipt(conn, batch_id) for batch_id in sent]
            stored = prediction.count_predictions(conn, version_id(store), 0, 2**62)
        assert all(receipt is not None and receipt.n_accepted == 20 for receipt in receipts)
        assert stored == 20 * len(sent)
        assert sum(bucket.rows for bucket in profiles_of(store).values()) == 20 * len(sent)


def test_sigterm_answers_what_is_under_way_and_says_what_runs(tmp_path: Path) -> None:
    with running(tmp_path, "--no-dashboard") as service:
        sender = Sender(service.url, "s")
        sender.start()
        while len(sender.acknowledged) < 5:
            time.sleep(0.01)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(30) == 0
        sender.stop.set()
        sender.join()
        assert service.process.stdout is not None
        said = service.process.stdout.read()
    assert service.url in said
    assert 'driftwatch.Client("' in said
    assert "driftwatch key create" in said
    with Store.open(service.store_url) as store, store.read() as conn:
        assert all(find_receipt(conn, batch_id) for batch_id in sender.acknowledged)


def test_a_taken_port_is_an_error_that_names_the_holder(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = int(holder.getsockname()[1])
        code, words = refused(tmp_path, "--no-dashboard", port=port)
        assert code == 2
        assert f"port {port} on 127.0.0.1 is taken by pid {os.getpid()}" in words
        assert "--port" in words
        code, words = refused(tmp_path, "--dashboard-port", str(port))
        assert code == 2
        assert "--dashboard-port" in words


def test_other_addresses_need_a_key(tmp_path: Path) -> None:
    code, words = refused(tmp_path, "--no-dashboard", "--host", "0.0.0.0")  # noqa: S104 - that is what is tested
    assert code == 2
    assert "driftwatch key create" in words
    with Store.open(f"sqlite:///{tmp_path}/driftwatch.db") as store:
        key = create_key(store, name="test", scopes=["read"], actor="test")
    with running(tmp_path, "--no-dashboard", "--host", "0.0.0.0") as service:  # noqa: S104
        assert httpx.get(f"{service.url}/v1/models").status_code == 401
        assert httpx.get(f"{service.url}/v1/models", headers={"Authorization": f"Bearer {key}"}).status_code == 200


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--roles", "api,cook"), "cook"),
        (("--store", "mysql://x"), "sqlite:///path"),
        (("--host", "nowhere.invalid"), "--host"),
    ],
)
def test_what_cannot_start_says_why(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    code, said = refused(tmp_path, "--no-dashboard", *options)
    assert code in {1, 2}
    assert words in said
    assert "Traceback" not in said


def test_the_inbox_is_drained_and_the_work_goes_on_by_itself(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/driftwatch.db") as store, running(tmp_path, "--no-dashboard") as service:
        with store.begin() as conn:
            inbox.append(conn, "i-1", NOON, frame_of("i-1").raw)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not httpx.get(f"{service.url}/v1/models").json()["models"]:
            time.sleep(0.2)
        (model,) = httpx.get(f"{service.url}/v1/models").json()["models"]
        assert model["rows"] == 10
        assert 'driftwatch_heartbeat_age_seconds{component="tick"}' in httpx.get(f"{service.url}/metrics").text


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
def test_the_dashboard_starts_and_ends_with_the_service(tmp_path: Path, sign: signal.Signals) -> None:
    pytest.importorskip("streamlit")
    port = free_port()
    with running(tmp_path, "--dashboard-port", str(port), "--json") as service:
        assert service.process.stdout is not None
        said = json.loads(service.process.stdout.readline())
        assert said["dashboard_url"] == f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not _healthy(port):
            time.sleep(0.2)
        assert _healthy(port)
        service.process.send_signal(sign)
        service.process.wait(30)
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and _healthy(port):
            time.sleep(0.2)
        assert not _healthy(port)


def _healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/_stcore/health", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def test_a_service_seals_what_is_done_and_tells_its_end_through_kills(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "checkpoints.jsonl"
    monkeypatch.setenv("DRIFTWATCH_AUDIT_CHECKPOINTS", f"file:{kept}")
    for number in (1, 2):
        with running(tmp_path, "--roles", "api,worker") as service, Store.open(service.store_url) as store:
            create_key(store, name=f"k{number}", scopes=["admin"], actor="test")
            deadline = time.monotonic() + 60
            while verify(store).head.count < number and time.monotonic() < deadline:
                time.sleep(0.05)
            service.process.kill()
            service.process.wait(30)
            result = verify(store, read_checkpoints(kept))
            assert (result.head.count, result.unsealed, result.fault) == (number, 0, None)
    monkeypatch.setenv("DRIFTWATCH_AUDIT_CHECKPOINTS", f"file:{tmp_path}/none/kept")
    code, words = refused(tmp_path, "--roles", "worker")
    assert code == 2
    assert "DRIFTWATCH_AUDIT_CHECKPOINTS" in words
