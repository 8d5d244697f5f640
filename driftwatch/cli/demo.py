"""``driftwatch demo``."""

import json
import signal
import sys
import time
from types import FrameType
from typing import Annotated

import typer

__all__ = ["register"]

_ENDINGS = (signal.SIGINT, signal.SIGTERM)


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def demo(
        *,
        leave: Annotated[bool, typer.Option("--exit", help="End when all is judged, without the dashboard.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
        share: Annotated[
            float, typer.Option(min=0.05, max=1.0, help="Fraction of the flights that are replayed.")
        ] = 0.5,
    ) -> int:
        """Watch a real model drift on this machine: flights of 2013, a model server, the service, messages, dashboard.

        Everything runs on 127.0.0.1 and in a folder of its own, and ends with Ctrl-C.
        """
        from rich.console import Console

        from driftwatch.demo.run import run_demo
        from driftwatch.demo.show import show_report

        console = Console(stderr=as_json, highlight=False)
        for each in _ENDINGS:  # a shell's background job ignores SIGINT unless it asks for it
            signal.signal(each, _interrupt)
        try:
            with run_demo(console, share=share, dashboard=not leave) as report:
                if not as_json:
                    show_report(console, report)
                else:
                    print(json.dumps(report.to_dict(), indent=2))
                    sys.stdout.flush()
                if not leave:
                    console.print(f"\nThe dashboard: [bold]{report.dashboard_url}[/]   (Ctrl-C ends everything)")
                    _wait_for_interrupt()
        except KeyboardInterrupt:
            console.print("\nEnded.")
            return 0 if not leave else 130
        return 0


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """End everything that was started, once: an impatient second Ctrl-C must not leave half of it behind."""
    for each in _ENDINGS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def _wait_for_interrupt() -> None:
    while True:
        time.sleep(3600)
