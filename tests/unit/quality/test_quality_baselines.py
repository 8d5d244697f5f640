"""What is learned of quality: absences, shares, ranges, delays."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from driftwatch.domain.instant import DAY, HOUR, MINUTE, SECOND
from driftwatch.profiles.check import CheckCounts
from driftwatch.profiles.rows import Rows
from driftwatch.quality.absence import AbsenceBaseline, clump_size, fit_absence, rows_without
from driftwatch.quality.excess import ShareBaseline, fit_share
from driftwatch.quality.extent import fit_extent
from driftwatch.quality.intake import LATE_FROM, EveryRow, LatenessCheck, kind_key, later_than, retyped_column

RUNS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 50)), min_size=1, max_size=40)


@given(RUNS, st.integers(1, 50))
def test_rows_without_a_category_agree_with_a_loop(windows: list[tuple[int, int]], most: int) -> None:
    counts, rows = (np.array(each, dtype=np.int64) for each in zip(*windows, strict=True))
    found = rows_without(counts, rows, most)
    for end in range(len(windows)):
        run = 0
        for place in range(end, max(-1, end - most), -1):
            if counts[place]:
                break
            run += int(rows[place])
        assert found[end] == run


def test_a_category_is_watched_from_a_hundredth_of_the_reference() -> None:
    rng = np.random.default_rng(5)
    rows = np.full(28, 1000)
    counts = rng.binomial(1000, [[0.5, 0.02, 0.005]] * 28)
    found = fit_absence(["a", "b", "rare"], counts, rows, 7)
    assert [each.level for each in found] == ["a", "b"]
    assert [each.folds for each in found] == [4, 4]
    assert found[1].low_share == min(int(counts[start : start + 7, 1].sum()) / 7000 for start in range(0, 28, 7))
    assert found[1].longest == 0


def test_an_absence_has_to_pass_both_chance_and_the_references_own() -> None:
    steady = AbsenceBaseline("a", 0.02, 0.01, 0, 4)
    needed = math.ceil(steady.needed(1e-6))
    # P(no success in n draws of share 1%) is below 1e-6 from this n on, and not before.
    assert binomtest(0, needed, 0.01, "less").pvalue < 1e-6 <= binomtest(0, needed - 1, 0.01, "less").pvalue
    weekly = AbsenceBaseline("a", 0.02, 0.01, 10_000, 4)
    assert weekly.needed(1e-6) == 30_000
    assert AbsenceBaseline("a", 0.02, 0.0, 10, 4).needed(1e-6) == math.inf
    assert AbsenceBaseline("a", 0.9, 0.9, 10, 1).needed(1e-6) == math.inf


def test_rows_that_come_in_clumps_are_worth_less() -> None:
    rng = np.random.default_rng(8)
    clumps = rng.binomial(20, 0.3, 5000)
    assert clump_size(clumps, np.full(5000, 20)) == 1.0  # too few rows to say
    assert clump_size(rng.binomial(1000, 0.3, 5000), np.full(5000, 1000)) == pytest.approx(1.0, abs=0.06)
    assert clump_size(clumps * 50, np.full(5000, 1000)) == pytest.approx(50.0, rel=0.1)
    season = 0.3 + 0.1 * np.sin(np.arange(5000) * 2 * np.pi / 24)
    assert clump_size(rng.binomial(1000, season), np.full(5000, 1000)) < 2.5
    independent, clumped = AbsenceBaseline("a", 0.1, 0.1, 0, 4), AbsenceBaseline("a", 0.1, 0.1, 0, 4, 50.0)
    assert clumped.needed(1e-6) == 50 * independent.needed(1e-6)


def test_a_share_is_held_against_the_largest_of_the_reference() -> None:
    learned = fit_share(np.array([0, 5, 9, 1]), np.array([100, 100, 10, 100]), least_rows=30, folds=4)
    assert learned == ShareBaseline(310, 15, 0.05, 4)
    assert learned.limit(0.01) == pytest.approx(0.15)
    assert learned.limit(0.5) == 0.5
    assert learned.p_value(8, 40) == pytest.approx(binomtest(8, 40, 15.5 / 311, "greater").pvalue, rel=1e-12)
    nothing = np.zeros(0, dtype=np.int64)
    assert fit_share(nothing, nothing, least_rows=30, folds=0).limit(0.01) == 0.01


def test_a_range_is_left_by_more_than_its_cycles_differ() -> None:
    steady = fit_extent([(0.0, 10.0), (0.5, 9.0), (0.0, 9.5)])
    assert steady is not None
    assert (steady.low, steady.high, steady.excess) == (0.0, 10.0, 1.0)
    assert steady.beyond(-3.0, 5.0) == pytest.approx(0.3)
    assert steady.beyond(1.0, 35.0) == pytest.approx(2.5)
    assert steady.beyond(1.0, 10.0) == 0.0
    restless = fit_extent([(0.0, 10.0), (0.0, 30.0)])
    assert restless is not None
    assert restless.excess == pytest.approx(10.0)
    assert fit_extent([(0.0, 10.0)]) is None
    assert fit_extent([(1.0, 1.0), (1.0, 1.0)]) is None
    assert fit_extent([(math.inf, -math.inf), (0.0, 1.0)]) is None


def test_rows_are_counted_by_the_longest_delay_that_they_pass() -> None:
    delays = [0, 15 * MINUTE - 1, 15 * MINUTE, HOUR, 2 * HOUR, 8 * DAY, -MINUTE]
    check = LatenessCheck(100 * DAY)
    counts = check.look_at(Rows(np.array([100 * DAY - delay for delay in delays]))).count(np.arange(7))
    assert counts == CheckCounts(7, 4, {900.0: 1, 3600.0: 2, 604_800.0: 1})
    assert [later_than(counts, delay) for delay in LATE_FROM] == [4, 3, 1, 1, 1]
    assert counts.examples.keys() <= {delay / SECOND for delay in LATE_FROM}


def test_a_key_says_which_column_is_of_another_kind() -> None:
    assert retyped_column(kind_key("a: b")) == "a: b"
    assert retyped_column("'x' not_null") is None
    assert EveryRow("k").look_at(Rows(np.zeros(3, dtype=np.int64))).count(np.arange(2)) == CheckCounts(2, 2)
