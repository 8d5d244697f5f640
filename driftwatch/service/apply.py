"""Applying declarations: documents of kind model and receiver, all of a file or none of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from driftwatch.errors import SpecError
from driftwatch.monitors import reading
from driftwatch.monitors.spec import ModelSpec, parse_model_spec
from driftwatch.notifiers.receiver import ReceiverSpec, parse_receiver
from driftwatch.storage import audit, receiver, registration
from driftwatch.storage.store import Store

__all__ = ["Change", "apply_documents"]

_KINDS = ("model", "receiver")


@dataclass(frozen=True, slots=True)
class Change:
    """What applying one document did.

    Attributes:
        kind: model or receiver.
        name: of the object.
        verb: created, changed or unchanged.
        unused: declared keys that this release stores and does not act on.
    """

    kind: str
    name: str
    verb: str
    unused: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As ``apply --json`` prints it."""
        return {"kind": self.kind, "name": self.name, "verb": self.verb, "unused": list(self.unused)}


def apply_documents(store: Store, documents: Sequence[Mapping[str, Any]], *, actor: str) -> list[Change]:
    """Check every document, then store all of them in one transaction.

    Args:
        store: where to.
        documents: parsed, one map each.
        actor: who does it, for the audit log.

    Raises:
        SpecError: a document is wrong; then nothing is stored. With several documents its place is named.
    """
    specs = [_parse(document, place if len(documents) > 1 else 0) for place, document in enumerate(documents, 1)]
    if not specs:
        raise SpecError("there is no document in it; write, for example, kind: model")
    with store.begin() as conn:
        now = store.now(conn)
        return [_apply(conn, spec, actor=actor, now=now) for spec in specs]


def _parse(document: Mapping[str, Any], place: int) -> ModelSpec | ReceiverSpec:
    try:
        kind = reading.read_choice(document.get("kind", "model"), "kind", _KINDS)
        return parse_receiver(document) if kind == "receiver" else parse_model_spec(document)
    except SpecError as error:
        if not place:
            raise
        raise SpecError(f"in document {place}: {error}") from None


def _apply(conn: Connection, spec: ModelSpec | ReceiverSpec, *, actor: str, now: int) -> Change:
    if isinstance(spec, ReceiverSpec):
        name = spec.name
        before = receiver.find_receiver(conn, name)
        old = before.spec if before is not None else None
        verb = _verb(old, spec.to_dict())
        if verb != "unchanged":
            receiver.put_receiver(conn, name, spec.type, spec.to_dict(), at=now)
    else:
        name = f"{spec.environment}/{spec.model}"
        known = registration.find_model(conn, spec.environment, spec.model)
        old = known.spec if known is not None else None
        verb = _verb(old, spec.to_dict())
        if verb != "unchanged":
            model_id = registration.ensure_model(conn, spec.environment, spec.model, at=now)
            registration.set_spec(conn, model_id, spec.to_dict(), at=now)
    kind = "receiver" if isinstance(spec, ReceiverSpec) else "model"
    if verb != "unchanged":
        audit.append_event(
            conn, at=now, actor=actor, verb=verb, subject=f"{kind}/{name}", before=old, after=spec.to_dict()
        )
    return Change(kind, name, verb, () if isinstance(spec, ReceiverSpec) else spec.unused)


def _verb(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> str:
    if before is None:
        return "created"
    return "unchanged" if dict(before) == dict(after) else "changed"
