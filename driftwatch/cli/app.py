"""All commands under one roof; each command's module registers itself."""

import sys
from importlib import import_module
from typing import Annotated

import typer

from driftwatch.errors import DriftwatchError, exit_code

__all__ = ["build", "run"]

# In the order of the help text. A module is one command or one group of commands.
_COMMANDS: tuple[str, ...] = (
    "demo",
    "serve",
    "compare",
    "backtest",
    "explain",
    "stream",
    "performance",
    "rollout",
    "skew",
    "report",
    "apply",
    "diff",
    "export",
    "monitor",
    "reference",
    "incident",
    "receiver",
    "route",
    "silence",
    "log",
    "ingest",
    "key",
    "audit",
    "db",
    "doctor",
)


def build(only: str | None = None) -> typer.Typer:
    """The whole command line as one typer application, or one command of it: the others' imports take half a second."""
    app = typer.Typer(
        name="driftwatch",
        help="Watch served models for drift: log predictions, judge every window, page once, and only when it matters.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback(invoke_without_command=True)
    def _root(
        *, version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False
    ) -> None:
        if version:
            from driftwatch import __version__

            print(f"driftwatch {__version__}")
            raise typer.Exit

    for name in _COMMANDS if only is None else (only,):
        import_module(f"driftwatch.cli.{name}").register(app)
    return app


def run(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit code. Our own errors are one line on stderr, never a traceback."""
    first = next(iter(sys.argv[1:] if arguments is None else arguments), "")
    try:
        code = build(first if first in _COMMANDS else None)(args=arguments, standalone_mode=False)
    except DriftwatchError as error:
        print(f"driftwatch: {error}", file=sys.stderr)
        return exit_code(error)
    except typer.Exit as stop:
        return stop.exit_code
    except typer.Abort:
        print("driftwatch: stopped", file=sys.stderr)
        return 130
    except Exception as error:
        show = getattr(error, "show", None)  # click's own usage errors, whichever click typer carries
        if show is None:
            raise
        show()
        return int(getattr(error, "exit_code", 2))
    return code if isinstance(code, int) else 0
