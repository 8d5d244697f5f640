"""The rule keeps its budget and sees what drifts: a short seeded simulation."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.peers import RULES, peer_alarms
from benchmarks.simulation import Scenario, alarm_table, delays, draw, episodes, judge

SMALL = Scenario("real", monitored_days=28, numeric=14, categorical=6)


@pytest.mark.parametrize(
    "scenario",
    [SMALL, Scenario("iid", hourly=False, rows=24_000, reference_days=84, numeric=14, categorical=6)],
    ids=["hourly", "daily"],
)
def test_false_alarms_stay_within_the_budget(scenario: Scenario) -> None:
    seeds = (11, 12)
    budget = 1.0
    found = 0
    for seed in seeds:
        world = draw(scenario, seed)
        found += episodes(alarm_table(world, judge(world, budget)))
    # Every judged column and bucket has at most the chance budget / (buckets in 30 days x columns) of starting one.
    per_month = 30 * scenario.per_day
    columns = scenario.numeric + scenario.categorical
    trials = len(seeds) * scenario.monitored_days * scenario.per_day * columns
    assert found <= stats.binom.isf(1e-3, trials, budget / (per_month * columns))


def test_peers_default_rules_do_not() -> None:
    world = draw(SMALL, 11)
    counts = {rule: episodes(peer_alarms(rule, world.fine, SMALL.n_reference)) for rule in RULES}
    assert min(counts.values()) >= 5  # a month's budget is one


def test_what_drifts_is_seen_in_time() -> None:
    found = delays(SMALL, 21)
    assert np.median(found["shift .5 sd"]) <= 2
    assert np.median(found["new category 2%"]) <= 2
    assert np.median(found["sd x 1.25"]) <= 8
    assert np.median(found["shift .25 sd"]) <= 48
