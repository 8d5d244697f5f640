"""``driftwatch key``: API keys."""

import json
import os
from typing import Annotated, Any

import typer

from driftwatch.config import Settings

__all__ = ["register"]

_Url = Annotated[str | None, typer.Option("--store", help="The store; else DRIFTWATCH_STORE.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the group ``key``."""
    group = typer.Typer(help="API keys: make, list, revoke.", no_args_is_help=True)
    group.command("create")(create)
    group.command("list")(show)
    group.command("revoke")(revoke)
    app.add_typer(group, name="key")


def create(
    *,
    name: Annotated[str, typer.Option(help="What it is for; shown in lists.")] = "service",
    scope: Annotated[list[str] | None, typer.Option("--scope", help="ingest, read or admin; may be repeated.")] = None,
    store: _Url = None,
    as_json: _Json = False,
) -> None:
    """Make a key and print it. It is shown once: only its hash is stored."""
    from driftwatch.cli.stored import user
    from driftwatch.service.access import create_key

    scopes = scope or ["ingest", "read"]
    with _store(store) as opened:
        text = create_key(opened, name=name, scopes=scopes, actor=user())
    if as_json:
        print(json.dumps({"schema": 1, "key": text, "name": name, "scopes": scopes}))
        return
    print(text)
    typer.echo(
        f"Shown this once; it may {', '.join(scopes)}. Clients send it as DRIFTWATCH_API_KEY or api_key=. "
        "From now on every request needs a key.",
        err=True,
    )


def show(*, store: _Url = None, as_json: _Json = False) -> None:
    """List the keys by the part of them that may be shown."""
    from driftwatch.domain.instant import to_iso
    from driftwatch.storage import key

    with _store(store) as opened, opened.read() as conn:
        rows = key.list_keys(conn)
    listed: list[dict[str, Any]] = [
        {
            "prefix": row.prefix,
            "name": row.name,
            "scopes": sorted(row.scopes or {}),
            "created_at": to_iso(row.created_at),
            "revoked_at": None if row.revoked_at is None else to_iso(row.revoked_at),
        }
        for row in rows
    ]
    if as_json:
        print(json.dumps({"schema": 1, "keys": listed}, indent=2))
        return
    for each in listed:
        state = f"revoked {each['revoked_at']}" if each["revoked_at"] else f"made {each['created_at']}"
        print(f"{each['prefix']}  {', '.join(each['scopes']):<14}  {each['name']:<20}  {state}")
    if not listed:
        print("No key exists: the service is open to its own machine, and refuses other addresses.")


def revoke(
    prefix: Annotated[str, typer.Argument(help="As `driftwatch key list` shows it: dw_1a2b3c4d.")],
    *,
    store: _Url = None,
    as_json: _Json = False,
) -> None:
    """Let a key open nothing any more; running services notice within five seconds."""
    from driftwatch.cli.stored import user
    from driftwatch.service.access import revoke_key

    with _store(store) as opened:
        revoke_key(opened, prefix, actor=user())
    print(json.dumps({"schema": 1, "revoked": prefix}) if as_json else f"{prefix} opens nothing any more.")


def _store(url: str | None) -> Any:
    from driftwatch.storage.store import Store

    environment = dict(os.environ) if url is None else {**os.environ, "DRIFTWATCH_STORE": url}
    return Store.open(Settings.from_environment(environment).store_url)
