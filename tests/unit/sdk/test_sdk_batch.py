from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from driftwatch import Client
from driftwatch.wire import from_bytes

NewClient = Callable[..., Client]

COLUMNS: dict[str, Any] = {
    "row": ["a", "b", "c"],
    "ts": pd.to_datetime(["2013-07-01", "2013-07-02", "2013-07-03"]),
    "carrier": ["AA", None, "UA"],
    "distance": [733.0, 1005.0, float("nan")],
    "label": [1, 0, 1],
    "region": ["eu", "eu", "us"],
}
ROLES = {"id": "row", "timestamp": "ts", "prediction": "label", "tags": ["region"]}


@pytest.mark.parametrize(
    "table",
    [
        COLUMNS,
        pd.DataFrame(COLUMNS),
        pa.table({**COLUMNS, "ts": pa.array(COLUMNS["ts"])}),
        {name: np.array(values) for name, values in COLUMNS.items()},
    ],
    ids=["mapping", "pandas", "pyarrow", "numpy"],
)
def test_a_table_of_any_library_is_the_same_frame(new_client: NewClient, table: Any) -> None:
    client = new_client()
    assert client.log_batch(table, ROLES) == ["a", "b", "c"]
    assert client.flush()
    (frame,) = client.transport.frames
    assert frame.ids == ["a", "b", "c"]
    day = 86_400_000_000
    assert from_bytes("q", frame.at).tolist() == [1_372_636_800_000_000 + i * day for i in range(3)]
    assert (frame.prediction, frame.tags) == ([1, 0, 1], {"region": ["eu", "eu", "us"]})
    assert list(frame.features) == ["carrier", "distance"]
    assert frame.features["carrier"].to_list() == ["AA", None, "UA"]
    assert frame.features["distance"].to_list()[:2] == [733.0, 1005.0]
    assert client.stats.sent == 3


def test_a_large_table_is_several_frames_and_every_row_arrives_once(new_client: NewClient) -> None:
    client = new_client()
    ids = client.log_batch({"x": np.arange(10_000.0)})
    assert client.flush()
    assert [frame.n for frame in client.transport.frames] == [4096, 4096, 1808]
    assert [id_ for frame in client.transport.frames for id_ in frame.ids] == ids
    assert len(set(ids)) == 10_000


def test_rows_with_a_wrong_id_or_time_are_left_out_and_counted(new_client: NewClient) -> None:
    client = new_client()
    ids = client.log_batch({"id": ["a", "", "c"], "timestamp": ["2013-07-01", "2013-07-01", "noon"], "x": [1, 2, 3]})
    assert ids == ["a", None, None]
    assert client.flush()
    assert client.transport.frames[0].features["x"].to_list() == [1.0]
    assert client.stats.dropped == {"bad_id": 1, "bad_time": 1}


def test_sampling_works_on_batches(new_client: NewClient) -> None:
    one_by_one, batch = new_client(sample_rate=0.5), new_client(sample_rate=0.5)
    names = [f"row-{i}" for i in range(200)]
    for name in names:
        one_by_one.log_prediction({"x": 1.0}, prediction=1, id=name)
    assert batch.log_batch({"id": names, "prediction": [1] * 200, "x": [1.0] * 200}) == names
    kept = []
    for client in (one_by_one, batch):
        assert client.flush()
        kept.append(sorted(id_ for frame in client.transport.frames if frame.features for id_ in frame.ids))
    assert kept[0] == kept[1]
    assert 50 < len(kept[0]) < 150


@pytest.mark.parametrize(
    ("table", "roles", "fault"),
    [
        ({"x": [1, 2], "y": [1]}, {}, "the columns differ in length"),
        ({"x": [1]}, {"prediction": "y"}, "there is no column 'y'; the columns are x"),
        ({"x": [1]}, {"predictions": "x"}, "'predictions' is no role; the roles are id, timestamp"),
        (7, {}, "int is no table"),
    ],
)
def test_a_wrong_table_is_told_counted_and_raises_nothing(
    new_client: NewClient, caplog: pytest.LogCaptureFixture, table: Any, roles: dict[str, Any], fault: str
) -> None:
    client = new_client()
    assert client.log_batch(table, roles) == []
    assert fault in caplog.text
    assert client.stats.dropped == {"bad_row": 1}


def test_an_empty_table_is_nothing(new_client: NewClient) -> None:
    client = new_client()
    assert client.log_batch({"x": []}) == []
    assert client.log_batch(pd.DataFrame()) == []
    assert client.stats.dropped == {}
