"""`driftwatch compare` loads what it needs, and reads Parquet a column at a time."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from driftwatch.service.comparison import compare

HEAVY = ("pandas", "scipy.stats", "sklearn", "sqlalchemy", "pyarrow.dataset", "fastapi", "duckdb", "alembic")
SCRIPT = """
import sys
from driftwatch._entry import main
sys.argv = ["driftwatch", "compare", *sys.argv[1:], "--json"]
code = main()
print("\\n" + ",".join(sorted(sys.modules)))
sys.exit(code)
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder, rng = tmp_path_factory.mktemp("lean"), np.random.default_rng(1)
    paths = folder / "reference.parquet", folder / "current.parquet"
    for path, shift in zip(paths, (0.0, 1.0), strict=True):
        x = rng.normal(shift, 1, 2000)
        y = x + rng.normal(size=2000)
        columns = {"x": x, "y": y, "z": rng.normal(size=2000), "colour": rng.choice(["red", "blue", "green"], 2000)}
        columns["won"] = rng.random(2000) < 0.3 + 0.2 * shift
        pq.write_table(pa.table(columns), path, row_group_size=700)
    return paths


def test_the_command_imports_no_part_that_a_comparison_does_not_need(files: tuple[Path, Path]) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, *map(str, files)], capture_output=True, text=True, check=True)
    report, modules = done.stdout.rsplit("\n\n", 1)
    assert json.loads(report)["verdict"] == "drift"
    assert not set(HEAVY) & set(modules.split(","))


def test_a_file_and_its_table_are_told_the_same(files: tuple[Path, Path]) -> None:
    tables = [pq.read_table(path) for path in files]
    assert compare(*files).to_dict() == compare(*tables).to_dict()


def test_large_tables_on_threads_are_told_what_small_ones_are_told(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = compare(*files).to_dict()
    monkeypatch.setattr("driftwatch.service.comparison._THREADED_ROWS", 100)
    assert compare(*files).to_dict() == before


@pytest.mark.parametrize(
    ("method", "key"),
    [
        ("hotelling", "hotelling_moments"),
        ("pca", "pca_reconstruction_error"),
        ("domain_classifier", "domain_classifier"),
    ],
)
def test_columns_are_judged_together_by_the_method_asked_for(files: tuple[Path, Path], method: str, key: str) -> None:
    together = compare(*files, multivariate=method).multivariate
    assert together.method == key
    assert together.value is not None
    assert together.to_dict()["method"] == key


def test_the_classifier_says_which_columns_tell_the_files_apart(files: tuple[Path, Path]) -> None:
    told = compare(*files, multivariate="domain_classifier").multivariate.to_dict()
    assert told["drifted"]
    assert {feature["column"] for feature in told["features"]} == {"x", "y", "z", "colour", "won"}
    assert told["features"][0]["column"] == "x"
    assert told["interval"][0] < told["value"] < told["interval"][1]


def test_a_column_of_two_values_is_given_the_exact_test_too(files: tuple[Path, Path]) -> None:
    columns = {column.column: column for column in compare(*files, methods="all").columns}
    names = {name: {measure.method for measure in column.measures} for name, column in columns.items()}
    assert {"fisher_exact", "two_proportions_z"} <= names["won"]
    assert not {"fisher_exact", "two_proportions_z"} & (names["colour"] | names["x"])
