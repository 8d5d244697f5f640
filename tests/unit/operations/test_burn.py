"""Burn rates: the two-window rules by hand, the guard's probability by enumeration, and what the guard is for."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from driftwatch.domain.instant import HOUR, MINUTE
from driftwatch.operations.burn import RULES, Burn, burns, spans_of

Counts = NDArray[np.int64]


def steady(share: float, buckets: int, per_bucket: int = 1_000) -> tuple[Counts, Counts]:
    n = np.full(buckets, per_bucket)
    return np.full(buckets, round(share * per_bucket)), n


def last(bad: Counts, n: Counts, width: int, at: int = -1, budget: float = 0.001) -> Burn:
    burn = burns(bad, n, budget=budget, width=width)[at]
    assert burn is not None
    return burn


def test_an_outage_pages_within_its_first_five_minutes_and_a_slow_burn_is_a_ticket() -> None:
    bad, n = steady(0.0, 3 * 24 * 12)
    bad[-1] = 400  # of 12,000 in the hour: 3.3%, 33 times the budget; within five minutes 400 times
    fast = last(bad, n, 5 * MINUTE)
    assert fast.rule == RULES[0]
    assert fast.rate == pytest.approx(400 / 12_000 / 0.001)
    assert fast.short_rate == pytest.approx(400)
    slow = last(*steady(0.002, 3 * 24 * 12), 5 * MINUTE)
    assert (slow.rule, slow.rule.page) == (RULES[2], False)


def test_a_burn_that_is_over_in_the_short_window_holds_no_more() -> None:
    bad, n = steady(0.0, 40)
    bad[-3] = 500
    assert last(bad, n, 5 * MINUTE, -3).rule == RULES[0]
    assert last(bad, n, 5 * MINUTE).rule == RULES[1]  # half an hour is not over


def test_windows_are_rounded_up_to_whole_buckets() -> None:
    assert [spans_of(rule, HOUR) for rule in RULES] == [(1, 1), (6, 1), (72, 6)]
    assert [spans_of(rule, 5 * MINUTE) for rule in RULES] == [(12, 1), (72, 6), (864, 72)]
    assert [spans_of(rule, 7 * MINUTE)[1] for rule in RULES] == [1, 5, 52]


def test_the_probability_is_that_of_so_many_or_more_by_enumeration() -> None:
    bad, n = np.array([6]), np.array([60])
    burn = last(bad, n, HOUR)
    exact = sum(stats.binom.pmf(k, 60, 0.001) for k in range(6, 61))
    assert burn.p_value == pytest.approx(exact, rel=1e-9)
    assert burns(np.array([4]), n, budget=0.001, width=HOUR) == [None]  # likely no accident, but four calls
    # Ten of 400 at a budget of 1% burn 2.5 times too fast; chance does it once in 200.
    assert burns(np.array([10]), np.array([400]), budget=0.01, width=HOUR) == [None]


@pytest.mark.parametrize("budget", [0.0, 1.0, -0.1])
def test_a_budget_of_none_or_all_is_refused(budget: float) -> None:
    with pytest.raises(ValueError, match="share between 0 and 1"):
        burns(np.array([1]), np.array([2]), budget=budget, width=HOUR)


def test_at_one_call_a_minute_the_guard_takes_all_false_pages_away() -> None:
    months, pages = 12, {False: 0, True: 0}
    rng = np.random.default_rng(4)
    for _ in range(months):
        bad = (rng.random(30 * 24 * 60) < 0.0005).astype(np.int64)  # half of what is allowed
        n = np.ones_like(bad)
        for guard in pages:
            found = [
                each is not None and each.rule.page for each in burns(bad, n, budget=0.001, width=MINUTE, guard=guard)
            ]
            pages[guard] += sum(now and not before for before, now in pairwise([False, *found]))
    assert pages[True] == 0
    assert 5 <= pages[False] / months <= 25  # STATISTICS: about 12 episodes in 30 days
