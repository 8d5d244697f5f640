"""``driftwatch receiver``: where messages go, and whether they arrive."""

import json
from typing import Annotated

import typer

__all__ = ["register"]

_STORE = typer.Option(help="The store to look at; else DRIFTWATCH_STORE.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Receivers: where messages go, and whether they arrive.")
    app.add_typer(group, name="receiver")

    @group.command("list")
    def list_all(
        *,
        store: Annotated[str | None, _STORE] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
    ) -> None:
        """List the receivers. Secrets are references and are shown as such."""
        from driftwatch.cli.stored import opened
        from driftwatch.storage import receiver

        with opened(store) as known, known.read() as conn:
            receivers = [each.spec for each in receiver.list_receivers(conn, enabled=True)]
        if as_json:
            print(json.dumps({"schema": 1, "receivers": receivers}, indent=2))
            return
        if not receivers:
            print("No receivers. Write a document of kind receiver and run: driftwatch apply FILE")
        for each in receivers:
            options = ", ".join(f"{key}: {value}" for key, value in each.items() if key not in {"kind", "name", "type"})
            print(f"{each['name']}  {each['type']}  {options}")

    @group.command()
    def test(
        name: Annotated[str, typer.Argument(help="The receiver's name.")],
        *,
        store: Annotated[str | None, _STORE] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
    ) -> int:
        """Send one message now, marked as a test. Exit code 1 if it was not taken."""
        from driftwatch.cli.stored import opened, user
        from driftwatch.service.receivers import try_receiver

        with opened(store) as known:
            delivered, detail = try_receiver(known, name, actor=user())
        if as_json:
            print(json.dumps({"schema": 1, "receiver": name, "delivered": delivered, "detail": detail}, indent=2))
        else:
            print(f"{'delivered' if delivered else 'NOT delivered'}: {detail}")
        return 0 if delivered else 1

    @group.command()
    def remove(
        name: Annotated[str, typer.Argument(help="The receiver's name.")],
        *,
        store: Annotated[str | None, _STORE] = None,
    ) -> None:
        """Send nothing to a receiver any more. What it was told stays on record."""
        from driftwatch.cli.stored import opened, user
        from driftwatch.service.receivers import remove_receiver

        with opened(store) as known, known.begin() as conn:
            remove_receiver(conn, name, at=known.now(conn), actor=user())
        print(f"removed {name}")
