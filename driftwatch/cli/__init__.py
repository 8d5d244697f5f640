"""The command line."""

from driftwatch.cli.app import run

__all__ = ["run"]
