"""The rule as a whole, on small models."""

from collections.abc import Callable
from dataclasses import fields
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from driftwatch.drift.rule import (
    Calendar,
    FittedRule,
    Judgement,
    Ladder,
    Series,
    categorical_series,
    fit,
    numeric_series,
    reference_edges,
)

DAYS, REFERENCE = 70, 28
HOURLY = Calendar(3_600, 0)
DAILY = Calendar(86_400, 0)
Days: TypeAlias = list[NDArray[np.float64]]


def numeric(
    values: Days,
    *,
    calendar: Calendar = DAILY,
    reference: int = REFERENCE,
    name: str = "x",
    missing: NDArray[np.int64] | None = None,
) -> Series:
    edges = reference_edges(np.concatenate(values[:reference]))
    counts = np.array([np.bincount(np.searchsorted(edges, one), minlength=len(edges) + 1) for one in values])
    absent = np.zeros(len(values), dtype=np.int64) if missing is None else missing
    return numeric_series(name, edges, counts, absent, n_reference=reference, calendar=calendar)


def normal_days(seed: int = 1, days: int = DAYS, rows: int = 400) -> Days:
    rng = np.random.default_rng(seed)
    return [rng.normal(rng.normal(0, 0.03), 1, rows) for _ in range(days)]


def judged(
    values: Days, *, missing: NDArray[np.int64] | None = None, budget: float = 1 / 50
) -> tuple[FittedRule, list[Judgement]]:
    """As one of fifty columns: a budget of 1 for one column would let it cry wolf once a month."""
    series = numeric(values, missing=missing)
    rule = fit([series], DAILY, REFERENCE)
    return rule, rule.judge([series], REFERENCE, len(values), budget=budget, n_series=1)


def alarms(judgements: list[Judgement]) -> list[int]:
    return [one.bucket for one in judgements if one.alarm]


