"""Columns side by side and sums carried along say what each column's own windows say, taken afresh."""

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from unit.rule.plain_windows import PlainColumn

from driftwatch.drift.rule import (
    Calendar,
    FittedRule,
    Judgement,
    Ladder,
    Series,
    Trail,
    categorical_series,
    fit,
    numeric_series,
    reference_edges,
)
from driftwatch.drift.rule.series import SeriesSource

DAILY, HOURLY = Calendar(86_400, 2), Calendar(3_600, 5)
Ints = NDArray[np.int64]
Draw = Callable[[float, float, int], NDArray[np.float64]]


def model(seed: int, calendar: Calendar, reference: int, length: int) -> list[Series]:
    """Few and many values, categories, missing rows, gaps, a shift and rows with values never seen."""
    rng = np.random.default_rng(seed)
    onset = int(rng.integers(reference, length))
    series = []
    draws: tuple[Draw, ...] = (rng.normal, rng.lognormal, lambda *shape: np.rint(rng.normal(*shape)) + 0.0)
    for place, draw in enumerate(draws):
        rows = rng.poisson(rng.choice([25, 120]), length)
        rows[onset - 2 : onset] = 0
        values = [draw(0.6 * (at >= onset), 1.0, n) for at, n in enumerate(rows)]
        edges = reference_edges(np.concatenate(values[:reference]))
        counts = np.array([np.bincount(np.searchsorted(edges, one), minlength=len(edges) + 1) for one in values])
        missing = rng.binomial(rows, 0.1 * (place == 1))
        series.append(numeric_series(f"x{place}", edges, counts, missing, n_reference=reference, calendar=calendar))
    levels = [
        dict(zip("abcd", map(int, rng.multinomial(90, [0.5, 0.3, 0.15, 0.05])), strict=True)) for _ in range(length)
    ]
    levels[onset] = {"a": 30, "new": 40}
    zeros = np.zeros(length, dtype=np.int64)
    series.append(categorical_series("c", levels, zeros, n_reference=reference, calendar=calendar))
    return series


def same(one: list[Judgement], other: list[Judgement]) -> None:
    assert len(one) == len(other) > 0
    for left, right in zip(one, other, strict=True):
        for field in fields(Judgement):
            a, b = getattr(left, field.name), getattr(right, field.name)
            if isinstance(a, float):
                assert a == pytest.approx(b, rel=1e-9, abs=1e-12), (field.name, left, right)
            else:
                assert a == b, (field.name, left, right)


def judged(rule: FittedRule, series: list[Series], start: int, stop: int) -> list[Judgement]:
    return rule.judge(series, start, stop, budget=1.0, n_series=4)


@pytest.mark.parametrize(("calendar", "reference", "length"), [(DAILY, 30, 64), (HOURLY, 80, 130), (HOURLY, 40, 90)])
def test_windows_are_those_of_the_definition(calendar: Calendar, reference: int, length: int) -> None:
    series = model(1, calendar, reference, length)
    columns = {one.name: PlainColumn(one, Ladder.of(calendar, reference)) for one in series}
    for one in judged(fit(series, calendar, reference), series, reference, length):
        plain = columns[one.column].window(one.bucket, one.scale_buckets)
        assert one.n == round(plain.n)
        assert one.n_reference == pytest.approx(plain.m, abs=0.51)
        assert one.missing_share == pytest.approx(plain.missing_share, abs=1e-12)
        assert one.reference_missing_share == pytest.approx(plain.reference_missing_share, abs=1e-12)
        if plain.n:
            moved = [p - q for p, q in zip(plain.p, plain.q, strict=True)]
            assert one.total_variation == pytest.approx(sum(map(abs, moved)) / 2, abs=1e-12)
            if one.kolmogorov_smirnov is not None:
                assert one.kolmogorov_smirnov == pytest.approx(np.abs(np.cumsum(moved)).max(), abs=1e-12)


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), order=st.permutations(range(4)))
def test_a_column_is_judged_alone_as_beside_others(seed: int, order: list[int]) -> None:
    series = model(seed, DAILY, 30, 60)
    rule = fit(series, DAILY, 30)
    together = judged(rule, [series[place] for place in order], 30, 60)
    for one in series:
        # "watch" is told by false discoveries among all columns, and by nothing else of them.
        alone = [replace(each, severity="") for each in judged(rule, [one], 30, 60)]
        among = [replace(each, severity="") for each in together if each.column == one.name]
        same(alone, among)


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), steps=st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_sums_that_were_carried_along_are_those_taken_afresh(seed: int, steps: list[int]) -> None:
    series = model(seed, DAILY, 30, 70)
    rule = fit(series, DAILY, 30)
    sources = {one.name: SeriesSource(one) for one in series}
    trail, start = Trail(rule.model, sources, 30), 30
    for step in steps:
        found = list(rule.follow(trail, sources, start, start + step, budget=1.0, n_series=4))
        same(found, judged(rule, series, start, start + step))
        start += step
    back = trail.back_at(sources, 31)
    same(list(rule.follow(back, sources, 31, 33, budget=1.0, n_series=4)), judged(rule, series, 31, 33))
    assert trail.end == start


