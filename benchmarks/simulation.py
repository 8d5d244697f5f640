r"""What the alarm rule does on models whose truth we know, beside the peers' default rules on the same windows.

Fifty columns (35 numeric, 15 categorical with 2 to 20 levels), nine weeks monitored, fresh seeds. Scenarios:

* ``real``: the means move with the hour (amplitude |N(0, .15)| sd) and the day of the week (|N(0, .08)|) and by
  AR(1) noise (rho .9 an hour, sd U(.02, .08)), the spread by AR(1) noise of 2 to 5%, category logits likewise;
  traffic swings by 60% over the day. Daily buckets are the sums of such hours.
* ``weather``: besides, seven numeric columns wander as AR(.97 to .99 an hour) with sd .6 to .9.
* ``iid``: none of it.

Run ``python -m benchmarks.simulation --seeds 5`` for every cell, ``--cell NAME`` for one, ``--quick`` for one seed of
the main ones. Histograms are drawn directly from the cells' probabilities, so that 100,000 rows an hour cost no more
than a hundred. "ep" counts rising edges per column, "inc" incidents (alarms less than 24 judged hours, or one judged
day, apart), both per 30 days.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.special import ndtr, ndtri

from driftwatch.drift.rule import Calendar, Judgement, Series, categorical_series, fit, numeric_series

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MONITORED_WEEKS = 9
WANDERING = 7
_QUANTILES = ndtri(np.arange(1, 256) / 256)


@dataclass(frozen=True)
class Scenario:
    """One kind of model.

    Attributes:
        name: "real", "weather" or "iid".
        hourly: hourly buckets, else daily.
        rows: mean rows a bucket.
        reference_days: length of the reference.
        monitored_days: what is judged after it.
        drift: inject the drifts below from the second monitored week on.
        numeric: numeric columns.
        categorical: categorical columns.
    """

    name: str
    hourly: bool = True
    rows: int = 1000
    reference_days: int = 28
    monitored_days: int = 7 * MONITORED_WEEKS
    drift: bool = False
    numeric: int = 35
    categorical: int = 15

    @property
    def per_day(self) -> int:
        """Buckets a day."""
        return 24 if self.hourly else 1

    @property
    def hours(self) -> int:
        """Hours in all."""
        return 24 * (self.reference_days + self.monitored_days)

    @property
    def n_reference(self) -> int:
        """Buckets of the reference."""
        return self.per_day * self.reference_days


@dataclass(frozen=True)
class World:
    """A drawn model.

    Attributes:
        scenario: what it was drawn from.
        series: its columns.
        calendar: its time axis.
        drifts: what each column suffers, by name.
        fine: of numeric columns, edges and fine counts; of categorical ones, None and level counts.
    """

    scenario: Scenario
    series: list[Series]
    calendar: Calendar
    drifts: dict[str, str]
    fine: dict[str, tuple[Floats | None, Ints]]


NUMERIC_DRIFTS = ("shift .1 sd", "shift .25 sd", "shift .5 sd", "sd x 1.25")
CATEGORICAL_DRIFTS = ("5% moved", "15% moved", "new category 2%")


def draw(scenario: Scenario, seed: int) -> World:
    """Draw a model."""
    rng = np.random.default_rng([seed, 20240607])
    traffic = _traffic(rng, scenario)
    expected = traffic.reshape(-1, 24 // scenario.per_day).mean(axis=1)
    rows = rng.poisson(scenario.rows * expected)
    calendar = Calendar(86_400 // scenario.per_day, 0)
    world = World(scenario, [], calendar, {}, {})
    onset = 24 * (scenario.reference_days + 7)
    for j in range(scenario.numeric):
        drift = NUMERIC_DRIFTS[j % len(NUMERIC_DRIFTS)] if scenario.drift else ""
        mean, log_sd = _numeric_course(rng, scenario, wandering=scenario.name == "weather" and j < WANDERING)
        mean[onset:] += {"shift .1 sd": 0.1, "shift .25 sd": 0.25, "shift .5 sd": 0.5}.get(drift, 0.0)
        log_sd[onset:] += np.log(1.25) if drift == "sd x 1.25" else 0.0
        edges, p = _numeric_shares(mean, log_sd, onset)
        _add_numeric(world, f"numeric_{j:02d}", drift, edges, _multinomial(rng, rows, p, traffic))
    for j in range(scenario.categorical):
        drift = CATEGORICAL_DRIFTS[j % len(CATEGORICAL_DRIFTS)] if scenario.drift else ""
        p = _category_course(rng, scenario)
        _move(p[onset:], drift)
        _add_categorical(world, f"categorical_{j:02d}", drift, _multinomial(rng, rows, p, traffic))
    return world


def _traffic(rng: np.random.Generator, scenario: Scenario) -> Floats:
    """Rows of each hour over the mean."""
    swing = 0.0 if scenario.name == "iid" else 0.6
    hour = np.arange(scenario.hours)
    return np.asarray(1 + swing * np.sin(2 * np.pi * (hour / 24 + rng.random())), dtype=np.float64)


def _numeric_shares(mean: Floats, log_sd: Floats, onset: int) -> tuple[Floats, Floats]:
    """Fine edges, and the shares float64[hours, B] of normal rows."""
    spread = float(np.sqrt(mean[:onset].var() + 1))
    edges = np.unique(np.concatenate((_QUANTILES * spread, spread * np.outer([-1, 1], _tails()).ravel())))
    below = ndtr((edges - mean[:, None]) * np.exp(-log_sd)[:, None])
    return edges, np.diff(below, axis=1, prepend=0.0, append=1.0)


def _add_numeric(world: World, name: str, drift: str, edges: Floats, counts: Ints) -> None:
    missing = np.zeros(len(counts), dtype=np.int64)
    size = world.scenario.n_reference
    world.series.append(numeric_series(name, edges, counts, missing, n_reference=size, calendar=world.calendar))
    world.drifts[name], world.fine[name] = drift, (edges, counts)


def _add_categorical(world: World, name: str, drift: str, counts: Ints) -> None:
    missing = np.zeros(len(counts), dtype=np.int64)
    size = world.scenario.n_reference
    levels = [{f"level_{k:02d}": int(row[k]) for k in np.flatnonzero(row)} for row in counts]
    world.series.append(categorical_series(name, levels, missing, n_reference=size, calendar=world.calendar))
    world.drifts[name], world.fine[name] = drift, (None, counts)


def _tails() -> Floats:
    """Fine edges beyond the quantiles, in sd."""
    return np.asarray(2.7 + 2.0 ** (np.arange(-6, 14) / 2) - 0.125, dtype=np.float64)


def _ar(rng: np.random.Generator, size: int, rho: float, sd: float) -> Floats:
    """A stationary AR(1) course."""
    noise = rng.normal(size=size) * sd * np.sqrt(1 - rho**2)
    noise[0] = rng.normal() * sd
    return np.asarray(lfilter([1.0], [1.0, -rho], noise), dtype=np.float64)


def _season(rng: np.random.Generator, scenario: Scenario) -> Floats:
    """Daily and weekly swings, each of its own size and phase."""
    day = np.arange(scenario.hours) / 24
    daily = abs(rng.normal(0, 0.15)) * np.sin(2 * np.pi * (day + rng.random()))
    weekly = abs(rng.normal(0, 0.08)) * np.sin(2 * np.pi * (day / 7 + rng.random()))
    return np.asarray(daily + weekly, dtype=np.float64)


def _numeric_course(rng: np.random.Generator, scenario: Scenario, *, wandering: bool) -> tuple[Floats, Floats]:
    """Mean and log sd, hour by hour."""
    size = scenario.hours
    if scenario.name == "iid":
        return np.zeros(size), np.zeros(size)
    mean = _season(rng, scenario) + _ar(rng, size, 0.9, rng.uniform(0.02, 0.08))
    if wandering:
        mean = mean + _ar(rng, size, rng.uniform(0.97, 0.99), rng.uniform(0.6, 0.9))
    return mean, _ar(rng, size, 0.9, rng.uniform(0.02, 0.05))


def _category_course(rng: np.random.Generator, scenario: Scenario) -> Floats:
    """float64[hours, levels + 1], shares hour by hour; the last level does not occur."""
    levels = int(rng.integers(2, 21))
    logits = np.tile(rng.normal(0, 1, levels), (scenario.hours, 1))
    if scenario.name != "iid":
        sd = rng.uniform(0.02, 0.08)
        for k in range(levels):
            logits[:, k] += _season(rng, scenario) + _ar(rng, scenario.hours, 0.9, sd)
    p = np.exp(logits)
    return np.append(p / p.sum(axis=1, keepdims=True), np.zeros((scenario.hours, 1)), axis=1)


def _move(p: Floats, drift: str) -> None:
    """Move mass between the two heaviest levels, or give 2% to a level never seen."""
    if drift == "new category 2%":
        p *= 0.98
        p[:, -1] = 0.02
    elif drift:
        first, second = np.argsort(-p.mean(axis=0))[:2]
        moved = np.minimum(0.15 if drift == "15% moved" else 0.05, p[:, first])
        p[:, first] -= moved
        p[:, second] += moved


def _multinomial(rng: np.random.Generator, rows: Ints, p: Floats, traffic: Floats) -> Ints:
    """int64[T, cells], counts of each bucket: of its hours' shares by their traffic."""
    hourly = np.maximum(p, 0.0) * traffic[:, None]
    share = hourly.reshape(len(rows), -1, p.shape[1]).sum(axis=1)
    return np.asarray(rng.multinomial(rows, share / share.sum(axis=1, keepdims=True)), dtype=np.int64)


