"""False alarms and delays of buckets from five minutes to twelve hours, on the models of :mod:`benchmarks.simulation`.

``python -m benchmarks.bucket_widths [--seeds 2] [--first-seed 401]``. Every width sees the same courses at 1,000 rows
an hour; a bucket shorter than an hour is judged alone beside the hours, with half of the budget each, as the service
does, over the numeric columns.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks import simulation
from benchmarks.simulation import Scenario, alarm_table, draw, episodes, incidents
from driftwatch.drift.rule import Calendar, fit, numeric_series
from driftwatch.monitors.short import thinning

__all__ = ["main"]

_ROWS_AN_HOUR = 1_000
_HOURS = (12, 6, 2, 1)
_MINUTES = (15, 5)


@dataclass(frozen=True)
class _Wide(Scenario):
    """A scenario of buckets of several hours."""

    bucket_hours: int = 1

    @property
    def per_day(self) -> int:
        return 24 // self.bucket_hours


def _scenario(name: str, hours: int, *, drift: bool = False, days: int = 28) -> _Wide:
    return _Wide(name, rows=_ROWS_AN_HOUR * hours, reference_days=days, drift=drift, bucket_hours=hours)


def _long_alarms(name: str, hours: int, seed: int, *, drift: bool, days: int) -> NDArray[np.bool_]:
    world = draw(_scenario(name, hours, drift=drift, days=days), seed)
    return alarm_table(world, simulation.judge(world))


def _short_alarms(name: str, minutes: int, seed: int, *, drift: bool) -> NDArray[np.bool_]:
    """bool[F, T'], alarms of the numeric columns in short windows, each with what the hours say as of its end."""
    scenario = _scenario(name, 1, drift=drift)
    world = draw(replace(scenario, categorical=0), seed)
    by_hour = alarm_table(world, simulation.judge(world, budget=0.5))
    per_hour = 60 // minutes
    reference = scenario.n_reference * per_hour
    every = thinning(minutes * 60_000_000)
    rng = np.random.default_rng([seed, minutes])
    calendar = Calendar(minutes * 60, 0, every=every)
    sample = np.arange(0, reference, every)
    series = []
    for one in world.series:
        edges, hourly = world.fine[one.name]
        assert edges is not None  # noqa: S101 - numeric
        left = hourly.copy()
        parts = np.zeros((len(hourly), per_hour, hourly.shape[1]), dtype=np.int64)
        for part in range(per_hour):  # the rows of an hour fall into its parts by chance
            parts[:, part] = rng.binomial(left, 1 / (per_hour - part))
            left -= parts[:, part]
        counts = parts.reshape(-1, hourly.shape[1])
        kept = np.concatenate((counts[sample], counts[reference:]))
        missing = np.zeros(len(kept), dtype=np.int64)
        series.append(numeric_series(one.name, edges, kept, missing, n_reference=len(sample), calendar=calendar))
    rule = fit(series, calendar, len(sample)).resumed(reference)
    judged = rule.judge(series, len(sample), series[0].length, budget=0.5, n_series=len(series))
    alone = alarm_table(replace(world, series=series), judged)
    before = np.concatenate((np.zeros((len(by_hour), 1), dtype=np.bool_), by_hour[:, :-1]), axis=1)
    return np.asarray(alone | np.repeat(before, per_hour, axis=1), dtype=np.bool_)


def _cell(label: str, name: str, alarms: Sequence[NDArray[np.bool_]], per_day: int) -> None:
    months = simulation.MONITORED_WEEKS * 7 / 30
    ep = [episodes(each) / months for each in alarms]
    inc = [incidents(each, per_day) / months for each in alarms]
    print(
        f"| {label} | {name} | {np.mean(ep):.2f} / {np.mean(inc):.2f} | {' '.join(f'{x:.2f}' for x in ep)} |",
        flush=True,
    )


def _delays(label: str, alarms: Sequence[NDArray[np.bool_]], per_day: int) -> None:
    """Median hours from the start of a drift to the first alarm, numeric columns."""
    for place, drift in enumerate(simulation.NUMERIC_DRIFTS):
        hours = []
        for each in alarms:
            late = each[:35][place :: len(simulation.NUMERIC_DRIFTS), 7 * per_day :]
            hours += [(np.argmax(row) + 1) * 24 / per_day if row.any() else np.inf for row in late]
        print(f"| {label} | {drift} | {np.median(hours):.2f} h |", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=401)
    given = parser.parse_args()
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    for hours in _HOURS:
        for name in ("iid", "real"):
            alarms = [_long_alarms(name, hours, seed, drift=False, days=28) for seed in seeds]
            _cell(f"{hours} h", name, alarms, 24 // hours)
        _delays(f"{hours} h", [_long_alarms("real", hours, seed, drift=True, days=28) for seed in seeds], 24 // hours)
    for minutes in _MINUTES:
        per_day = 1440 // minutes
        for name in ("iid", "real"):
            _cell(f"{minutes} min", name, [_short_alarms(name, minutes, seed, drift=False) for seed in seeds], per_day)
        _delays(f"{minutes} min", [_short_alarms("real", minutes, seed, drift=True) for seed in seeds], per_day)


if __name__ == "__main__":
    main()
