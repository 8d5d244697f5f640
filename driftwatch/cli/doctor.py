"""``driftwatch doctor``."""

import json
import os
from typing import Annotated

import typer

__all__ = ["register"]

_SIGNS = {"good": ("●", "green"), "note": ("○", "yellow"), "fault": ("▲", "red")}


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def doctor(
        *,
        store: Annotated[str | None, typer.Option(help="The store to look at; else DRIFTWATCH_STORE.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print the checks as JSON.")] = False,
    ) -> int:
        """Say what is wrong with this installation, and how to mend it. Exit code 1 if something is."""
        from driftwatch.config import Settings
        from driftwatch.service.doctor import Verdict, examine

        environment = dict(os.environ) if store is None else {**os.environ, "DRIFTWATCH_STORE": store}
        checks = examine(Settings.from_environment(environment), environment)
        faults = sum(check.verdict is Verdict.FAULT for check in checks)
        if as_json:
            print(
                json.dumps({"schema": 1, "faults": faults, "checks": [check.to_dict() for check in checks]}, indent=2)
            )
            return 1 if faults else 0
        from rich.console import Console
        from rich.table import Table

        table = Table.grid(padding=(0, 2, 0, 0))
        for check in checks:
            sign, colour = _SIGNS[check.verdict.value]
            table.add_row(f"[{colour}]{sign}[/]", f"[bold]{check.name}[/]", _plain(check.found))
            if check.mend is not None:
                table.add_row("", "", f"[cyan]→ {_plain(check.mend)}[/]")
        console = Console(highlight=False)
        console.print(table)
        console.print(f"\n{faults} to mend." if faults else "\nNothing to mend.", style="bold")
        return 1 if faults else 0


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
