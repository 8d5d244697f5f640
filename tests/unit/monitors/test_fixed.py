"""Fixed thresholds: when they alarm, when they stop, and what they cost on a reference in which nothing is wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from driftwatch.domain.instant import DAY, HOUR
from driftwatch.domain.signal import Severity, Signal
from driftwatch.drift.measures import measure_values
from driftwatch.errors import SpecError
from driftwatch.monitors.fixed import (
    FalseAlarms,
    MonitorSpec,
    breaches,
    expected_false_alarms,
    is_firing,
    measure_profiles,
    parse_monitor,
)
from driftwatch.profiles.bucket import CategoricalColumn, ColumnProfile, NumericColumn, profile_column
from driftwatch.profiles.codec import build_codec

DOCUMENT = {"model": "m", "name": "n", "column": "x", "method": "psi", "threshold": 0.2}
SPEC = parse_monitor(DOCUMENT)
CODEC = build_codec(np.random.default_rng(0).normal(size=4_000))


def numbers(seed: int, n: int = 400, mean: float = 0.0) -> ColumnProfile:
    return profile_column(NumericColumn(np.random.default_rng(seed).normal(mean, size=n)), CODEC)


def test_a_document_is_read_with_its_defaults_and_back() -> None:
    assert MonitorSpec("m", "n", ("x",), "population_stability_index", 0.2) == SPEC
    assert (SPEC.window, SPEC.signal, SPEC.severity) == (DAY, Signal.DRIFT, Severity.WARNING)
    full = parse_monitor(DOCUMENT | {"window": "7d", "signal": "prediction_drift", "severity": "critical"})
    assert parse_monitor(full.to_dict()) == full
    assert parse_monitor(DOCUMENT | {"window": "6h"}).window == 6 * HOUR


@pytest.mark.parametrize("window", ["0d", "91d", "30m", "7h", "week", 7])
def test_a_window_is_whole_hours_or_days(window: object) -> None:
    with pytest.raises(SpecError, match="window"):
        parse_monitor(DOCUMENT | {"window": window})


def test_two_breaches_of_three_begin_an_alarm_and_eighty_percent_end_it() -> None:
    values = [0.1, 0.3, 0.1, 0.25, 0.17, 0.161, 0.15, 0.3, 0.1, 0.1, 0.3]
    assert breaches(SPEC, values) == [value >= 0.2 for value in values]
    assert is_firing(SPEC, values) == [False, False, False, True, True, True] + [False] * 5


def test_one_breach_alone_never_alarms_and_a_window_without_values_changes_nothing() -> None:
    assert is_firing(SPEC, [0.1, 9.0, 0.1, 0.1, 9.0, 0.1]) == [False] * 6
    assert is_firing(SPEC, [0.3, None, 0.3, None, 0.1]) == [False, False, True, True, False]


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=40))
def test_an_alarm_begins_on_a_breach_and_lasts_above_eighty_percent(values: list[float | None]) -> None:
    firing = is_firing(SPEC, values)
    for place, (before, now) in enumerate(zip([False, *firing], firing, strict=False)):
        value = values[place]
        if now and not before:
            assert value is not None
            assert value >= 0.2
        if now and value is not None:
            assert value >= 0.2 * 0.8
        if value is None:
            assert now == before


def test_a_difference_breaches_on_both_sides_of_zero() -> None:
    for method in ("mean_shift", "sd_ratio"):  # of the ratio it is the logarithm
        both = parse_monitor(DOCUMENT | {"method": method, "threshold": 0.5})
        assert breaches(both, [-0.6, -0.4, 0.4, 0.6]) == [True, False, False, True]


def test_a_measure_of_which_both_ends_are_drift_has_no_threshold() -> None:
    with pytest.raises(SpecError, match="both ends"):
        parse_monitor(DOCUMENT | {"method": "mann_whitney", "threshold": 0.6})


def test_a_profile_is_measured_as_the_raw_values_are() -> None:
    one, other = (np.random.default_rng(seed).normal(shift, size=2_000) for seed, shift in ((1, 0.0), (2, 0.4)))
    before, after = (profile_column(NumericColumn(each), CODEC) for each in (one, other))
    found = measure_profiles("kolmogorov_smirnov", before, after, CODEC)
    exact = measure_values("kolmogorov_smirnov", one, other).value
    assert found is not None
    assert found.value == pytest.approx(exact, abs=0.01)
    words = profile_column(CategoricalColumn(["a"], np.zeros(5, dtype=np.int64)))
    assert measure_profiles("kolmogorov_smirnov", before, words, CODEC) is None


def test_the_cost_is_counted_over_windows_held_against_the_rest() -> None:
    days = {day: numbers(day, mean=2.0 if day in {8, 9, 10} else 0.0) for day in range(28)}
    weeks = {day: day // 7 for day in range(28)}
    strict = parse_monitor(DOCUMENT | {"threshold": 1.0})
    cost = expected_false_alarms(strict, {"x": days}, weeks, {"x": CODEC}, days=28.0)
    assert (cost.windows, cost.breaches, cost.alarms) == (28, 3, 1)
    assert cost.per_month == pytest.approx(30 / 28)


def test_a_window_is_never_held_against_itself() -> None:
    odd = {0: numbers(0, mean=5.0), 1: numbers(1), 2: numbers(2)}
    alone = expected_false_alarms(SPEC, {"x": odd}, {0: 0, 1: 1, 2: 2}, {"x": CODEC}, days=3.0)
    assert alone.breaches == 3  # the odd day against the others, and each of them against a rest that is half odd
    one_fold = expected_false_alarms(SPEC, {"x": odd}, dict.fromkeys(odd, 0), {"x": CODEC}, days=3.0)
    assert one_fold.windows == 0


@pytest.mark.parametrize("alarms", [0, 1, 5, 40])
def test_the_interval_is_the_exact_one_of_a_poisson_count(alarms: int) -> None:
    cost = FalseAlarms(100, alarms, alarms, days=15.0)
    low = stats.chi2.ppf(0.025, 2 * alarms) / 2 if alarms else 0.0  # Garwood 1936
    high = stats.chi2.ppf(0.975, 2 * alarms + 2) / 2
    assert (cost.per_month, cost.low, cost.high) == pytest.approx((2.0 * alarms, 2 * low, 2 * high))
