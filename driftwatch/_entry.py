"""The `driftwatch` script. Runs with the standard library alone, and names the extra when more is needed."""

import sys
from importlib.util import find_spec

__all__ = ["main"]

_NEEDED = ("typer", "numpy", "sqlalchemy")


def main() -> int:
    """Run the command line; returns the exit code."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if not missing:
        from driftwatch.cli import run

        return run()
    if sys.argv[1:] == ["--version"]:
        from driftwatch import __version__

        sys.stdout.write(f"driftwatch {__version__}\n")
        return 0
    sys.stderr.write(
        "This is the base install of driftwatch: the logging client that serving code embeds\n"
        "(import driftwatch; driftwatch.Client(...)). The commands, the service and the dashboard need more:\n\n"
        "    pip install 'driftwatch-monitor[server,dashboard]'\n\n"
        f"Missing here: {', '.join(missing)}.\n"
    )
    return 2


if __name__ == "__main__":
    sys.exit(main())
