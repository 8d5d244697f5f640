import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from driftwatch.cli import run
from driftwatch.config import Settings
from driftwatch.domain.instant import DAY, HOUR
from driftwatch.service.doctor import Check, Verdict, examine
from driftwatch.storage.schema import heartbeats, receivers
from driftwatch.storage.store import Store


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _checks(store_url: str, *, port: int | None = None, environment: dict[str, str] | None = None) -> dict[str, Check]:
    settings = Settings(store_url=store_url, port=port or _free_port())
    return {check.name: check for check in examine(settings, environment or {})}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}"


def test_a_store_that_is_not_there_is_a_note_and_is_not_made(url: str, tmp_path: Path) -> None:
    check = _checks(url)["Store"]
    assert check.verdict is Verdict.NOTE
    assert "does not exist yet" in check.found
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_a_fault_with_its_path() -> None:
    check = _checks("sqlite:////proc/driftwatch.db")["Store"]
    assert check.verdict is Verdict.FAULT
    assert "/proc/driftwatch.db" in check.found


def test_a_database_that_does_not_answer_is_a_fault_without_its_password() -> None:
    check = _checks(f"postgresql://somebody:secret@127.0.0.1:{_free_port()}/drift")["Store"]
    assert check.verdict is Verdict.FAULT
    assert "secret" not in check.found


def test_a_tick_that_stopped_is_a_fault(url: str) -> None:
    with Store.open(url) as store, store.begin() as conn:
        conn.execute(heartbeats.insert().values(component="tick", owner="w", beat_at=store.now(conn) - HOUR))
    check = _checks(url)["Judging"]
    assert check.verdict is Verdict.FAULT
    assert "60 min ago" in check.found


def test_a_receiver_whose_secret_is_not_here_is_a_fault(url: str) -> None:
    with Store.open(url) as store, store.begin() as conn:
        spec = {"webhook_url": "env:OPS_SLACK_URL"}
        conn.execute(
            receivers.insert().values(name="ops", kind="slack", spec=spec, enabled=True, created_at=DAY, changed_at=DAY)
        )
    assert _checks(url)["Receiver ops"].verdict is Verdict.FAULT
    assert _checks(url, environment={"OPS_SLACK_URL": "x"})["Receiver ops"].verdict is Verdict.GOOD


@contextmanager
def _answering(body: bytes) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_the_port_tells_our_service_from_a_stranger(url: str) -> None:
    with _answering(b'{"status": "ok"}') as port:
        assert _checks(url, port=port)["Service"].verdict is Verdict.GOOD
    with _answering(b"<html>hello</html>") as port:
        check = _checks(url, port=port)["Service"]
    assert check.verdict is Verdict.FAULT
    assert str(port) in check.found


def test_another_distribution_of_the_same_import_name_is_a_fault(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = tmp_path / "site" / "driftwatch-9.9.dist-info"
    stranger.mkdir(parents=True)
    (stranger / "METADATA").write_text("Metadata-Version: 2.1\nName: driftwatch\nVersion: 9.9\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "site")
    check = _checks(url)["Package"]
    assert check.verdict is Verdict.FAULT
    assert check.mend is not None
    assert check.mend.startswith("pip uninstall driftwatch ")


def test_the_command_exits_with_1_when_something_must_be_mended(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRIFTWATCH_PORT", str(_free_port()))
    assert run(["doctor", "--store", url, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["faults"] == 0
    assert run(["doctor", "--store", "sqlite:////proc/driftwatch.db"]) == 1
    assert "1 to mend" in capsys.readouterr().out


def test_an_outbox_that_stands_still_is_a_fault(url: str) -> None:
    with Store.open(url) as store, store.begin() as conn:
        conn.execute(heartbeats.insert().values(component="outbox", owner="w", beat_at=store.now(conn) - HOUR))
    check = _checks(url)["Sending"]
    assert check.verdict is Verdict.FAULT
    assert "no sign of life for 60 min" in check.found
