"""Prediction logs: what is read is right, what cannot be used is counted with its reason, and stops nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from driftwatch.domain.instant import DAY, from_iso
from driftwatch.errors import DataError, SpecError
from driftwatch.monitors.spec import ModelSpec, parse_model_spec
from driftwatch.profiles.bucket import CategoricalColumn, NumericColumn
from driftwatch.service.prediction_log import PredictionLog, read_log

START = datetime(2024, 3, 1, tzinfo=UTC)
NAIVE = datetime(2024, 7, 1, 12, tzinfo=UTC).replace(tzinfo=None)


def spec(**changes: Any) -> ModelSpec:
    return parse_model_spec({"model": "m", "columns": {"timestamp": "ts"}} | changes)


def table(rows: int = 6, **columns: Any) -> pa.Table:
    return pa.table({"ts": [START + timedelta(hours=i) for i in range(rows)], **columns})


def reasons(log: PredictionLog) -> dict[str, int | None]:
    return {each.reason: each.rows for each in log.left_out}


def numbers(log: PredictionLog, name: str) -> NumericColumn:
    column = log.features[name]
    assert isinstance(column, NumericColumn)
    return column


def values(log: PredictionLog, name: str) -> list[str | None]:
    column = log.features[name]
    assert isinstance(column, CategoricalColumn)
    return [None if code < 0 else column.dictionary[code] for code in column.codes]


def test_features_are_inferred_from_every_column_without_a_role() -> None:
    source = table(a=[1.0] * 6, b=["x"] * 6, c=[True] * 6, y=[0] * 6, when=[START] * 6, nested=[[1]] * 6)
    log = read_log(source, spec(columns={"timestamp": "ts", "label": "y"}))
    assert set(log.features) == {"a", "b", "c"}
    assert set(log.vectors) == {"nested"}  # a list of numbers is an embedding
    assert {each.column for each in log.left_out} == {"when"}


def test_a_column_of_different_values_is_inferred_to_be_an_identifier_unless_declared() -> None:
    source = table(200, key=list(range(200)), x=[i / 7 for i in range(200)])
    log = read_log(source, spec())
    assert set(log.features) == {"x"}
    assert [(each.column, "identifier" in each.reason) for each in log.left_out] == [("key", True)]
    assert set(read_log(source, spec(features={"numeric": ["key"]})).features) == {"key"}


def test_rows_are_put_in_the_order_of_time() -> None:
    source = table(a=[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).take([3, 0, 5, 1, 2, 4])
    log = read_log(source, spec())
    assert numbers(log, "a").values.tolist() == [0, 1, 2, 3, 4, 5]
    assert np.all(np.diff(log.at) > 0)


@pytest.mark.parametrize(
    "ts",
    [
        pa.array([NAIVE], pa.timestamp("ns")),
        pa.array([NAIVE], pa.timestamp("s")),
        pa.array(["2024-07-01T12:00:00"]),
        pa.array(["2024-07-01 10:00:00Z"]),
        pa.array(["2024-07-01T12:00:00"]).dictionary_encode(),
        pa.array([datetime(2024, 7, 1, 10, tzinfo=UTC)], pa.timestamp("us", "UTC")),
        pa.array([1_719_828_000]),
        pa.array([1_719_828_000_000]),
        pa.array([1_719_828_000.0]),
    ],
    ids=["ns", "s", "text", "text with offset", "dictionary", "aware", "epoch s", "epoch ms", "epoch float"],
)
def test_a_time_is_a_time_in_every_form_and_naive_ones_are_local(ts: pa.Array) -> None:
    log = read_log(pa.table({"ts": ts, "x": [1.0]}), spec(timezone="Europe/Paris"))
    assert log.at.tolist() == [from_iso("2024-07-01T10:00:00")]


def test_local_times_follow_daylight_saving() -> None:
    local = pa.array(["2024-01-15T12:00:00", "2024-07-15T12:00:00"]).cast(pa.timestamp("us"))
    log = read_log(pa.table({"ts": local}), spec(timezone="America/New_York"))
    assert log.at.tolist() == [from_iso("2024-01-15T17:00:00"), from_iso("2024-07-15T16:00:00")]


def test_rows_without_a_time_are_left_out_and_counted() -> None:
    source = pa.table({"ts": ["2024-03-01", "yesterday", None, "2024-03-02"], "x": [1.0, 2.0, 3.0, 4.0]})
    log = read_log(source, spec())
    assert numbers(log, "x").values.tolist() == [1, 4]
    assert reasons(log) == {"no time": 2}


def test_times_before_1970_and_after_2199_are_left_out() -> None:
    ts = [datetime(1601, 1, 1, tzinfo=UTC), START, START + timedelta(hours=1), datetime(9999, 1, 1, tzinfo=UTC)]
    log = read_log(pa.table({"ts": ts}), spec())
    assert len(log) == 2
    assert reasons(log) == {"a time before 1970 or after 2199": 2}


@pytest.mark.parametrize("rows", [3, 20, 5000])
def test_a_few_rows_years_before_or_after_all_others_are_wrong_clocks(rows: int) -> None:
    ts = [START + timedelta(minutes=i) for i in range(rows)]
    wrong = [datetime(1970, 1, 1, tzinfo=UTC), datetime(2038, 1, 19, tzinfo=UTC)]
    log = read_log(pa.table({"ts": [wrong[0], *ts, wrong[1]]}), spec())
    assert len(log) == rows
    assert [each.rows for each in log.left_out] == [2]


def test_two_rows_are_both_kept() -> None:
    assert len(read_log(pa.table({"ts": [START, START + timedelta(days=3)]}), spec())) == 2


def test_a_year_without_traffic_is_kept() -> None:
    ts = [START + timedelta(hours=i) for i in range(2000)] + [START + timedelta(days=400, hours=i) for i in range(2000)]
    assert len(read_log(pa.table({"ts": ts}), spec())) == 4000


def test_the_second_row_of_an_id_is_left_out_unless_another_version_answered() -> None:
    source = table(5, id=["a", "b", "a", None, None], v=["1", "1", "2", "1", "1"])
    columns = {"timestamp": "ts", "id": "id"}
    log = read_log(source, spec(columns=columns, features={"categorical": ["v"]}))
    assert len(log) == 4
    assert reasons(log) == {"an id that an earlier row has": 1}
    assert len(read_log(source, spec(columns=columns, version={"column": "v"}))) == 5


def test_numbers_in_text_are_numbers_and_the_others_are_missing() -> None:
    source = table(4, a=["1", "2.5", "many", None])
    log = read_log(source, spec(features={"numeric": ["a"]}))
    column = numbers(log, "a")
    assert column.values[:2].tolist() == [1.0, 2.5]
    assert column.nulls is not None
    assert column.nulls.tolist() == [False, False, True, True]
    assert reasons(log) == {"values that are not numbers count as missing": 1}


def test_a_numeric_feature_without_a_number_is_a_wrong_specification() -> None:
    with pytest.raises(SpecError, match=r"features\.numeric: no value of 'a' is a number"):
        read_log(table(2, a=["x", "y"]), spec(features={"numeric": ["a"]}))


def test_whole_numbers_are_the_same_category_whatever_their_type() -> None:
    for column in ([1, 2, None, 1], [1.0, 2.0, None, 1.0], ["1", "2", None, "1"]):
        log = read_log(table(4, a=column), spec(features={"categorical": ["a"]}))
        assert values(log, "a") == ["1", "2", None, "1"]


def test_booleans_are_true_and_false_whatever_their_type() -> None:
    for column in ([True, False, None], [1, 0, None], ["Yes", "no", None]):
        log = read_log(table(3, a=column), spec(features={"boolean": ["a"]}))
        assert values(log, "a") == ["true", "false", None]


def test_null_and_false_mean_that_a_row_was_served() -> None:
    columns = {"timestamp": "ts", "error": "e"}
    flags = read_log(table(3, e=[True, False, None]), spec(columns=columns)).failed
    texts = read_log(table(3, e=["timeout", "", None]), spec(columns=columns)).failed
    assert flags is not None
    assert texts is not None
    assert flags.tolist() == texts.tolist() == [True, False, False]


def test_missing_columns_are_named_with_the_nearest_one() -> None:
    with pytest.raises(SpecError, match=r"columns\.timestamp: there is no column 'ts'.*Did you mean 'tss'"):
        read_log(pa.table({"tss": [START]}), spec())
    for change in (
        {"features": {"numeric": ["prize"]}},
        {"importance": {"prize": 1}},
        {"pii": ["prize"]},
        {"segments": ["prize"]},
        {"constraints": [{"column": "prize", "not_null": True}]},
        {"version": {"column": "prize"}},
    ):
        with pytest.raises(SpecError, match=r"no column 'prize'.*Did you mean 'price'"):
            read_log(table(price=[1.0] * 6), spec(**change))


def test_a_log_without_a_usable_row_says_so() -> None:
    with pytest.raises(DataError, match="has no rows"):
        read_log(table(0), spec())
    with pytest.raises(DataError, match="no row has a time"):
        read_log(pa.table({"ts": pa.array([None, None], pa.timestamp("us"))}), spec())
    with pytest.raises(SpecError, match=r"columns\.timestamp.*'Monday'"):
        read_log(pa.table({"ts": ["Monday", "Tuesday"]}), spec())
    with pytest.raises(SpecError, match=r"columns\.timestamp.*bool"):
        read_log(pa.table({"ts": [True, False]}), spec())


def test_with_nothing_but_a_time_and_latency_or_errors_no_other_column_is_a_feature() -> None:
    source = table(a=[1.0] * 6, s=[0.1] * 6)
    assert read_log(source, spec(columns={"timestamp": "ts", "latency_seconds": "s"})).features == {}
    assert set(read_log(source, spec(columns={"timestamp": "ts"})).features) == {"a", "s"}


def test_a_part_of_a_log_is_a_log() -> None:
    source = table(a=[1.0, None, 3.0, 4.0, 5.0, 6.0], b=["x", "y"] * 3, e=[True] * 6, s=[0.1] * 6)
    columns = {"timestamp": "ts", "error": "e", "latency_seconds": "s"}
    log = read_log(source, spec(columns=columns, features={"numeric": ["a"], "categorical": ["b"]}))
    part = log.take(slice(1, 3))
    assert len(part) == 2
    assert values(part, "b") == ["y", "x"]
    assert part.failed is not None
    assert part.failed.tolist() == [True, True]
    assert part.at[1] - part.at[0] == DAY // 24
