"""The public surface: what is exported exists, is documented, and nothing heavy comes with the import."""

import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import driftwatch

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


def _modules() -> list[str]:
    found = pkgutil.walk_packages(driftwatch.__path__, prefix="driftwatch.")
    return [module.name for module in found if "__main__" not in module.name and "_bundled" not in module.name]


@pytest.mark.parametrize("name", [name for name in driftwatch.__all__ if name != "__version__"])
def test_every_exported_name_loads_and_stands_in_the_readme(name: str) -> None:
    assert getattr(driftwatch, name).__doc__
    assert f"driftwatch.{name}" in README


@pytest.mark.parametrize("module", _modules())
def test_every_public_name_of_a_module_exists_and_says_what_it_is(module: str) -> None:
    loaded = importlib.import_module(module)
    for name in getattr(loaded, "__all__", ()):
        public = getattr(loaded, name)
        if inspect.isclass(public) or inspect.isroutine(public):
            assert public.__doc__, f"{module}.{name} has no docstring"


def test_importing_driftwatch_loads_nothing_of_the_server() -> None:
    code = "import sys, driftwatch; print(*sorted(m for m in sys.modules if m.startswith('driftwatch')))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["driftwatch"]
