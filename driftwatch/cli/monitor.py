"""``driftwatch monitor``: thresholds that users fixed, and what they cost."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from driftwatch.service.preview import Preview, Side
    from driftwatch.service.threshold_monitor import KnownMonitor

__all__ = ["register"]

_STORE = typer.Option(help="The store to use; else DRIFTWATCH_STORE.")
_MODEL = typer.Argument(help="The model's name.")
_NAME = typer.Argument(help="The monitor's name.")
_ENVIRONMENT = typer.Option(help="The model's environment.")
_JSON = typer.Option("--json", help="Print as JSON.")
_BACKTEST = """Preview a changed rule before it is applied: what it would have raised of late, beside the present one.

FILE is what `driftwatch apply` would take: the model's declaration with another budget, bucket, exclude, holidays or
segments, or a monitor. Every window is judged anew from the stored profiles, and nothing is written.
"""
_LISTED = 20


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

    @group.command(help=_BACKTEST)
    def backtest(
        model: Annotated[str, _MODEL],
        file: Annotated[Path, typer.Argument(help="One document of kind model or monitor, as apply takes it.")],
        *,
        days: Annotated[int, typer.Option(min=1, max=3650, help="How far back.")] = 30,
        environment: Annotated[str, _ENVIRONMENT] = "production",
        store: Annotated[str | None, _STORE] = None,
        as_json: Annotated[bool, _JSON] = False,
    ) -> None:
        from driftwatch.cli.stored import find, opened
        from driftwatch.errors import SpecError
        from driftwatch.service.preview import preview
        from driftwatch.service.specification import read_documents

        documents = read_documents(file)
        if len(documents) != 1:
            raise SpecError(f"expected one document, found {len(documents)}", path=str(file))
        with opened(store) as known:
            with known.read() as conn:
                row = find(conn, environment, model)
            found = preview(known, row, documents[0], days=days)
        if as_json:
            print(json.dumps(found.to_dict(), indent=2))
        else:
            _print_preview(found)


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


def _print_preview(found: "Preview") -> None:
    from driftwatch.domain.instant import DAY
    from driftwatch.queries.format import stamp

    start, end = found.now.period
    print(f"{found.model.name}  {stamp(start)} to {stamp(end)}, {(end - start) / DAY:.1f} days")
    rows = zip(_figures(found.now), _figures(found.then), strict=True)
    print(f"{'':<34}{'now':>10}{'then':>10}")
    for (name, now), (_, then) in rows:
        print(f"{name:<34}{now:>10}{then:>10}")
    differences = found.differences
    print(f"\n{len(differences):,} windows would differ{':' if differences else '.'}")
    for each in differences[:_LISTED]:
        print(f"  {each['window_start']}")
        print(f"    now   {', '.join(each['now']) or 'no alarm'}")
        print(f"    then  {', '.join(each['then']) or 'no alarm'}")
    if len(differences) > _LISTED:
        print(f"  and {len(differences) - _LISTED:,} more; --json has all")
    for note in found.notes:
        print(f"Not previewed: {note}.")


def _figures(side: "Side") -> "list[tuple[str, str]]":
    months = side.months
    return [
        ("windows", f"{len(side.results):,}"),
        ("incidents a month", f"{len(side.incidents) / months:.1f}" if months else "-"),
        ("alerts a month", f"{side.alerts / months:.1f}" if months else "-"),
        ("false alarms a month, expected", f"{side.expected_per_month:.1f}"),
    ]
