"""What a demand counts, value by value, and that the counts of parts add up to the counts of the whole."""

import math
import re
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.profiles.bucket import CategoricalColumn, Column, NumericColumn
from driftwatch.profiles.check import EXAMPLES_KEPT, CheckCounts, merge_counts
from driftwatch.profiles.rows import Rows
from driftwatch.quality.check import DemandCheck
from driftwatch.quality.demand import Constraint, Demand, DemandKind, demands_of, value_text
from driftwatch.quality.pattern import check_pattern, matches

VALUES = st.none() | st.floats(width=16) | st.sampled_from([0.0, 1.0, 2.5, math.inf, math.nan])
WORDS = st.none() | st.text(alphabet="ab1é\ud800", max_size=3)


def numeric(values: list[float | None]) -> NumericColumn:
    nulls = np.array([value is None for value in values], dtype=np.bool_)
    return NumericColumn(np.array([math.nan if value is None else value for value in values]), nulls)


def categorical(values: list[str | None]) -> CategoricalColumn:
    dictionary = ["never", *dict.fromkeys(value for value in values if value is not None)]
    return CategoricalColumn(
        dictionary, np.array([-1 if value is None else dictionary.index(value) for value in values], dtype=np.int32)
    )


def rows_of(column: Column | None, n: int, **more: Any) -> Rows:
    return Rows(np.zeros(n, dtype=np.int64), features={} if column is None else {"c": column}, **more)


def count(demand: Demand, column: Column, n: int, **more: Any) -> CheckCounts:
    looked = DemandCheck(demand).look_at(rows_of(column, n, **more))
    assert looked is not None
    return looked.count(np.arange(n))


def demand(**declared: Any) -> Demand:
    (only,) = Constraint("c", **declared).demands()
    return only


def test_a_range_is_closed_and_an_infinity_is_outside_every_one() -> None:
    values = [-0.5, 0.0, 1.0, 1.5, math.inf, -math.inf, math.nan, None]
    found = count(demand(between=(0.0, 1.0)), numeric(values), len(values))
    assert found == CheckCounts(6, 4, {-0.5: 1, 1.5: 1, math.inf: 1, -math.inf: 1})
    assert count(demand(between=(0.0, None)), numeric(values), len(values)).n_violated == 3


def test_a_range_on_text_reads_numbers_and_refuses_what_is_none() -> None:
    values = ["1", " 2.5 ", "7", "x", "", "nan", None]
    found = count(demand(between=(0.0, 5.0)), categorical(values), len(values))
    assert found == CheckCounts(6, 4, {"7": 1, "x": 1, "": 1, "nan": 1})


def test_values_are_compared_as_text_so_that_1_and_1_0_are_one() -> None:
    one_or_two = demand(allowed=(1, 2.0))
    assert count(one_or_two, numeric([1.0, 2.0, 3.0, None]), 4) == CheckCounts(3, 1, {3.0: 1})
    assert count(one_or_two, categorical(["1", "2", "2.0", None]), 4) == CheckCounts(3, 1, {"2.0": 1})
    assert count(demand(allowed=(True,)), categorical(["true", "false"]), 2) == CheckCounts(2, 1, {"false": 1})


def test_a_pattern_has_to_match_the_whole_value() -> None:
    letters = demand(regex="[A-Z]{2}")
    values = ["PT", "PRT", "pt", "P\n", "PT\n", None, "PT"]
    assert count(letters, categorical(values), 7) == CheckCounts(6, 4, {"PRT": 1, "pt": 1, "P\n": 1, "PT\n": 1})
    assert count(demand(regex=r"\d{5}"), numeric([12345.0, 1.5, 12.0]), 3) == CheckCounts(3, 2, {1.5: 1, 12.0: 1})


def test_missing_is_null_or_nan_and_an_infinity_is_a_value() -> None:
    found = count(demand(not_null=True), numeric([1.0, None, math.nan, math.inf]), 4)
    assert found == CheckCounts(4, 2, {})


