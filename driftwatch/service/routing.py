"""Routes in the store: declared, removed, and tried on an alert that does not exist."""

import logging
from collections.abc import Mapping

from sqlalchemy import Connection

from driftwatch.alerting.dispatch import Policy
from driftwatch.alerting.matching import Facts
from driftwatch.alerting.routing import Decision, decide, named
from driftwatch.errors import NotFoundError, SpecError
from driftwatch.monitors.reading import nearest
from driftwatch.notifiers.heartbeat import HEARTBEAT
from driftwatch.service.facts import facts_of
from driftwatch.service.routing_document import RouteSpec, parse_route
from driftwatch.service.silencing import list_silences
from driftwatch.storage import audit, receiver, registration, route

__all__ = ["left_over", "list_routes", "put_route", "read_policy", "remove_route", "try_route"]

_LOG = logging.getLogger(__name__)


def list_routes(conn: Connection) -> list[RouteSpec]:
    """The declared routes in the order in which they are asked. One that cannot be read is left out, and logged."""
    found: list[RouteSpec] = []
    for document in route.list_routes(conn):
        try:
            found.append(parse_route(document))
        except SpecError as error:  # written by another release
            _LOG.error("route %s is left out: %s", document.get("name"), error)
    return sorted(found, key=lambda each: (each.order, each.name))


def put_route(conn: Connection, spec: RouteSpec, *, at: int, actor: str) -> str:
    """Store a declared route; returns created, changed or unchanged.

    Raises:
        SpecError: it names a receiver that does not exist.
    """
    known = [each.name for each in receiver.list_receivers(conn) if each.kind != HEARTBEAT]
    for name in sorted(spec.receivers):
        if name not in known:
            told = f"there is no receiver {name!r} that takes messages.{nearest(name, known)}"
            raise SpecError(told, path="receivers")
    before = route.find_route(conn, spec.name)
    document = spec.to_dict()
    if before == document:
        return "unchanged"
    route.put_route(conn, spec.name, document, at=at)
    verb = "created" if before is None else "changed"
    audit.append_event(conn, at=at, actor=actor, verb=verb, subject=f"route/{spec.name}", before=before, after=document)
    return verb


def remove_route(conn: Connection, name: str, *, at: int, actor: str) -> None:
    """Forget a declared route.

    Raises:
        NotFoundError: there is none of that name.
    """
    before = route.find_route(conn, name)
    if before is None:
        known = [str(each["name"]) for each in route.list_routes(conn)]
        raise NotFoundError(f"There is no route {name!r}.{nearest(name, known)}")
    route.remove_route(conn, name)
    audit.append_event(conn, at=at, actor=actor, verb="removed", subject=f"route/{name}", before=before)


def read_policy(conn: Connection, *, at: int) -> Policy:
    """Who is told, as it stands at the instant `at` (the database's clock)."""
    return Policy(
        receivers=tuple(each.name for each in receiver.list_receivers(conn, enabled=True) if each.kind != HEARTBEAT),
        routes=tuple(each.route for each in list_routes(conn)),
        silences=tuple(list_silences(conn, ending_after=at)),
    )


def left_over(policy: Policy) -> tuple[str, ...]:
    """The receivers that get what no route takes."""
    claimed = named(policy.routes)
    return tuple(name for name in policy.receivers if name not in claimed)


def try_route(conn: Connection, labels: Mapping[str, str], *, at: int) -> Decision:
    """Whom an alert with these labels would reach at an instant; owner and role are looked up if they are not given."""
    model = registration.find_model(conn, labels.get("environment", ""), labels.get("model", ""))
    known = facts_of(conn, model, labels.get("deployment", "default")) if model is not None else Facts()
    policy = read_policy(conn, at=at)
    found = {"role": known.role, "owner": known.owner, **labels}
    return decide({name: value for name, value in found.items() if value}, policy.routes, policy.receivers, at=at)
