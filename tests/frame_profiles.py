"""Profiles of a pandas frame with every kind of column, as text: for comparing one release of pandas with another."""

import hashlib
import json
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import driftwatch
from driftwatch.monitors.spec import parse_model_spec
from driftwatch.profiles.bucket import NumericColumn
from driftwatch.profiles.codec import NumericCodec, build_codec
from driftwatch.profiles.grid import KeyGrid
from driftwatch.profiles.history import profile_buckets
from driftwatch.profiles.plan import ProfilePlan
from driftwatch.service.prediction_log import read_log

__all__ = ["frame", "profiles"]

SPEC = {
    "kind": "model",
    "model": "frame",
    "task": "binary",
    "columns": {"timestamp": "at", "prediction": "label", "score": "score", "error": "failed"},
}


def frame(n: int = 3_000) -> pd.DataFrame:
    """Columns as people have them: every dtype that pandas has for numbers, texts, flags and times, with gaps."""
    rng = np.random.default_rng(11)
    words = rng.choice(["north", "south", "östlich", ""], n)
    numbers = rng.lognormal(0, 2, n)
    gaps = rng.random(n) < 0.1
    whole = rng.integers(0, 9, n)
    return pd.DataFrame(
        {
            "at": pd.Timestamp("2024-03-01", tz="Europe/Paris")
            + pd.to_timedelta(rng.integers(0, 9_000, n), unit="min"),
            "score": rng.random(n),
            "label": rng.integers(0, 2, n).astype(bool),
            "failed": _with_gaps(["timeout"] * n, ~gaps),
            "numbers": np.where(gaps, np.nan, numbers),
            "narrow": numbers.astype(np.float32),
            "whole": whole,
            "nullable": pd.array(_with_gaps(whole.tolist(), gaps), dtype="Int64"),
            "words": _with_gaps(words.tolist(), gaps),
            "texts": pd.array(_with_gaps(words.tolist(), gaps), dtype="string"),
            "levels": pd.Categorical(words, categories=["south", "north", "östlich", "unused", ""]),
            "flags": _with_gaps((whole % 2 == 0).tolist(), gaps),
            "mixed": [value if gap else str(value) for gap, value in zip(gaps, whole.tolist(), strict=True)],
        }
    )


def _with_gaps(values: list[Any], gaps: NDArray[np.bool_]) -> list[Any]:
    return [None if gap else value for value, gap in zip(values, gaps.tolist(), strict=True)]


def profiles(source: Any) -> dict[str, str]:
    """A digest of every bucket's profile, and of the verdict on the second half against the first."""
    log = read_log(source, parse_model_spec(SPEC))
    columns = {**log.features, **log.outputs}
    binnings: Mapping[str, NumericCodec | KeyGrid] = {
        name: build_codec(np.extract(np.isfinite(column.values), column.values))
        for name, column in columns.items()
        if isinstance(column, NumericColumn)
    }
    buckets = profile_buckets(log, ProfilePlan(binnings))
    untimed, half = source.drop(columns="at"), len(source) // 2
    halves = driftwatch.compare(untimed.iloc[:half], untimed.iloc[half:]).to_dict()
    return {
        **{str(at): hashlib.sha256(profile.to_bytes()).hexdigest() for at, profile in sorted(buckets.items())},
        "compare": json.dumps(halves, sort_keys=True),
        "columns": " ".join(sorted(columns)),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"pandas": pd.__version__, **profiles(frame())}))
