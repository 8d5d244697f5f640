"""Means and dependence against scipy and against what chance does; the rule finds what no column shows."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import mahalanobis
from scipy.stats import kurtosis, multivariate_t

from driftwatch.drift.moment_baseline import MomentBaseline, MomentSeries
from driftwatch.drift.moment_rule import MomentJudgement, fit_moments
from driftwatch.drift.moments import Metric, MomentWindows, fit_metric, statistics, whitened
from driftwatch.drift.rule.calendar import Calendar
from driftwatch.drift.rule.ladder import Ladder
from driftwatch.profiles.moments import MomentsFrame, MomentsProfile, profile_moments

WEEK = 168
PLAIN = np.array([[1.0, 0.6, 0.0], [0.6, 1.0, -0.3], [0.0, -0.3, 1.0]])


def unit_frame(columns: int) -> MomentsFrame:
    return MomentsFrame(tuple(f"x{place}" for place in range(columns)), np.zeros(columns), np.ones(columns))


def series_of(buckets: list[NDArray[np.float64]], columns: int) -> MomentSeries:
    frame = unit_frame(columns)
    profiles: list[MomentsProfile] = [profile_moments(frame, rows) for rows in buckets]
    n = np.array([profile.n for profile in profiles])
    return MomentSeries(columns, n, np.array([profile.sums for profile in profiles]), n)


def pooled_metric(rows: NDArray[np.float64]) -> Metric:
    """The metric of rows that have no seasons."""
    series = series_of([rows], rows.shape[1])
    baseline = MomentBaseline.of(series, Ladder.of(Calendar(3600, 0), 1))
    return fit_metric(rows.shape[1], baseline.pooled, np.zeros((rows.shape[1],) * 2), baseline.higher)


def beside(now: NDArray[np.float64], before: NDArray[np.float64]) -> MomentWindows:
    def moments(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        upper = (rows.T @ rows / len(rows))[np.triu_indices(rows.shape[1])]
        return np.concatenate((rows.mean(axis=0), upper))[None]

    sizes = np.array([float(len(now))]), np.array([float(len(before))])
    return MomentWindows(np.array([0]), moments(now), moments(before), *sizes)


def test_the_statistics_are_mahalanobis_distances_of_means_and_covariances() -> None:
    rng = np.random.default_rng(1)
    before = rng.multivariate_normal(np.zeros(3), PLAIN, 50_000)
    now = rng.multivariate_normal([0.2, 0.0, -0.1], PLAIN * [[1, 0.5, 1], [0.5, 1, 1], [1, 1, 1.2]], 40_000)
    means, dependence = statistics(beside(now, before), pooled_metric(before))
    inverse = np.linalg.inv(np.cov(before, rowvar=False))
    expected = mahalanobis(now.mean(axis=0), before.mean(axis=0), inverse) ** 2
    assert means.x[0] == pytest.approx(expected, rel=0.005)  # the ridge is a thousandth of the largest direction
    change = inverse @ (np.cov(now, rowvar=False) - np.cov(before, rowvar=False))
    assert dependence.x[0] == pytest.approx(np.trace(change @ change) / 2, rel=0.02)


@pytest.mark.parametrize("freedom", [None, 12])
def test_under_no_drift_the_statistics_have_the_mean_and_the_variance_that_they_say(freedom: int | None) -> None:
    rng = np.random.default_rng(2)

    def draw(n: int) -> NDArray[np.float64]:
        if freedom is None:
            return rng.multivariate_normal(np.zeros(3), PLAIN, n)
        return np.asarray(multivariate_t(shape=PLAIN, df=freedom, seed=rng).rvs(n))

    metric = pooled_metric(draw(200_000))
    expected = 1.0 if freedom is None else (freedom - 2) / (freedom - 4)  # Mardia's, of a multivariate t
    assert metric.kurtosis == pytest.approx(expected, rel=0.05)
    results: dict[str, list[tuple[float, float, float]]] = {"means": [], "dependence": []}
    rows = draw(1_000 * 1_200).reshape(1_000, 1_200, 3)
    for some in rows:
        for name, statistic in zip(results, statistics(beside(some[:400], some[400:]), metric), strict=True):
            results[name].append((statistic.x[0], statistic.v[0], statistic.s2[0]))
    for name, found in results.items():
        x, v, s2 = np.array(found).T
        assert x.mean() == pytest.approx(v[0], rel=0.07), name
        assert x.var() == pytest.approx(s2[0], rel=0.35), name


def test_peaks_are_scipys_kurtosis() -> None:
    rng = np.random.default_rng(3)
    rows = np.column_stack((rng.normal(size=100_000), rng.uniform(-2, 2, 100_000), rng.laplace(size=100_000)))
    found = pooled_metric(np.clip(rows, -8, 8)).peaks
    np.testing.assert_allclose(found, (kurtosis(rows) + 3) / 3, rtol=0.04)


def test_a_dimension_that_does_not_vary_is_left_out() -> None:
    rows = np.random.default_rng(4).normal(size=(1_000, 3))
    rows[:, 1] = 2.5
    assert pooled_metric(rows).used.tolist() == [0, 2]
    assert fit_moments(series_of([rows[:, 1:2]] * 100, 1), Calendar(3600, 0), 90) is None


def hours(weeks: int, seed: int, rows: int = 60, **changed: Any) -> list[NDArray[np.float64]]:
    """Four columns whose means follow the hour of the day; two of them belong together until `broken` from."""
    rng = np.random.default_rng(seed)
    phase = rng.random(4)
    buckets = []
    for hour in range(weeks * WEEK):
        n = rng.poisson(rows * (1 + 0.5 * np.sin(2 * np.pi * hour / 24)))
        x = rng.normal(size=(n, 4))
        x[:, 1] = 0.8 * x[:, 0] + 0.6 * x[:, 1]
        if hour >= changed.get("broken", np.inf):
            x[:, 1] = rng.permutation(x[:, 1])  # its own distribution stays what it was
        if hour >= changed.get("shifted", np.inf):
            x += [0.25, -0.25, 0.25, -0.25]
        buckets.append(x + changed.get("season", 0.5) * np.sin(2 * np.pi * (hour / 24 + phase)))
    return buckets


def judged(buckets: list[NDArray[np.float64]], reference_weeks: int, **more: Any) -> list[MomentJudgement]:
    series = series_of(buckets, 4)
    rule = fit_moments(series, Calendar(3600, 0), reference_weeks * WEEK)
    assert rule is not None
    ends = more.get("ends", np.arange(reference_weeks * WEEK, len(buckets)))
    return rule.judge(series, ends, threshold=0.1 / 720)


def test_a_dependence_that_breaks_is_found_within_hours_though_every_column_looks_the_same() -> None:
    onset = 5 * WEEK
    found = [each for each in judged(hours(6, 1, broken=onset), 4) if each.alarm]
    assert {each.component for each in found} == {"dependence"}
    assert onset <= found[0].bucket <= onset + 6
    assert len(found) > 100


def test_a_small_shift_of_all_columns_is_found() -> None:
    onset = 5 * WEEK
    found = [each for each in judged(hours(6, 2, shifted=onset), 4) if each.alarm]
    assert {each.component for each in found} == {"means"}
    assert onset <= found[0].bucket <= onset + 24


def test_seasons_are_no_drift() -> None:
    quiet = [each for seed in range(3, 6) for each in judged(hours(6, seed), 4)]
    assert not any(each.alarm for each in quiet)
    assert {each.state for each in quiet} == {"judged"}


def test_an_alarm_ends_soon_after_what_raised_it() -> None:
    onset, end = 5 * WEEK, 5 * WEEK + 72
    buckets = hours(8, 6, broken=onset)[:end] + hours(8, 6)[end:]
    found = [each.bucket for each in judged(buckets, 4) if each.alarm]
    assert onset <= found[0]
    assert end - 24 <= found[-1] <= end + 24


def test_one_window_alone_is_told_as_among_all() -> None:
    first, stop = 4 * WEEK + 40, 4 * WEEK + 60
    buckets = hours(5, 7, broken=4 * WEEK + 50)[:stop]
    among = judged(buckets, 4, ends=np.arange(first, stop))
    for place in (0, 9, 11, 14, 19):
        (alone,) = judged(buckets, 4, ends=np.array([first + place]))
        assert (alone.alarm, alone.component) == (among[place].alarm, among[place].component)
        assert alone.scale_buckets == among[place].scale_buckets
        assert alone.z == pytest.approx(among[place].z, rel=1e-9)


def test_nothing_before_the_longest_window_is_looked_at() -> None:
    series, end = series_of(hours(6, 11), 4), 6 * WEEK - 1
    rule = fit_moments(series, Calendar(3600, 0), 4 * WEEK)
    assert rule is not None
    since = end + 1 - rule.longest
    n, sums = series.n.copy(), series.sums.copy()
    n[:since], sums[:since] = 0, 0
    told = [
        rule.judge(each, np.array([end]), threshold=0.1 / 720)
        for each in (series, MomentSeries(4, n, sums, series.rows))
    ]
    assert told[0] == told[1]
    at_all = rule.windows(series, end, rule.longest).n[0]
    assert rule.windows(MomentSeries(4, n, sums, series.rows), end, rule.longest).n[0] == at_all
    n[since] = 0
    assert rule.windows(MomentSeries(4, n, sums, series.rows), end, rule.longest).n[0] < at_all


def test_a_reference_too_short_to_calibrate_says_so_and_tells_gross_faults_alone() -> None:
    series = series_of(hours(1, 8, broken=60, season=0.0), 4)
    rule = fit_moments(series, Calendar(3600, 0), 40)
    assert rule is not None
    assert rule.uncalibrated
    found = rule.judge(series, np.arange(40, 100), threshold=0.1 / 720)
    assert not any(each.alarm for each in found if each.bucket < 60)


def test_hours_without_rows_get_no_verdict() -> None:
    buckets = hours(5, 9)
    buckets[4 * WEEK + 3 :] = [np.zeros((0, 4))] * (len(buckets) - 4 * WEEK - 3)
    states = [each.state for each in judged(buckets, 4)]
    assert states[:3] == ["judged"] * 3
    assert set(states[3:]) == {"no_data"}


def test_whitened_differences_have_the_lengths_that_the_statistics_are() -> None:
    rng = np.random.default_rng(10)
    windows = beside(rng.normal(size=(500, 4)), rng.normal(size=(900, 4)))
    metric = pooled_metric(rng.normal(size=(2_000, 4)))
    for difference, statistic in zip(whitened(windows, metric), statistics(windows, metric), strict=True):
        assert np.sum(difference**2) == pytest.approx(statistic.x[0])
