"""``driftwatch serve``."""

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from driftwatch.service.serve import Serving

__all__ = ["register"]

_HELP = """Run the service: ingest and read API, judging, messages and the dashboard, in one process.

Options stand above the variables DRIFTWATCH_STORE, DRIFTWATCH_HOST, DRIFTWATCH_PORT and DRIFTWATCH_DASHBOARD_PORT.
Any number of processes may share one PostgreSQL store, each with the roles it is given. Ctrl-C or SIGTERM ends it in
order: requests under way are answered first.
"""


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("serve", help=_HELP)
    def _serve(
        *,
        store: Annotated[str | None, typer.Option(help="sqlite:///path or postgresql://user@host/database.")] = None,
        host: Annotated[str | None, typer.Option(help="Address to listen on; any but 127.0.0.1 needs a key.")] = None,
        port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the API.")] = None,
        dashboard_port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the dashboard.")] = None,
        no_dashboard: Annotated[bool, typer.Option("--no-dashboard", help="Leave the dashboard out.")] = False,
        roles: Annotated[
            str | None, typer.Option("--roles", help="Parts to run, with commas: api, worker, dashboard.")
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Say what runs as one line of JSON.")] = False,
    ) -> None:
        from driftwatch.config import Settings
        from driftwatch.service.serve import ROLES, serve
        from driftwatch.service.structured_log import set_up_logging

        given = {
            "DRIFTWATCH_STORE": store,
            "DRIFTWATCH_HOST": host,
            "DRIFTWATCH_PORT": port,
            "DRIFTWATCH_DASHBOARD_PORT": dashboard_port,
        }
        overrides = {name: str(value) for name, value in given.items() if value is not None}
        settings = Settings.from_environment({**os.environ, **overrides})
        chosen = ROLES if roles is None else tuple(role.strip() for role in roles.split(",") if role.strip())
        if no_dashboard:
            chosen = tuple(role for role in chosen if role != "dashboard")
        set_up_logging()
        serve(settings, roles=chosen, announce=_as_json if as_json else _announce)


def _as_json(serving: "Serving") -> None:
    print(json.dumps({"schema": 1, **asdict(serving)}), flush=True)


def _announce(serving: "Serving") -> None:
    lines = [f"driftwatch runs: {', '.join(serving.roles)} over {serving.store}", ""]
    if serving.dashboard_url:
        lines.append(f"  dashboard   {serving.dashboard_url}")
    if serving.api_url:
        lines += [f"  API         {serving.api_url}  (documentation at {serving.api_url}/docs)", "", _embed(serving)]
    if serving.api_url and serving.open:
        lines += ["", "Open to this machine only, without a key. For others: driftwatch key create"]
    print("\n".join([*lines, "", "Ctrl-C ends it."]), flush=True)


def _embed(serving: "Serving") -> str:
    key = "" if serving.open else ', api_key="dw_..."'
    return "\n".join(
        (
            "Three lines in the code that serves a model:",
            "",
            "    import driftwatch",
            f'    client = driftwatch.Client("{serving.api_url}", model="my-model", version="1"{key})',
            '    client.log_prediction({"amount": 12.5, "country": "DE"}, prediction=1, score=0.7)',
        )
    )
