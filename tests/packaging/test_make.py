"""`make demo` and `make test` on machines that lack something say what is missing, and what to do."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

_OLD = """import sys
sys.version_info, sys.version = (3, 9, 2), "3.9.2 (default)"
exec(sys.argv[1])
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, tmp_path / name)
    shutil.copytree(CHECKOUT / "driftwatch", tmp_path / "driftwatch", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def _script(path: Path, text: str) -> Path:
    path.write_text("#!/bin/sh\n" + text, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def _make(checkout: Path, target: str, python: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    make = shutil.which("make")
    assert make is not None
    return subprocess.run(
        [make, target, f"PYTHON={python}"],
        cwd=checkout,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("target", ["demo", "test"])
def test_an_old_python_is_named_with_the_way_out(checkout: Path, target: str) -> None:
    (checkout / "old.py").write_text(_OLD, encoding="utf-8")
    python = _script(checkout / "python-old", f'shift; exec "{sys.executable}" "{checkout}/old.py" "$@"\n')
    done = _make(checkout, target, python)
    assert done.returncode != 0
    assert "needs Python 3.11 or newer, this is 3.9.2" in done.stderr
    assert "make PYTHON=python3.12" in done.stderr


def test_a_python_without_venv_is_told_the_package_that_brings_it(checkout: Path) -> None:
    python = _script(
        checkout / "python-bare",
        f'case "$2" in *ensurepip*) exit 1;; esac\nexec "{sys.executable}" "$@"\n',
    )
    done = _make(checkout, "demo", python)
    assert done.returncode != 0
    assert "apt-get install python3-venv" in done.stderr


@pytest.mark.slow
def test_without_a_network_the_first_run_says_that_it_needs_one(checkout: Path) -> None:
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}
    done = _make(checkout, "demo", Path(sys.executable), PIP_NO_CACHE_DIR="1", **nowhere)
    assert done.returncode != 0
    assert "The first run must reach the package index" in done.stderr
    assert not (checkout / ".venv" / ".installed-demo").exists()


def test_after_the_tests_the_demo_installs_nothing(checkout: Path) -> None:
    stamp = checkout / ".venv" / ".installed-test"
    stamp.parent.mkdir()
    stamp.touch()
    script = _script(checkout / ".venv" / "driftwatch", 'echo "ran $@"\n')
    (checkout / ".venv" / "bin").mkdir()
    script.rename(checkout / ".venv" / "bin" / "driftwatch")
    done = _make(checkout, "demo", Path("/nonexistent/python"))
    assert done.returncode == 0, done.stderr
    assert "ran demo" in done.stdout
