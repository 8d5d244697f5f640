"""A history whose old distributions were dropped is judged as one that holds them all."""

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.domain.instant import DAY, HOUR, from_iso
from driftwatch.monitors.baseline import DriftBaseline
from driftwatch.monitors.history import CategoricalHistory, History
from driftwatch.monitors.spec import ModelSpec
from driftwatch.monitors.window_counts import WindowCounts
from driftwatch.profiles.bucket import BucketProfile, CategoricalColumn, Column, NumericColumn
from driftwatch.profiles.codec import build_codec
from driftwatch.profiles.history import profile_rows
from driftwatch.profiles.plan import ProfilePlan
from driftwatch.profiles.rows import Rows

START = from_iso("2024-01-01T00:00")
REFERENCE = 4 * 24
SPEC = ModelSpec(model="m", environment="production")
CODEC = build_codec(np.random.default_rng(1).normal(size=2000))


def hour(rng: np.random.Generator, rows: int, *, shifted: bool) -> BucketProfile:
    values = rng.normal(1.0 if shifted else 0.0, 1, rows)
    levels = ["a", "b", "new"] if shifted else ["a", "b"]
    features: dict[str, Column] = {
        "x": NumericColumn(values, rng.random(rows) < 0.1),
        "c": CategoricalColumn(levels, rng.integers(-1, len(levels), rows)),
    }
    return profile_rows(Rows(at=np.zeros(rows, dtype=np.int64), features=features), ProfilePlan({"x": CODEC}))


def profiles(stop: int, onset: int) -> Mapping[int, BucketProfile]:
    rng = np.random.default_rng(4)
    drawn = {at: hour(rng, int(rng.integers(30, 60)), shifted=at >= onset) for at in range(stop)}
    return {at: each for at, each in drawn.items() if at % 37}  # and some hours without rows


def test_what_was_dropped_is_lent_where_it_is_wanted_and_the_verdict_is_the_same() -> None:
    stop, onset = REFERENCE + 210, REFERENCE + 200
    buckets = profiles(stop, onset)
    whole = History.of(SPEC, {"x": CODEC}, (START, START + REFERENCE * HOUR))
    whole.add_all((START + at * HOUR, each) for at, each in buckets.items())
    baseline = DriftBaseline.fit(whole, SPEC, (START, START + REFERENCE * HOUR))
    expected = baseline.judge(whole, [START + at * HOUR for at in range(onset - 3, stop)])

    lean = History.of(SPEC, {"x": CODEC}, (START, START + REFERENCE * HOUR))
    lean.add_all((START + at * HOUR, each) for at, each in buckets.items() if at < onset - 3)
    trails = baseline.trails(lean, START + (onset - 3) * HOUR)
    first = lean.alignment.index(START)
    found = []
    for at in range(onset - 3, stop):
        lean.shed(first + at - 20, categories_before=first + at - 20)
        if at in buckets:
            lean.add(START + at * HOUR, buckets[at])
        wanted = [each for trail in trails for each in trail.wants(first + at, first + at + 1) if lean.lacks(each)]
        assert len(wanted) < 10
        for index in wanted:
            lean.lend(index, [buckets[index - first]])
        found += baseline.judge(lean, [START + at * HOUR], trails=trails)
    assert [each.status for each in found] == [each.status for each in expected]
    assert any(finding.column == "x" for each in found for finding in each.findings)
    for one, other in zip(found, expected, strict=True):
        assert one.summary["columns"].keys() == other.summary["columns"].keys()
        for name, sizes in other.summary["columns"].items():
            measured = one.summary["columns"][name]
            for field, value in sizes.items():
                close = isinstance(value, float)
                assert measured[field] == (pytest.approx(value, rel=1e-9, abs=1e-12) if close else value), (name, field)


def test_to_judge_from_what_was_dropped_is_refused() -> None:
    buckets = profiles(REFERENCE + 60, REFERENCE + 200)
    history = History.of(SPEC, {"x": CODEC}, (START, START + REFERENCE * HOUR))
    history.add_all((START + at * HOUR, each) for at, each in buckets.items())
    baseline = DriftBaseline.fit(history, SPEC, (START, START + REFERENCE * HOUR))
    history.shed(history.alignment.index(START + 3 * DAY), categories_before=0)
    with pytest.raises(LookupError, match="dropped"):
        baseline.judge(history, [START + (REFERENCE + 59) * HOUR])


def test_values_that_no_window_has_any_more_are_forgotten() -> None:
    column = CategoricalHistory()
    for index in range(12):
        names = [f"id-{index}-{place}" for place in range(400)]
        codes = np.arange(400)
        rows = Rows(at=np.zeros(400, dtype=np.int64), features={"c": CategoricalColumn(names, codes)})
        column.add(index, profile_rows(rows, ProfilePlan({})).features["c"])  # type: ignore[arg-type]
        kept = column.levels(index)
        column.shed(index)
        assert column.levels(index) == kept == dict.fromkeys(names, 1)
        assert column.levels(index - 1) == {}
    assert len(column.codes) < 3000


@given(st.lists(st.tuples(st.integers(-300, 300), st.integers(0, 9) | st.none()), max_size=40))
def test_window_counts_are_a_mapping_and_an_array(steps: list[tuple[int, int | None]]) -> None:
    plain: dict[int, int] = {}
    counts = WindowCounts()
    for index, count in steps:
        if count is None:
            assert counts.pop(index, None) == plain.pop(index, None)
        else:
            counts[index] = plain[index] = count
    assert counts == plain
    indexes = range(-310, 310)
    assert counts.at(indexes).tolist() == [plain.get(index, 0) for index in indexes]
    assert counts.at([*indexes]).tolist() == counts.at(np.array(indexes)).tolist() == counts.at(indexes).tolist()
