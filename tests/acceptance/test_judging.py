"""A worker that keeps what it knows judges as one that has just been started."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection

from driftwatch.domain.instant import HOUR, from_iso, to_iso
from driftwatch.monitors.baseline import WindowResult
from driftwatch.profiles.bucket import CategoricalColumn, Column, NumericColumn
from driftwatch.profiles.codec import build_codec
from driftwatch.profiles.history import profile_rows
from driftwatch.profiles.plan import ProfilePlan
from driftwatch.profiles.rows import Rows
from driftwatch.service.agenda import read_agenda
from driftwatch.service.binning import register_codecs
from driftwatch.service.judging import ModelJudge
from driftwatch.service.tick import Ticker
from driftwatch.storage import batch, profile, registration
from driftwatch.storage.batch import Receipt
from driftwatch.storage.store import Store

START = from_iso("2024-01-01T00:00")
REFERENCE = 5 * 24
CODEC = build_codec(np.random.default_rng(1).normal(size=2000))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'judging.db'}")
    yield opened
    opened.close()


def register(conn: Connection, name: str) -> tuple[int, int]:
    model_id = registration.ensure_model(conn, "production", name, at=1)
    version_id = registration.ensure_version(conn, model_id, "1", at=1)
    period = {"start": to_iso(START), "end": to_iso(START + REFERENCE * HOUR)}
    spec = {"model": name, "columns": {"timestamp": "ts"}, "reference": period, "clock": "replay"}
    registration.set_spec(conn, model_id, spec)
    register_codecs(conn, model_id, {"x": CODEC}, at=1)
    return model_id, version_id


def send(conn: Connection, model: tuple[int, int], hour: int, rows: int = 50, *, batch_id: str = "") -> None:
    rng = np.random.default_rng([hour, rows])
    features: dict[str, Column] = {
        "x": NumericColumn(rng.normal(size=rows)),
        "c": CategoricalColumn(["a", "b"], rng.integers(0, 2, rows)),
    }
    payload = profile_rows(Rows(at=np.zeros(rows, dtype=np.int64), features=features), ProfilePlan({"x": CODEC}))
    at, name = START + hour * HOUR, batch_id or f"{model}-{hour}"
    receipt = Receipt(name, "predictions", model[0], b"", rows, 1, first_at=at, last_at=at + HOUR - 1)
    batch.insert_receipt(conn, receipt)
    profile.insert_delta(conn, model[1], at, rows, payload.to_bytes(), batch_id=name, at=1)


def verdict(store: Store, judge: ModelJudge, hour: int) -> WindowResult:
    start = START + hour * HOUR
    with store.read() as conn:
        judge.read(conn, start + HOUR, [start])
    [result] = judge.judge([start])
    return result


def fresh(store: Store, model_id: int) -> ModelJudge:
    with store.read() as conn:
        [row] = [row for row in registration.list_models(conn) if row.id == model_id]
        agenda = read_agenda(conn, row, now=START)
    assert agenda is not None
    return ModelJudge(row, agenda.spec, agenda.reference)


LATE = {
    REFERENCE + 3: REFERENCE + 1,  # hours ago
    REFERENCE + 104: REFERENCE + 2,  # longer ago than anybody remembers
    REFERENCE + 105: 7,  # in the reference
}


@pytest.mark.slow
def test_a_judge_that_was_kept_says_what_a_new_one_says_whatever_rows_come_late(store: Store) -> None:
    with store.begin() as conn:
        model = register(conn, "m")
        for hour in range(REFERENCE):
            send(conn, model, hour)
    kept = fresh(store, model[0])
    for hour in range(REFERENCE, REFERENCE + 107):
        with store.begin() as conn:
            send(conn, model, hour)
            if hour in LATE:
                send(conn, model, LATE[hour], rows=400, batch_id=f"late-{hour}")
        found = verdict(store, kept, hour)
        if hour in {*LATE, REFERENCE + 106}:
            assert found == verdict(store, fresh(store, model[0]), hour)
            again = verdict(store, kept, hour - 2)
            assert again == verdict(store, fresh(store, model[0]), hour - 2)


def test_rows_that_come_late_are_seen_from_an_hour_before_the_last_one_that_was_judged(store: Store) -> None:
    with store.begin() as conn:
        model = register(conn, "m")
        for hour in range(REFERENCE + 6):
            send(conn, model, hour)
    kept = fresh(store, model[0])
    verdict(store, kept, REFERENCE + 5)
    with store.begin() as conn:
        send(conn, model, REFERENCE + 4, rows=400, batch_id="late")  # as many batches until then as were counted before
    found = verdict(store, kept, REFERENCE + 4)
    assert found.rows == 450
    assert found == verdict(store, fresh(store, model[0]), REFERENCE + 4)


@pytest.mark.slow
def test_models_that_were_let_go_are_judged_all_the_same(store: Store) -> None:
    with store.begin() as conn:
        models = [register(conn, name) for name in ("one", "other")]
        for model in models:
            for hour in range(REFERENCE + 3):
                send(conn, model, hour)
    ticker = Ticker(store, public_url="http://127.0.0.1:8301", columns_held=1)
    reports = [ticker.tick()]
    with store.begin() as conn:
        for model in models:
            send(conn, model, REFERENCE + 3)
    reports.append(ticker.tick())
    assert [(each.judged, each.failed, each.faults) for each in reports] == [(2, 0, {}), (2, 0, {})]
