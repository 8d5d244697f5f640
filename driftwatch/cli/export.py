"""``driftwatch export``: every declared document, for a repository or another store."""

from typing import Annotated

import typer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def export(
        *,
        kind: Annotated[
            list[str] | None, typer.Option(help="receiver, model, monitor, route or silence; may be repeated.")
        ] = None,
        store: Annotated[str | None, typer.Option(help="The store to look at; else DRIFTWATCH_STORE.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    ) -> None:
        """Print every declared document as YAML that apply takes back unchanged. Secrets stay references."""
        import json

        from driftwatch.cli.stored import opened
        from driftwatch.monitors.reading import read_choice
        from driftwatch.service.declared import KINDS, list_declared, to_yaml

        wanted = [read_choice(each, "kind", KINDS) for each in kind or KINDS]
        with opened(store) as known, known.read() as conn:
            declared = list_declared(conn, at=known.now(conn))
        documents = [document for (of, _), document in declared.items() if of in wanted]
        if as_json:
            print(json.dumps({"schema": 1, "documents": documents}, indent=2))
        else:
            print(to_yaml(documents), end="")