def test_every_row_lacks_a_column_that_is_not_there() -> None:
    looked = DemandCheck(demand(not_null=True)).look_at(rows_of(None, 3))
    assert looked is not None
    assert looked.count(np.arange(3)) == CheckCounts(3, 3)
    assert DemandCheck(demand(unique=True)).look_at(rows_of(None, 3)) is None


def test_a_unique_column_counts_the_repeats_and_not_the_first() -> None:
    values = ["a", "b", "a", None, "a", None]
    assert count(demand(unique=True), categorical(values), 6) == CheckCounts(4, 2, {"a": 2})
    assert count(demand(unique=True), numeric([1.0, 1.0, math.nan, math.nan]), 4) == CheckCounts(2, 1, {1.0: 1})


def test_rows_whose_features_a_client_did_not_send_are_not_checked() -> None:
    sampled = np.array([True, False, True])
    assert count(demand(not_null=True), numeric([1.0, None, None]), 3, sampled=sampled) == CheckCounts(2, 1)


def test_a_feature_that_is_kept_as_a_tag_is_not_missed_in_rows_without_features() -> None:
    rows = Rows(np.zeros(2, dtype=np.int64), tags={"c": categorical(["x", None])}, sampled=np.array([True, False]))
    for feature, missing in ((True, CheckCounts(1, 0)), (False, CheckCounts(2, 1))):
        looked = DemandCheck(demand(not_null=True), feature=feature).look_at(rows)
        assert looked is not None
        assert looked.count(np.arange(2)) == missing


def test_a_column_with_a_role_is_found_by_its_role() -> None:
    rows = Rows(
        np.zeros(3, dtype=np.int64),
        outputs={"score": NumericColumn(np.array([0.1, 1.2, 0.3]))},
        latency_seconds=np.array([0.1, np.nan, 9.0]),
        ids=["a", "b", "a"],
        tags={"region": categorical(["x", "y", None])},
    )

    def counted(declared: Demand, role: str | None) -> tuple[int, int]:
        looked = DemandCheck(declared, role).look_at(rows)
        assert looked is not None
        found = looked.count(np.arange(3))
        return found.n, found.n_violated

    assert counted(demand(between=(0.0, 1.0)), "score") == (3, 1)
    assert counted(demand(between=(0.0, 1.0)), "latency_seconds") == (2, 1)
    assert counted(demand(unique=True), "id") == (3, 1)
    assert counted(Demand("region", DemandKind.IN, allowed=("x",)), None) == (2, 1)


def test_a_private_column_gives_no_examples() -> None:
    looked = DemandCheck(demand(regex="x"), private=True).look_at(rows_of(categorical(["a", "b"]), 2))
    assert looked is not None
    assert looked.count(np.arange(2)) == CheckCounts(2, 2, {})


def test_a_long_example_is_cut() -> None:
    found = count(demand(regex="x"), categorical(["y" * 500, "y" * 501]), 2)
    assert found.examples == {"y" * 79 + "…": 2}


def test_re2_refuses_what_could_take_forever_and_says_so() -> None:
    for pattern, said in (
        ("(?=a)b", r"\(\?="),
        (r"(a)\1", r"\\1"),
        ("[", r"\["),
        ("a{2000}", "2000"),
        ("a" * 1001, "1,001"),
    ):
        with pytest.raises(ValueError, match=said):
            check_pattern(pattern)
    assert matches("(a+)+", ["a" * 5000, "a" * 5000 + "b"]).tolist() == [True, False]


@given(st.lists(st.text(alphabet="aB0é\n", max_size=4), max_size=20))
def test_patterns_agree_with_pythons_fullmatch(values: list[str]) -> None:
    for pattern in ("a*B?", "[a-zé]+|0", "(?i)b.?", "(?s)a.*", ""):
        wanted = [re.fullmatch(pattern, value) is not None for value in values]
        assert matches(pattern, values).tolist() == wanted


