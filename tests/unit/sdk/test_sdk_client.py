import datetime as dt
import uuid
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from driftwatch import Client
from driftwatch.errors import MissingPartError, SpecError
from driftwatch.wire import from_bytes

NewClient = Callable[..., Client]


def test_the_three_lines_of_the_readme(new_client: NewClient) -> None:
    client = new_client(deployment="blue")
    id_ = client.log_prediction(
        {"carrier": "AA", "distance": 733.0}, prediction=1, score=0.71, latency_seconds=0.012, tags={"region": "eu"}
    )
    assert id_ is not None
    assert client.log_outcome(id_, 0)
    assert client.flush()
    (frame,), (outcomes,) = client.transport.frames, client.transport.outcomes
    assert (frame.model, frame.version, frame.environment, frame.deployment) == ("flights", "1", "production", "blue")
    assert frame.sdk.startswith("python/")
    assert (frame.ids, frame.prediction, frame.score, frame.latency_seconds) == ([id_], [1], [0.71], [0.012])
    assert (frame.error, frame.request_id, frame.entity, frame.tags) == (None, None, None, {"region": ["eu"]})
    assert frame.features["carrier"].to_list() == ["AA"]
    assert frame.features["distance"].to_list() == [733.0]
    assert (outcomes.ids, outcomes.values) == ([id_], [0])  # noqa: PD011 - no pandas here
    assert (client.stats.sent, client.stats.outcomes, client.stats.dropped) == (1, 1, {})


def test_rows_of_one_flush_are_one_frame_a_deployment(new_client: NewClient) -> None:
    client = new_client(linger_seconds=5.0)
    for i in range(10):
        client.log_prediction({"x": i}, prediction=i, deployment="canary" if i % 2 else None)
    assert client.flush()
    assert {frame.deployment: frame.prediction for frame in client.transport.frames} == {
        "default": [0, 2, 4, 6, 8],
        "canary": [1, 3, 5, 7, 9],
    }


@pytest.mark.parametrize("given", ["a", "x" * 128, "row 7", "é" * 64, uuid.UUID(int=7), 12, np.int64(3)])
def test_an_id_is_any_text_of_1_to_128_bytes(new_client: NewClient, given: Any) -> None:
    client = new_client()
    assert client.log_prediction({}, prediction=1, id=given) == str(given)
    assert client.flush()
    assert client.transport.frames[0].ids == [str(given)]


@pytest.mark.parametrize("given", ["", "x" * 129, "é" * 65, "a\0b", "\ud800"])
def test_another_id_drops_the_row_and_counts_it(new_client: NewClient, given: str) -> None:
    client = new_client()
    assert client.log_prediction({}, prediction=1, id=given) is None
    assert not client.log_outcome(given, 1)
    assert client.stats.dropped == {"bad_id": 2}


@pytest.mark.parametrize(
    "given",
    [
        dt.datetime(2013, 7, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=2))),
        dt.datetime(2013, 7, 1),  # noqa: DTZ001 - a naive time is read as UTC
        "2013-07-01T00:00:00Z",
        "2013-07-01",
        1_372_636_800,
        1_372_636_800.0,
        np.float64(1_372_636_800),
        np.datetime64("2013-07-01"),
        pd.Timestamp("2013-07-01", tz="UTC"),
    ],
)
def test_a_time_may_come_in_any_usual_form(new_client: NewClient, given: Any) -> None:
    client = new_client()
    assert client.log_prediction({}, prediction=1, at=given)
    assert client.log_outcome("a", 1, at=given)
    assert client.flush()
    assert from_bytes("q", client.transport.frames[0].at).tolist() == [1_372_636_800_000_000]
    assert from_bytes("q", client.transport.outcomes[0].at).tolist() == [1_372_636_800_000_000]


@pytest.mark.parametrize("given", ["noon", float("nan"), pd.NaT, np.datetime64("NaT"), True, 1e18, object()])
def test_another_time_drops_the_row_and_counts_it(new_client: NewClient, given: Any) -> None:
    client = new_client()
    assert client.log_prediction({}, prediction=1, at=given) is None
    assert client.stats.dropped == {"bad_time": 1}


def test_sampling_leaves_out_features_by_a_hash_of_the_id_and_keeps_the_rest(new_client: NewClient) -> None:
    client = new_client(sample_rate=0.25)
    ids = [f"row-{i}" for i in range(2000)]
    for id_ in ids:
        client.log_prediction({"x": 1.0}, prediction=1, score=0.5, id=id_)
    assert client.flush()
    frames = client.transport.frames
    kept = {id_ for frame in frames if frame.features for id_ in frame.ids}
    assert kept == {id_ for id_ in ids if zlib.crc32(id_.encode()) < 0.25 * 2**32}
    assert sorted(id_ for frame in frames for id_ in frame.ids) == sorted(ids)
    assert all(frame.score == [0.5] * frame.n and frame.sample_rate == 0.25 for frame in frames)


