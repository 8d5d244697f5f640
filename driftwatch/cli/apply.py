"""``driftwatch apply``."""

import json
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["register"]

_SIGNS = {"created": "+", "changed": "~", "unchanged": "="}


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def apply(
        file: Annotated[
            Path, typer.Argument(help="YAML with documents of kind model, monitor, receiver, route, silence.")
        ],
        *,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Check all of it, say what would change, and store nothing.")
        ] = False,
        store: Annotated[str | None, typer.Option(help="The store to write to; else DRIFTWATCH_STORE.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print the changes as JSON.")] = False,
    ) -> None:
        """Store declarations. All documents of the file are checked first; one that is wrong stops all of them."""
        from driftwatch.cli.stored import opened, user
        from driftwatch.service.apply import apply_documents
        from driftwatch.service.specification import read_documents

        documents = read_documents(file)
        with opened(store) as known:
            changes = apply_documents(known, documents, actor=user(), beside=file.parent, dry_run=dry_run)
        if as_json:
            print(json.dumps({"schema": 1, "changes": [change.to_dict() for change in changes]}, indent=2))
            return
        for change in changes:
            verb = f"would be {change.verb}" if dry_run and change.verb != "unchanged" else change.verb
            print(f"{_SIGNS[change.verb]} {change.kind} {change.name}: {verb}")
            for note in change.notes:
                print(f"  {note}")
            if change.unused:
                print(f"  kept, but nothing acts on it in this release: {', '.join(change.unused)}")