def judge(world: World, budget: float = 1.0) -> list[Judgement]:
    """Judge everything monitored."""
    rule = fit(world.series, world.calendar, world.scenario.n_reference)
    stop = world.series[0].length
    return rule.judge(world.series, world.scenario.n_reference, stop, budget=budget, n_series=len(world.series))


def alarm_table(world: World, judgements: Sequence[Judgement]) -> NDArray[np.bool_]:
    """bool[F, T'], alarms by column and monitored bucket."""
    alarms = np.array([one.alarm for one in judgements], dtype=np.bool_)
    return alarms.reshape(-1, len(world.series)).T


def episodes(alarms: NDArray[np.bool_]) -> int:
    """Rising edges over all columns."""
    before = np.concatenate((np.zeros((len(alarms), 1), dtype=np.bool_), alarms[:, :-1]), axis=1)
    return int((alarms & ~before).sum())


def incidents(alarms: NDArray[np.bool_], quiet: int) -> int:
    """Alarms of the model that follow `quiet` buckets or more without one, and the first."""
    at = np.flatnonzero(alarms.any(axis=0))
    return int(len(at) > 0) + int((np.diff(at) > quiet).sum())


@dataclass(frozen=True)
class Rates:
    """False alarms per 30 days: episodes and incidents of the rule, episodes of each peer."""

    episodes: float
    incidents: float
    peers: Mapping[str, float]


