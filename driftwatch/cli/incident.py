"""``driftwatch incident``: what is wrong, and what was told to whom."""

import json
import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from driftwatch.domain.incident import Incident

if TYPE_CHECKING:
    from driftwatch.storage.incident import Acknowledgement

__all__ = ["register"]

_STORE = typer.Option(help="The store to look at; else DRIFTWATCH_STORE.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Incidents: what is wrong, and what was told to whom.")
    app.add_typer(group, name="incident")

    @group.command("list")
    def list_all(
        *,
        only_open: Annotated[bool, typer.Option("--open", help="Without the resolved ones.")] = False,
        store: Annotated[str | None, _STORE] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
    ) -> None:
        """List incidents, the newest first."""
        from driftwatch.queries.format import stamp
        from driftwatch.storage import incident

        with _open(store) as opened, opened.read() as conn:
            found = incident.list_incidents(conn, is_open=True if only_open else None)
        if as_json:
            print(json.dumps({"schema": 1, "incidents": [each.summary() for each in found]}, indent=2))
            return
        if not found:
            print("No incidents.")
        for each in found:
            state = each.severity.value if each.is_open else "resolved"
            print(f"{each.id}  {state:<9} {stamp(each.opened_at)}  {each.title}")

    @group.command()
    def show(
        incident_id: Annotated[str, typer.Argument(metavar="ID", help="As `incident list` prints it.")],
        *,
        store: Annotated[str | None, _STORE] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    ) -> None:
        """Show one incident: its alerts, largest effect first, and its messages."""
        from driftwatch.domain.instant import to_iso
        from driftwatch.errors import NotFoundError
        from driftwatch.service.telling import suppressed_alerts
        from driftwatch.storage import incident, notification, receiver

        with _open(store) as opened, opened.read() as conn:
            found = incident.find_incident(conn, incident_id)
            if found is None:
                raise NotFoundError(f"There is no incident {incident_id!r}. driftwatch incident list shows all.")
            by = incident.find_acknowledgement(conn, incident_id)
            names = {each.id: each.name for each in receiver.list_receivers(conn)}
            sent = notification.list_notifications(conn, incident_id)
            suppressed = suppressed_alerts(conn, found)
        messages = [
            {
                "receiver": names.get(each.receiver_id, "?"),
                "number": each.seq,
                "reason": each.reason,
                "status": each.status,
                "attempts": each.attempts,
                "error": each.last_error,
            }
            for each in sent
        ]
        if as_json:
            in_hand = None if by is None else {"by": by.by, "at": to_iso(by.at)}
            shown = {"schema": 1, "incident": found.to_dict(), "acknowledged": in_hand, "suppressed": suppressed}
            shown["messages"] = messages
            print(json.dumps(shown, indent=2))
            return
        _print(found, by, suppressed, messages)

    @group.command()
    def acknowledge(
        incident_id: Annotated[str, typer.Argument(metavar="ID", help="As `incident list` prints it.")],
        *,
        undo: Annotated[bool, typer.Option(help="Take the acknowledgement back.")] = False,
        store: Annotated[str | None, _STORE] = None,
    ) -> None:
        """Say that you have an open incident in hand: it is not repeated any more, unless it gets critical."""
        from driftwatch.cli.stored import user
        from driftwatch.service import acknowledging

        with _open(store) as opened:
            if undo:
                acknowledging.take_back(opened, incident_id, actor=user())
            else:
                acknowledging.acknowledge(opened, incident_id, actor=user())
        print(f"{incident_id}: {'taken back' if undo else 'acknowledged'}")


def _print(
    found: Incident, by: "Acknowledgement | None", suppressed: dict[str, str], messages: list[dict[str, Any]]
) -> None:
    from driftwatch.queries.format import stamp
    from driftwatch.service.wording import effect_words

    ended = "still open" if found.resolved_at is None else f"resolved {stamp(found.resolved_at)}"
    print(f"{found.title}\n{found.severity.value}, since {stamp(found.since)}, {ended}")
    print(f"acknowledged by {by.by}, {stamp(by.at)}\n" if by is not None else "")
    for alert in found.alerts:
        print(f"  {alert.key.column or alert.key.signal.value}  {alert.state.value}  {effect_words(alert.peak)}")
        if alert.fingerprint in suppressed:
            print(f"    not in messages: {suppressed[alert.fingerprint]}")
    for each in messages:
        print(f"\n  message {each['number']} ({each['reason']}) to {each['receiver']}: {each['status']}")
        if each["error"]:
            print(f"    {each['error']}")


def _open(url: str | None) -> Any:
    from driftwatch.config import Settings
    from driftwatch.storage.store import Store

    return Store.open(url or Settings.from_environment(os.environ).store_url)
