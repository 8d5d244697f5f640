"""What multivariate drift does on models whose truth we know: false alarms without drift, delays until it is found.

Columns share three factors; hourly buckets. `real`: the means move with the hour and the day of the week and by AR(1)
noise (rho .9, sd U(.02, .08)), the spreads by AR(1) noise of 2 to 5%, the factor loadings by 15% with the hour and 10%
by AR(1) noise; traffic swings by 60% over the day. `weather`: besides, a fifth of the columns wander as AR(.97 to .99)
with sd .6 to .9. `iid`: none of it. `t4`: rows of a multivariate t with 4 degrees of freedom. `mixed`: one column is
lognormal and one is a flag.

Run ``python -m benchmarks.multivariate --seeds 6``. "inc" counts incidents (alarms less than 24 hours apart) in 30 days
with a budget of 0.1 false alarms in 30 days; "delay" is in windows from the onset, a week after the reference's end.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from driftwatch.drift.moment_baseline import MomentSeries
from driftwatch.drift.moment_rule import MomentJudgement, fit_moments
from driftwatch.drift.rule.calendar import Calendar
from driftwatch.profiles.moments import profile_moments, propose_frame

Floats = NDArray[np.float64]

WEEK = 168
BUDGET = 0.1


@dataclass(frozen=True)
class Scenario:
    """One kind of model: `rows` an hour, and what breaks in the second monitored week."""

    name: str
    columns: int
    rows: int
    reference_weeks: int = 4
    monitored_weeks: int = 9
    tails: str = "normal"
    broken: str = ""


QUIET = (
    Scenario("real", 20, 1000),
    Scenario("real", 50, 300),
    Scenario("real", 20, 100),
    Scenario("real", 4, 100),
    Scenario("real", 4, 300, reference_weeks=12),
    Scenario("real", 10, 300, reference_weeks=2),
    Scenario("weather", 10, 300),
    Scenario("iid", 5, 2000),
    Scenario("real", 10, 300, tails="t4"),
    Scenario("real", 4, 100, tails="mixed"),
)
BROKEN = (
    Scenario("real", 20, 1000, monitored_weeks=5, broken="one column loses its dependence"),
    Scenario("real", 10, 300, monitored_weeks=5, broken="one column loses its dependence"),
    Scenario("real", 10, 300, monitored_weeks=5, broken="half of one column's rows lose it"),
    Scenario("real", 20, 1000, monitored_weeks=5, broken="every mean moves by .1 sd"),
)


def draw(scenario: Scenario, seed: int) -> tuple[MomentSeries, int]:
    """A model's moments by hour, and the hour at which something breaks."""
    rng = np.random.default_rng([seed, 20240711])
    d, hours = scenario.columns, WEEK * (scenario.reference_weeks + scenario.monitored_weeks)
    swing = 0.0 if scenario.name == "iid" else 0.6
    traffic = scenario.rows * (1 + swing * np.sin(2 * np.pi * (np.arange(hours) / 24 + rng.random())))
    loadings = rng.normal(size=(d, 3)) * 0.6
    sd = np.sqrt((loadings**2).sum(axis=1) + 1)
    mean, spread, mix = _courses(rng, scenario, hours)
    onset = WEEK * (scenario.reference_weeks + 1)
    profiles = []
    frame = None
    for hour in range(hours):
        n = rng.poisson(traffic[hour])
        rows = _noise(rng, scenario, n, 3) @ (loadings * (1 + mix[hour])).T + _noise(rng, scenario, n, d)
        if hour >= onset:
            rows = _break(rng, scenario, rows, sd)
        rows = rows * np.exp(spread[hour]) + mean[hour] * sd
        if scenario.tails == "mixed":
            rows[:, 0], rows[:, 1] = np.exp(0.8 * rows[:, 0]), rows[:, 1] > 1.5
        frame = frame or propose_frame({f"x{place}": rows[:, place] for place in range(d)})
        profiles.append(profile_moments(frame, rows))
    n_rows = np.array([each.n for each in profiles])
    return MomentSeries(d, n_rows, np.array([each.sums for each in profiles]), n_rows), onset