def false_alarms(scenario: Scenario, seed: int, *, peers: bool = False) -> Rates:
    """False alarms of one seed per 30 days."""
    world = draw(scenario, seed)
    alarms = alarm_table(world, judge(world))
    months = scenario.monitored_days / 30
    quiet = scenario.per_day
    others: dict[str, float] = {}
    if peers:
        from benchmarks.peers import RULES, peer_alarms

        others = {name: episodes(peer_alarms(name, world.fine, world.scenario.n_reference)) / months for name in RULES}
    return Rates(episodes(alarms) / months, incidents(alarms, quiet) / months, others)


def delays(scenario: Scenario, seed: int) -> dict[str, list[float]]:
    """Buckets from the drift's start to the column's first alarm, infinite if there is none."""
    world = draw(replace(scenario, drift=True), seed)
    alarms = alarm_table(world, judge(world))[:, 7 * scenario.per_day :]
    result: dict[str, list[float]] = {}
    for one, row in zip(world.series, alarms, strict=True):
        first = float(np.argmax(row)) + 1 if row.any() else np.inf
        result.setdefault(world.drifts[one.name], []).append(first)
    return result


_DAY = 24_000
"""Rows of a day at 1,000 an hour."""

CELLS: Mapping[str, tuple[Scenario, str]] = {
    "real 4w hourly 1k": (Scenario("real"), ".10 / .10"),
    "real 4w hourly 100": (Scenario("real", rows=100), ".48 / .48"),
    "real 4w hourly 100k": (Scenario("real", rows=100_000), "0 / 0"),
    "iid 4w hourly 1k": (Scenario("iid"), "0 / 0"),
    "iid 12w daily": (Scenario("iid", hourly=False, rows=_DAY, reference_days=84), "0 / 0"),
    "weather 4w hourly 1k": (Scenario("weather"), "1.43 / .38"),
    "weather 12w hourly 1k": (Scenario("weather", reference_days=84), "2.4 / -"),
    "real 12w daily": (Scenario("real", hourly=False, rows=_DAY, reference_days=84), "0 / 0"),
    "real 26w daily": (Scenario("real", hourly=False, rows=_DAY, reference_days=182), ".36 / .36"),
    "weather 12w daily": (Scenario("weather", hourly=False, rows=_DAY, reference_days=84), "2.5 / -"),
    "weather 26w daily": (Scenario("weather", hourly=False, rows=_DAY, reference_days=182), ".24 / -"),
    "real 12w daily, 1k a day": (Scenario("real", hourly=False, reference_days=84), "not stated"),
    "cold 7d hourly 1k": (Scenario("real", reference_days=7), "0 / 0"),
    "cold 2d hourly 1k": (Scenario("real", reference_days=2), "6.9 / 2.1"),
}
"""Cell: scenario, and the target (ep / inc)."""