@given(st.lists(VALUES, max_size=60), st.data())
def test_counts_of_numbers_agree_with_a_loop_and_add(values: list[float | None], data: st.DataObject) -> None:
    low = data.draw(st.floats(-5, 5))
    column, n = numeric(values), len(values)
    looked = DemandCheck(demand(between=(low, low + 2))).look_at(rows_of(column, n))
    assert looked is not None
    whole = looked.count(np.arange(n))
    present = [value for value in values if value is not None and not math.isnan(value)]
    bad = [value for value in present if not low <= value <= low + 2]
    assert (whole.n, whole.n_violated) == (len(present), len(bad))
    counted = Counter(bad)
    assert all(counted[value] == number for value, number in whole.examples.items())  # type: ignore[index]
    assert len(whole.examples) == min(EXAMPLES_KEPT, len(counted))
    part = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), dtype=np.bool_)
    left, right = looked.count(np.flatnonzero(part)), looked.count(np.flatnonzero(~part))
    assert left.merge(right) == whole == right.merge(left)


@given(st.lists(WORDS, max_size=60), st.data())
def test_counts_of_text_agree_with_a_loop_and_add(values: list[str | None], data: st.DataObject) -> None:
    allowed = tuple(data.draw(st.lists(st.text(alphabet="ab1", max_size=2), min_size=1, max_size=3)))
    n = len(values)
    looked = DemandCheck(demand(allowed=allowed)).look_at(rows_of(categorical(values), n))
    assert looked is not None
    bad = Counter(value for value in values if value is not None and value not in allowed)
    whole = looked.count(np.arange(n))
    assert whole.n_violated == bad.total()
    assert whole.examples.items() <= bad.items()
    part = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), dtype=np.bool_)
    assert looked.count(np.flatnonzero(part)).merge(looked.count(np.flatnonzero(~part))) == whole


COUNTS = st.builds(
    lambda examples: CheckCounts(100, sum(examples.values()), examples),
    st.dictionaries(
        st.integers(0, 40).map(str) | st.integers(0, 40).map(float), st.integers(1, 9), max_size=EXAMPLES_KEPT
    ),
)


@given(COUNTS, COUNTS, COUNTS)
def test_merging_is_associative_and_commutative(a: CheckCounts, b: CheckCounts, c: CheckCounts) -> None:
    assert a.merge(b).merge(c) == a.merge(b.merge(c))
    assert a.merge(b) == b.merge(a)
    assert list(a.merge(b).to_fields()) == list(b.merge(a).to_fields())
    assert merge_counts({"x": a}, {"x": b, "y": c}) == {"x": a.merge(b), "y": c}
    assert CheckCounts.from_fields(a.to_fields()) == a


def test_the_heaviest_examples_are_shown_first() -> None:
    assert CheckCounts(9, 9, {"b": 2, "a": 2, "c": 5}).heaviest(2) == [("c", 5), ("a", 2)]


def test_every_demand_has_words_and_a_key_of_its_own() -> None:
    constraint = Constraint(
        "c", between=(0.0, None), allowed=tuple("abcdefg"), regex="[a-z]", not_null=True, unique=True, max_share=0.1
    )
    demands = demands_of(
        [constraint, constraint, Constraint("c", between=(0.5, 2.0)), Constraint("c", between=(None, 9.0))]
    )
    assert [each.words for each in demands] == [
        "at least 0",
        "one of 'a', 'b', 'c', 'd', 'e' and 2 more",
        "like '[a-z]'",
        "never missing",
        "never twice",
        "between 0.5 and 2",
        "at most 9",
    ]
    assert len({each.key for each in demands}) == 7
    assert [value_text(value) for value in (1, 1.0, 1e300, True)] == ["1", "1", "1e+300", "true"]
