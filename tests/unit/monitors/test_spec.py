"""model.yaml: every key is read, every fault names key, value and the nearest right one."""

from datetime import date
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.domain.instant import DAY, HOUR, MINUTE, from_iso, to_iso
from driftwatch.domain.signal import ColumnKind
from driftwatch.errors import SpecError
from driftwatch.monitors.spec import ModelSpec, parse_bucket, parse_model_spec
from driftwatch.profiles.segmentation import Band, Segmentation

WHOLE = """
kind: model
model: hotel-cancel
environment: staging
version: "1"
task: binary
owner: risk-team
timezone: Europe/Paris
columns:
  timestamp: ts
  id: row_id
  prediction: prediction
  score: score
  label: label
  label_timestamp: label_ts
  latency_seconds: latency
  error: error
  request_id: null
  entity: null
  deployment: null
  query_id: null
  decision: null
features:
  numeric: [lead_time, adr]
  categorical: [market_segment, country]
  boolean: [repeated]
  text: []
  embedding: []
importance: {adr: 0.4}
pii: [country]
protected: [gender]
segments: [country]
constraints: [{column: adr, between: [0, 1000]}, {column: country, not_null: true}]
costs: {true_positive: 0, false_positive: -1, false_negative: -5, true_negative: 0}
decision_threshold: 0.5
exclude: [{start: 2015-12-24, end: 2015-12-27, why: holiday}]
reference: {start: 2015-07-01, end: 2016-01-01}
bucket: 1h
false_alarms_per_month: 2
clock: replay
"""


def document(**changes: Any) -> dict[str, Any]:
    return {"model": "m", "columns": {"timestamp": "ts"}} | changes


def test_every_key_of_the_contract_is_read() -> None:
    spec = parse_model_spec(yaml.safe_load(WHOLE))
    assert (spec.model, spec.environment, spec.version, spec.task, spec.owner) == (
        "hotel-cancel",
        "staging",
        "1",
        "binary",
        "risk-team",
    )
    assert spec.columns.roles() == {
        "timestamp": "ts",
        "id": "row_id",
        "prediction": "prediction",
        "score": "score",
        "label": "label",
        "label_timestamp": "label_ts",
        "latency_seconds": "latency",
        "error": "error",
    }
    assert spec.features.kinds() == {
        "lead_time": ColumnKind.NUMERIC,
        "adr": ColumnKind.NUMERIC,
        "market_segment": ColumnKind.CATEGORICAL,
        "country": ColumnKind.CATEGORICAL,
        "repeated": ColumnKind.BOOLEAN,
    }
    assert spec.importance == {"adr": 0.4}
    assert (spec.pii, spec.protected) == (("country",), ("gender",))
    assert spec.segments == (Segmentation((Band("country", is_private=True),)),)
    assert [(each.column, each.between, each.not_null) for each in spec.constraints] == [
        ("adr", (0.0, 1000.0), False),
        ("country", None, True),
    ]
    assert spec.costs["false_negative"] == -5
    assert spec.decision_threshold == 0.5
    assert spec.bucket == HOUR
    assert spec.false_alarms_per_month == 2
    assert spec.clock == "replay"


def test_every_constraint_is_read_and_written_back() -> None:
    written = [
        {"column": "adr", "between": [0, None], "max_share": 0.01, "severity": "critical"},
        {"column": "country", "in": ["PT", 1, 1.5, True], "not_null": True},
        {"column": "code", "regex": "[A-Z]{3}", "unique": True},
    ]
    spec = parse_model_spec(document(constraints=written))
    assert spec.to_dict()["constraints"] == written
    assert [demand.words for each in spec.constraints for demand in each.demands()] == [
        "at least 0",
        "one of 'PT', '1', '1.5', 'true'",
        "never missing",
        "like '[A-Z]{3}'",
        "never twice",
    ]


def test_dates_are_read_in_the_models_time_zone() -> None:
    spec = parse_model_spec(yaml.safe_load(WHOLE))
    assert spec.reference is not None
    # Paris is two hours ahead in July, one in January.
    assert spec.reference.period == (from_iso("2015-06-30T22:00:00"), from_iso("2015-12-31T23:00:00"))
    assert spec.exclude[0].start == from_iso("2015-12-23T23:00:00")
    assert spec.exclude[0].why == "holiday"


def test_a_time_with_an_offset_keeps_it_whatever_the_zone() -> None:
    period = {"start": "2015-07-01T00:00:00+00:00", "end": "2015-07-15T02:00:00+02:00"}
    spec = parse_model_spec(document(timezone="Asia/Tokyo", reference=period))
    assert spec.reference is not None
    assert spec.reference.period == (from_iso("2015-07-01"), from_iso("2015-07-15"))


def test_the_timestamp_is_all_that_is_required() -> None:
    spec = parse_model_spec(document())
    assert spec == ModelSpec(model="m", columns=spec.columns)
    assert (spec.environment, spec.task, spec.timezone, spec.false_alarms_per_month) == ("production", "none", "UTC", 1)
    assert spec.reference is None


