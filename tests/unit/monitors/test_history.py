"""The history adds: the sum of fine buckets is the window, whatever the order."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.domain.instant import HOUR, MINUTE
from driftwatch.monitors.alignment import Alignment
from driftwatch.monitors.declared import Exclusion
from driftwatch.monitors.history import CategoricalHistory, History, NumericHistory
from driftwatch.profiles.bucket import BucketProfile, CategoricalColumn, NumericColumn
from driftwatch.profiles.codec import NumericCodec, build_codec
from driftwatch.profiles.grid import propose_grid
from driftwatch.profiles.history import profile_rows
from driftwatch.profiles.plan import ProfilePlan
from driftwatch.profiles.rows import Rows

CODEC = build_codec(np.random.default_rng(1).normal(size=3000))
LEVELS = ["a", "b", "c"]


def bucket(values: list[float], codes: list[int], codec: NumericCodec | None = CODEC) -> BucketProfile:
    numbers = np.array(values, dtype=np.float64)
    rows = Rows(
        at=np.zeros(len(values), dtype=np.int64),
        features={
            "x": NumericColumn(numbers, np.isnan(numbers)),
            "c": CategoricalColumn(LEVELS, np.array(codes, dtype=np.int32)),
        },
        failed=np.array(codes) == 0,
    )
    return profile_rows(rows, ProfilePlan({"x": codec or propose_grid(np.zeros(1))}))


def empty(*exclude: Exclusion) -> History:
    return History(Alignment(HOUR), {"x": CODEC}, exclude=exclude)


rows = st.lists(st.tuples(st.floats(-5, 5) | st.just(float("nan")), st.integers(-1, 2)), max_size=20)


@given(st.lists(st.tuples(st.integers(0, 11), rows), max_size=8))
def test_fine_buckets_add_to_the_window_in_any_order(parts: list[tuple[int, list[tuple[float, int]]]]) -> None:
    buckets = [(slot * 15 * MINUTE, bucket([x for x, _ in part], [c for _, c in part])) for slot, part in parts]
    one = empty().add_all(buckets)
    other = empty().add_all(reversed(buckets))
    whole = empty()
    for index in range(3):
        part = [row for slot, part in parts if slot // 4 == index for row in part]
        if part:
            whole.add(index * HOUR, bucket([x for x, _ in part], [c for _, c in part]))
    first, stop = Alignment(HOUR).index(0), Alignment(HOUR).index(3 * HOUR)
    for history in (other, whole):
        assert np.array_equal(one.vector(one.rows, first, stop), history.vector(history.rows, first, stop))
        assert np.array_equal(one.vector(one.errors, first, stop), history.vector(history.errors, first, stop))
        for key, column in history.columns.items():
            same = one.columns[key]
            assert np.array_equal(one.vector(same.missing, first, stop), one.vector(column.missing, first, stop))
            for index in range(first, stop):
                assert same.constant.get(index) == column.constant.get(index)
            if isinstance(same, NumericHistory) and isinstance(column, NumericHistory):
                at = range(first, stop)
                assert np.array_equal(same.counts_at(at), column.counts_at(at))
                assert np.array_equal(same.totals(first, stop), same.counts_at(at).sum(axis=0))
            elif isinstance(same, CategoricalHistory) and isinstance(column, CategoricalHistory):
                levels = [same.levels(index) for index in range(first, stop)]
                assert levels == [column.levels(index) for index in range(first, stop)]
                assert same.totals(first, stop) == dict(sum(map(Counter, levels), Counter()))


def test_infinite_values_count_as_missing() -> None:
    history = empty()
    history.add(0, bucket([float("inf"), 1.0, float("nan"), float("-inf")], [0, 0, 0, 0]))
    column = history.columns["feature", "x"]
    assert (sum(column.rows.values()), sum(column.missing.values())) == (4, 3)


def test_one_value_all_along_is_seen() -> None:
    history = empty()
    history.add(0, bucket([2.0, 2.0], [1, 1]))
    history.add(15 * MINUTE, bucket([2.0, float("nan")], [1, -1]))
    history.add(HOUR, bucket([2.0, 2.0], [1, 1]))
    history.add(HOUR + 15 * MINUTE, bucket([3.0, 3.0], [2, 2]))
    first = Alignment(HOUR).index(0)
    numeric, categorical = history.columns["feature", "x"], history.columns["feature", "c"]
    assert numeric.constant == {first: "2.0", first + 1: None}
    assert categorical.constant == {first: "b", first + 1: None}


def test_excluded_windows_keep_nothing() -> None:
    history = empty(Exclusion(HOUR + 1, HOUR + 2, "holiday"))
    history.add(0, bucket([1.0], [0]))
    history.add(HOUR, bucket([1.0], [0]))
    first = Alignment(HOUR).index(0)
    assert history.rows == {first: 1}
    assert history.why_excluded(first) is None
    assert history.why_excluded(first + 1) == "holiday"


def test_rows_from_before_the_codec_are_recoded() -> None:
    history = empty()
    history.add(0, bucket([0.5, -1.0], [0, 0], codec=None))
    history.add(15 * MINUTE, bucket([0.5], [0]))
    column = history.columns["feature", "x"]
    assert isinstance(column, NumericHistory)
    first = Alignment(HOUR).index(0)
    assert column.totals(first, first + 1).sum() == 3


@pytest.mark.parametrize("numeric_first", [True, False])
def test_a_column_that_changes_its_kind_keeps_its_first_and_the_window_is_noted(*, numeric_first: bool) -> None:
    history = empty()
    numeric = BucketProfile(1, features={"x": bucket([1.0], [0]).features["x"]})
    categorical = BucketProfile(1, features={"x": bucket([1.0], [0]).features["c"]})
    history.add_all([(0, numeric if numeric_first else categorical), (HOUR, categorical if numeric_first else numeric)])
    first = Alignment(HOUR).index(0)
    assert history.retyped == {("feature", "x"): {first + 1}}
    assert history.columns["feature", "x"].rows == {first: 1}


def test_another_codec_is_a_fault_of_its_column_alone() -> None:
    history = empty()
    history.add(0, bucket([1.0], [0]))
    history.add(HOUR, bucket([1.0], [0], codec=build_codec(np.arange(5.0))))
    assert set(history.faults) == {("feature", "x")}
    assert sum(history.columns["feature", "c"].rows.values()) == 2


def test_a_numeric_column_without_a_codec_is_a_fault() -> None:
    history = History(Alignment(HOUR), {})
    history.add(0, bucket([1.0], [0]))
    assert history.faults == {("feature", "x"): "it has no codec yet"}
    assert set(history.columns) == {("feature", "c")}
