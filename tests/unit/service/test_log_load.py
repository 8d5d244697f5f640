"""A historical log enters like live rows, and once, however often it is loaded."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ingesting import NOON, model_id, profiles_of, version_id

from driftwatch.domain.instant import DAY, HOUR
from driftwatch.errors import SpecError
from driftwatch.monitors.spec import ModelSpec, parse_model_spec
from driftwatch.service.binning import read_binnings
from driftwatch.service.log_load import load_log
from driftwatch.storage import outcome, prediction
from driftwatch.storage.store import Store

ROWS = 3000


def spec(**more: object) -> ModelSpec:
    columns = {"timestamp": "ts", "score": "score", "prediction": "yhat", "label": "y", "label_timestamp": "known"}
    document = {"model": "flights", "task": "binary", "columns": columns, "reference": REFERENCE, **more}
    return parse_model_spec(document)


REFERENCE = {"start": "2013-01-15", "end": "2013-01-20"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    at = [NOON - 12 * HOUR + place * (5 * DAY // ROWS) for place in range(ROWS)]
    table = pa.table(
        {
            "ts": pa.array([*at[:-1], None], pa.timestamp("us", tz="UTC")),
            "temp": [None if place % 10 == 0 else float(place) for place in range(ROWS)],
            "carrier": pa.array(["AA", "DL", "UA"] * (ROWS // 3)).dictionary_encode(),
            "score": [place / ROWS for place in range(ROWS)],
            "yhat": [place % 2 for place in range(ROWS)],
            "y": [None if place % 4 == 0 else place % 2 for place in range(ROWS)],
            "known": pa.array([moment + DAY for moment in at], pa.timestamp("us")),
            "release": ["1" if place < ROWS // 2 else "2" for place in range(ROWS)],
        }
    )
    path = tmp_path / "log.parquet"
    pq.write_table(table.take(pa.array(list(reversed(range(ROWS))))), path)
    return path


def test_a_log_is_stored_once_with_its_labels_and_codecs(store: Store, file: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = load_log(store, file, spec(version="1"), progress=lambda done, total: seen.append((done, total)))
    assert (report.stored, report.seen, report.outcomes) == (ROWS - 1, 0, sum(p % 4 != 0 for p in range(ROWS - 1)))
    assert [each.reason for each in report.left_out if each.rows] == ["no time"]
    assert seen == [(ROWS - 1, ROWS)]
    again = load_log(store, file, spec(version="1"))
    assert (again.stored, again.seen, again.outcomes) == (0, ROWS - 1, 0)
    with store.read() as conn:
        assert prediction.count_predictions(conn, version_id(store), 0, 2**62) == ROWS - 1
        assert outcome.count_outcomes(conn, model_id(store)) == report.outcomes
        assert {"temp", "score"} <= read_binnings(conn, model_id(store)).codecs.keys()
    buckets = profiles_of(store)
    assert len(buckets) == 5 * 24
    assert sum(bucket.rows for bucket in buckets.values()) == ROWS - 1
    assert set(buckets[NOON].outputs) == {"score", "prediction"}


def test_versions_come_from_their_column(store: Store, file: Path) -> None:
    report = load_log(store, file, spec(version={"column": "release"}))
    assert report.stored == ROWS - 1
    rows = {name: sum(bucket.rows for bucket in profiles_of(store, version=name).values()) for name in ("1", "2")}
    assert rows == {"1": ROWS // 2, "2": ROWS // 2 - 1}


def test_a_column_that_is_not_there_is_named_before_anything_is_stored(store: Store, file: Path) -> None:
    wrong = spec(version="1", segments=["carier"])
    with pytest.raises(SpecError, match="carrier"):
        load_log(store, file, wrong)
    with store.read() as conn:
        from driftwatch.storage import registration

        assert registration.list_models(conn) == []