def test_late_rows_are_put_right_or_said_to_be_too_late() -> None:
    series = model(3, DAILY, 30, 200)
    rule = fit(series, DAILY, 30)
    sources = {one.name: SeriesSource(one) for one in series}
    trail = Trail(rule.model, sources, 150)
    later = []
    for one in series:
        counts = one.counts.copy()
        counts[[140, 148]] += counts[[100, 101]]
        later.append(replace(one, counts=counts, present=counts.sum(axis=1)))
    late = {one.name: SeriesSource(one) for one in later}
    assert trail.revise(late, [140, 148, 160])
    found = list(rule.follow(trail, late, 150, 160, budget=1.0, n_series=4))
    same(found, judged(rule, later, 150, 160))
    assert not trail.revise(late, [20])


class Counting:
    """A source that notes what it was asked for."""

    def __init__(self, source: SeriesSource, asked: set[int]) -> None:
        self.source, self.asked = source, asked

    def cells(self, positions: Ints) -> Ints:
        self.asked.update(positions.tolist())
        return self.source.cells(positions)

    def rows(self, stop: int) -> Ints:
        return self.source.rows(stop)


@pytest.mark.parametrize("start", [150, 153, 147])
def test_a_trail_asks_for_no_bucket_but_those_it_wants(start: int) -> None:
    series = model(4, DAILY, 30, 200)
    rule = fit(series, DAILY, 30)
    asked: set[int] = set()
    sources = {one.name: Counting(SeriesSource(one), asked) for one in series}
    trail = Trail(rule.model, sources, 150)
    wanted = trail.wants(start, start + 2)
    asked.clear()
    at = trail if start >= trail.end else trail.back_at(sources, start)
    found = list(rule.follow(at, sources, start, start + 2, budget=1.0, n_series=4))
    assert asked <= wanted
    assert len(wanted) < 40
    same(found, judged(rule, series, start, start + 2))


def test_of_few_rows_the_windows_grow_until_there_are_enough() -> None:
    rng = np.random.default_rng(8)
    days = [rng.normal(2.0 * (day >= 60), 1, 8) for day in range(90)]
    edges = reference_edges(np.concatenate(days[:56]))
    counts = np.array([np.bincount(np.searchsorted(edges, one), minlength=len(edges) + 1) for one in days])
    series = [numeric_series("x", edges, counts, np.zeros(90, np.int64), n_reference=56, calendar=DAILY)]
    found = fit(series, DAILY, 56).judge(series, 56, 90, budget=0.2, n_series=1)
    assert {one.state for one in found} == {"judged"}
    alarms = [one for one in found if one.alarm]
    assert alarms
    assert 60 < alarms[0].bucket < 68  # not before 30 rows are there
    assert min(one.scale_buckets for one in alarms) == 7
    assert min(one.n for one in alarms) >= 30
