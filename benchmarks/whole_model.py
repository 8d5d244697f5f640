r"""All default signals of one model at once, on models in which nothing drifts: how many incidents they open together.

Twenty numeric columns that share three factors (normal, log-normal, cut at zero, heavy-tailed; every fifth with 2%
missing) and ten categorical ones, with the seasons and noise of ``benchmarks.simulation`` ("real"); a score of three
of them, predictions from it, outcomes a day late that follow it with AR(1) noise of .05 in logits, 5% never known;
latencies that move with the hour and the load, errors about .5%, repeated ids with three bad hours a month. Four weeks
of reference, nine monitored, a budget of one false alarm in 30 days for everything together.

Run ``python -m benchmarks.whole_model --seeds 5``. The log goes through ``driftwatch.backtest``, so through the very
judges and state machine of the service; what a log does not have, late rows, is not judged. "incidents" are those that
opened in 30 days; "opened by" are the signals of the alarms that opened them, one count each; "edges" are rising edges
of alarms by signal, in incidents or not.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import expit

from benchmarks.simulation import Scenario, _ar, _category_course, _numeric_course, _traffic
from driftwatch.alerting.book import IncidentBook, JudgedWindow
from driftwatch.alerting.machine import advance
from driftwatch.domain.instant import DAY, HOUR, from_iso, to_iso
from driftwatch.domain.signal import Severity
from driftwatch.monitors.baseline import WindowResult
from driftwatch.service.backtest import backtest

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

START = from_iso("2024-01-01T00:00")
CELLS: Mapping[str, Scenario] = {
    "hourly, 300 rows an hour": Scenario("real", rows=300, numeric=20, categorical=10),
    "daily, 1,000 rows a day": Scenario("real", hourly=False, rows=1000, numeric=20, categorical=10),
    "hourly, 1,000 rows an hour": Scenario("real", rows=1000, numeric=20, categorical=10),
}


@dataclass
class Outcome:
    """What came of one seed, or of several: incidents and what opened them, and edges of alarms by signal."""

    months: float = 0.0
    incidents: list[float] = field(default_factory=list)
    opened_by: Counter[str] = field(default_factory=Counter)
    edges: Counter[str] = field(default_factory=Counter)


def draw(scenario: Scenario, seed: int) -> pa.Table:
    """A prediction log."""
    rng = np.random.default_rng([seed, 20241124])
    traffic = _traffic(rng, scenario)
    n = rng.poisson(scenario.rows * scenario.per_day / 24 * traffic)
    hour = np.repeat(np.arange(scenario.hours), n)
    at = START + hour * HOUR + rng.integers(0, HOUR, len(hour))
    numeric, latent = _numeric(rng, scenario, hour)
    columns: dict[str, object] = dict(numeric)
    for place in range(scenario.categorical):
        below = np.cumsum(_category_course(rng, scenario), axis=1)
        levels = (rng.random(len(hour))[:, None] > below[hour, :-1]).sum(axis=1)
        columns[f"c{place}"] = pa.DictionaryArray.from_arrays(levels, [f"v{k}" for k in range(below.shape[1])])
    logit = latent[:, :3] @ rng.normal(0, 0.8, 3) - 1.0
    columns["score"] = expit(logit)
    columns["prediction"] = (logit > 0).astype(np.int64)
    label = rng.random(len(hour)) < expit(logit + _ar(rng, scenario.hours, 0.9, 0.05)[hour])
    columns["label"] = pa.array(label.astype(np.int64), mask=rng.random(len(hour)) < 0.05)
    columns["labelled_at"] = _times(at + DAY)
    slow = 0.2 * np.log(traffic) + _ar(rng, scenario.hours, 0.9, 0.05)
    columns["latency"] = np.exp(np.log(0.05) + slow[hour] + rng.normal(0, 0.5, len(hour)))
    columns["failed"] = rng.random(len(hour)) < 0.005 * np.exp(_ar(rng, scenario.hours, 0.9, 0.3))[hour]
    columns["id"] = np.arange(len(hour)).astype(str)
    columns["ts"] = _times(at)
    return pa.table(columns).take(_sent_again(rng, scenario, hour))


def _numeric(rng: np.random.Generator, scenario: Scenario, hour: Ints) -> tuple[dict[str, pa.Array], Floats]:
    """The numeric columns, and the normal numbers that they are made of."""
    loadings = rng.normal(size=(scenario.numeric, 3)) * 0.6
    latent = rng.normal(size=(len(hour), 3)) @ loadings.T + rng.normal(size=(len(hour), scenario.numeric))
    latent /= np.sqrt((loadings**2).sum(axis=1) + 1)
    columns = {}
    for place in range(scenario.numeric):
        mean, log_sd = _numeric_course(rng, scenario, wandering=False)
        latent[:, place] = latent[:, place] * np.exp(log_sd)[hour] + mean[hour]
        x = latent[:, place]
        values = (x, np.exp(x), np.maximum(x, 0.0), np.sinh(x))[place % 4]
        missing = 0.02 * np.exp(_ar(rng, scenario.hours, 0.9, 0.1))[hour] if place % 5 == 0 else 0.0
        columns[f"x{place}"] = pa.array(values, mask=rng.random(len(hour)) < missing)
    return columns, latent


def _sent_again(rng: np.random.Generator, scenario: Scenario, hour: Ints) -> Ints:
    """Rows in which .3% come twice, and in three hours a month 2 to 20%."""
    share = rng.beta(2.0, 2.0 / 0.003, scenario.hours)
    bad = rng.random(scenario.hours) < 3 / 720
    share[bad] = rng.uniform(0.02, 0.2, np.count_nonzero(bad))
    again = np.flatnonzero(rng.random(len(hour)) < share[hour])
    return np.sort(np.concatenate((np.arange(len(hour)), again)))


def _times(at: Ints) -> pa.Array:
    return pa.array(at, type=pa.timestamp("us", tz="UTC"))


def specification(scenario: Scenario) -> dict[str, object]:
    """The model's declaration: what it has, and no setting but the bucket and the reference."""
    return {
        "model": "whole",
        "task": "binary",
        "columns": {
            "timestamp": "ts",
            "id": "id",
            "prediction": "prediction",
            "score": "score",
            "label": "label",
            "label_timestamp": "labelled_at",
            "latency_seconds": "latency",
            "error": "failed",
        },
        "features": {
            "numeric": [f"x{place}" for place in range(scenario.numeric)],
            "categorical": [f"c{place}" for place in range(scenario.categorical)],
        },
        "reference": {"start": to_iso(START), "end": to_iso(START + scenario.reference_days * DAY)},
        "bucket": "1h" if scenario.hourly else "1d",
        "clock": "replay",
    }


