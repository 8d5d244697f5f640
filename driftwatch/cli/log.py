"""``driftwatch log FILE --spec model.yaml``: a historical log into the store."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["register"]

_HELP = """Load a historical prediction log (Parquet, CSV or Arrow) into the store, and declare its model.

The rows go in by the function behind the HTTP route, in order of time. Loading the same file again stores nothing
twice. With clock: replay in the specification the windows of the log are judged by their own time.
"""


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("log", help=_HELP)
    def _log(
        file: Annotated[Path, typer.Argument(help="The log.", show_default=False)],
        *,
        spec: Annotated[Path, typer.Option("--spec", help="The model's specification, model.yaml.")],
        store: Annotated[str | None, typer.Option("--store", help="The store; else DRIFTWATCH_STORE.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    ) -> None:
        from rich.console import Console
        from rich.progress import Progress

        from driftwatch.config import Settings
        from driftwatch.service.log_load import load_log
        from driftwatch.service.specification import load_model_spec
        from driftwatch.storage.store import Store

        model_spec = load_model_spec(spec)
        environment = dict(os.environ) if store is None else {**os.environ, "DRIFTWATCH_STORE": store}
        console = Console(stderr=True)
        with (
            Store.open(Settings.from_environment(environment).store_url) as opened,
            Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as bar,
        ):
            task = bar.add_task(f"Loading {file.name}", total=None)
            report = load_log(
                opened, file, model_spec, progress=lambda done, total: bar.update(task, completed=done, total=total)
            )
        if as_json:
            print(json.dumps({"schema": 1, "model": model_spec.model, **report.to_dict()}))
            return
        print(
            f"{report.rows:,} rows: {report.stored:,} stored, {report.seen:,} seen before, {report.duplicates:,} "
            f"duplicates, {report.quarantined:,} in quarantine; {report.outcomes:,} outcomes."
        )
        for each in report.left_out:
            what = f"{each.rows:,} rows" if each.rows is not None else f"column {each.column!r}"
            print(f"  left out: {what}: {each.reason}")
