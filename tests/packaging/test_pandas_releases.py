"""What is profiled does not depend on the release of pandas that a frame is of."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from environments import OLDEST_PANDAS
from frame_profiles import frame, profiles

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_oldest_and_the_newest_pandas_give_identical_profiles() -> None:
    older = OLDEST_PANDAS.require()
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "frame_profiles.py"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(older), str(ROOT)))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    theirs = json.loads(done.stdout)
    assert theirs.pop("pandas").startswith("2.2.")
    assert int(pd.__version__.split(".")[0]) >= 3
    ours = profiles(frame())
    assert {"levels", "mixed", "numbers", "words"} <= set(ours["columns"].split())
    assert len(ours) > 40
    assert ours == theirs
