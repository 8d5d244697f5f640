"""``driftwatch reference``: what windows are compared with."""

import json
from typing import Annotated

import typer

__all__ = ["register"]

_STORE = typer.Option(help="The store to use; else DRIFTWATCH_STORE.")
_MODEL = typer.Argument(help="The model's name.")
_ENVIRONMENT = typer.Option(help="The model's environment.")
_JSON = typer.Option("--json", help="Print as JSON.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="References: what the windows of a model are compared with.")
    app.add_typer(group, name="reference")

    @group.command()
    def show(
        model: Annotated[str, _MODEL],
        *,
        environment: Annotated[str, _ENVIRONMENT] = "production",
        store: Annotated[str | None, _STORE] = None,
        as_json: Annotated[bool, _JSON] = False,
    ) -> None:
        """Show the operating reference and the training file of a model."""
        from driftwatch.cli.stored import find, opened
        from driftwatch.service.references import read_references

        with opened(store) as known, known.read() as conn:
            found = read_references(conn, find(conn, environment, model).id)
        _print(model, found.to_dict(), as_json=as_json)

    @group.command()
    def confirm(
        model: Annotated[str, _MODEL],
        *,
        environment: Annotated[str, _ENVIRONMENT] = "production",
        store: Annotated[str | None, _STORE] = None,
        as_json: Annotated[bool, _JSON] = False,
    ) -> None:
        """Say that the operating reference, taken by itself from the first 14 days, is right."""
        from driftwatch.cli.stored import find, opened, user
        from driftwatch.service.references import confirm_reference

        with opened(store) as known:
            with known.read() as conn:
                row = find(conn, environment, model)
            found = confirm_reference(known, row, actor=user())
        _print(model, found.to_dict(), as_json=as_json)

    @group.command()
    def move(
        model: Annotated[str, _MODEL],
        *,
        start: Annotated[str, typer.Option(help="Day or time, in the model's time zone: 2024-03-01.")],
        end: Annotated[str, typer.Option(help="The first day or time after it: 2024-04-01.")],
        environment: Annotated[str, _ENVIRONMENT] = "production",
        store: Annotated[str | None, _STORE] = None,
        as_json: Annotated[bool, _JSON] = False,
    ) -> None:
        """Compare with another period from now on; what was judged before stays as it is."""
        from driftwatch.cli.stored import find, opened, user
        from driftwatch.monitors.reading import read_instant
        from driftwatch.service.judging import spec_of
        from driftwatch.service.references import move_reference

        with opened(store) as known:
            with known.read() as conn:
                row = find(conn, environment, model)
            zone = spec_of(row).zone
            period = read_instant(start, "start", zone), read_instant(end, "end", zone)
            found = move_reference(known, row, *period, actor=user())
        _print(model, found.to_dict(), as_json=as_json)


def _print(model: str, found: dict[str, dict[str, object] | None], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"schema": 1, "model": model, **found}, indent=2))
        return
    operating, training = found["operating"], found["training"]
    if operating is None:
        print("operating: not over yet; nothing is judged before it is")
    else:
        confirmed = "confirmed" if operating["confirmed"] else "not confirmed by anybody"
        print(f"operating: {operating['start']} to {operating['end']}, {operating['rows']:,} rows")
        print(f"  from {operating['source']}, {confirmed}")
    if training is None:
        print("training: none; write reference: {file: train.parquet} in model.yaml")
    else:
        print(f"training: {training['rows']:,} rows of {training['file']}, stored {training['stored_at']}")
