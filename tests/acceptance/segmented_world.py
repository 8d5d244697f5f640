"""Loans of four groups: the scores of `city=south` no longer say what they did from the turn on, all others' do."""

from typing import Any

import numpy as np
import pyarrow as pa
from acceptance.labelled_world import DAYS, TURN, spec_of

from driftwatch.monitors.spec import ModelSpec

CITIES, SEXES = ("north", "south", "east", "west"), ("f", "m")
ROWS = 160


def segmented_spec(**changes: Any) -> ModelSpec:
    document = {"segments": ["city", {"column": "x", "bands": [0]}], "protected": ["sex"], "pii": ["sex"]}
    return spec_of(**(document | changes))


def segmented_loans(*, rows: int = ROWS, worse: float = 0.6, last_labelled: int = DAYS) -> pa.Table:
    """`rows` a day; calibrated scores, but for those of the south after the turn. One city in twenty is not known."""
    rng = np.random.default_rng(11)
    n = DAYS * rows
    day = np.repeat(np.arange(DAYS), rows)
    city = rng.choice(CITIES, n, p=(0.5, 0.15, 0.2, 0.15))
    score = rng.beta(2, 3, n)
    moved = np.where((day >= TURN) & (city == "south"), 1 - score, score)
    share = np.where((day >= TURN) & (city == "south"), (1 - worse) * score + worse * moved, score)
    truth = rng.random(n) < share
    start = np.datetime64("2013-01-07T00:00:00", "us")
    at = start + (day * 86_400 + rng.integers(0, 86_400, n)).astype("timedelta64[s]")
    known = at + np.where(truth, 1, 2).astype("timedelta64[D]")
    labels = [int(y) if d < last_labelled else None for y, d in zip(truth.tolist(), day.tolist(), strict=True)]
    return pa.table({
        "ts": pa.array(at, pa.timestamp("us", "UTC")), "id": [f"loan-{i}" for i in range(n)], "x": rng.normal(size=n),
        "score": score, "said": (score >= 0.5).astype(int), "y": labels,
        "known": pa.array(known, pa.timestamp("us", "UTC")),
        "city": [None if u < 0.05 else c for u, c in zip(rng.random(n), city.tolist(), strict=True)],
        "sex": rng.choice(SEXES, n, p=(0.4, 0.6)),
    })  # fmt: skip
