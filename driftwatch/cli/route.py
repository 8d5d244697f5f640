"""``driftwatch route``: which receivers an alert reaches, and why."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from driftwatch.alerting.routing import Decision
    from driftwatch.service.routing_document import RouteSpec

__all__ = ["register"]

_STORE = typer.Option(help="The store to use; else DRIFTWATCH_STORE.")
_JSON = typer.Option("--json", help="Print as JSON.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Routes, declared with apply (kind: route): which receivers an alert reaches.",
    )
    app.add_typer(group, name="route")

    @group.command("list")
    def list_all(*, store: Annotated[str | None, _STORE] = None, as_json: Annotated[bool, _JSON] = False) -> None:
        """List the routes in the order in which they are asked, and who gets what none of them takes."""
        from driftwatch.cli.stored import opened
        from driftwatch.service.routing import left_over, list_routes, read_policy

        with opened(store) as known, known.read() as conn:
            found, rest = list_routes(conn), left_over(read_policy(conn, at=known.now(conn)))
        if as_json:
            print(json.dumps({"schema": 1, "routes": [each.to_dict() for each in found], "rest": rest}, indent=2))
            return
        _print_routes(found, rest)

    @group.command()
    def test(
        *,
        model: Annotated[str, typer.Option(help="The model's name.")],
        severity: Annotated[str, typer.Option(help="warning or critical.")] = "warning",
        environment: Annotated[str, typer.Option(help="The model's environment.")] = "production",
        signal: Annotated[str, typer.Option(help="drift, quality, performance, traffic ...")] = "drift",
        feature: Annotated[str, typer.Option(help="The column, if it is one.")] = "",
        segment: Annotated[str, typer.Option(help="Such as country=PT.")] = "",
        version: Annotated[str, typer.Option(help="Of the model.")] = "",
        deployment: Annotated[str, typer.Option(help="Where it runs.")] = "default",
        role: Annotated[str, typer.Option(help="champion, challenger, shadow or canary; as stored if left out.")] = "",
        owner: Annotated[str, typer.Option(help="The model's own if left out.")] = "",
        at: Annotated[str, typer.Option(help="When, such as 2026-01-31T03:00+00:00; now if left out.")] = "",
        store: Annotated[str | None, _STORE] = None,
        as_json: Annotated[bool, _JSON] = False,
    ) -> None:
        """Show which receivers an alert would reach, and what each route said to it. Nothing is sent."""
        from driftwatch.cli.stored import instant, opened
        from driftwatch.domain.signal import Signal
        from driftwatch.monitors import reading
        from driftwatch.service.routing import try_route

        labels = {
            "environment": environment,
            "model": model,
            "version": version,
            "deployment": deployment,
            "role": role,
            "signal": reading.read_choice(signal, "signal", [each.value for each in Signal]),
            "severity": reading.read_choice(severity, "severity", ("warning", "critical")),
            "feature": feature,
            "segment": segment,
            "owner": owner,
        }
        with opened(store) as known, known.read() as conn:
            now = instant(at, "at") if at else known.now(conn)
            given = {name: value for name, value in labels.items() if value}
            decision = try_route(conn, given, at=now)
        _print_decision(decision, as_json=as_json)

    @group.command()
    def remove(
        name: Annotated[str, typer.Argument(help="The route's name.")],
        *,
        store: Annotated[str | None, _STORE] = None,
    ) -> None:
        """Forget a route. What it has told stays."""
        from driftwatch.cli.stored import opened, user
        from driftwatch.service.routing import remove_route

        with opened(store) as known, known.begin() as conn:
            remove_route(conn, name, at=known.now(conn), actor=user())
        print(f"removed {name}")


def _print_routes(found: "list[RouteSpec]", rest: tuple[str, ...]) -> None:
    for each in found:
        conditions = ", ".join(map(str, each.route.match)) or "everything in production"
        print(f"{each.name}  {conditions} → {', '.join(sorted(each.receivers)) or 'nobody'}")
    print(f"{'What no route takes' if found else 'Without a route, everything in production'} → {_names(rest)}")


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "nobody"


def _print_decision(decision: "Decision", *, as_json: bool) -> None:
    if as_json:
        reaches = [{"receiver": each.receiver, "route": each.route, "muted": each.muted} for each in decision.reaches]
        steps = [{"route": each.route, "takes": each.takes, "why": each.why} for each in decision.steps]
        print(json.dumps({"schema": 1, "reaches": reaches, "steps": steps}, indent=2))
        return
    if not decision.reaches:
        print("It reaches nobody.")
    for each in decision.reaches:
        print(f"{each.receiver}  by {each.route}{f', but not now: {each.muted}' if each.muted else ''}")
    print()
    for step in decision.steps:
        print(f"  {step.route}: {'takes it' if step.takes else 'does not take it'}: {step.why}")
