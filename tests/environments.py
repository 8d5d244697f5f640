"""Environments with other releases of packages than the suite's own, made once and kept beside the checkout.

``python tests/environments.py`` makes those that are missing; under DRIFTWATCH_REQUIRE_ALL=1 the tests do.
"""

import os
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["EVIDENTLY", "OLDEST_PANDAS", "Environment"]

_ROOT = Path(__file__).resolve().parents[1] / ".test-environments"
_PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile")


@dataclass(frozen=True)
class Environment:
    """Packages that the suite's own environment cannot hold.

    Attributes:
        name: of its folder; names the releases, so that another release is another folder.
        make: fills the folder.
    """

    name: str
    make: Callable[[Path], None]

    @property
    def folder(self) -> Path:
        """Where it is or will be."""
        return _ROOT / self.name

    @property
    def is_made(self) -> bool:
        """Whether it is there, and whole."""
        return (self.folder / ".made").exists()

    def require(self) -> Path:
        """The folder; where it is missing it is made under DRIFTWATCH_REQUIRE_ALL=1, else the test is not run."""
        if not self.is_made:
            if os.environ.get("DRIFTWATCH_REQUIRE_ALL") != "1":
                pytest.skip("not run: python tests/environments.py")
            self.build()
        return self.folder

    def build(self) -> None:
        """Make it, with pip as this machine has it configured."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.make(self.folder)
        (self.folder / ".made").touch()


def _make_evidently(folder: Path) -> None:
    venv.create(folder, with_pip=True, symlinks=True)
    _run(folder / "bin" / "python", *_PIP, "evidently==0.7.23", "pandas<3.1", "pyarrow")


def _make_oldest_pandas(folder: Path) -> None:
    """Beside the suite's own numpy and pyarrow, before which it is found through PYTHONPATH."""
    _run(Path(sys.executable), *_PIP, "--upgrade", "--no-deps", "--target", str(folder), "pandas==2.2.3", "pytz")


def _run(*command: Path | str) -> None:
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)


EVIDENTLY = Environment("evidently-0.7.23", _make_evidently)
OLDEST_PANDAS = Environment("pandas-2.2.3", _make_oldest_pandas)

if __name__ == "__main__":
    for each in (EVIDENTLY, OLDEST_PANDAS):
        if not each.is_made:
            each.build()