DELAY_TARGETS = {
    "shift .1 sd": "about 200 (54% in 14 days, 87% in 8 weeks)",
    "shift .25 sd": "17",
    "shift .5 sd": "1",
    "sd x 1.25": "2 to 4",
    "5% moved": "95",
    "15% moved": "1",
    "new category 2%": "1",
}
QUICK = ("real 4w hourly 1k", "iid 4w hourly 1k", "cold 7d hourly 1k", "real 12w daily")


def _print_cell(name: str, seeds: Sequence[int], *, peers: bool) -> None:
    scenario, target = CELLS[name]
    started = time.perf_counter()
    rates = [false_alarms(scenario, seed, peers=peers) for seed in seeds]
    ep = [rate.episodes for rate in rates]
    inc = [rate.incidents for rate in rates]
    each = " ".join(f"{value:.2f}" for value in ep)
    seconds = (time.perf_counter() - started) / len(seeds)
    print(
        f"| {name} | {target} | {np.mean(ep):.2f} / {np.mean(inc):.2f} | {each} | {seconds:.0f} s |",
        flush=True,
    )
    for rule in rates[0].peers:
        print(f"|   {rule} | | {np.mean([rate.peers[rule] for rate in rates]):.0f} | | |", flush=True)


def _print_delays(seeds: Sequence[int], reference_days: int = 28) -> None:
    scenario = Scenario("real", reference_days=reference_days)
    pooled: dict[str, list[float]] = {}
    for seed in seeds:
        for drift, values in delays(scenario, seed).items():
            pooled.setdefault(drift, []).extend(values)
    for drift, values in pooled.items():
        delay = np.array(values)
        print(
            f"| {drift} | {DELAY_TARGETS[drift]} | {np.median(delay):.0f} | {np.mean(delay <= 336):.0%} | "
            f"{np.mean(np.isfinite(delay)):.0%} | {len(delay)} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="fresh seeds a cell")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--cell", choices=[*CELLS, "delays", "delays 12w"], action="append", help="only this one")
    parser.add_argument("--peers", action="store_true", help="the peers' default rules on the same windows")
    parser.add_argument("--quick", action="store_true", help="one seed of the main cells")
    arguments = parser.parse_args()
    count = 1 if arguments.quick else arguments.seeds
    seeds = range(arguments.first_seed, arguments.first_seed + count)
    cells = arguments.cell or (QUICK if arguments.quick else [*CELLS, "delays", "delays 12w"])
    print("| cell | target ep / inc | measured | ep of each seed | time a seed |\n|---|---|---|---|---|", flush=True)
    for name in cells:
        if name in CELLS:
            _print_cell(name, seeds, peers=arguments.peers)
    if any(name.startswith("delays") for name in cells):
        print("\n| drift | target | median delay, windows | within 14 days | within 8 weeks | columns |")
        print("|---|---|---|---|---|---|", flush=True)
    if "delays" in cells:
        _print_delays(seeds)
    if "delays 12w" in cells:
        _print_delays(seeds, 84)


if __name__ == "__main__":
    main()
