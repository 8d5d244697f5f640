"""``driftwatch ingest``: take in what waits in the inbox."""

import json
import os
from typing import Annotated

import typer

from driftwatch.errors import SpecError

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("ingest")
    def _ingest(
        *,
        drain: Annotated[bool, typer.Option("--drain", help="Take in every frame of the inbox table.")] = False,
        store: Annotated[str | None, typer.Option("--store", help="The store; else DRIFTWATCH_STORE.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ) -> None:
        """Take in the frames that clients wrote straight into the database; one transaction a frame."""
        from dataclasses import asdict

        from driftwatch.config import Settings
        from driftwatch.service.inbox_drain import drain_inbox
        from driftwatch.storage.store import Store

        if not drain:
            raise SpecError(
                "say what to ingest: --drain takes in the inbox (a file: driftwatch log FILE --spec model.yaml)"
            )
        environment = dict(os.environ) if store is None else {**os.environ, "DRIFTWATCH_STORE": store}
        with Store.open(Settings.from_environment(environment).store_url) as opened:
            drained = drain_inbox(opened)
        if as_json:
            print(json.dumps({"schema": 1, **asdict(drained)}))
            return
        if not drained.frames:
            print("The inbox is empty.")
            return
        print(
            f"{drained.frames:,} frames, {drained.rows:,} rows stored, {drained.duplicates:,} rows seen before, "
            f"{drained.quarantined:,} frames in quarantine."
        )
