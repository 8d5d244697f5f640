"""Skew: training file against operating reference, by distance, beyond sampling noise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from driftwatch.domain.instant import HOUR
from driftwatch.domain.signal import Severity, Signal
from driftwatch.monitors.history import History
from driftwatch.monitors.skew import ColumnSkew, compare_training, skew_finding
from driftwatch.monitors.spec import ModelSpec
from driftwatch.monitors.verdict import Window
from driftwatch.profiles.bucket import BucketProfile, CategoricalColumn, Column, NumericColumn
from driftwatch.profiles.codec import build_codec
from driftwatch.profiles.grid import propose_grid
from driftwatch.profiles.history import profile_rows
from driftwatch.profiles.plan import ProfilePlan
from driftwatch.profiles.rows import Rows

CODEC = build_codec(np.random.default_rng(0).normal(size=4_000))
WINDOW = Window(0, HOUR, HOUR)
NAMES = {("feature", "x"): "x", ("feature", "c"): "c"}


def rows(seed: int, n: int, *, mean: float = 0.0, share: float = 0.5, missing: float = 0.0) -> Rows:
    rng = np.random.default_rng(seed)
    x = np.where(rng.random(n) < missing, np.nan, rng.normal(mean, size=n))
    codes = (rng.random(n) < share).astype(np.int64)
    features: dict[str, Column] = {"x": NumericColumn(x), "c": CategoricalColumn(["a", "b"], codes)}
    return Rows(at=np.zeros(n, dtype=np.int64), features=features)


def training(**changes: float) -> BucketProfile:
    return profile_rows(rows(1, 3_000, **changes), ProfilePlan({"x": propose_grid(np.zeros(1))}))


def compare(of: BucketProfile, n: int = 3_000) -> dict[str, ColumnSkew]:
    history = History.of(ModelSpec("m"), {"x": CODEC}, (0, HOUR))
    history.add(0, profile_rows(rows(2, n), ProfilePlan({"x": CODEC})))
    first = history.alignment.index(0)
    return {each.column: each for each in compare_training(of, history, NAMES, first, first + 1)}


def test_a_distance_is_that_of_the_raw_values() -> None:
    found = compare(training(mean=0.5))["x"]
    before, after = (rows(seed, 3_000, mean=mean).features["x"] for seed, mean in ((1, 0.5), (2, 0.0)))
    assert isinstance(before, NumericColumn)
    assert isinstance(after, NumericColumn)
    exact = stats.ks_2samp(before.values, after.values).statistic
    assert found.distance == pytest.approx(exact, abs=0.01)
    assert found.noise == pytest.approx(1.63 * np.sqrt(2 / 3_000))


def test_one_finding_names_all_columns_worst_first() -> None:
    skews = list(compare(training(mean=1.0, share=0.9, missing=0.2)).values())
    found = skew_finding(skews, WINDOW, version="1", n=3_000)
    assert found is not None
    assert (found.signal, found.column, found.severity) == (Signal.SKEW, None, Severity.WARNING)
    assert list(found.details["columns"]) == ["c", "x"]
    assert found.details["columns"]["x"]["missing_share_change"] == pytest.approx(-0.2, abs=0.03)


def test_a_small_difference_is_a_watch_and_none_is_silent() -> None:
    watch = skew_finding(list(compare(training(mean=0.3)).values()), WINDOW, version=None, n=1)
    assert watch is not None
    assert watch.severity is Severity.WATCH
    assert skew_finding(list(compare(training()).values()), WINDOW, version=None, n=1) is None


@settings(max_examples=25, deadline=None)
@given(st.integers(30, 400), st.integers(0, 1_000))
def test_sampling_noise_is_no_warning(n: int, seed: int) -> None:
    small = profile_rows(rows(seed, n), ProfilePlan({"x": propose_grid(np.zeros(1))}))
    assert all(each.times < 2 for each in compare(small, n).values())


def test_few_values_and_another_kind_are_not_compared() -> None:
    few = profile_rows(rows(1, 20), ProfilePlan({"x": propose_grid(np.zeros(1))}))
    assert {each.distance for each in compare(few).values()} == {None}
    swapped = BucketProfile(3_000, features={"x": training().features["c"]})
    assert compare(swapped) == {}
