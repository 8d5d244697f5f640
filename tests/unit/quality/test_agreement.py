"""The same rows by two paths, against a loop over the rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.profiles.bucket import CategoricalColumn, NumericColumn
from driftwatch.quality.agreement import compare_rows

VALUES = st.one_of(st.none(), st.sampled_from([0.0, 1.0, 1.0 + 1e-9, 2.5, -3.0, 1e9, 1e9 + 1]))


def numbers(values: list[float | None]) -> NumericColumn:
    return NumericColumn(
        np.array([0.0 if value is None else value for value in values]), np.array([value is None for value in values])
    )


def texts(values: list[str | None]) -> CategoricalColumn:
    names = sorted({value for value in values if value is not None})
    return CategoricalColumn(names, np.array([-1 if value is None else names.index(value) for value in values]))


@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=30))
def test_counts_are_those_of_a_loop(rows: list[tuple[float | None, float | None]]) -> None:
    served, offline = [one for one, _ in rows], [other for _, other in rows]
    found = compare_rows("x", numbers(served), numbers(offline), relative=1e-6, absolute=1e-9)
    wrong = [
        place
        for place, (a, b) in enumerate(rows)
        if (a is None) != (b is None) or (a is not None and b is not None and abs(b - a) > 1e-9 + 1e-6 * abs(a))
    ]
    assert found.mismatched == len(wrong)
    assert found.n == sum(a is not None or b is not None for a, b in rows)
    assert found.only_served == sum(a is not None and b is None for a, b in rows)
    assert found.only_offline == sum(a is None and b is not None for a, b in rows)
    assert [each.row for each in found.examples] == wrong[:5]
    assert found.share is None or found.low is None or found.high is None or found.low <= found.share <= found.high


def test_a_unit_or_an_offset_is_told_as_one_constant_gap() -> None:
    served = np.random.default_rng(1).normal(size=200)
    shifted = compare_rows("x", NumericColumn(served), NumericColumn(served + 273.15))
    assert shifted.median_gap == pytest.approx(273.15)
    assert shifted.constant_gap
    noisy = compare_rows("x", NumericColumn(served), NumericColumn(served * 1.1))
    assert noisy.share == 1.0
    assert not noisy.constant_gap


def test_texts_differ_where_they_are_not_the_same_and_a_number_may_be_a_code() -> None:
    found = compare_rows("c", texts(["a", "b", None, None]), texts(["a", "c", "d", None]))
    assert (found.n, found.mismatched, found.only_offline) == (3, 2, 1)
    assert [(each.served, each.offline) for each in found.examples] == [("b", "c"), (None, "d")]
    assert compare_rows("c", texts(["1", "2"]), numbers([1.0, 3.0])).mismatched == 1


def test_no_values_at_all_say_nothing() -> None:
    found = compare_rows("x", numbers([None]), numbers([None]))
    assert (found.n, found.share, found.low) == (0, None, None)
    assert found.to_dict()["examples"] == []
