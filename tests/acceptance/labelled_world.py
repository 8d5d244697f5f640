"""A store of loans: scores that are right until the turn, then a quarter low; labels of positives come sooner."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from driftwatch.monitors.spec import ModelSpec, parse_model_spec
from driftwatch.service.log_load import load_log
from driftwatch.service.outcome_settling import OutcomeSettler
from driftwatch.storage import registration
from driftwatch.storage.store import Store

START = datetime(2013, 1, 7, tzinfo=UTC)
REFERENCE, DAYS, ROWS = 28, 38, 160
TURN = REFERENCE + 4


def spec_of(**changes: Any) -> ModelSpec:
    columns = {
        "timestamp": "ts", "id": "id", "score": "score", "prediction": "said", "label": "y", "label_timestamp": "known",
    }  # fmt: skip
    end = START + timedelta(days=REFERENCE)
    document = {
        "model": "loans", "version": "1", "task": "binary", "columns": columns, "bucket": "1d", "clock": "replay",
        "reference": {"start": START.isoformat(), "end": end.isoformat()}, "features": {"numeric": ["x"]},
    }  # fmt: skip
    return parse_model_spec(document | changes)


def loans(*, last_labelled: int = DAYS) -> pa.Table:
    """`last_labelled`: rows of that day and later have no label."""
    rng = np.random.default_rng(5)
    n = DAYS * ROWS
    day = np.repeat(np.arange(DAYS), ROWS)
    score = rng.beta(2, 3, n)
    truth = rng.random(n) < np.clip(score + np.where(day >= TURN, 0.25, 0.0), 0, 1)
    at = [START + timedelta(days=int(d), seconds=int(s)) for d, s in zip(day, rng.integers(0, 86_400, n), strict=True)]
    known = [each + timedelta(days=1 if y else 2) for each, y in zip(at, truth.tolist(), strict=True)]
    labels = [int(y) if d < last_labelled else None for y, d in zip(truth.tolist(), day.tolist(), strict=True)]
    return pa.table({
        "ts": at, "id": [f"loan-{i}" for i in range(n)], "x": rng.normal(size=n), "score": score,
        "said": (score >= 0.5).astype(int), "y": labels, "known": known,
    })  # fmt: skip


def fill(store: Store, spec: ModelSpec, log: pa.Table) -> None:
    """Load and settle."""
    load_log(store, log, spec)
    with store.read() as conn:
        (model,) = registration.list_models(conn)
    OutcomeSettler(store).settle(model)
