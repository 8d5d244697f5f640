"""Everything that is declared, as the documents that ``apply`` takes back; and taking one of them away."""

from collections.abc import Iterable, Mapping
from typing import Any

import yaml
from sqlalchemy import Connection

from driftwatch.domain.instant import to_iso
from driftwatch.errors import NotFoundError
from driftwatch.monitors import reading
from driftwatch.monitors.reading import nearest
from driftwatch.service.beside import THRESHOLD
from driftwatch.service.model_view import find_model
from driftwatch.service.receivers import remove_receiver
from driftwatch.service.routing import remove_route
from driftwatch.service.silencing import end_silence
from driftwatch.service.threshold_monitor import remove_threshold
from driftwatch.storage import audit, monitor, receiver, registration, route, silence
from driftwatch.storage.silence import SilenceRow
from driftwatch.storage.store import Store

__all__ = ["KINDS", "find_declared", "list_declared", "remove_declared", "to_yaml"]

KINDS = ("receiver", "model", "monitor", "route", "silence")
"""Of documents, in the order in which they are listed."""

Documents = dict[tuple[str, str], dict[str, Any]]


def list_declared(conn: Connection, *, at: int) -> Documents:
    """Every declared document by kind and name, in an order in which each stands behind what it names.

    Secrets are references, as they were declared. Silences without a name were made by hand, and are left out with
    those that are over at the instant `at` (the database's clock).
    """
    models = registration.list_models(conn)
    found: Documents = {("receiver", row.name): row.spec for row in receiver.list_receivers(conn, enabled=True)}
    found |= {("model", f"{row.environment}/{row.name}"): row.spec for row in models if row.spec is not None}
    for row in models:
        for each in monitor.list_monitors(conn, row.id, kind=THRESHOLD):
            if each.enabled:
                found["monitor", f"{row.environment}/{row.name}/{each.name}"] = each.spec["document"]
    found |= {("route", str(each["name"])): each for each in route.list_routes(conn)}
    silences = {each.name: each for each in silence.list_silences(conn, ending_after=at) if each.name is not None}
    return found | {("silence", name): _silence(silences[name]) for name in sorted(silences)}


def find_declared(conn: Connection, kind: str, name: str, *, at: int) -> dict[str, Any]:
    """One document.

    Raises:
        SpecError: there is no such kind.
        NotFoundError: there is none of that name.
    """
    reading.read_choice(kind, "kind", KINDS)
    declared = list_declared(conn, at=at)
    if (kind, name) not in declared:
        names = [each for of, each in declared if of == kind]
        raise NotFoundError(f"there is no declared {kind} {name!r}.{nearest(name, names)}")
    return declared[kind, name]


def remove_declared(store: Store, kind: str, name: str, *, actor: str) -> None:
    """Take a declaration back, on record. What was found, told and stored under it stays.

    Args:
        store: where it is.
        kind: one of :data:`KINDS`.
        name: as it is listed: ``production/flights`` of a model, ``production/flights/temp-psi`` of a monitor.
        actor: who does it.

    Raises:
        SpecError: there is no such kind.
        NotFoundError: there is none of that name.
        ConflictError: something else names it.
    """
    with store.begin() as conn:
        now = store.now(conn)
        document = find_declared(conn, kind, name, at=now)
        match kind:
            case "receiver":
                remove_receiver(conn, name, at=now, actor=actor)
            case "route":
                remove_route(conn, name, at=now, actor=actor)
            case "silence":
                row = silence.find_silence(conn, name)
                end_silence(conn, row.id if row is not None else 0, at=now, actor=actor)
            case "monitor":
                model = find_model(conn, document["environment"], document["model"])
                remove_threshold(conn, model, document["name"], at=now, actor=actor)
            case "model":
                _remove_model(conn, document, name, at=now, actor=actor)


def _remove_model(conn: Connection, document: Mapping[str, Any], name: str, *, at: int, actor: str) -> None:
    """The model is judged as one of which nothing is declared."""
    environment = str(document.get("environment", "production"))
    model = find_model(conn, environment, str(document["model"]))
    registration.set_spec(conn, model.id, None, at=at)
    audit.append_event(conn, at=at, actor=actor, verb="removed", subject=f"model/{name}", before=document)


def _silence(row: SilenceRow) -> dict[str, Any]:
    return {
        "kind": "silence",
        "name": row.name,
        "match": row.matchers,
        "start": to_iso(row.start_at),
        "end": to_iso(row.end_at),
        "comment": row.note,
        "author": row.author,
    }


def to_yaml(documents: Iterable[Mapping[str, Any]]) -> str:
    """As a file that ``apply`` takes; keys stand in the order of the declaration."""
    made = (dict(each) for each in documents)
    return yaml.safe_dump_all(made, sort_keys=False, allow_unicode=True, width=120)