def test_to_dict_reads_back_equal() -> None:
    spec = parse_model_spec(yaml.safe_load(WHOLE))
    assert parse_model_spec(spec.to_dict()) == spec
    assert parse_model_spec(yaml.safe_load(yaml.safe_dump(spec.to_dict()))) == spec
    bare = parse_model_spec(document())
    assert parse_model_spec(bare.to_dict()) == bare


def test_the_version_may_be_a_column_or_a_number() -> None:
    by_column = parse_model_spec(document(version={"column": "model_version"}))
    assert (by_column.version, by_column.version_column) == (None, "model_version")
    assert parse_model_spec(by_column.to_dict()) == by_column
    assert parse_model_spec(document(version=3)).version == "3"


def test_a_multiclass_score_is_a_map_of_class_to_column() -> None:
    columns = {"timestamp": "ts", "score": {"cat": "p_cat", "dog": "p_dog"}}
    spec = parse_model_spec(document(task="multiclass", columns=columns))
    assert spec.columns.roles() == {"timestamp": "ts", "score.cat": "p_cat", "score.dog": "p_dog"}
    assert parse_model_spec(spec.to_dict()) == spec


def test_a_training_file_is_a_reference() -> None:
    spec = parse_model_spec(document(reference={"file": "train.parquet"}))
    assert spec.reference is not None
    assert (spec.reference.file, spec.reference.period) == ("train.parquet", None)
    assert parse_model_spec(spec.to_dict()) == spec


@pytest.mark.parametrize(("text", "width"), [("1m", MINUTE), ("15m", 15 * MINUTE), ("6h", 6 * HOUR), ("1d", DAY)])
def test_a_bucket_divides_the_day(text: str, width: int) -> None:
    assert parse_bucket(text) == width
    assert parse_model_spec(parse_model_spec(document(bucket=text)).to_dict()).bucket == width


FAULTS: list[tuple[dict[str, Any], str, tuple[str, ...]]] = [
    ({"modle": "m"}, "modle", ("'m'", "Did you mean 'model'?")),
    ({"false_alarms_per_moth": 3}, "false_alarms_per_moth", ("3", "'false_alarms_per_month'")),
    ({"kind": "modl"}, "kind", ("'modl'", "model")),
    ({"model": None}, "model", ("missing",)),
    ({"model": "  "}, "model", ("not a name",)),
    ({"task": "binry"}, "task", ("'binry'", "Did you mean 'binary'?")),
    ({"timezone": "Europe/Pariss"}, "timezone", ("'Europe/Pariss'", "'Europe/Paris'")),
    ({"columns": {}}, "columns.timestamp", ("missing",)),
    ({"columns": {"timestamp": "ts", "timestmp": "t"}}, "columns.timestmp", ("'t'", "'timestamp'")),
    ({"columns": {"timestamp": "ts", "score": "ts"}}, "columns.score", ("'ts'", "timestamp")),
    ({"columns": {"timestamp": "ts", "score": {"a": "x"}}}, "columns.score", ("multiclass",)),
    ({"columns": "ts"}, "columns", ("'ts'", "map")),
    ({"features": {"numerical": ["a"]}}, "features.numerical", ("['a']", "'numeric'")),
    ({"features": {"numeric": ["a"], "boolean": ["a"]}}, "features.boolean", ("'a'", "numeric")),
    ({"features": {"numeric": ["ts"]}}, "features.numeric", ("'ts'", "timestamp")),
    ({"features": {"numeric": ["a", "a"]}}, "features.numeric", ("twice",)),
    ({"features": {"numeric": {"a": 1}}}, "features.numeric", ("list",)),
    ({"features": {"numeric": ["adr"]}, "importance": {"ard": 1}}, "importance.ard", ("'adr'",)),
    ({"importance": {"a": -1}}, "importance.a", ("-1",)),
    ({"importance": {"a": float("nan")}}, "importance.a", ("finite",)),
    ({"constraints": [{"column": "a", "betwen": [0, 1]}]}, "constraints[0].betwen", ("'between'",)),
    ({"constraints": [{"column": "a", "between": [1, 0]}]}, "constraints[0].between", ("empty",)),
    ({"constraints": [{"column": "a"}]}, "constraints[0]", ("nothing is demanded",)),
    ({"constraints": [{"not_null": True}]}, "constraints[0].column", ("missing",)),
    ({"constraints": [{"column": "a", "between": [None, None]}]}, "constraints[0].between", ("both ends",)),
    ({"constraints": [{"column": "a", "in": "PT"}]}, "constraints[0].in", ("'PT'", "not a list")),
    ({"constraints": [{"column": "a", "in": [1, None]}]}, "constraints[0].in[1]", ("None",)),
    ({"constraints": [{"column": "a", "in": [float("inf")]}]}, "constraints[0].in[0]", ("inf", "finite")),
    ({"constraints": [{"column": "a", "regexp": "x"}]}, "constraints[0].regexp", ("'regex'",)),
    ({"constraints": [{"column": "a", "regex": "a["}]}, "constraints[0].regex", ("'a['", "missing ]")),
    ({"constraints": [{"column": "a", "regex": "(?=a)"}]}, "constraints[0].regex", ("look-around",)),
    ({"constraints": [{"column": "a", "unique": "yes"}]}, "constraints[0].unique", ("'yes'", "true")),
    ({"constraints": [{"column": "a", "unique": True, "max_share": 2}]}, "constraints[0].max_share", ("2", "1")),
    ({"constraints": [{"column": "a", "unique": True, "severity": "high"}]}, "constraints[0].severity", ("'high'",)),
    ({"costs": {"false_postive": 1}}, "costs.false_postive", ("'false_positive'",)),
    ({"decision_threshold": 1.5}, "decision_threshold", ("1.5", "0", "1")),
    ({"decision_threshold": True}, "decision_threshold", ("True",)),
    ({"exclude": [{"start": "2015-12-24"}]}, "exclude[0]", ("end is missing",)),
    ({"holidays": ["Christmas"]}, "holidays[0]", ("'Christmas'", "2024-12-25")),
    ({"exclude": [{"start": "Christmas", "end": "2015-12-27"}]}, "exclude[0].start", ("'Christmas'",)),
    ({"reference": {"start": date(2016, 1, 1), "end": date(2015, 1, 1)}}, "reference", ("not after",)),
    ({"reference": {"file": "a", "start": "2015-01-01"}}, "reference", ("not both",)),
    ({"bucket": "7h"}, "bucket", ("'7h'", "evenly")),
    ({"bucket": 60}, "bucket", ("60", "15m")),
    ({"bucket": "2d"}, "bucket", ("'2d'",)),
    ({"false_alarms_per_month": 0}, "false_alarms_per_month", ("0", "above 0")),
    ({"clock": "replayed"}, "clock", ("'replay'",)),
    ({"version": {"colum": "v"}}, "version.colum", ("'column'",)),
]


