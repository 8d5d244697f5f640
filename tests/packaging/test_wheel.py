"""The wheel, built through the sdist and installed elsewhere, is whole."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).resolve().parents[2]


def _run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that `python -m build` makes out of the sdist (no network: the build backend is installed)."""
    out = tmp_path_factory.mktemp("dist")
    built = _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, CHECKOUT, cwd=out)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = out.glob("*.whl")
    return path


def _environment(folder: Path, wheel: Path) -> Path:
    """A virtual environment that holds the wheel alone; returns its bin folder."""
    venv.create(folder, with_pip=False)
    target = next((folder / "lib").glob("python*")) / "site-packages"
    installed = _run(
        sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", "--no-deps", "--no-index", wheel,
        cwd=folder,
    )  # fmt: skip
    assert installed.returncode == 0, installed.stderr
    assert (target / "driftwatch").is_dir()
    return folder / "bin"


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    return _environment(tmp_path_factory.mktemp("base") / "env", wheel)


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """The wheel, with the dependencies of this test run on its path (and not this checkout)."""
    bin_folder = _environment(tmp_path_factory.mktemp("full") / "env", wheel)
    site = next((bin_folder.parent / "lib").glob("python*")) / "site-packages"
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
    return bin_folder


def test_the_base_install_runs_on_the_standard_library_and_names_the_extra(base: Path, tmp_path: Path) -> None:
    version = _run(base / "driftwatch", "--version", cwd=tmp_path)
    assert version.returncode == 0
    assert version.stdout.startswith("driftwatch 0.")
    refused = _run(base / "driftwatch", "demo", cwd=tmp_path)
    assert refused.returncode == 2
    assert "driftwatch-monitor[server,dashboard]" in refused.stderr


def test_the_installed_wheel_migrates_a_store_from_any_folder(full: Path, tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    where = _run(full / "python", "-c", "import driftwatch; print(driftwatch.__file__)", cwd=tmp_path)
    assert str(CHECKOUT) not in where.stdout
    upgraded = _run(full / "driftwatch", "db", "upgrade", cwd=tmp_path, DRIFTWATCH_STORE=f"sqlite:///{store}")
    assert upgraded.returncode == 0, upgraded.stderr
    assert store.stat().st_size > 0


def test_the_installed_wheel_shows_its_dashboard(full: Path, tmp_path: Path) -> None:
    script = (
        "from streamlit.testing.v1 import AppTest\n"
        "from driftwatch._layout import bundled_dir\n"
        "assert '_bundled' in str(bundled_dir('dashboards'))\n"
        "page = AppTest.from_file(str(bundled_dir('dashboards') / 'app.py'), default_timeout=60).run()\n"
        "assert not page.exception, page.exception\n"
        "print(page.title[0].value)\n"
    )
    store = f"sqlite:///{tmp_path / 'store.db'}"
    assert _run(full / "driftwatch", "db", "upgrade", cwd=tmp_path, DRIFTWATCH_STORE=store).returncode == 0
    shown = _run(full / "python", "-c", script, cwd=tmp_path, DRIFTWATCH_STORE=store)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.strip()
