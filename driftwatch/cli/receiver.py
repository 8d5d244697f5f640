"""``driftwatch receiver``: where messages go, and whether they arrive."""

import json
import os
from typing import Annotated, Any

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
        receivers = _read(store)
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
        from driftwatch.errors import DeliveryError, NotFoundError
        from driftwatch.notifiers.receiver import build_notifier, parse_receiver
        from driftwatch.service.wording import sample_message

        receivers = _read(store)
        document = next((each for each in receivers if each["name"] == name), None)
        if document is None:
            known = ", ".join(each["name"] for each in receivers) or "none"
            raise NotFoundError(f"There is no receiver {name!r}. Known: {known}.")
        try:
            receipt = build_notifier(parse_receiver(document)).send(sample_message(name))
            delivered, detail = True, receipt.detail
        except DeliveryError as error:
            delivered, detail = False, str(error)
        if as_json:
            print(json.dumps({"schema": 1, "receiver": name, "delivered": delivered, "detail": detail}, indent=2))
        else:
            print(f"{'delivered' if delivered else 'NOT delivered'}: {detail}")
        return 0 if delivered else 1


def _read(url: str | None) -> list[dict[str, Any]]:
    from driftwatch.config import Settings
    from driftwatch.storage import receiver
    from driftwatch.storage.store import Store

    with Store.open(url or Settings.from_environment(os.environ).store_url) as opened, opened.read() as conn:
        return [each.spec for each in receiver.list_receivers(conn)]
