import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from driftwatch import Client

NewClient = Callable[..., Client]


def _frame(client: Client) -> Any:
    assert client.flush()
    return client.transport.frames[-1]


def test_a_watched_function_is_timed_and_logged(new_client: NewClient) -> None:
    client = new_client()

    @client.watch(tags={"region": "eu"})
    def predict(features: dict[str, float]) -> int:
        """Say 1."""
        time.sleep(0.01)
        features["x"] = 99.0
        return 1

    assert predict({"x": 1.0}) == 1
    assert predict.__doc__ == "Say 1."
    frame = _frame(client)
    assert (frame.prediction, frame.error, frame.tags) == ([1], None, {"region": ["eu"]})
    assert frame.features["x"].to_list() == [1.0]
    assert 0.01 <= frame.latency_seconds[0] < 5.0


def test_the_exception_of_a_watched_function_is_logged_and_passes(new_client: NewClient) -> None:
    client = new_client()

    @client.watch()
    def predict(features: dict[str, float]) -> int:
        raise ValueError("no weather")

    with pytest.raises(ValueError, match="no weather"):
        predict({"x": 1.0})
    frame = _frame(client)
    assert (frame.error, frame.prediction) == (["ValueError: no weather"], None)
    assert frame.features["x"].to_list() == [1.0]


def test_features_and_results_of_another_shape_are_mapped(new_client: NewClient) -> None:
    client = new_client()

    @client.watch(lambda carrier, *, miles: {"carrier": carrier, "miles": miles}, result=lambda r: r[0], score=max)
    def predict(carrier: str, *, miles: float) -> tuple[int, float]:
        return 0, 0.8

    assert predict("AA", miles=7.0) == (0, 0.8)
    frame = _frame(client)
    assert (frame.prediction, frame.score) == ([0], [0.8])
    assert frame.features["carrier"].to_list() == ["AA"]


def test_mapping_that_fails_does_not_reach_the_caller(new_client: NewClient) -> None:
    client = new_client()

    @client.watch(lambda x: x["missing"], result=lambda r: r["missing"])
    def predict(x: dict[str, int]) -> dict[str, int]:
        return {"a": 1}

    assert predict({"b": 1}) == {"a": 1}
    frame = _frame(client)
    assert (frame.features, frame.error) == ({}, ["KeyError: 'missing'"])


def test_a_watched_coroutine_is_timed_until_it_ends(new_client: NewClient) -> None:
    client = new_client()

    @client.watch()
    async def predict(features: dict[str, float]) -> int:
        await asyncio.sleep(0.02)
        return 1

    assert asyncio.run(predict({"x": 1.0})) == 1
    frame = _frame(client)
    assert frame.prediction == [1]
    assert frame.latency_seconds[0] >= 0.02


def test_a_block_is_watched_and_knows_its_id(new_client: NewClient) -> None:
    client = new_client()
    with client.watch({"x": 1.0}) as call:
        call.prediction, call.score, call.request_id = "late", 0.9, "r1"
    frame = _frame(client)
    assert (frame.ids, frame.prediction, frame.score, frame.request_id) == ([call.id], ["late"], [0.9], ["r1"])
    assert frame.latency_seconds[0] >= 0.0


def test_the_exception_of_a_block_is_logged_and_passes(new_client: NewClient) -> None:
    client = new_client()
    with pytest.raises(ZeroDivisionError), client.watch({"x": 1.0}):
        _ = 1 / 0
    assert _frame(client).error == ["ZeroDivisionError: division by zero"]
