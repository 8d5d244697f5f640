from typing import Any

import pytest

from driftwatch.errors import DataError
from driftwatch.wire import decode, decode_outcomes, frame_from_rows, from_bytes, outcomes_from_rows

ROW = {
    "id": "a",
    "at": "2013-07-01T00:00:00+00:00",
    "features": {"carrier": "AA", "distance": 733},
    "tags": {"region": "eu"},
    "prediction": 1,
    "score": 0.7,
    "latency_seconds": 0.01,
    "error": None,
    "request_id": None,
    "entity": None,
}
PAYLOAD = {"batch_id": "b1", "model": "flights", "version": "1", "deployment": "default", "rows": [ROW]}


def test_the_rows_of_the_contract_become_the_frame_of_the_sdk() -> None:
    frame, bad = frame_from_rows(PAYLOAD)
    assert bad == []
    assert (frame.batch_id, frame.model, frame.version, frame.environment) == ("b1", "flights", "1", "production")
    assert (frame.ids, from_bytes("q", frame.at).tolist()) == (["a"], [1_372_636_800_000_000])
    assert {name: column.to_list() for name, column in frame.features.items()} == {
        "carrier": ["AA"],
        "distance": [733.0],
    }
    assert (frame.prediction, frame.score, frame.latency_seconds) == ([1], [0.7], [0.01])
    assert (frame.error, frame.request_id, frame.entity, frame.tags) == (None, None, None, {"region": ["eu"]})
    assert decode(frame.raw) == frame


def test_a_bad_row_is_left_out_with_its_place_and_reason_and_the_others_stay() -> None:
    rows: list[Any] = [
        ROW,
        17,
        {**ROW, "id": "x" * 129},
        {**ROW, "at": "yesterday"},
        {"id": "b"},
        {**ROW, "features": [1]},
        {**ROW, "id": 12},
    ]
    frame, bad = frame_from_rows({**PAYLOAD, "rows": rows})
    assert frame.ids == ["a", "12"]
    assert [(fault.row, fault.column) for fault in bad] == [(1, None), (2, None), (3, None), (4, None), (5, None)]
    for fault, words in zip(
        bad, ["not an object", "1 to 128 bytes", "'yesterday' is not ISO 8601", "no time", "features"], strict=True
    ):
        assert words in fault.reason


def test_a_bad_value_costs_itself_and_not_its_row() -> None:
    rows = [ROW, {**ROW, "score": "high", "features": {"carrier": 7, "distance": "far"}}, ROW]
    frame, bad = frame_from_rows({**PAYLOAD, "rows": rows})
    assert frame.n == 3
    assert frame.score == [0.7, None, 0.7]
    assert frame.features["carrier"].to_list() == ["AA", None, "AA"]
    assert sorted((fault.row, fault.column) for fault in bad) == [(1, "carrier"), (1, "distance"), (1, "score")]


def test_a_bad_value_is_told_what_would_have_been_taken() -> None:
    row = {**ROW, "score": "high", "prediction": {"a": 1}, "error": 5, "tags": {"t": [1]}}
    _, bad = frame_from_rows({**PAYLOAD, "rows": [ROW, row]})
    assert {fault.column: fault.reason for fault in bad} == {
        "score": "'high' is not a number or a boolean",
        "prediction": "{'a': 1} is not a number or a text or a boolean",
        "error": "5 is not a text or a boolean",
        "t": "[1] is not a number or a text or a boolean",
    }


def test_rows_may_differ_in_their_features() -> None:
    rows = [{**ROW, "features": {"x": 1}}, {**ROW, "features": {"y": "a"}}, {**ROW, "features": None}]
    frame, bad = frame_from_rows({**PAYLOAD, "rows": rows})
    assert bad == []
    assert {name: column.to_list() for name, column in frame.features.items()} == {
        "x": [1.0, None, None],
        "y": [None, "a", None],
    }


def test_a_row_without_time_takes_the_time_that_it_came_and_without_id_a_new_one() -> None:
    frame, bad = frame_from_rows({**PAYLOAD, "rows": [{}, {}]}, now=5)
    assert bad == []
    assert from_bytes("q", frame.at).tolist() == [5, 5]
    assert len(set(frame.ids)) == 2


@pytest.mark.parametrize("at", [1_372_636_800, 1_372_636_800_000])
def test_seconds_and_milliseconds_are_not_taken_for_the_first_days_of_1970(at: int) -> None:
    frame, bad = frame_from_rows({**PAYLOAD, "rows": [{**ROW, "at": at}, {**ROW, "at": 10**15}]})
    assert from_bytes("q", frame.at).tolist() == [10**15]
    assert [(fault.row, fault.column) for fault in bad] == [(0, None)]
    assert f"{at} is too small for microseconds" in bad[0].reason
    outcomes = {"model": "flights", "outcomes": [{"id": "a", "value": 1, "at": at}]}
    assert [fault.row for fault in outcomes_from_rows(outcomes)[1]] == [0]


def test_the_batch_id_is_the_bodys_then_the_headers_then_a_new_one() -> None:
    nameless = {key: value for key, value in PAYLOAD.items() if key != "batch_id"}
    assert frame_from_rows(PAYLOAD, batch_id="header")[0].batch_id == "b1"
    assert frame_from_rows(nameless, batch_id="header")[0].batch_id == "header"
    assert len(frame_from_rows(nameless)[0].batch_id) == 36


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"model": None}, "model: None is not a name"),
        ({"model": ""}, "model: '' is not a name"),
        ({"rows": None}, "rows: None is not a list"),
        ({"batch_id": 7}, "batch_id: 7"),
        ({"version": ["1"]}, r"version: \['1'\]"),
        ({"model": "x" * 257}, "longer than 256 bytes"),
    ],
)
def test_a_wrong_body_is_told_by_the_path_of_its_fault(change: dict[str, Any], fault: str) -> None:
    with pytest.raises(DataError, match=fault):
        frame_from_rows({**PAYLOAD, **change})


def test_values_at_the_edge_of_what_can_be_stored() -> None:
    rows = [{**ROW, "features": {"n": 2**80, "c": "\0\ud800", "o": {"a": 1}}, "prediction": 2**80, "tags": {"t": [1]}}]
    frame, bad = frame_from_rows({**PAYLOAD, "rows": rows})
    assert frame.features["n"].to_list() == [float(2**80)]
    assert frame.features["c"].to_list() == ["\N{REPLACEMENT CHARACTER}?"]
    assert frame.features["o"].to_list() == ["{'a': 1}"]
    assert frame.prediction == [float(2**80)]
    assert [(fault.row, fault.column) for fault in bad] == [(0, "t")]
    assert decode(frame.raw) == frame


def test_outcome_rows_become_an_outcome_frame() -> None:
    rows: list[Any] = [
        {"id": "a", "value": 0, "at": "2013-07-01T00:00:00Z"},
        {"request_id": "r", "value": "late"},
        {"value": 1},
        {"id": "b", "value": [1]},
        {"id": "c", "value": None},
    ]
    frame, bad = outcomes_from_rows({"batch_id": "o1", "model": "flights", "outcomes": rows}, now=9)
    assert (frame.ids, frame.request_ids, frame.values) == (["a", None], [None, "r"], [0, "late"])
    assert from_bytes("q", frame.at).tolist() == [1_372_636_800_000_000, 9]
    assert [(fault.row, fault.column) for fault in bad] == [(2, None), (3, None), (4, None)]
    assert decode_outcomes(frame.raw) == frame
