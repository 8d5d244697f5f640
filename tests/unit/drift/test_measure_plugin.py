"""A measure of another package enters by an entry point, and one that is broken stops nobody else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = """
import numpy as np
from driftwatch.drift.measures import Measure
from driftwatch.drift.result import Estimate

def gap_of_medians(reference, current):
    return Estimate(float(np.median(current) - np.median(reference)))

median_gap = Measure("median_gap", on_values=gap_of_medians, unit="column", direction="away_from_zero_is_drift")
"""
SCRIPT = """
import json, sys
from driftwatch.service.comparison import compare
result = compare({"x": [float(i) for i in range(40)]}, {"x": [float(i + 5) for i in range(40)]}, methods=sys.argv[1])
print(json.dumps([measure.to_dict() for measure in result.columns[0].measures]))
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder as pip leaves it: a module, and a distribution whose metadata names two measures in it."""
    (tmp_path / "shop_measures.py").write_text(PLUGIN)
    info = tmp_path / "shop_measures-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shop-measures\nVersion: 1.0\n")
    points = "median_gap = shop_measures:median_gap\nbroken = shop_measures:no_such_thing\n"
    (info / "entry_points.txt").write_text(f"[driftwatch.measure]\n{points}")
    return tmp_path


def run(installed: Path, methods: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(installed), *filter(None, sys.path)])}
    return subprocess.run([sys.executable, "-c", SCRIPT, methods], capture_output=True, text=True, env=environment)  # noqa: PLW1510


def test_a_measure_of_another_package_is_measured_by_its_name(installed: Path) -> None:
    measured = json.loads(run(installed, "median_gap,ks").stdout)
    assert [each["method"] for each in measured] == ["median_gap", "kolmogorov_smirnov"]
    assert [each["value"] for each in measured] == pytest.approx([5.0, 0.125])
    assert measured[0]["unit"] == "column"


def test_a_broken_one_is_told_to_who_asks_for_it_and_to_nobody_else(installed: Path) -> None:
    assert run(installed, "all").returncode == 0
    failed = run(installed, "broken")
    assert "measure 'broken' is installed and cannot be loaded: AttributeError" in failed.stderr
