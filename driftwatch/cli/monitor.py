"""``driftwatch monitor``: thresholds that users fixed, and what they cost."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from driftwatch.service.threshold_monitor import KnownMonitor

__all__ = ["register"]

_STORE = typer.Option(help="The store to use; else DRIFTWATCH_STORE.")
_MODEL = typer.Argument(help="The model's name.")
_NAME = typer.Argument(help="The monitor's name.")
_ENVIRONMENT = typer.Option(help="The model's environment.")
_JSON = typer.Option("--json", help="Print as JSON.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        no_args_is_help=True, help="Monitors with a fixed threshold beside the calibrated rule, declared with apply."
    )
    app.add_typer(group, name="monitor")

    @group.command("list")
    def list_all(
        model: Annotated[str, _MODEL],
        *,
        environment: Annotated[str, _ENVIRONMENT] = "production",
        store: Annotated[str | None, _STORE] = None,
        as_json: Annotated[bool, _JSON] = False,
    ) -> None:
        """List the declared monitors of a model, each with the false alarms to be expected of it."""
        found = _read(store, environment, model)
        if as_json:
            print(json.dumps({"schema": 1, "monitors": [each.to_dict() for each in found.values()]}, indent=2))
            return
        if not found:
            print(f"No declared monitors; the calibrated rule watches every column of {model}.")
        for name, each in found.items():
            spec = each.spec.to_dict()
            what = f"{spec['method']} of {', '.join(spec['columns'])}"
            print(f"{name}  {what} from {spec['threshold']:g} on, every {spec['window']}")
            print(f"  {each.cost}")

    @group.command()
    def show(
        model: Annotated[str, _MODEL],
        name: Annotated[str, _NAME],
        *,
        environment: Annotated[str, _ENVIRONMENT] = "production",
        store: Annotated[str | None, _STORE] = None,
        as_json: Annotated[bool, _JSON] = False,
    ) -> None:
        """Show one declared monitor, with the false alarms to be expected of it."""
        _print_one(_read(store, environment, model), model, name, as_json=as_json)

    @group.command()
    def remove(
        model: Annotated[str, _MODEL],
        name: Annotated[str, _NAME],
        *,
        environment: Annotated[str, _ENVIRONMENT] = "production",
        store: Annotated[str | None, _STORE] = None,
    ) -> None:
        """Stop a declared monitor; what it found stays."""
        from driftwatch.cli.stored import find, opened, user
        from driftwatch.service.threshold_monitor import remove_threshold

        with opened(store) as known, known.begin() as conn:
            remove_threshold(conn, find(conn, environment, model), name, at=known.now(conn), actor=user())
        print(f"removed {name}")


def _read(store: str | None, environment: str, model: str) -> "dict[str, KnownMonitor]":
    from driftwatch.cli.stored import find, opened
    from driftwatch.service.threshold_monitor import list_thresholds, settle_estimates

    with opened(store) as known:
        with known.read() as conn:
            row = find(conn, environment, model)
        settle_estimates(known, row)
        with known.read() as conn:
            return {each.spec.name: each for each in list_thresholds(conn, row.id)}


def _print_one(found: "dict[str, KnownMonitor]", model: str, name: str, *, as_json: bool) -> None:
    from driftwatch.errors import NotFoundError
    from driftwatch.monitors.reading import nearest

    if name not in found:
        raise NotFoundError(f"{model} has no declared monitor {name!r}.{nearest(name, list(found))}")
    told = found[name].to_dict()
    if as_json:
        print(json.dumps({"schema": 1, "monitor": told}, indent=2))
        return
    for key, value in told.items():
        if key not in {"kind", "expected_false_alarms"}:
            print(f"{key}: {', '.join(value) if isinstance(value, list) else value}")
    print(found[name].cost)
