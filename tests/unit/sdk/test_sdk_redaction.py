import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import pytest

from driftwatch import Client

NewClient = Callable[..., Client]

FEATURES = {"email": "a@b.c", "comment": "hello world", "age": 41, "plan": "gold"}


def _sent(client: Client, **columns: Any) -> Any:
    assert client.log_prediction(FEATURES, prediction=columns.pop("prediction", 1), **columns)
    assert client.flush()
    return client.transport.frames[-1]


def test_each_rule_does_what_it_says(new_client: NewClient) -> None:
    client = new_client(
        redact={"email": "hash", "comment": "truncate:5", "age": lambda age: age // 10 * 10, "plan": "drop"},
        hash_key="secret",
    )
    features = _sent(client).features
    assert features["email"].to_list() == [hmac.digest(b"secret", b"a@b.c", "sha256").hex()[:32]]
    assert features["comment"].to_list() == ["hello"]
    assert features["age"].to_list() == [40.0]
    assert "plan" not in features


def test_a_hash_without_a_key_is_plain(new_client: NewClient) -> None:
    features = _sent(new_client(redact={"email": "hash"})).features
    assert features["email"].to_list() == [hashlib.sha256(b"a@b.c").hexdigest()[:32]]


def test_an_allow_list_lets_nothing_else_out(new_client: NewClient) -> None:
    frame = _sent(new_client(allow=["age", "region"]), tags={"region": "eu", "street": "x"})
    assert list(frame.features) == ["age"]
    assert list(frame.tags) == ["region"]


def test_a_redactor_that_fails_drops_the_value_and_counts_it(
    new_client: NewClient, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(value: Any) -> Any:
        raise KeyError(value)

    client = new_client(redact={"email": fails})
    assert _sent(client).features["email"].to_list() == [None]
    assert client.stats.altered == {"redactor_failed": 1}
    assert "a@b.c" not in caplog.text
    assert "KeyError" in caplog.text


def test_nothing_redacted_is_in_the_bytes_that_leave(new_client: NewClient) -> None:
    client = new_client(redact={"email": "hash", "error": "drop", "request_id": "hash"}, hash_key=b"k")
    frame = _sent(client, error="no such person: a@b.c", request_id="a@b.c", entity="a@b.c")
    assert b"a@b.c" not in frame.raw
    assert frame.error == [True]


def test_an_entity_is_hashed_when_there_is_a_key(new_client: NewClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _sent(new_client(), entity="person-7").entity == ["person-7"]
    monkeypatch.setenv("DRIFTWATCH_HASH_KEY", "secret")
    assert _sent(new_client(), entity="person-7").entity == [
        hmac.digest(b"secret", b"person-7", "sha256").hex()[:32],
    ]


def test_tags_and_predictions_follow_their_rules(new_client: NewClient) -> None:
    client = new_client(redact={"street": "truncate:1", "prediction": "drop"})
    frame = _sent(client, tags={"street": "Main"}, prediction="a@b.c")
    assert frame.tags == {"street": ["M"]}
    assert frame.prediction in (None, [None])


def test_batches_are_redacted_too(new_client: NewClient) -> None:
    client = new_client(redact={"email": "drop"}, allow=["email", "age"])
    client.log_batch({"email": ["a@b.c"], "age": [41], "plan": ["gold"]})
    assert client.flush()
    assert list(client.transport.frames[0].features) == ["age"]
