"""Receivers in the store: declared, removed, and tried."""

from sqlalchemy import Connection

from driftwatch.errors import ConflictError, DeliveryError, NotFoundError
from driftwatch.monitors.reading import nearest
from driftwatch.notifiers.receiver import ReceiverSpec, build_notifier, parse_receiver
from driftwatch.service.routing import list_routes
from driftwatch.service.wording import sample_message
from driftwatch.storage import audit, receiver
from driftwatch.storage.receiver import ReceiverRow
from driftwatch.storage.store import Store

__all__ = ["put_receiver", "remove_receiver", "try_receiver"]


def put_receiver(conn: Connection, spec: ReceiverSpec, *, at: int, actor: str) -> str:
    """Store a declared receiver; returns created, changed or unchanged."""
    known = receiver.find_receiver(conn, spec.name)
    before = known.spec if known is not None and known.enabled else None
    document = spec.to_dict()
    if before == document:
        return "unchanged"
    receiver.put_receiver(conn, spec.name, spec.type, document, at=at)
    verb = "created" if before is None else "changed"
    audit.append_event(
        conn, at=at, actor=actor, verb=verb, subject=f"receiver/{spec.name}", before=before, after=document
    )
    return verb


def remove_receiver(conn: Connection, name: str, *, at: int, actor: str) -> None:
    """Send nothing to a receiver any more; what it was told stays on record.

    Raises:
        NotFoundError: there is none of that name.
        ConflictError: a route names it.
    """
    found = _find(conn, name)
    routes = [each.name for each in list_routes(conn) if name in each.receivers]
    if routes:
        raise ConflictError(f"the receiver {name!r} is named by {', '.join(routes)}; change or remove that route first")
    receiver.put_receiver(conn, name, found.kind, found.spec, at=at, enabled=False)
    audit.append_event(conn, at=at, actor=actor, verb="removed", subject=f"receiver/{name}", before=found.spec)


def try_receiver(store: Store, name: str, *, actor: str) -> tuple[bool, str]:
    """Send one message, marked as a test, on record; returns whether it was taken, and what came back.

    Raises:
        NotFoundError: there is none of that name.
    """
    with store.read() as conn:
        found = _find(conn, name)
    try:
        delivered, detail = True, build_notifier(parse_receiver(found.spec)).send(sample_message(name)).detail
    except DeliveryError as error:
        delivered, detail = False, str(error)
    with store.begin() as conn:
        at, after = store.now(conn), {"delivered": delivered}
        audit.append_event(conn, at=at, actor=actor, verb="tested", subject=f"receiver/{name}", after=after)
    return delivered, detail


def _find(conn: Connection, name: str) -> ReceiverRow:
    found = receiver.find_receiver(conn, name)
    if found is None or not found.enabled:
        names = [each.name for each in receiver.list_receivers(conn, enabled=True)]
        known = ", ".join(names) or "none"
        raise NotFoundError(f"There is no receiver {name!r}. Known: {known}.{nearest(name, names)}")
    return found
