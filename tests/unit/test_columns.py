"""A Parquet file is opened by its footer, and gives each column when it is asked for."""

from pathlib import Path
from threading import Thread

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from driftwatch.errors import DataError
from driftwatch.integrations.columns import open_columns
from driftwatch.integrations.tabular import read_table


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "rows.parquet"
    table = pa.table({"a": [1.0, None, 3.0], "a.b": ["x", "y", None], "when": pa.array([1, 2, 3], pa.timestamp("us"))})
    pq.write_table(table, path, row_group_size=2)
    return path


def test_the_columns_are_those_of_the_whole_table(path: Path) -> None:
    table, source = read_table(path), open_columns(path)
    assert (source.column_names, source.num_rows) == (table.column_names, table.num_rows)
    assert source.schema.field("when").type == table.schema.field("when").type
    for name in table.column_names:
        assert source.column(name).to_pylist() == table.column(name).to_pylist()


def test_a_name_with_a_dot_is_a_column_and_no_path(path: Path) -> None:
    assert open_columns(path).column("a.b").to_pylist() == ["x", "y", None]


def test_several_threads_may_ask_at_once(path: Path) -> None:
    source, seen = open_columns(path), []
    threads = [Thread(target=lambda: seen.append(source.column("a").to_pylist())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [[1.0, None, 3.0]] * 8


def test_a_frame_is_its_own_source() -> None:
    assert open_columns({"a": [1, 2]}).column("a").to_pylist() == [1, 2]


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.parquet"
    path.write_bytes(b"PAR1" + b"\0" * 100)
    with pytest.raises(DataError, match=r"broken\.parquet cannot be read"):
        open_columns(path)


def test_a_file_that_names_a_column_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "twins.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), path)
    with pytest.raises(DataError, match="two columns named 'a'"):
        open_columns(path)
