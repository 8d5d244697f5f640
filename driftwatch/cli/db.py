"""`driftwatch db`: the store's schema and partitions."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from driftwatch.config import Settings
from driftwatch.errors import DataError
from driftwatch.storage import migration, partition
from driftwatch.storage.engine import Database

__all__ = ["register"]

_Url = Annotated[
    str | None,
    typer.Option("--store", help="sqlite:///path or postgresql://user@host/database; else DRIFTWATCH_STORE."),
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the group ``db``."""
    group = typer.Typer(help="The store's schema and partitions.", no_args_is_help=True)
    group.command("upgrade")(upgrade)
    group.command("status")(status)
    group.command("partitions")(partitions)
    app.add_typer(group, name="db")


def upgrade(*, store: _Url = None, as_json: _Json = False) -> None:
    """Make the tables, or bring them to this release's schema; on PostgreSQL also the coming months' partitions."""
    with _database(store) as database:
        with database.read() as conn:
            before = migration.revision(conn)
        backup = migration.upgrade(database)
        made = _make_ahead(database)
        report = {
            "schema": 1,
            "store": str(database),
            "from": before,
            "to": migration.HEAD,
            "backup": None if backup is None else str(backup),
            "partitions_made": made,
        }
        lines = [
            f"{database} is at schema {migration.HEAD}"
            + (", as it was." if before == migration.HEAD else f" (before: {before or 'no tables'})."),
            *([f"A copy of what was there: {backup}"] if backup is not None else []),
            *([f"Partitions made: {', '.join(made)}"] if made else []),
        ]
    _say(report, lines, as_json=as_json)


def status(*, store: _Url = None, as_json: _Json = False) -> None:
    """Say which schema the store has and which this release needs; exit code 1 if they differ."""
    with _database(store) as database:
        found, months = _found(database)
        report = {
            "schema": 1,
            "store": str(database),
            "dialect": database.dialect,
            "found": found,
            "needed": migration.HEAD,
            "current": found == migration.HEAD,
            "partitions": months,
        }
        lines = [
            f"{database} ({database.dialect})",
            f"schema {found or 'none'}, this release needs {migration.HEAD}"
            + ("" if found == migration.HEAD else ": run driftwatch db upgrade"),
            *([f"partitions {months[0]} to {months[-1]} ({len(months)} months)"] if months else []),
        ]
    _say(report, lines, as_json=as_json)
    if found != migration.HEAD:
        raise typer.Exit(1)


def partitions(
    *,
    first: Annotated[str | None, typer.Option("--from", help="First month, as 2026-01; else the last month.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last month; else two months ahead.")] = None,
    store: _Url = None,
    as_json: _Json = False,
) -> None:
    """Make monthly partitions where they are missing (PostgreSQL; SQLite needs none)."""
    with _database(store) as database:
        migration.check(database)
        made = partition.ensure(database, _months(database, first, last))
        with database.read() as conn:
            months = partition.list_partitions(conn)
        report = {"schema": 1, "store": str(database), "made": made, "partitions": months}
        if database.dialect == "postgresql":
            lines = [f"made: {', '.join(made) or 'none, all were there'}", f"{len(months)} months: {', '.join(months)}"]
        else:
            lines = ["SQLite needs no partitions."]
    _say(report, lines, as_json=as_json)


def _found(database: Database) -> tuple[str | None, list[str]]:
    if database.path is not None and not database.path.exists():  # looking must not make the file
        return None, []
    with database.read() as conn:
        found = migration.revision(conn)
        return found, partition.list_partitions(conn) if found is not None else []


def _make_ahead(database: Database) -> list[str]:
    return partition.ensure(database, _months(database, None, None))


def _months(database: Database, first: str | None, last: str | None) -> list[str]:
    with database.read() as conn:
        ahead = partition.months_ahead(database.now(conn))
    try:
        return partition.months_between(first or ahead[0], last or ahead[-1])
    except ValueError as error:
        raise DataError(f"{error}. Write months as 2026-01, the first before the last.") from error


@contextmanager
def _database(url: str | None) -> Iterator[Database]:
    with Database(url or Settings.from_environment(os.environ).store_url) as database:
        yield database


def _say(report: dict[str, Any], lines: list[str], *, as_json: bool) -> None:
    print(json.dumps(report, indent=2) if as_json else "\n".join(lines))
