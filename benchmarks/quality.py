r"""Learned data-quality checks on models in which nothing is wrong, and how soon they see what is.

Thirty columns of categories and twenty of numbers, nine weeks monitored. A third of the categorical columns follow
``benchmarks.simulation`` ("real": daily and weekly seasonality, AR(1) noise); a third have besides a category that
comes on weekdays only and one that comes in office hours only; a third come in clumps of fifty rows with one category.
A third each of the numeric columns is normal, log-normal and Student's t(3). One row in three hundred repeats an id and
one in a hundred is late, but three times a month, in the reference and after it, an hour has 2 to 20% of repeats, and
another 10 to 60% of rows that are an hour late.

Run ``python -m benchmarks.quality --seeds 5``. False alarms are rising edges at warning or above per 30 days, over all
columns; watches (ranges) are counted apart. The second table gives the windows from the moment on which a category
comes no more to the finding.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import lognorm, norm, t

from benchmarks.simulation import Scenario, _category_course, _multinomial, _traffic
from driftwatch.domain.finding import Finding
from driftwatch.domain.instant import DAY, HOUR
from driftwatch.domain.signal import Severity
from driftwatch.monitors.alignment import Alignment
from driftwatch.monitors.history import ColumnKey, History
from driftwatch.monitors.quality import fit_quality
from driftwatch.monitors.spec import parse_model_spec
from driftwatch.monitors.verdict import Window
from driftwatch.profiles.bucket import BucketProfile, ColumnProfile
from driftwatch.profiles.categorical import profile_counts
from driftwatch.profiles.check import CheckCounts
from driftwatch.profiles.codec import build_codec
from driftwatch.profiles.numeric import profile_numeric
from driftwatch.quality.intake import LATE, REPEATED

CATEGORICAL = 30
NUMERIC = 20
_CLUMP = 50
_BURSTS = 3 / 30
_FAMILIES = (norm(), lognorm(1.0), t(3))
_CODEC = build_codec(np.linspace(0.0, 1.0, 10))

CELLS: Mapping[str, Scenario] = {
    "4w hourly 1k": Scenario("real"),
    "4w hourly 100": Scenario("real", rows=100),
    "4w hourly 10": Scenario("real", rows=10),
    "2w hourly 1k": Scenario("real", reference_days=14),
    "7d hourly 1k": Scenario("real", reference_days=7),
    "2d hourly 1k": Scenario("real", reference_days=2),
    "12w daily 1k a day": Scenario("real", hourly=False, reference_days=84),
}
DELAYS = ("4w hourly 1k", "4w hourly 100", "12w daily 1k a day")


@dataclass(frozen=True)
class World:
    """A drawn model: its history, and the share of the reference of each category that is taken away."""

    scenario: Scenario
    history: History
    gone: Mapping[ColumnKey, float]


def draw(scenario: Scenario, seed: int, *, faults: bool = False) -> World:
    """Draw a model; with `faults` one category of every column comes no more from the third monitored week on."""
    rng = np.random.default_rng([seed, 20241101])
    traffic = _traffic(rng, scenario)
    rows = rng.poisson(scenario.rows * traffic.reshape(-1, 24 // scenario.per_day).mean(axis=1))
    onset = (scenario.reference_days + 14) * scenario.per_day
    gone: dict[ColumnKey, float] = {}
    columns: dict[str, list[ColumnProfile]] = {}
    for j in range(CATEGORICAL):
        p = _category_course(rng, scenario)
        if j % 3 == 1:
            _keep_hours(p)
        counts = _clumps(rng, rows, p, traffic) if j % 3 == 2 else _multinomial(rng, rows, p, traffic)
        name = f"c{j:02d}"
        if faults:
            gone["feature", name] = _take_away(rng, counts, scenario.n_reference, onset)
        columns[name] = [profile_counts({f"v{k}": int(row[k]) for k in np.flatnonzero(row)}) for row in counts]
    for j in range(NUMERIC):
        columns[f"x{j:02d}"] = _numeric(rng, rows, j)
    repeated = _intake(rng, rows, scenario, 0.003, (0.02, 0.2), None)
    late = _intake(rng, rows, scenario, 0.01, (0.1, 0.6), 3600.0)
    width = HOUR if scenario.hourly else DAY
    history = History(Alignment(width), {f"x{j:02d}": _CODEC for j in range(NUMERIC)})
    first = history.alignment.start(0)
    for i, n in enumerate(rows.tolist()):
        features = {name: profiles[i] for name, profiles in columns.items()}
        history.add(
            first + i * width, BucketProfile(n, features=features, checks={REPEATED: repeated[i], LATE: late[i]})
        )
    return World(scenario, history, gone)


def _keep_hours(p: NDArray[np.float64]) -> None:
    """The first category comes on weekdays only, the second from 8 to 18 o'clock."""
    hour = np.arange(len(p))
    p[(hour // 24) % 7 >= 5, 0] = 0.0
    p[(hour % 24 < 8) | (hour % 24 >= 18), 1] = 0.0
    p[:, 2] += 1e-9
    p /= p.sum(axis=1, keepdims=True)


def _clumps(
    rng: np.random.Generator, rows: NDArray[np.int64], p: NDArray[np.float64], traffic: NDArray[np.float64]
) -> NDArray[np.int64]:
    counts = _multinomial(rng, rows // _CLUMP + 1, p, traffic) * _CLUMP
    return np.minimum(counts, rows[:, None])


def _take_away(rng: np.random.Generator, counts: NDArray[np.int64], n_reference: int, onset: int) -> float:
    """Take one category away, of at least 1% where there is such; its share of the reference."""
    shares = counts[:n_reference].sum(axis=0) / counts[:n_reference].sum()
    level = int(rng.choice(np.flatnonzero(shares >= min(0.01, shares.max()))))
    counts[onset:, level] = 0
    return float(shares[level])


def _numeric(rng: np.random.Generator, rows: NDArray[np.int64], j: int) -> list[ColumnProfile]:
    """The extremes of n values alone: quantiles of the extremes of n uniform ones."""
    n = np.maximum(rows, 1)
    family = _FAMILIES[j % len(_FAMILIES)]
    low, high = (quantile(rng.random(len(n)) ** (1 / n)) for quantile in (family.isf, family.ppf))
    return [profile_numeric(np.array(each), _CODEC) for each in zip(low, high, strict=True)]


def _intake(
    rng: np.random.Generator,
    rows: NDArray[np.int64],
    scenario: Scenario,
    usual: float,
    burst: tuple[float, float],
    delay: float | None,
) -> dict[int, CheckCounts]:
    share = rng.beta(2.0, 2.0 / usual, len(rows))
    bursts = rng.random(len(rows)) < _BURSTS / scenario.per_day
    share = np.where(bursts, rng.uniform(*burst, len(rows)), share)
    k = rng.binomial(rows, share)
    if delay is None:
        return {i: CheckCounts(int(each), int(each)) for i, each in enumerate(k)}
    return {
        i: CheckCounts(int(n), int(each), {delay: int(each)}) for i, (n, each) in enumerate(zip(rows, k, strict=True))
    }


def judge(world: World) -> dict[int, list[Finding]]:
    """All findings of the monitored windows, by index."""
    scenario, history = world.scenario, world.history
    names = {key: key[1] for key in history.columns}
    spec = parse_model_spec({"model": "m", "columns": {"timestamp": "ts"}})
    baseline = fit_quality(history, spec, names, frozenset(), 0, scenario.n_reference)
    stop = scenario.n_reference + scenario.monitored_days * scenario.per_day
    windows = {index: Window(index, index + 1, index + 1) for index in range(scenario.n_reference, stop)}
    return baseline.findings(history, windows, {})


def edges(found: Mapping[int, Sequence[Finding]], severities: Sequence[Severity]) -> dict[str, int]:
    """Rising edges by kind, over columns."""
    counted: dict[str, int] = {}
    before: set[tuple[str | None, str]] = set()
    for index in sorted(found):
        now = {(each.column, each.kind) for each in found[index] if each.severity in severities}
        for _, kind in now - before:
            counted[kind] = counted.get(kind, 0) + 1
        before = now
    return counted


def delays(scenario: Scenario, seed: int) -> list[tuple[float, float]]:
    """Share of the reference, and windows to the finding (infinite: none), of every category that is taken away."""
    world = draw(scenario, seed, faults=True)
    found = judge(world)
    onset = (scenario.reference_days + 14) * scenario.per_day
    result = []
    for key, share in world.gone.items():
        seen = [
            index
            for index in sorted(found)
            if index >= onset
            and any(each.column == key[1] and each.kind == "vanished_category" for each in found[index])
        ]
        result.append((share, seen[0] - onset + 1.0 if seen else np.inf))
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--cell", choices=CELLS, action="append")
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    print("| cell | false alarms / 30 d | each seed | by kind | watches / 30 d |\n|---|---|---|---|---|", flush=True)
    alarming = (Severity.WARNING, Severity.CRITICAL)
    for name in arguments.cell or CELLS:
        months = CELLS[name].monitored_days / 30
        drawn = [judge(draw(CELLS[name], seed)) for seed in seeds]
        alarms = [edges(found, alarming) for found in drawn]
        kinds = {
            kind: sum(each.get(kind, 0) for each in alarms) for kind in sorted({k for each in alarms for k in each})
        }
        watches = np.mean([sum(edges(found, (Severity.WATCH,)).values()) for found in drawn]) / months
        rates = [sum(each.values()) / months for each in alarms]
        each = " ".join(f"{rate:.2f}" for rate in rates)
        print(f"| {name} | {np.mean(rates):.2f} | {each} | {kinds or '-'} | {watches:.2f} |", flush=True)
    print("\n| cell | share of the category | median delay, windows | found in 7 weeks | categories |")
    print("|---|---|---|---|---|", flush=True)
    for name in arguments.cell or DELAYS:
        pooled = [each for seed in seeds for each in delays(CELLS[name], seed)]
        for low, high in ((0.01, 0.02), (0.02, 0.05), (0.05, 0.2), (0.2, 1.01)):
            delay = np.array([windows for share, windows in pooled if low <= share < high])
            if len(delay):
                found = f"{np.median(delay):.0f} | {np.mean(np.isfinite(delay)):.0%} | {len(delay)}"
                print(f"| {name} | {low:.0%} to {min(high, 1.0):.0%} | {found} |", flush=True)


if __name__ == "__main__":
    main()