def test_outcomes_without_a_value_are_no_outcomes(new_client: NewClient) -> None:
    client = new_client()
    assert client.log_outcomes({"a": 1, "b": None, "c": float("nan"), "d": pd.NA, "e": np.float32(0.5)}) == 2
    assert client.log_outcomes([("f", True), ("g", "late")], at="2013-07-01") == 2
    assert not client.log_outcome(None, 1)
    assert client.log_outcome(None, 1, request_id="r1")
    assert client.flush()
    (frame,) = client.transport.outcomes
    assert list(zip(frame.ids, frame.request_ids, frame.values, strict=True)) == [
        ("a", None, 1),
        ("e", None, 0.5),
        ("f", None, True),
        ("g", None, "late"),
        (None, "r1", 1),
    ]
    assert client.stats.dropped == {"no_value": 3, "bad_id": 1}


def test_an_outcome_that_is_no_iterable_is_counted_and_raises_nothing(new_client: NewClient) -> None:
    client = new_client()
    wrong: Any = 7
    assert client.log_outcomes(wrong) == 0
    assert client.stats.dropped == {"bad_row": 1}


def test_without_an_address_rows_are_counted_and_one_line_says_so(
    new_client: NewClient, caplog: pytest.LogCaptureFixture
) -> None:
    client = new_client(None)
    assert client.log_prediction({"x": 1}, prediction=1) is None
    assert client.log_prediction({"x": 1}, prediction=1) is None
    assert not client.log_outcome("a", 1)
    assert client.log_batch({"x": [1, 2]}) == [None, None]
    assert client.flush()
    assert client.stats.dropped == {"no_url": 5}
    assert [record.message for record in caplog.records] == [
        "driftwatch has no address, so rows are dropped: give Client(url=...) or DRIFTWATCH_URL"
    ]


def test_the_address_may_stand_in_the_environment(new_client: NewClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTWATCH_URL", "memory:")
    client = new_client(None)
    assert client.log_prediction({}, prediction=1)
    assert client.flush()
    assert client.stats.sent == 1


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"url": "ftp://x"}, r"url: 'ftp://x' is no address of a service; use http\(s\)"),
        ({"url": "localhost:8300"}, "url: 'localhost:8300' is no address"),
        ({"url": "http://"}, "url: 'http://' is no address; use http://host:port"),
        ({"url": "http://host:port"}, "url: .* is no address"),
        ({"url": "sqlite://x.db"}, "names no file; use sqlite:///relative/path"),
        ({"url": 7}, "url: 7 is not a text"),
        ({"model": ""}, "model: '' is no name"),
        ({"model": "x" * 257}, "1 to 256 bytes"),
        ({"version": None}, "version: None is no name"),
        ({"sample_rate": 0}, "sample_rate: 0 is not a number above 0 and at most 1"),
        ({"sample_rate": "half"}, "sample_rate: 'half'"),
        ({"linger_seconds": -1}, "linger_seconds: -1"),
        ({"max_queue_bytes": 10}, "max_queue_bytes: 10"),
        ({"redact": {"email": "erase"}}, "redact.email: 'erase' is no rule; use 'drop', 'hash', 'truncate:N'"),
        ({"redact": ["email"]}, "redact: .* is not a mapping"),
        ({"allow": "carrier"}, "allow: 'carrier' is a text; give a list"),
        ({"hash_key": 7}, "hash_key: a secret must be text or bytes, not int"),
        ({"url": "http://x", "api_key": "dw_\n"}, "api_key: the key has characters"),
        ({"transport": object()}, "transport: .* has no method send"),
    ],
)
def test_wrong_arguments_of_the_constructor_raise_and_say_what_to_do(arguments: dict[str, Any], fault: str) -> None:
    with pytest.raises(SpecError, match=fault):
        Client(**{"url": "memory:", "model": "m", "version": "1", **arguments})


def test_an_address_whose_package_is_absent_says_how_to_add_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingPartError, match=r"pip install 'driftwatch-monitor\[postgres\]'"):
        Client("postgresql://localhost/x", model="m", version="1")


def test_a_version_may_be_a_number(new_client: NewClient) -> None:
    client = new_client(version=7)
    client.log_prediction({}, prediction=1)
    assert client.flush()
    assert client.transport.frames[0].version == "7"
