from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.wire import build_column, clean_text, from_bytes, kind_of, to_bytes


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "boolean"),
        (np.bool_(1), "boolean"),
        (1, "numeric"),
        (2**80, "numeric"),
        (0.5, "numeric"),
        (float("nan"), "numeric"),
        (np.float32(1), "numeric"),
        (np.int8(1), "numeric"),
        (np.uint64(1), "numeric"),
        (Decimal("1.5"), "numeric"),
        (Fraction(1, 3), "numeric"),
        ("AA", "categorical"),
        (np.str_("AA"), "categorical"),
        (b"AA", "categorical"),
        (pd.Timestamp("2013-01-01"), "categorical"),
        (object(), "categorical"),
        ([1.0], "embedding"),
        (np.zeros(3), "embedding"),
        (None, None),
    ],
)
def test_the_kind_of_a_value(value: Any, kind: str | None) -> None:
    assert kind_of(value) == kind


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2.5], "numeric"),
        ([1, None], "numeric"),
        ([True, 2.5, None], "numeric"),
        ([True, None], "boolean"),
        (["a", None], "categorical"),
        ([[1.0], None], "embedding"),
        ([None, None], "null"),
        ([], "null"),
    ],
)
def test_the_kind_of_a_column(values: list[Any], kind: str) -> None:
    column, bad = build_column(values)
    assert (column.kind, bad) == (kind, [])


def test_a_column_without_a_value_keeps_the_kind_it_is_known_to_have() -> None:
    assert build_column([None, None], "numeric")[0].kind == "numeric"


def test_numbers_without_null_are_packed_as_float64_and_texts_as_codes() -> None:
    numbers, _ = build_column([1, 2.5])
    assert numbers.values == np.array([1, 2.5], "<f8").tobytes()  # noqa: PD011 - no pandas here
    column, _ = build_column(["b", None, "a", "b"])
    assert column.dictionary == ["b", "a"]
    assert column.codes == np.array([0, -1, 1, 0], "<i4").tobytes()


@given(st.lists(st.floats() | st.integers(-(2**70), 2**70)))
def test_packing_numbers_agrees_with_numpy(values: list[float]) -> None:
    column, _ = build_column([*values, 0.0])
    assert isinstance(column.values, bytes)
    np.testing.assert_array_equal(np.frombuffer(column.values, "<f8"), np.array([*values, 0.0], float))


@given(st.lists(st.none() | st.text(max_size=5)))
def test_codes_and_dictionary_give_the_texts_back(values: list[str | None]) -> None:
    column, bad = build_column([*values, "x"])
    expected = [None if value is None else clean_text(value) for value in [*values, "x"]]
    assert not bad
    assert column.to_list() == expected
    assert column.dictionary is not None
    assert len(set(column.dictionary)) == len(column.dictionary)


def test_a_value_of_another_kind_costs_itself_and_not_the_column() -> None:
    column, bad = build_column([1.0, "n/a", 2.0, None, [3.0]])
    assert column.to_list() == [1.0, None, 2.0, None, None]
    assert [(fault.position, fault.reason) for fault in bad] == [
        (1, "'n/a' is categorical in a column that is numeric"),
        (4, "[3.0] is embedding in a column that is numeric"),
    ]


def test_nan_among_texts_is_pandas_way_of_saying_null() -> None:
    column, bad = build_column(["AA", float("nan"), "UA"])
    assert (column.to_list(), bad) == (["AA", None, "UA"], [])


def test_an_integer_beyond_float64_is_reported() -> None:
    column, bad = build_column([1, 10**400])
    assert column.to_list() == [1.0, None]
    assert [fault.position for fault in bad] == [1]


def test_an_embedding_of_something_else_is_reported() -> None:
    column, bad = build_column([[1.0, 2.0], ["a"], [[1.0]]])
    assert column.to_list() == [[1.0, 2.0], None, None]
    assert [fault.position for fault in bad] == [1, 2]


def test_long_texts_that_are_alike_after_the_cut_are_one_category() -> None:
    column, _ = build_column(["x" * 256 + "a", "x" * 256 + "b", "y"])
    assert column.dictionary == ["x" * 256, "y"]
    assert column.to_list() == ["x" * 256, "x" * 256, "y"]


@given(st.text(), st.integers(1, 40))
def test_clean_text_fits_is_storable_and_is_itself_clean(text: str, limit: int) -> None:
    clean = clean_text(text, limit)
    assert len(clean.encode()) <= limit
    assert "\0" not in clean
    assert clean_text(clean, limit) == clean


def test_bytes_are_little_endian_whatever_the_machine() -> None:
    assert to_bytes("i", [1]) == b"\x01\0\0\0"
    assert to_bytes("q", [-1]) == b"\xff" * 8
    assert from_bytes("d", np.array([0.5], "<f8").tobytes()).tolist() == [0.5]