FAULTS: dict[str, tuple[Callable[[NDArray[np.float64]], NDArray[np.float64]], str]] = {
    "unit error": (lambda day: day * 100, "new_values"),
    "shift": (lambda day: day + 1.0, "location"),
    "wider": (lambda day: day * 1.5, "spread"),
    "default value": (lambda day: np.where(np.arange(len(day)) % 4 == 0, 0.6745, day), "shape"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_on_its_first_day_and_over_on_the_day_after_its_last(fault: str) -> None:
    change, component = FAULTS[fault]
    days = normal_days()
    days[40:47] = [change(day) for day in days[40:47]]
    _, found = judged(days)
    assert alarms(found)[0] in {40, 41}
    assert alarms(found)[-1] in {46, 47}
    assert component in {one.component for one in found if one.alarm}


def test_nothing_is_said_of_a_steady_column() -> None:
    _, found = judged(normal_days())
    assert alarms(found) == []
    assert {one.state for one in found} == {"judged"}
    assert {one.severity for one in found} <= {"none", "watch"}


def test_direction_and_effect_are_told() -> None:
    days = normal_days()
    days[50:] = [day - 0.8 for day in days[50:]]
    _, found = judged(days)
    one = next(each for each in found if each.alarm and each.component == "location" and each.scale_buckets == 1)
    assert one.severity == "warning"
    assert not one.minor
    assert one.sign == -1
    assert one.kolmogorov_smirnov == pytest.approx(0.31, abs=0.06)
    assert one.p_value < one.threshold_p == pytest.approx(1 / 1_500)
    assert one.n > 0
    assert one.n_reference > one.n / 2


def test_missing_values_that_rise_are_found_and_those_that_were_always_there_are_not() -> None:
    missing = np.full(DAYS, 20)
    missing[45:50] = 300
    _, found = judged(normal_days(), missing=missing)
    assert alarms(found) == [45, 46, 47, 48, 49]
    first = next(one for one in found if one.alarm)
    assert (first.component, first.sign) == ("missing_share", 1)
    assert first.missing_share == pytest.approx(300 / 700)
    assert first.reference_missing_share == pytest.approx(20 / 420)


def test_a_column_that_was_never_missing_is_watched_for_it_all_the_same() -> None:
    missing = np.zeros(DAYS, dtype=np.int64)
    missing[45:] = 40
    _, found = judged(normal_days(), missing=missing)
    assert alarms(found)[0] == 45


def test_a_near_constant_column_is_not_compared_in_shape() -> None:
    days = [np.where(np.arange(400) < 1 + day % 3, 1.0, 0.0) for day in range(DAYS)]
    days[50] = np.where(np.arange(400) < 25, 1.0, 0.0)
    _, found = judged(days)
    assert alarms(found) == []


def test_a_gap_is_no_data_a_trickle_is_low_data_and_neither_is_a_verdict() -> None:
    days = normal_days()
    days[40:43] = [day[:0] for day in days[40:43]]
    days[50] = days[50][:40] + 9
    _, found = judged(days)
    states = {one.bucket: one.state for one in found}
    assert [states[day] for day in (39, 40, 42, 43, 50, 51)] == [
        "judged",
        "no_data",
        "no_data",
        "judged",
        "low_data",
        "judged",
    ]
    assert 50 not in alarms(found)
    empty = next(one for one in found if one.bucket == 41)
    assert (empty.severity, empty.p_value) == ("none", 1.0)


def test_a_small_shift_with_many_rows_is_minor() -> None:
    days = normal_days(rows=20_000)
    days[40:] = [np.where(np.arange(len(day)) % 40 == 0, day + 4.5, day) for day in days[40:]]
    _, found = judged(days)
    first = next(one for one in found if one.alarm and one.component != "new_values")
    assert first.kolmogorov_smirnov is not None
    assert first.kolmogorov_smirnov < 0.05


def categorical_days(days: int = DAYS) -> list[dict[str, int]]:
    rng = np.random.default_rng(3)
    shares = [0.5, 0.3, 0.15, 0.05]
    return [dict(zip("abcd", rng.multinomial(500, shares).tolist(), strict=True)) for _ in range(days)]


def judge_categories(days: list[dict[str, int]]) -> list[Judgement]:
    missing = np.zeros(len(days), dtype=np.int64)
    series = categorical_series("c", days, missing, n_reference=REFERENCE, calendar=DAILY)
    return fit([series], DAILY, REFERENCE).judge([series], REFERENCE, len(days), budget=1 / 50, n_series=1)


def test_a_new_category_and_a_moved_one_are_found_at_once() -> None:
    new, moved = categorical_days(), categorical_days()
    for day in new[40:]:
        day["a"], day["z"] = day["a"] - 15, 15
    for day in moved[40:]:
        day["a"], day["b"] = day["a"] - 90, day["b"] + 90
    assert judge_categories(categorical_days())[0].kolmogorov_smirnov is None
    assert alarms(judge_categories(categorical_days())) == []
    first = next(one for one in judge_categories(new) if one.alarm)
    assert (first.bucket, first.component) == (40, "new_values")
    first = next(one for one in judge_categories(moved) if one.alarm)
    assert (first.bucket, first.component) == (40, "categories")


def test_a_steady_column_of_thousands_of_levels_is_quiet_though_new_ones_come_every_day() -> None:
    rng = np.random.default_rng(1)
    shares = 1 / np.arange(1, 3001)
    draws = rng.multinomial(400, shares / shares.sum(), size=DAYS).tolist()
    days = [{f"v{level}": count for level, count in enumerate(draw) if count} for draw in draws]
    assert alarms(judge_categories(days)) == []
    for day in days[40:]:
        day["flood"] = 400
    assert alarms(judge_categories(days))[0] == 40


def test_a_level_that_comes_once_in_each_fold_is_not_news_but_one_in_a_single_fold_is_counted() -> None:
    days = categorical_days(REFERENCE)
    for day in range(0, REFERENCE, 7):
        days[day]["weekly"] = 5
    days[9]["once"] = 3
    series = categorical_series("c", days, np.zeros(REFERENCE, dtype=np.int64), n_reference=REFERENCE, calendar=DAILY)
    assert series.novel.tolist() == [3 if day == 9 else 0 for day in range(REFERENCE)]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), start=st.integers(REFERENCE, DAYS - 1), length=st.integers(1, 12))
def test_one_bucket_is_judged_as_among_all(seed: int, start: int, length: int) -> None:
    rng = np.random.default_rng(seed)
    days = normal_days(seed, rows=int(rng.integers(20, 200)))
    onset = int(rng.integers(REFERENCE, DAYS))
    days[onset:] = [day * rng.uniform(0.7, 1.5) + rng.uniform(-0.5, 0.5) for day in days[onset:]]
    series = [numeric(days), numeric(normal_days(seed + 1), name="y", missing=rng.integers(0, 30, DAYS))]
    rule = fit(series, DAILY, REFERENCE)
    everything = rule.judge(series, REFERENCE, DAYS, budget=1, n_series=2)
    stop = min(DAYS, start + length)
    some = rule.judge(series, start, stop, budget=1, n_series=2)
    for alone, among in zip(some, everything[2 * (start - REFERENCE) :], strict=False):
        for field in fields(Judgement):
            one, other = getattr(alone, field.name), getattr(among, field.name)
            if isinstance(one, float):
                assert one == pytest.approx(other, rel=1e-8, abs=1e-12), field.name
            else:
                assert one == other, field.name