def _courses(rng: np.random.Generator, scenario: Scenario, hours: int) -> tuple[Floats, Floats, Floats]:
    """Means and log spreads by hour and column, and the mix of factors."""
    d, hour = scenario.columns, np.arange(hours)
    mean, spread, mix = np.zeros((hours, d)), np.zeros((hours, d)), np.zeros((hours, 3))
    if scenario.name == "iid":
        return mean, spread, mix
    for place in range(d):
        for period, size in ((24, 0.15), (WEEK, 0.08)):
            mean[:, place] += abs(rng.normal(0, size)) * np.sin(2 * np.pi * (hour / period + rng.random()))
        mean[:, place] += _wander(rng, hours, 0.9, rng.uniform(0.02, 0.08))
        spread[:, place] = _wander(rng, hours, 0.9, rng.uniform(0.02, 0.05))
        if scenario.name == "weather" and place < d // 5:
            mean[:, place] += _wander(rng, hours, rng.uniform(0.97, 0.99), rng.uniform(0.6, 0.9))
    for place in range(3):
        mix[:, place] = 0.15 * np.sin(2 * np.pi * (hour / 24 + rng.random())) + _wander(rng, hours, 0.9, 0.1)
    return mean, spread, mix


def _wander(rng: np.random.Generator, hours: int, rho: float, sd: float) -> Floats:
    return np.asarray(sd * lfilter([np.sqrt(1 - rho**2)], [1, -rho], rng.normal(size=hours)), dtype=np.float64)


def _noise(rng: np.random.Generator, scenario: Scenario, n: int, columns: int) -> Floats:
    values = rng.normal(size=(n, columns))
    return values / np.sqrt(rng.chisquare(4, size=(n, 1)) / 4) if scenario.tails == "t4" else values


def _break(rng: np.random.Generator, scenario: Scenario, rows: Floats, sd: Floats) -> Floats:
    if scenario.broken.startswith("every"):
        return rows + 0.1 * sd * np.where(np.arange(rows.shape[1]) % 2, 1, -1)
    share = 0.5 if scenario.broken.startswith("half") else 1.0 if scenario.broken else 0.0
    some = rng.permutation(len(rows))[: int(share * len(rows))]
    rows[some, 0] = rows[rng.permutation(some), 0]
    return rows


def judge(scenario: Scenario, seed: int) -> tuple[list[MomentJudgement], int]:
    """What the rule says of every monitored hour, and when something broke."""
    series, onset = draw(scenario, seed)
    reference = WEEK * scenario.reference_weeks
    rule = fit_moments(series, Calendar(3600, 0), reference)
    if rule is None:
        raise RuntimeError("nothing varies in the reference")
    return rule.judge(series, np.arange(reference, len(series.n)), threshold=BUDGET / 720), onset


def incidents(judgements: list[MomentJudgement]) -> float:
    """Incidents in 30 days."""
    at = np.array([each.bucket for each in judgements if each.alarm])
    count = 0 if not len(at) else 1 + int((np.diff(at) > 24).sum())
    return count * 720 / len(judgements)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=6)
    seeds = range(1, parser.parse_args().seeds + 1)
    for scenario in QUIET:
        rate = float(np.mean([incidents(judge(scenario, seed)[0]) for seed in seeds]))
        print(f"{scenario.name:8} {scenario.tails:7} {scenario.columns:3} columns {scenario.rows:5} rows "
              f"{scenario.reference_weeks:3} weeks: inc {rate:.2f}", flush=True)  # fmt: skip
    for scenario in BROKEN:
        delays = []
        for seed in seeds:
            judgements, onset = judge(scenario, seed)
            delays.append(
                next((each.bucket - onset + 1 for each in judgements if each.alarm and each.bucket >= onset), 0)
            )
        told = ", ".join(str(delay) if delay else "–" for delay in delays)
        print(f"{scenario.broken}: {scenario.columns} columns, {scenario.rows} rows: delay {told}", flush=True)


if __name__ == "__main__":
    main()
