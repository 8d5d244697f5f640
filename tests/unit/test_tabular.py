"""Tables from anywhere, and the error a person would wish for."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.ipc as pa_ipc
import pyarrow.parquet as pq
import pytest

from driftwatch.errors import DataError
from driftwatch.integrations.tabular import read_table

TABLE = pa.table({"x": [1.5, None, 3.0], "größe": ["a", "b", None], "select": [True, False, None]})


def write_csv(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "arrows", "data"])
def test_binary_files_are_told_by_their_content(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table.{suffix}"
    if suffix in {"parquet", "data"}:
        pq.write_table(TABLE, path)
    elif suffix == "arrow":
        with pa_ipc.new_file(path, TABLE.schema) as sink:
            sink.write_table(TABLE)
    else:
        with pa_ipc.new_stream(path, TABLE.schema) as sink:
            sink.write_table(TABLE)
    assert read_table(path).equals(TABLE)
    assert read_table(str(path)).equals(TABLE)


def test_a_csv_s_types_are_those_of_its_values(tmp_path: Path) -> None:
    text = "n,t,flag,at,country\n1,x,true,2024-01-01T00:00:00,NA\n,,,,\n2.5,NULL,false,2024-01-01T01:00:00,DE\n"
    table = read_table(write_csv(tmp_path / "a.csv", text))
    assert table.column("n").to_pylist() == [1.0, None, 2.5]
    assert table.column("t").to_pylist() == ["x", None, None]
    assert table.column("flag").to_pylist() == [True, None, False]
    assert pa.types.is_timestamp(table.column("at").type)
    assert table.column("country").to_pylist() == ["NA", None, "DE"]  # Namibia is no missing value


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_a_csv_may_use_other_separators_and_a_byte_order_mark(tmp_path: Path, separator: str) -> None:
    text = "\ufeff" + "\n".join(separator.join(row) for row in (["a", "b"], ["1", "x"], ["2", "y"]))
    assert read_table(write_csv(tmp_path / "a.csv", text)).to_pydict() == {"a": [1, 2], "b": ["x", "y"]}


def test_a_compressed_csv_is_read(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv.gz", gzip.compress(b"a,b\n1,x\n"))
    assert read_table(path).to_pydict() == {"a": [1], "b": ["x"]}


def test_a_column_that_turns_from_numbers_to_words_late_is_text_and_the_others_keep_their_types(
    tmp_path: Path,
) -> None:
    rows = [f"{i},{i / 2},2024-01-01T00:00:00,filler filler filler filler filler {i}" for i in range(300_000)]
    rows.append("oops,1.5,2024-01-01T00:00:00,end")
    table = read_table(write_csv(tmp_path / "a.csv", "x,y,at,z\n" + "\n".join(rows)))
    assert table.column("x").to_pylist()[-1] == "oops"
    assert pa.types.is_floating(table.column("y").type)
    assert pa.types.is_timestamp(table.column("at").type)
    assert table.num_rows == 300_001


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"a,b\n1,2\n3\n", "cannot be read as CSV"),
        ("a.csv", "a,b\nü,1\n".encode("latin-1"), "not UTF-8"),
        ("a.csv", "a,ü\n1,2\n".encode("latin-1"), "not UTF-8"),
        ("a.csv", b"a,b,a\n1,2,3\n", "two columns named 'a'"),
        ("a.csv", b"\xef\xbb\xbf", "cannot be read as CSV"),
        ("a.parquet", b"not parquet at all", "cannot be read"),
        ("a.arrow", b"ARROW1\0\0 and then nothing", "cannot be read"),
        ("a.bin", bytes(range(256)), "neither Parquet nor Arrow nor text"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = write_csv(tmp_path / name, content)
    with pytest.raises(DataError, match=message) as caught:
        read_table(path)
    assert name in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file .*nowhere\.csv"):
        read_table(tmp_path / "nowhere.csv")


@pytest.mark.parametrize(
    "frame",
    [
        TABLE,
        TABLE.to_batches()[0],
        TABLE.to_pandas(),
        {name: TABLE.column(name).to_pylist() for name in TABLE.column_names},
        TABLE.to_pylist(),
    ],
    ids=["table", "batch", "pandas", "dict", "rows"],
)
def test_frames_become_the_same_table(frame: Any) -> None:
    assert read_table(frame).to_pydict() == TABLE.to_pydict()


def test_mixed_objects_become_text_and_every_kind_of_missing_is_missing() -> None:
    frame = pd.DataFrame({"x": pd.Series([1, "two", None, float("nan"), pd.NA, pd.NaT, np.float64(2.5)], dtype=object)})
    assert read_table(frame).column("x").to_pylist() == ["1", "two", None, None, None, None, "2.5"]


def test_pandas_columns_with_the_same_name_and_dicts_of_different_lengths_are_refused() -> None:
    with pytest.raises(DataError, match="two columns named 'a'") as caught:
        read_table(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    assert caught.value.column == "a"
    with pytest.raises(DataError, match="different lengths: a 1, b 2"):
        read_table({"a": [1], "b": [1, 2]})


@pytest.mark.parametrize("source", [3, [1, 2], object(), pd.Series([1.0, 2.0]), pa.chunked_array([[1, 2]])])
def test_what_is_no_table_is_refused(source: Any) -> None:
    with pytest.raises(DataError, match="is no table"):
        read_table(source)
