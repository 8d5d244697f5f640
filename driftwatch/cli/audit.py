"""``driftwatch audit``: who did what, and whether the record of it is whole."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from driftwatch.service.audit_verification import Checkpoint
    from driftwatch.storage.audit import AuditRow

__all__ = ["register"]

_STORE = typer.Option(help="The store to look at; else DRIFTWATCH_STORE.")
_JSON = typer.Option("--json", help="Print as JSON.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="The audit log: who did what, and whether the record is whole.")
    app.add_typer(group, name="audit")

    @group.command("list")
    def list_all(
        *,
        subject: Annotated[
            str | None, typer.Option(help="On this, or on all below it: silence, monitor/production/flights.")
        ] = None,
        actor: Annotated[str | None, typer.Option(help="By this one: cli:ann, key:dw_1a2b3c4d, driftwatch.")] = None,
        verb: Annotated[str | None, typer.Option(help="created, changed, removed, opened, denied ...")] = None,
        since: Annotated[str | None, typer.Option(help="Not before this time, UTC: 2026-01-31.")] = None,
        limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 200,
        store: Annotated[str | None, _STORE] = None,
        as_json: Annotated[bool, _JSON] = False,
    ) -> None:
        """List events, the newest first."""
        from driftwatch.cli.stored import instant, opened
        from driftwatch.storage import audit

        after = None if since is None else instant(since, "since")
        with opened(store) as known, known.read() as conn:
            found = audit.list_events(conn, subject=subject, actor=actor, verb=verb, since=after, limit=limit)
        _print(found, as_json=as_json)

    @group.command()
    def verify(
        *,
        checkpoints: Annotated[
            Path | None,
            typer.Option(help="The file of checkpoints; else the one that DRIFTWATCH_AUDIT_CHECKPOINTS names."),
        ] = None,
        checkpoint: Annotated[
            list[str] | None, typer.Option(metavar="COUNT:HASH", help="One from a message; may be repeated.")
        ] = None,
        store: Annotated[str | None, _STORE] = None,
        as_json: Annotated[bool, _JSON] = False,
    ) -> int:
        """Check the whole log against its seals and checkpoints. Exit code 1 if anything is not what was sealed."""
        from driftwatch.cli.stored import opened
        from driftwatch.service import audit_verification

        known = [*_kept(checkpoints), *map(audit_verification.parse_checkpoint, checkpoint or ())]
        with opened(store) as found:
            result = audit_verification.verify(found, known)
        if as_json:
            print(json.dumps({"schema": 1, **result.to_dict()}, indent=2))
        elif result.fault is not None:
            print(f"The audit log is NOT what was sealed: {result.fault.reason}.")
            print(f"The {result.head.count:,} events before it are whole.")
        else:
            waiting = f"; {result.unsealed:,} wait to be sealed" if result.unsealed else ""
            print(f"{result.head.count:,} events are as they were sealed{waiting}.")
            if not known:
                print(
                    "No checkpoint was given: that the end was not cut is not shown. See DRIFTWATCH_AUDIT_CHECKPOINTS."
                )
            else:
                print(f"{result.checkpoints:,} checkpoint{'s agree' if len(known) > 1 else ' agrees'}.")
            print(f"end: {result.head.count}:{result.head.hash.hex()}")
        return 0 if result.fault is None else 1


def _kept(path: Path | None) -> "list[Checkpoint]":
    from driftwatch.config import Settings
    from driftwatch.service.audit_verification import read_checkpoints

    if path is None:
        kind, _, name = Settings.from_environment(os.environ).audit_checkpoints.partition(":")
        path = Path(name) if kind == "file" and name else None
    return [] if path is None else read_checkpoints(path)


def _print(found: "list[AuditRow]", *, as_json: bool) -> None:
    from driftwatch.domain.instant import to_iso
    from driftwatch.queries.format import stamp

    if as_json:
        events = [
            {
                "id": each.id,
                "number": each.seal_number,
                "at": to_iso(each.happened_at),
                "actor": each.actor,
                "verb": each.verb,
                "subject": each.subject,
                "before": each.state_before,
                "after": each.state_after,
                "evidence": each.evidence_ref,
            }
            for each in found
        ]
        print(json.dumps({"schema": 1, "events": events}, indent=2))
        return
    if not found:
        print("No events.")
    for each in found:
        print(f"{each.id:>6}  {stamp(each.happened_at)}  {each.actor}  {each.verb} {each.subject}")
