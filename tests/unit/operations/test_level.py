"""The level of a metric: its tail against its formula, what is found, and what is not."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from driftwatch.operations.level import Level, LevelRule, fit_levels

Floats = NDArray[np.float64]

DAY = 24


def noise(days: int, seed: int, sd: float = 0.1) -> Floats:
    return np.random.default_rng(seed).normal(0, sd, days * DAY)


def fitted(reference: Floats) -> LevelRule:
    rule = fit_levels(reference, DAY, 0)
    assert rule is not None
    return rule


def judged(rule: LevelRule, levels: Floats, place: int = 0) -> list[Level]:
    return [each for each in rule.judge(levels, place) if each is not None]


def test_the_tail_is_the_predictive_one_of_an_exponential() -> None:
    reference = noise(5, 1)
    rule = fitted(reference)
    deviation = reference - np.median(reference)
    threshold = np.quantile(deviation, 0.9)
    beyond = deviation[deviation > threshold] - threshold
    k, beta = len(beyond), beyond.mean()
    [level] = judged(rule, np.array([np.median(reference) + 1.0]))
    assert level.span == 1
    assert level.p_value == pytest.approx(
        0.1 * (1 + (1.0 - threshold) / (k * beta)) ** -k, rel=1e-3
    )  # levels count in 2^-20


def test_a_doubling_is_improbable_and_the_reference_itself_is_not() -> None:
    reference = noise(14, 2)
    rule = fitted(reference)
    assert judged(rule, np.array([np.log(2.0)]))[0].p_value < 1e-5
    assert min(each.p_value for each in judged(rule, reference)) > 1e-4


def test_the_hour_of_the_day_is_expected() -> None:
    wave = np.log(2.0) * (np.arange(14 * DAY) % DAY >= 12)
    rule = fitted(noise(14, 3, 0.02) + wave)
    by_day, by_night = (judged(rule, np.array([np.log(2.0)]), hour)[0] for hour in (14, 4))
    assert by_day.p_value == 1.0
    assert by_night.p_value < 1e-5


def test_a_span_whose_newest_part_is_back_to_normal_says_nothing() -> None:
    rule = fitted(noise(14, 4))
    raised = np.full(6, 0.4)
    high, over = (judged(rule, levels)[-1] for levels in (raised, np.append(raised, 0.0)))
    assert high.span > 1
    assert over.p_value == 1.0


def test_means_over_several_buckets_have_students_t() -> None:
    reference = noise(14, 8)
    rule = fitted(reference)
    raised = np.full(6, 0.25)
    level = judged(rule, raised)[-1]
    by_six = np.convolve(reference - rule.centre[np.arange(len(reference)) % DAY], np.full(6, 1 / 6))[:-5]
    six = by_six[2:]  # means over three and four, five buckets are there from the third on
    six[:3] *= 6 / np.arange(3, 6)
    freedom = len(six) / 6 - 1
    mean = float(np.mean(raised - rule.centre[:6]))
    expected = stats.t.sf((mean - six.mean()) / (six.std() * np.sqrt(1 + 1 / (freedom + 1))), freedom)
    assert level.span == 6
    assert level.excess == pytest.approx(mean, abs=1e-5)
    assert level.p_value == pytest.approx(expected, rel=1e-3)


def test_lower_is_never_improbable() -> None:
    assert judged(fitted(noise(14, 5)), np.array([-5.0]))[0].p_value == 1.0


def test_a_bucket_without_a_level_has_no_verdict_and_too_short_a_reference_none_at_all() -> None:
    rule = fitted(noise(14, 6))
    assert rule.judge(np.array([np.nan, 0.0]), 0)[0] is None
    assert fit_levels(noise(14, 6)[:20], DAY, 0) is None


def test_a_constant_reference_alarms_for_no_small_step() -> None:
    rule = fitted(np.zeros(14 * DAY))
    assert judged(rule, np.array([0.05]))[0].p_value > 1e-4
    assert judged(rule, np.array([1.0]))[0].p_value < 1e-4