@pytest.mark.parametrize(
    ("calendar", "buckets", "period", "overlap"),
    [
        (HOURLY, 336, 168, 3),
        (HOURLY, 335, 24, 3),
        (HOURLY, 48, 24, 3),
        (HOURLY, 47, 24, 24),
        (DAILY, 21, 7, 1),
        (DAILY, 20, 1, 1),
    ],
)
def test_the_ladder_of_baselines(calendar: Calendar, buckets: int, period: int, overlap: int) -> None:
    ladder = Ladder.of(calendar, buckets)
    assert (ladder.period, ladder.overlap) == (period, overlap)
    assert ladder.fold_count == len(set(ladder.folds().tolist()))


def test_two_days_of_reference_tell_gross_faults_only_and_say_so() -> None:
    rng = np.random.default_rng(4)
    hours = [rng.normal(size=300) for _ in range(120)]
    hours[100:] = [hour + 0.3 for hour in hours[100:]]
    hours[110:] = [hour + 0.7 for hour in hours[110:]]
    series = numeric(hours, calendar=HOURLY, reference=48)
    rule = fit([series], HOURLY, 48)
    assert rule.uncalibrated
    found = rule.judge([series], 48, 120, budget=1, n_series=1)
    assert all(one.uncalibrated for one in found)
    assert 110 <= alarms(found)[0] <= 112


def test_the_budget_is_shared_by_series() -> None:
    series = numeric(normal_days())
    rule = fit([series], DAILY, REFERENCE)
    [one] = rule.judge([series], REFERENCE, REFERENCE + 1, budget=0.6, n_series=12)
    assert one.threshold_p == pytest.approx(0.6 / (30 * 12))
    assert rule.judge([series], REFERENCE, REFERENCE, budget=1, n_series=1) == []


def test_a_column_without_a_reference_never_stops_the_others() -> None:
    empty = [day[:0] for day in normal_days()]
    bad = numeric_series(
        "bad",
        np.array([0.0]),
        np.array([[0, len(day)] if place >= 40 else [0, 0] for place, day in enumerate(normal_days())]),
        np.array([0 if place >= 40 else 400 for place in range(len(empty))]),
        n_reference=REFERENCE,
        calendar=DAILY,
    )
    days = normal_days()
    days[45:] = [day + 1 for day in days[45:]]
    good = numeric(days)
    found = fit([bad, good], DAILY, REFERENCE).judge([bad, good], REFERENCE, DAYS, budget=0.04, n_series=2)
    assert next(one.bucket for one in found if one.alarm and one.column == "x") == 45
    assert {one.component for one in found if one.alarm and one.column == "bad"} <= {"missing_share"}


@pytest.mark.parametrize(
    ("start", "stop", "n_series", "message"),
    [
        (REFERENCE - 1, DAYS, 1, "do not lie after the reference"),
        (REFERENCE, DAYS + 1, 1, "70 buckets, but 71"),
        (REFERENCE, DAYS, 0, "at least one series"),
    ],
)
def test_wrong_questions_are_refused(start: int, stop: int, n_series: int, message: str) -> None:
    series = numeric(normal_days())
    rule = fit([series], DAILY, REFERENCE)
    with pytest.raises(ValueError, match=message):
        rule.judge([series], start, stop, budget=1, n_series=n_series)


def test_columns_must_be_fitted_and_named_apart() -> None:
    series = numeric(normal_days())
    rule = fit([series], DAILY, REFERENCE)
    with pytest.raises(ValueError, match="not fitted"):
        rule.judge([numeric(normal_days(), name="y")], REFERENCE, DAYS, budget=1, n_series=1)
    with pytest.raises(ValueError, match="must differ"):
        fit([series, series], DAILY, REFERENCE)


@pytest.mark.parametrize(("courses", "low", "high"), [(1, 1.0, 1.3), (10, 4.0, 9.0)])
def test_the_directions_in_which_a_mix_varies_are_counted(courses: int, low: float, high: float) -> None:
    rng = np.random.default_rng(8)
    noise = rng.normal(0, 0.1, (84, courses)) * np.where(np.arange(10) < 5, 1, -1)
    shares = np.exp(noise) / np.exp(noise).sum(axis=1, keepdims=True)
    days = [{f"level {k}": int(rows) for k, rows in enumerate(rng.multinomial(20_000, each))} for each in shares]
    one = categorical_series("x", days, np.zeros(84, dtype=np.int64), n_reference=84, calendar=DAILY)
    assert low <= fit([one], DAILY, 84).model.columns["x"].dimensions["C"] <= high
