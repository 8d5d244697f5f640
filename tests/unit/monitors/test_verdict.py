"""How far a column is on its way to an alarm, in words and in one number."""

import dataclasses

import pytest

from driftwatch.domain.signal import Severity
from driftwatch.drift.rule import Judgement
from driftwatch.monitors.verdict import is_fading, severity_of, times_threshold

QUIET = Judgement(
    column="temp",
    bucket=700,
    state="judged",
    alarm=False,
    severity="none",
    minor=False,
    component="location",
    scale_buckets=24,
    sign=1,
    z=0.3,
    p_value=1.0,
    threshold_p=1e-4,
    kolmogorov_smirnov=0.05,
    total_variation=0.06,
    jensen_shannon=0.04,
    n=2_400,
    n_reference=40_000,
    missing_share=0.0,
    reference_missing_share=0.0,
    uncalibrated=False,
)


def judgement(**changes: object) -> Judgement:
    return dataclasses.replace(QUIET, **changes)  # type: ignore[arg-type]


def test_the_number_is_one_where_an_alarm_begins_and_two_at_the_square_of_its_p_value() -> None:
    assert times_threshold(judgement(alarm=True, p_value=1e-4)) == pytest.approx(1.0)
    assert times_threshold(judgement(alarm=True, p_value=1e-8)) == pytest.approx(2.0)
    assert times_threshold(judgement(p_value=1e-2)) == pytest.approx(0.5)


def test_a_longer_window_whose_newest_part_is_back_to_normal_is_watched_and_stays_below_one() -> None:
    fading = judgement(p_value=1e-30)
    assert is_fading(fading)
    assert severity_of(fading) is Severity.WATCH
    assert 0.9 < times_threshold(fading) < 1.0


def test_a_material_shift_is_measured_against_its_limit() -> None:
    shift = judgement(alarm=True, component="material_shift", kolmogorov_smirnov=0.5, z=0.0)
    assert times_threshold(shift) == pytest.approx(2.5)
    assert severity_of(shift) is Severity.WARNING


@pytest.mark.parametrize("state", ["low_data", "no_data"])
def test_what_is_not_judged_is_not_fading(state: str) -> None:
    assert not is_fading(judgement(state=state, p_value=1e-30))
