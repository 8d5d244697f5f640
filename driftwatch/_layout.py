"""Where the folders that travel beside the code are: in the wheel, or in the checkout."""

from pathlib import Path

__all__ = ["bundled_dir"]


def bundled_dir(name: str) -> Path:
    """The folder `name` ("migrations" or "dashboards") of this very installation.

    The wheel carries it inside the package, a checkout beside it. ``sys.path`` is never searched: an editable
    install may leave a stale twin there.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "_bundled" / name, package.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(
        f"This installation of driftwatch has no {name!r} folder beside {package}. Install it again."
    )
