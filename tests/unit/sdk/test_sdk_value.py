import datetime as dt
import enum
import math
from collections import OrderedDict
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch import Client

NewClient = Callable[..., Client]


class Colour(enum.Enum):
    RED = "red"


class Hostile:
    """An object that fails at whatever is asked of it."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    def __float__(self) -> float:
        raise RuntimeError("no")

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("no")


def _logged(client: Client, value: Any) -> Any:
    assert client.log_prediction({"x": value, "beside": 1.0}, prediction=1)
    assert client.flush()
    (frame,) = client.transport.frames
    assert frame.features["beside"].to_list() == [1.0]
    column = frame.features.get("x")
    return None if column is None else column.to_list()[0]


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (True, True),
        (1, 1.0),
        (2**70, float(2**70)),
        (-0.5, -0.5),
        (math.inf, math.inf),
        ("AA", "AA"),
        (None, None),
        (np.float16(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.float64(0.5), 0.5),
        (np.longdouble(0.5), 0.5),
        (np.int8(-3), -3.0),
        (np.uint64(2**63), float(2**63)),
        (np.bool_(1), True),
        (np.str_("AA"), "AA"),
        (np.bytes_(b"AA"), "AA"),
        (np.array(3.0), 3.0),
        (np.array([1.0, 2.0]), [1.0, 2.0]),
        (np.array([1.0, 2.0], dtype=np.float32), [1.0, 2.0]),
        (np.datetime64("2013-07-01T00:00:00"), "2013-07-01T00:00:00"),
        (np.datetime64("NaT"), None),
        (np.ma.masked, None),
        (pd.NA, None),
        (pd.NaT, None),
        (pd.Timestamp("2013-07-01"), "2013-07-01T00:00:00"),
        (pd.Timedelta(seconds=1.5), 1.5),
        (dt.datetime(2013, 7, 1, tzinfo=dt.UTC), "2013-07-01T00:00:00+00:00"),
        (dt.date(2013, 7, 1), "2013-07-01"),
        (dt.timedelta(seconds=1.5), 1.5),
        (Decimal("1.25"), 1.25),
        (Fraction(1, 4), 0.25),
        (b"AA", "AA"),
        (b"\xff", "\N{REPLACEMENT CHARACTER}"),
        (bytearray(b"AA"), "AA"),
        (Colour.RED, "red"),
        ([1.0, 2], [1.0, 2.0]),
        ((1.0, 2.0), [1.0, 2.0]),
        ("\ud800", "?"),
        ("a\0b", "a\N{REPLACEMENT CHARACTER}b"),
    ],
    ids=repr,
)
def test_a_value_that_serving_code_may_hold(new_client: NewClient, value: Any, stored: Any) -> None:
    client = new_client()
    assert _logged(client, value) == stored
    assert client.stats.altered == {}


@pytest.mark.parametrize("value", [float("nan"), np.float32("nan"), Decimal("NaN")])
def test_nan_stays_nan_and_is_not_null(new_client: NewClient, value: Any) -> None:
    assert math.isnan(_logged(new_client(), value))


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ({1, 2}, "{1, 2}"),
        (1j, "1j"),
        (np.complex128(1), "(1+0j)"),
        (10**400, "1" + "0" * 255),
        (Hostile(), "<Hostile>"),
        ({"a": 1}, "{'a': 1}"),
    ],
    ids=["set", "complex", "numpy complex", "huge integer", "hostile", "map"],
)
def test_an_unknown_value_becomes_text_and_is_counted(new_client: NewClient, value: Any, stored: Any) -> None:
    client = new_client()
    assert _logged(client, value) == stored
    assert client.stats.altered == {"unknown_type": 1}


def test_a_long_text_is_cut(new_client: NewClient) -> None:
    assert _logged(new_client(), "é" * 200) == "é" * 128


@pytest.mark.parametrize(
    "features",
    [
        {"x": 1.0},
        OrderedDict(x=1.0),
        MappingProxyType({"x": 1.0}),
        pd.Series({"x": 1.0}),
        {"x": 1.0, "y": None},
    ],
    ids=["dict", "ordered", "proxy", "series", "null"],
)
def test_features_may_be_any_mapping(new_client: NewClient, features: Any) -> None:
    client = new_client()
    assert client.log_prediction(features, prediction=1)
    assert client.flush()
    assert client.transport.frames[0].features["x"].to_list() == [1.0]


def test_names_of_features_become_text(new_client: NewClient) -> None:
    client = new_client()
    assert client.log_prediction({1: 2.0, "select": 3.0, "": 4.0, "ü" * 500: 5.0}, prediction=1)
    assert client.flush()
    assert list(client.transport.frames[0].features) == ["1", "select", "", "ü" * 128]


@pytest.mark.parametrize("features", [7, "text", [1.0], object()], ids=["int", "text", "list", "object"])
def test_features_that_are_no_mapping_cost_the_features_and_not_the_row(new_client: NewClient, features: Any) -> None:
    client = new_client()
    assert client.log_prediction(features, prediction=1)
    assert client.flush()
    (frame,) = client.transport.frames
    assert (frame.prediction, frame.features) == ([1], {})
    assert client.stats.altered["not_a_mapping"] == 1


def test_the_envelope_takes_what_models_answer(new_client: NewClient) -> None:
    client = new_client()
    client.log_prediction({}, prediction=np.array(["late"]), score=np.array([0.5]), error=ValueError("no weather"))
    client.log_prediction({}, prediction=np.int64(1), score="high", error=True, request_id=7, entity="y" * 200)
    client.log_prediction({}, prediction={"a": 1}, score=None, error=None)
    assert client.flush()
    (frame,) = client.transport.frames
    assert frame.prediction == ["late", 1, "{'a': 1}"]
    assert frame.score == [0.5, None, None]
    assert frame.error == ["ValueError: no weather", True, None]
    assert frame.request_id == [None, "7", None]
    assert frame.entity == [None, "y" * 128, None]
    assert client.stats.altered == {"not_a_number": 1, "truncated": 1, "unknown_type": 1}


def test_a_value_of_another_kind_is_null_in_its_column_and_counted(new_client: NewClient) -> None:
    client = new_client(linger_seconds=5.0)
    for value in (1.0, 2.0, "n/a", None):
        client.log_prediction({"x": value}, prediction=1)
    assert client.flush()
    assert client.transport.frames[0].features["x"].to_list() == [1.0, 2.0, None, None]
    assert client.stats.altered == {"mixed_kind": 1}


def test_a_column_keeps_its_kind_in_a_frame_without_a_value(new_client: NewClient) -> None:
    client = new_client()
    for value in (1.0, None):
        client.log_prediction({"x": value}, prediction=1)
        assert client.flush()
    assert [frame.features["x"].kind for frame in client.transport.frames] == ["numeric", "numeric"]


SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates() | st.decimals()
ANYTHING: st.SearchStrategy[Any] = st.deferred(
    lambda: SCALAR | st.lists(ANYTHING, max_size=3) | st.dictionaries(st.text() | st.integers(), ANYTHING, max_size=3)
)


@given(st.lists(st.dictionaries(st.text(max_size=5), ANYTHING, max_size=4), min_size=1, max_size=4), ANYTHING)
def test_whatever_is_logged_arrives_and_nothing_is_raised(rows: list[dict[str, Any]], other: Any) -> None:
    with Client("memory:", model="m", version="1", synchronous=True) as client:
        ids = [client.log_prediction(row, prediction=other, score=other, error=other, tags=row) for row in rows]
        assert [id_ for frame in client.transport.frames for id_ in frame.ids] == ids
        assert client.stats.dropped == {}
