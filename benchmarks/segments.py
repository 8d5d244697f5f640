"""What judging segments does on models whose truth we know: false alarms without drift, delays of drift in one segment.

Twenty columns (15 numeric, 5 categorical) of a model that is split by one column with ten values, hourly buckets,
1,000 rows an hour (`--rows`) in equal parts. Means and logits move with the hour (amplitude |N(0, .15)| sd) and the day
of the week (|N(0, .08)|) and by AR(1) noise (rho .9 an hour, sd U(.02, .08)), half of it of all rows and half of each
segment; traffic swings by 60% over the day. Four weeks of reference, four weeks judged, by the very functions of the
service. The drift is in one segment alone, a tenth of the rows, from the second judged week on.

    python -m benchmarks.segments --seeds 5 [--rows 1000]

"inc" counts incidents (alarms less than 24 hours apart) in 30 days.
"""

from __future__ import annotations

import argparse
import resource
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from driftwatch.domain.finding import Finding
from driftwatch.domain.instant import HOUR, from_iso
from driftwatch.domain.signal import Severity
from driftwatch.monitors.baseline import DriftBaseline, WindowResult
from driftwatch.monitors.history import History
from driftwatch.monitors.spec import parse_model_spec
from driftwatch.profiles.bucket import CategoricalColumn, Column, NumericColumn
from driftwatch.profiles.codec import build_codec
from driftwatch.profiles.history import profile_buckets
from driftwatch.profiles.plan import ProfilePlan
from driftwatch.profiles.rows import Rows

Floats = NDArray[np.float64]

START = from_iso("2024-01-01T00:00")
WEEK = 168
REFERENCE, MONITORED = 4 * WEEK, 4 * WEEK
ONSET = REFERENCE + WEEK
SEGMENTS, NUMERIC, CATEGORICAL, LEVELS = 10, 15, 5, 6
SPEC = parse_model_spec({"model": "segments", "columns": {"timestamp": "ts"}, "segments": ["country"]})
DRIFTS = ("+0.25 sd", "+0.5 sd", "+1 sd", "sd x 1.5")


def _course(rng: np.random.Generator, hours: int) -> Floats:
    """A mean by hour: seasons and noise."""
    day = np.arange(hours) / 24
    noise = lfilter([1.0], [1.0, -0.9], rng.normal(size=hours) * rng.uniform(0.02, 0.08) * np.sqrt(1 - 0.81))
    daily = abs(rng.normal(0, 0.15)) * np.sin(2 * np.pi * (day + rng.random()))
    weekly = abs(rng.normal(0, 0.08)) * np.sin(2 * np.pi * (day / 7 + rng.random()))
    return np.asarray(daily + weekly + noise, dtype=np.float64)


@dataclass
class World:
    """A drawn model: mean courses float64[columns, segments, hours] (categorical ones by level), and rows an hour."""

    numeric: Floats
    logits: Floats
    traffic: Floats


def draw_world(rng: np.random.Generator, rows: int) -> World:
    """Draw a model."""
    hours = REFERENCE + MONITORED

    def courses(columns: int) -> Floats:
        shared = np.array([_course(rng, hours) for _ in range(columns)])[:, None]
        own = np.array([[_course(rng, hours) for _ in range(SEGMENTS)] for _ in range(columns)])
        return np.asarray((shared + own) / np.sqrt(2), dtype=np.float64)

    offsets = rng.normal(0, 0.3, (NUMERIC, SEGMENTS, 1))
    logits = np.array([courses(LEVELS) + rng.normal(0, 1, (LEVELS, 1, 1)) for _ in range(CATEGORICAL)])
    swing = 1 + 0.6 * np.sin(2 * np.pi * (np.arange(hours) / 24 + rng.random()))
    return World(courses(NUMERIC) + offsets, logits, rows * swing)


