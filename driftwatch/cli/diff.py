"""``driftwatch diff FILE``: what ``apply`` would change."""

import difflib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from driftwatch.service.apply import Change

__all__ = ["register"]

_SIGNS = {"created": "+", "changed": "~"}


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def diff(
        file: Annotated[Path, typer.Argument(help="What apply would take.")],
        *,
        exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 1 if something differs.")] = False,
        store: Annotated[str | None, typer.Option(help="The store to look at; else DRIFTWATCH_STORE.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print both sides of every document as JSON.")] = False,
    ) -> int:
        """Show what applying a file would change, document by document. Nothing is stored."""
        from driftwatch.cli.stored import opened, user
        from driftwatch.service.apply import apply_documents
        from driftwatch.service.specification import read_documents

        documents = read_documents(file)
        with opened(store) as known:
            changes = apply_documents(known, documents, actor=user(), beside=file.parent, dry_run=True)
        different = [each for each in changes if each.differs]
        if as_json:
            print(json.dumps({"schema": 1, "changes": [each.to_diff() for each in changes]}, indent=2))
        elif not different:
            print("Nothing would change.")
        else:
            for each in different:
                _print(each)
        return 1 if exit_code and different else 0


def _print(change: "Change") -> None:
    from driftwatch.service.declared import to_yaml

    print(f"{_SIGNS.get(change.verb, '~')} {change.kind} {change.name}")
    before, after = (to_yaml([each] if each else []).splitlines() for each in (change.before, change.after))
    for line in list(difflib.unified_diff(before, after, lineterm=""))[2:]:
        print(f"  {line}")
    for note in change.notes:
        print(f"  {note}")
