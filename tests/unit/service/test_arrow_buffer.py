"""Buffers read as numpy arrays hold what pyarrow's own conversion says."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.service.arrow_buffer import to_codes, to_floats

CHUNKS = st.lists(st.lists(st.none() | st.floats(allow_nan=False), max_size=20), max_size=4)


@given(CHUNKS, st.integers(0, 9))
def test_floats_are_those_of_pyarrow_also_of_slices_and_chunks(chunks: list[list[float | None]], start: int) -> None:
    column = pa.chunked_array([pa.array(chunk, pa.float64()) for chunk in chunks], pa.float64()).slice(start)
    values, nulls = to_floats(column)
    np.testing.assert_array_equal(values, column.to_numpy())
    expected = column.is_null().to_numpy()
    np.testing.assert_array_equal(np.zeros(len(column), dtype=bool) if nulls is None else nulls, expected)
    assert (nulls is None) == (not expected.any())


def test_a_column_of_one_chunk_without_nulls_is_not_copied() -> None:
    column = pa.chunked_array([pa.array([1.0, 2.0])])
    values, _ = to_floats(column)
    assert values.__array_interface__["data"][0] == column.chunk(0).buffers()[1].address


@pytest.mark.parametrize("values", [["a", None, "b", "a"], ["a", "b"], [None, None], []])
def test_codes_are_minus_one_where_a_value_is_missing(values: list[str | None]) -> None:
    encoded = pa.array(values, pa.string()).dictionary_encode()
    words = encoded.dictionary.to_pylist()
    assert [words[code] if code >= 0 else None for code in to_codes(encoded.indices)] == values
