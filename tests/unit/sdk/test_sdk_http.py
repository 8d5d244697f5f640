import datetime as dt
import email.utils
import json
import logging
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from driftwatch import Client

NewClient = Callable[..., Client]


def test_a_frame_is_posted_as_the_contract_says(new_client: NewClient, service: Any) -> None:
    client = new_client(service.url + "/", api_key="dw_secret")
    id_ = client.log_prediction({"x": 1.0}, prediction=1)
    before = dt.datetime.now(dt.UTC)
    assert client.flush()
    (request,), (frame,) = service.requests, service.frames()
    headers = request["headers"]
    assert request["path"] == "/v1/batches"
    assert frame.ids == [id_]
    assert headers["Content-Type"] == "application/vnd.driftwatch.frame"
    assert headers["Content-Encoding"] == "zlib"
    assert headers["Authorization"] == "Bearer dw_secret"
    assert headers["Idempotency-Key"] == frame.batch_id
    sent_at = dt.datetime.fromisoformat(headers["Driftwatch-Sent-At"])
    assert before - dt.timedelta(seconds=5) < sent_at < dt.datetime.now(dt.UTC) + dt.timedelta(seconds=5)


def test_outcomes_are_posted_as_the_contract_says(new_client: NewClient, service: Any) -> None:
    client = new_client(service.url, environment="staging")
    client.log_outcome("a", 0, at="2013-07-01T00:00:00.000001Z")
    client.log_outcome(None, "late", at="2013-07-01", request_id="r1")
    client.log_outcome("b", float("inf"), at="2013-07-01")
    assert client.flush()
    (request,), (body,) = service.requests, service.bodies()
    payload = json.loads(body)
    assert request["path"] == "/v1/outcomes"
    assert request["headers"]["Content-Type"] == "application/json"
    assert request["headers"]["Idempotency-Key"] == payload.pop("batch_id")
    assert payload == {
        "model": "flights",
        "environment": "staging",
        "outcomes": [
            {"id": "a", "value": 0, "at": "2013-07-01T00:00:00.000001+00:00"},
            {"request_id": "r1", "value": "late", "at": "2013-07-01T00:00:00+00:00"},
        ],
    }
    assert client.stats.dropped == {"no_value": 1}


def test_the_connection_is_kept(new_client: NewClient, service: Any) -> None:
    client = new_client(service.url)
    for _ in range(5):
        client.log_prediction({}, prediction=1)
        assert client.flush()
    assert (len(service.requests), service.connections) == (5, 1)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
def test_a_passing_refusal_is_tried_again_with_the_same_body(new_client: NewClient, service: Any, status: int) -> None:
    service.answers = [(status, {}), (status, {})]
    client = new_client(service.url)
    client.log_prediction({}, prediction=1)
    assert client.flush(30)
    bodies = service.bodies()
    assert len(bodies) == 3
    assert len(set(bodies)) == 1
    assert (client.stats.sent, client.stats.dropped) == (1, {})


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 413, 415, 422])
def test_a_final_refusal_drops_the_frame_counts_it_and_writes_one_line(
    new_client: NewClient, service: Any, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    service.answers = [(status, {})] * 2
    client = new_client(service.url)
    for _ in range(2):
        client.log_prediction({}, prediction=1)
        assert client.flush()
    client.log_prediction({}, prediction=1)
    assert client.flush()
    assert len(service.requests) == 3
    assert (client.stats.sent, client.stats.dropped) == (1, {f"refused_{status}": 2})
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert f"driftwatch dropped 1 rows: the service answered {status}" in caplog.text


def test_a_conflict_is_counted_as_one(new_client: NewClient, service: Any) -> None:
    service.answers = [(409, {})]
    client = new_client(service.url)
    client.log_prediction({}, prediction=1)
    assert client.flush()
    assert client.stats.dropped == {"conflict": 1}


def test_seen_before_counts_as_sent(new_client: NewClient, service: Any) -> None:
    service.answers = [(200, {})]
    client = new_client(service.url)
    client.log_prediction({}, prediction=1)
    assert client.flush()
    assert client.stats.sent == 1


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_the_least_wait_even_when_somebody_flushes(
    new_client: NewClient, service: Any, form: str
) -> None:
    wait = {"seconds": "1", "date": email.utils.formatdate(time.time() + 2, usegmt=True)}[form]
    service.answers = [(429, {"Retry-After": wait})]
    client = new_client(service.url)
    client.log_prediction({}, prediction=1)
    start = time.monotonic()
    while not service.requests:
        time.sleep(0.005)
    assert not client.flush(0.1)
    assert len(service.requests) == 1
    assert client.flush(30)
    assert time.monotonic() - start >= 0.9
    assert len(service.requests) == 2


def test_a_connection_that_the_server_closed_is_opened_again_at_once(new_client: NewClient, service: Any) -> None:
    client = new_client(service.url)
    client.log_prediction({}, prediction=1)
    assert client.flush()
    service.answers = ["close"]
    client.log_prediction({}, prediction=1)
    assert client.flush(30)
    assert len(service.requests) == 3
    assert len({frame.batch_id for frame in service.frames()}) == 2
    assert client.stats.sent == 2


def test_a_service_that_is_away_loses_nothing(new_client: NewClient, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        client = new_client(f"http://127.0.0.1:{port}", linger_seconds=0.01)
        client.log_prediction({}, prediction=1)
        assert not client.flush(0.2)
    assert client.stats.queued_rows == 1
    assert client.stats.dropped == {}
    assert f"driftwatch will try again: no answer from 127.0.0.1:{port}" in caplog.text


def test_quarantine_in_the_reply_is_counted_and_told(
    new_client: NewClient, service: Any, caplog: pytest.LogCaptureFixture
) -> None:
    service.reply = {"accepted": 1, "quarantined": [{"row": 0, "column": "x", "reason": "retyped"}]}
    client = new_client(service.url)
    client.log_prediction({"x": "a"}, prediction=1)
    assert client.flush()
    assert (client.stats.sent, client.stats.quarantined) == (1, 1)
    assert "the service put 1 rows or values of 1 rows in quarantine" in caplog.text


def test_the_key_may_stand_in_the_environment(
    new_client: NewClient, service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRIFTWATCH_API_KEY", "dw_env")
    client = new_client(service.url + "/prefix")
    client.log_prediction({}, prediction=1)
    assert client.flush()
    assert service.requests[0]["headers"]["Authorization"] == "Bearer dw_env"
    assert service.requests[0]["path"] == "/prefix/v1/batches"
