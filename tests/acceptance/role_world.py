"""Logs whose outcomes are tallied by other columns: credits that were granted, items of queries, scores by class."""

from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from acceptance.labelled_world import DAYS, REFERENCE, ROWS, START, TURN

from driftwatch.domain.instant import DAY, from_iso
from driftwatch.monitors.spec import ModelSpec, parse_model_spec

BEGIN = from_iso(START.isoformat())
COLUMNS = {"timestamp": "ts", "id": "id", "prediction": "said", "label": "y", "label_timestamp": "known"}
CLASSES = ("cat", "dog", "owl")


def spec_of(task: str, *, columns: dict[str, Any], **changes: Any) -> ModelSpec:
    document = {
        "model": "roles", "version": "1", "task": task, "columns": COLUMNS | columns, "bucket": "1d",
        "clock": "replay", "features": {"numeric": ["x"]},
        "reference": {"start": START.isoformat(), "end": (START + timedelta(days=REFERENCE)).isoformat()},
    }  # fmt: skip
    return parse_model_spec(document | changes)


def times(rng: np.random.Generator, n: int) -> tuple[np.ndarray, list[Any], list[Any]]:
    """The day, the time and a time two days later of n rows, ascending."""
    seconds = np.sort(rng.integers(0, DAYS * 86_400, n))
    at = [START + timedelta(seconds=int(second)) for second in seconds]
    return seconds // 86_400, at, [each + timedelta(days=2) for each in at]


def grants() -> pa.Table:
    """Only the better half is granted; after the turn their scores are a quarter low. Few others have an outcome."""
    rng = np.random.default_rng(11)
    n = DAYS * ROWS * 2
    day, at, known = times(rng, n)
    score = rng.beta(2, 3, n)
    granted = score < 0.5
    truth = rng.random(n) < np.clip(score + np.where(day >= TURN, 0.25, 0.0), 0, 1)
    stray = ~granted & (np.arange(n) % 50 == 0)
    y = [int(was) if has else None for was, has in zip(truth.tolist(), (granted | stray).tolist(), strict=True)]
    return pa.table({
        "ts": at, "id": [f"c{i}" for i in range(n)], "x": rng.normal(size=n), "score": score,
        "said": (score >= 0.3).astype(int), "granted": ["yes" if each else "no" for each in granted.tolist()],
        "y": y, "known": known,
    })  # fmt: skip


def queries() -> pa.Table:
    """Twenty items a query, a minute apart, some queries over midnight; after the turn the order says nothing."""
    rng = np.random.default_rng(12)
    asked, items = DAYS * 20, 20
    start = np.sort(rng.integers(0, DAYS * 86_400 - 3600, asked))
    start[::20] = np.minimum(np.arange(DAYS) * 86_400 + 86_400 - 600, DAYS * 86_400 - 3600)  # items on two days
    seconds = (start[:, None] + np.arange(items) * 60).reshape(-1)
    query = np.repeat(np.arange(asked), items)
    relevance = (rng.permuted(np.tile(np.arange(items), (asked, 1)), axis=1) - items + 3).clip(0).reshape(-1)
    relevance[relevance == 1] = 0
    right = np.repeat(start // 86_400 < TURN, items)
    said = np.where(right, relevance, 0) + rng.normal(0, 0.7, len(query))
    order = np.argsort(seconds, kind="stable")
    at = [START + timedelta(seconds=int(second)) for second in seconds[order]]
    return pa.table({
        "ts": at, "id": [f"i{i}" for i in range(len(query))], "x": rng.normal(size=len(query)),
        "q": [f"q{i}" for i in query[order].tolist()], "said": said[order], "y": relevance[order],
        "known": [each + timedelta(hours=6) for each in at],
    })  # fmt: skip


def animals() -> pa.Table:
    """Probabilities that are right until the turn; then half of the rows are of any class."""
    rng = np.random.default_rng(13)
    n = DAYS * ROWS
    day, at, known = times(rng, n)
    odds = np.exp(1.5 * rng.normal(size=(n, 3)))
    share = odds / odds.sum(axis=1, keepdims=True)
    flat = np.where((day >= TURN)[:, None], 0.5 * share + 0.5 / 3, share)
    was = (flat.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return pa.table({
        "ts": at, "id": [f"a{i}" for i in range(n)], "x": rng.normal(size=n),
        **{f"p_{name}": share[:, place] for place, name in enumerate(CLASSES)},
        "said": np.array(CLASSES)[share.argmax(axis=1)], "y": np.array(CLASSES)[was], "known": known,
    })  # fmt: skip


def prices() -> pa.Table:
    """Errors grow with the load; after the turn it is always high. In one town they are twice as large."""
    rng = np.random.default_rng(14)
    n = DAYS * ROWS
    day, at, known = times(rng, n)
    load = np.where(day >= TURN, 0.6 + 0.4 * rng.random(n), rng.random(n))
    town = rng.integers(0, 3, n)
    said = rng.normal(10, 3, n)
    y = said + (0.2 + load) * np.where(town == 1, 2.0, 1.0) * rng.normal(size=n)
    return pa.table({
        "ts": at, "id": [f"p{i}" for i in range(n)], "x": load,
        "town": np.array(["ams", "lis", "oslo"])[town], "said": said, "y": y, "known": known,
    })  # fmt: skip


SELECTIVE = spec_of("binary", columns={"score": "score", "decision": "granted"})
RANKING = spec_of("ranking", columns={"query_id": "q"})
PRICES = spec_of("regression", columns={}, features={"numeric": ["x"], "categorical": ["town"]})
SEVERAL = spec_of("multiclass", columns={"score": {name: f"p_{name}" for name in CLASSES}})


def day(row: dict[str, Any]) -> int:
    """Which day of the world a row of performance is about."""
    return (from_iso(row["window_start"]) - BEGIN) // DAY