def incidents(results: Sequence[WindowResult], outcome: Outcome) -> int:
    """Incidents that open, counted by what opened them; edges of alarms beside them."""
    book, count, before = IncidentBook(environment="production", model="whole"), 0, set[tuple[str, str | None]]()
    for each in results:
        window = JudgedWindow(each.window_start, each.window_end, each.window_end, each.findings, each.judged)
        book, transitions = advance(book, window)
        for transition in transitions:
            if transition.kind == "opened":
                count += 1
                outcome.opened_by.update({alert.key.signal.value for alert in transition.alerts})
        alarms = {
            (finding.signal.value, finding.column)
            for finding in each.findings
            if finding.severity.rank >= Severity.WARNING.rank
        }
        outcome.edges.update(signal for signal, _ in alarms - before)
        before = alarms
    return count


def measure(scenario: Scenario, seeds: Sequence[int]) -> Outcome:
    """All seeds together."""
    outcome = Outcome()
    months = scenario.monitored_days / 30
    for seed in seeds:
        report = backtest(draw(scenario, seed), specification(scenario))
        if report.faults or len(report.results) != scenario.monitored_days * scenario.per_day:
            raise RuntimeError(f"not all was judged: {report.faults}, {len(report.results)} windows")
        outcome.incidents.append(incidents(report.results, outcome) / months)
        outcome.months += months
    return outcome


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{signal} {count}" for signal, count in counts.most_common()) or "none"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--cell", choices=CELLS, action="append")
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    print(
        "| cell | incidents / 30 d | each seed | opened by | edges by signal | time a seed |\n|---|---|---|---|---|---|"
    )
    for name in arguments.cell or list(CELLS)[:2]:
        started = time.perf_counter()
        outcome = measure(CELLS[name], seeds)
        seconds = (time.perf_counter() - started) / len(seeds)
        each = " ".join(f"{rate:.2f}" for rate in outcome.incidents)
        print(
            f"| {name} | {np.mean(outcome.incidents):.2f} | {each} | {_told(outcome.opened_by)} | "
            f"{_told(outcome.edges)} | {seconds:.0f} s |",
            flush=True,
        )


if __name__ == "__main__":
    main()