@pytest.mark.parametrize(("change", "path", "words"), FAULTS, ids=[f"{p}-{i}" for i, (_, p, _w) in enumerate(FAULTS)])
def test_a_fault_names_key_value_and_the_right_one(change: dict[str, Any], path: str, words: tuple[str, ...]) -> None:
    with pytest.raises(SpecError) as caught:
        parse_model_spec(document(**change))
    assert caught.value.path == path
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("whole", [None, [], "model", 3])
def test_a_document_that_is_no_map_is_refused(whole: Any) -> None:
    with pytest.raises(SpecError, match="map of keys to values"):
        parse_model_spec(whole)


SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
ANYTHING: st.SearchStrategy[Any] = st.deferred(
    lambda: SCALAR | st.lists(ANYTHING, max_size=3) | st.dictionaries(st.text(max_size=5), ANYTHING, max_size=3)
)


@given(
    st.dictionaries(
        st.sampled_from(["model", "task", "columns", "features", "bucket", "reference", "exclude", "version", "costs"])
        | st.text(max_size=5),
        ANYTHING,
        max_size=5,
    )
)
def test_any_other_document_is_a_spec_error_and_nothing_else(anything: dict[str, Any]) -> None:
    try:
        spec = parse_model_spec(document(**anything))
    except SpecError:
        return
    assert parse_model_spec(spec.to_dict()) == spec


def test_holidays_are_days_in_order_and_each_once() -> None:
    spec = parse_model_spec(
        {"model": "m", "columns": {"timestamp": "t"}, "holidays": ["2024-12-26", date(2024, 12, 25), "2024-12-26"]}
    )
    assert spec.holidays == (date(2024, 12, 25), date(2024, 12, 26))
    assert [to_iso(each.start) for each in spec.left_out] == ["2024-12-25T00:00:00+00:00", "2024-12-26T00:00:00+00:00"]
    assert parse_model_spec(spec.to_dict()) == spec


def test_a_holiday_is_the_local_day() -> None:
    spec = parse_model_spec(
        {"model": "m", "columns": {"timestamp": "t"}, "timezone": "Europe/Paris", "holidays": ["2024-03-31"]}
    )
    [day] = spec.left_out
    assert (day.start, day.end) == (from_iso("2024-03-30T23:00:00"), from_iso("2024-03-31T22:00:00"))  # 23 hours


def test_keys_that_nothing_acts_on_yet_are_named() -> None:
    plain = parse_model_spec(document())
    assert plain.unused == ()
    columns = {"timestamp": "t", "decision": "d", "query_id": "q"}
    assert parse_model_spec(document(columns=columns)).unused == ("columns.query_id",)  # of no ranking
    assert parse_model_spec(document(columns=columns, task="ranking")).unused == ()
