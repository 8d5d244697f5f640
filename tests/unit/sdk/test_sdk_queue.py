import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from driftwatch import Client
from driftwatch.errors import DeliveryError
from driftwatch.sdk import Parcel, Transport
from driftwatch.wire import decode, is_outcomes

NewClient = Callable[..., Client]
LIMIT = 1 << 20


class Gate:
    """A transport that waits until it is opened, and fails the first `failures` times."""

    def __init__(self, failures: int = 0, *, retryable: bool = True) -> None:
        self.open = threading.Event()
        self.entered = threading.Event()
        self.parcels: list[Parcel] = []
        self.tries: list[str] = []
        self._failures = failures
        self._retryable = retryable

    def send(self, parcel: Parcel) -> None:
        self.entered.set()
        assert self.open.wait(30)
        self.tries.append(parcel.batch_id)
        if len(self.tries) <= self._failures:
            raise DeliveryError("away", retryable=self._retryable)
        self.parcels.append(parcel)

    def ids(self) -> list[str]:
        return [id_ for parcel in self.parcels if not is_outcomes(parcel.body) for id_ in decode(parcel.body).ids]


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.open.set()


def test_a_transport_is_anything_with_the_one_method() -> None:
    assert isinstance(Gate(), Transport)


def test_a_full_queue_refuses_the_new_row_keeps_the_old_ones_and_counts(
    new_client: NewClient, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    client = new_client(None, transport=gate, max_queue_bytes=LIMIT)
    text = "x" * 200
    answers = [client.log_prediction({"t": text}, prediction=1) for _ in range(10_000)]
    accepted = [id_ for id_ in answers if id_ is not None]
    assert 0 < len(accepted) < 10_000
    assert client.stats.queued_bytes <= LIMIT
    assert client.stats.dropped == {"queue_full": 10_000 - len(accepted)}
    assert [record.message for record in caplog.records].count(
        "the queue of driftwatch is full; new rows are dropped and counted"
    ) == 1
    gate.open.set()
    assert client.flush()
    assert gate.ids() == accepted
    assert client.log_prediction({}, prediction=1)


def test_the_service_is_told_of_the_drops_exactly_once(new_client: NewClient, gate: Gate) -> None:
    client = new_client(None, transport=gate)
    gate.open.set()
    client.log_prediction({}, prediction=1, id="")
    for _ in range(3):
        client.log_prediction({}, prediction=1)
        assert client.flush()
    assert [decode(parcel.body).dropped for parcel in gate.parcels] == [{"bad_id": 1}, {}, {}]


def test_drops_told_by_a_frame_that_was_lost_are_told_again(new_client: NewClient) -> None:
    gate = Gate(failures=1, retryable=False)
    gate.open.set()
    client = new_client(None, transport=gate)
    client.log_prediction({}, prediction=1, id="")
    for _ in range(2):
        client.log_prediction({}, prediction=1)
        assert client.flush()
    assert [decode(parcel.body).dropped for parcel in gate.parcels] == [{"bad_id": 1, "undeliverable": 1}]


def test_eight_threads_lose_and_repeat_nothing(new_client: NewClient) -> None:
    client = new_client()
    logged: list[list[str | None]] = [[] for _ in range(8)]

    def work(mine: list[str | None]) -> None:
        mine += [client.log_prediction({"x": float(i)}, prediction=i) for i in range(10_000)]

    threads = [threading.Thread(target=work, args=(mine,)) for mine in logged]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.flush(60)
    arrived = [id_ for frame in client.transport.frames for id_ in frame.ids]
    accepted = [id_ for mine in logged for id_ in mine if id_ is not None]
    stats = client.stats
    assert sorted(arrived) == sorted(accepted)
    assert len(set(arrived)) == len(arrived) == stats.sent
    assert stats.sent + stats.dropped.get("queue_full", 0) == 80_000
    assert (stats.queued_rows, stats.queued_bytes) == (0, 0)


def test_a_frame_holds_at_most_4096_rows_or_a_mebibyte_of_them(new_client: NewClient) -> None:
    client = new_client(linger_seconds=5.0)
    for _ in range(5000):
        client.log_prediction({"x": 1.0}, prediction=1)
    for _ in range(20):
        client.log_prediction({f"t{i}": "y" * 250 for i in range(500)}, prediction=1)
    assert client.flush(30)
    frames = client.transport.frames
    assert frames[0].n == 4096
    assert sum(frame.n for frame in frames) == 5020
    assert all(len(frame.raw) < 1.3 * (1 << 20) for frame in frames)


def test_rows_that_share_no_feature_do_not_become_one_huge_table(new_client: NewClient) -> None:
    client = new_client(linger_seconds=5.0)
    for i in range(3000):
        client.log_prediction({f"x{i}": 1.0}, prediction=1)
    assert client.flush(30)
    assert sum(len(frame.raw) for frame in client.transport.frames) < 3_000_000
    assert client.stats.sent == 3000


def test_a_row_of_absurd_size_is_refused(new_client: NewClient) -> None:
    client = new_client()
    assert client.log_prediction({"t": "y" * 1_000_000}, prediction=1) is None
    assert client.stats.dropped == {"row_too_large": 1}


def test_rows_are_sent_without_being_asked_when_they_have_waited(new_client: NewClient) -> None:
    client = new_client(linger_seconds=0.05)
    for _ in range(3):
        assert client.log_prediction({}, prediction=1)
        until = time.monotonic() + 10
        sent = client.stats.sent
        while client.stats.sent == sent and time.monotonic() < until:
            time.sleep(0.01)
        assert client.stats.sent == sent + 1


def test_below_one_row_a_second_a_row_waits_longer_for_others(new_client: NewClient) -> None:
    client = new_client(linger_seconds=0.6)
    sender: Any = client._sender
    sender._frame_at = time.monotonic() - 5.0
    client.log_prediction({}, prediction=1)
    time.sleep(1.0)
    assert client.stats.sent == 0
    for _ in range(20):  # now they come faster, and the wait is cut to the usual one
        client.log_prediction({}, prediction=1)
    until = time.monotonic() + 10
    while client.stats.sent < 21 and time.monotonic() < until:
        time.sleep(0.01)
    assert [frame.n for frame in client.transport.frames] == [21]


def test_the_same_frame_is_tried_again_under_the_same_id(new_client: NewClient) -> None:
    gate = Gate(failures=3)
    gate.open.set()
    client = new_client(None, transport=gate)
    id_ = client.log_prediction({}, prediction=1)
    assert client.flush(30)
    assert gate.ids() == [id_]
    assert len(gate.tries) == 4
    assert len(set(gate.tries)) == 1


def test_a_transport_that_raises_anything_is_tried_again(new_client: NewClient) -> None:
    class Buggy(Gate):
        def send(self, parcel: Parcel) -> None:
            if not self.tries:
                self.tries.append("")
                raise RuntimeError("a fault of the transport")
            super().send(parcel)

    gate = Buggy()
    gate.open.set()
    client = new_client(None, transport=gate)
    id_ = client.log_prediction({}, prediction=1)
    assert client.flush(30)
    assert gate.ids() == [id_]


def test_flush_says_no_when_time_runs_out_and_nothing_is_lost(new_client: NewClient, gate: Gate) -> None:
    client = new_client(None, transport=gate)
    id_ = client.log_prediction({}, prediction=1)
    assert not client.flush(0.05)
    gate.open.set()
    assert client.flush()
    assert gate.ids() == [id_]


def test_flushing_again_and_again_while_nothing_moves_takes_no_memory(new_client: NewClient, gate: Gate) -> None:
    client = new_client(None, transport=gate)
    client.log_prediction({}, prediction=1)
    for _ in range(50):
        assert not client.flush(0.001)
    sender: Any = client._sender
    assert len(sender.queue) <= 3
    gate.open.set()
    assert client.flush()


def test_close_counts_what_it_could_not_send_and_later_rows(new_client: NewClient) -> None:
    gate = Gate(failures=1000)
    gate.open.set()
    client = new_client(None, transport=gate)
    client.log_prediction({}, prediction=1)
    assert not client.close(0.1)
    assert client.log_prediction({}, prediction=1) is None
    assert not client.log_outcome("a", 1)
    assert client.log_batch({"x": [1, 2]}) == [None, None]
    assert client.stats.dropped == {"unsent_at_close": 1, "closed": 4}
    assert client.close(0.1)


def test_the_end_of_a_with_block_closes(new_client: NewClient) -> None:
    with new_client() as client:
        client.log_prediction({}, prediction=1)
    assert client.stats.sent == 1
    assert client.log_prediction({}, prediction=1) is None


def test_without_a_row_there_is_no_thread_and_with_one_there_is_a_daemon(new_client: NewClient) -> None:
    def senders() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == "driftwatch-sender"]

    before = len(senders())
    client = new_client()
    assert len(senders()) == before
    client.log_prediction({}, prediction=1)
    assert len(senders()) == before + 1
    assert all(thread.daemon for thread in senders())
    client.close()
    assert len(senders()) == before