def rows_of(rng: np.random.Generator, world: World, hours: range, *, drift: bool) -> Rows:
    """The rows of some hours."""
    n = rng.poisson(world.traffic[hours.start : hours.stop])
    hour = np.repeat(np.arange(hours.start, hours.stop), n)
    segment = rng.integers(0, SEGMENTS, len(hour))
    hit = drift & (segment == 0) & (hour >= ONSET)
    features: dict[str, Column] = {}
    for place in range(NUMERIC):
        values = rng.normal(size=len(hour))
        if place == DRIFTS.index("sd x 1.5"):
            values = np.where(hit, 1.5 * values, values)
        shift = {0: 0.25, 1: 0.5, 2: 1.0}.get(place, 0.0)
        features[f"n{place:02d}"] = NumericColumn(values + world.numeric[place, segment, hour] + shift * hit)
    for place in range(CATEGORICAL):
        weights = np.exp(world.logits[place][:, segment, hour]).cumsum(axis=0)
        codes = (rng.random(len(hour)) * weights[-1] > weights).sum(axis=0)
        features[f"c{place}"] = CategoricalColumn([f"level_{each}" for each in range(LEVELS)], codes)
    features["country"] = CategoricalColumn([f"s{each}" for each in range(SEGMENTS)], segment)
    return Rows(at=START + hour * HOUR, features=features)


def judge(seed: int, rows: int, *, drift: bool) -> tuple[list[WindowResult], float]:
    """All verdicts after the reference, and the CPU seconds of fitting and judging."""
    rng = np.random.default_rng([seed, 20241124])
    world = draw_world(rng, rows)
    first = rows_of(np.random.default_rng([seed, 1]), world, range(24), drift=False)
    numbers = {name: each for name, each in first.features.items() if isinstance(each, NumericColumn)}
    codecs = {name: build_codec(each.values) for name, each in numbers.items()}
    reference = (START, START + REFERENCE * HOUR)
    history = History.of(SPEC, codecs, reference)
    plan = ProfilePlan(codecs, segments=SPEC.segments)
    for hour in range(0, REFERENCE + MONITORED, 24):
        day = rows_of(np.random.default_rng([seed, 2, hour]), world, range(hour, hour + 24), drift=drift)
        history.add_all(profile_buckets(day, plan).items())
    started = time.process_time()
    baseline = DriftBaseline.fit(history, SPEC, reference)
    results = baseline.judge(history, [START + each * HOUR for each in range(REFERENCE, REFERENCE + MONITORED)])
    return results, time.process_time() - started


def alarms(results: list[WindowResult]) -> list[Finding]:
    """Every alarm."""
    return [each for result in results for each in result.findings if each.severity.rank >= Severity.WARNING.rank]


def incidents(found: list[Finding]) -> int:
    """Alarms that follow 24 hours or more without one, and the first."""
    at = np.array(sorted({each.window_end for each in found}), dtype=np.int64)
    return int(len(at) > 0) + int((np.diff(at) > 24 * HOUR).sum())


def _months() -> float:
    return MONITORED / (30 * 24)


def _quiet(seed: int, rows: int) -> None:
    results, seconds = judge(seed, rows, drift=False)
    found = alarms(results)
    parts = [each for each in found if each.segment is not None]
    whole = [each for each in found if each.segment is None]
    rates = [incidents(each) / _months() for each in (found, whole, parts)]
    told = {(each.column, each.segment) for each in found}
    print(f"| {seed} | {' | '.join(f'{rate:.2f}' for rate in rates)} | {len(told)} | {seconds:.0f} s |", flush=True)


def _drifting(seed: int, rows: int) -> None:
    results, _ = judge(seed, rows, drift=True)
    cells = []
    for place, name in enumerate(DRIFTS):
        column = f"n{place:02d}"
        delays = []
        for segment in ("country=s0", None):
            at = [
                each.window_start
                for each in alarms(results)
                if (each.column, each.segment) == (column, segment) and each.window_start >= START + ONSET * HOUR
            ]
            delays.append(f"{(min(at) - START) // HOUR - ONSET + 1}" if at else "–")
        cells.append(f"{name}: {delays[0]} ({delays[1]})")
    print(f"| {seed} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--rows", type=int, default=1000, help="mean rows an hour, over all segments")
    parser.add_argument("--only", choices=["quiet", "drift"])
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    if arguments.only != "drift":
        print("| seed | inc | of all rows | of segments | columns that alarmed | CPU of fit and judge |")
        print("|---|---|---|---|---|---|", flush=True)
        for seed in seeds:
            _quiet(seed, arguments.rows)
    if arguments.only != "quiet":
        print("\nDelay in windows of the segment (of all rows):\n")
        for seed in seeds:
            _drifting(seed, arguments.rows)
    print(f"\nPeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