def test_an_idle_thread_ends_and_the_next_row_starts_another(
    new_client: NewClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("driftwatch.sdk.sender._IDLE_SECONDS", 0.02)
    client = new_client()
    for n in (1, 2, 3):
        assert client.log_prediction({}, prediction=1)
        assert client.flush()
        assert client.stats.sent == n
        sender: Any = client._sender
        until = time.monotonic() + 10
        while sender._thread is not None and time.monotonic() < until:
            time.sleep(0.01)
        assert sender._thread is None


def test_synchronous_clients_send_before_they_return_and_start_no_thread(new_client: NewClient) -> None:
    client = new_client(synchronous=True)
    before = threading.active_count()
    for n in (1, 2, 3):
        client.log_prediction({}, prediction=1)
        assert client.stats.sent == n
    client.log_outcome("a", 1)
    client.log_batch({"x": [1, 2]})
    assert (client.stats.sent, client.stats.outcomes) == (5, 1)
    assert threading.active_count() == before


def test_a_synchronous_client_keeps_what_failed_for_the_next_call(new_client: NewClient) -> None:
    gate = Gate(failures=1)
    gate.open.set()
    client = new_client(None, transport=gate, synchronous=True)
    first = client.log_prediction({}, prediction=1)
    second = client.log_prediction({}, prediction=1)
    assert client.flush(10)
    assert gate.ids() == [first, second]


def test_a_fault_of_our_own_is_counted_and_the_thread_lives(
    new_client: NewClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = new_client()
    with monkeypatch.context() as patch:
        patch.setattr("driftwatch.sdk.assembly.encode", lambda _: 1 / 0)
        client.log_prediction({}, prediction=1)
        assert client.flush()
    client.log_prediction({}, prediction=1)
    assert client.flush()
    assert (client.stats.sent, client.stats.dropped) == (1, {"internal_error": 1})
