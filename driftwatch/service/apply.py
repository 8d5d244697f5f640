"""Applying declarations: documents of every kind, all of a file or none of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import Connection

from driftwatch.errors import SpecError
from driftwatch.monitors import reading
from driftwatch.monitors.fixed import MonitorSpec, parse_monitor
from driftwatch.monitors.spec import ModelSpec, parse_model_spec
from driftwatch.notifiers.receiver import ReceiverSpec, parse_receiver
from driftwatch.service.declared import list_declared
from driftwatch.service.receivers import put_receiver
from driftwatch.service.routing import left_over, put_route, read_policy
from driftwatch.service.routing_document import RouteSpec, parse_route
from driftwatch.service.silencing import SilenceSpec, add_silence, parse_silence
from driftwatch.service.threshold_monitor import list_thresholds, put_threshold, settle_estimates
from driftwatch.service.training import Training, put_training, read_training
from driftwatch.storage import audit, registration
from driftwatch.storage.store import Store

__all__ = ["Change", "apply_documents"]

_Spec: TypeAlias = ModelSpec | MonitorSpec | ReceiverSpec | RouteSpec | SilenceSpec

_KINDS: dict[str, Callable[[Mapping[str, Any]], _Spec]] = {
    "model": parse_model_spec,
    "monitor": parse_monitor,
    "receiver": parse_receiver,
    "route": parse_route,
    "silence": parse_silence,
}


@dataclass(frozen=True, slots=True)
class Change:
    """What applying one document did.

    Attributes:
        kind: model, monitor, receiver, route or silence.
        name: of the object.
        verb: created, changed or unchanged.
        before: what was declared, as ``apply`` takes it; None if it was not.
        after: what is declared now.
        unused: declared keys that this release stores and does not act on.
        notes: what else there is to say: the training file that was read, the false alarms to be expected.
    """

    kind: str
    name: str
    verb: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    unused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As ``apply --json`` prints it."""
        return {
            "kind": self.kind,
            "name": self.name,
            "verb": self.verb,
            "unused": list(self.unused),
            "notes": list(self.notes),
        }

    @property
    def differs(self) -> bool:
        """Whether applying it changes anything: the document, or the profile of its training file."""
        return self.verb != "unchanged" or (self.kind == "model" and bool(self.notes))

    def to_diff(self) -> dict[str, Any]:
        """As ``diff --json`` prints it."""
        return {"kind": self.kind, "name": self.name, "verb": self.verb, "before": self.before, "after": self.after}


def apply_documents(
    store: Store,
    documents: Sequence[Mapping[str, Any]],
    *,
    actor: str,
    beside: Path | None = None,
    dry_run: bool = False,
    files: bool = True,
) -> list[Change]:
    """Check every document, then store all of them in one transaction; training files are read before it.

    Args:
        store: where to.
        documents: parsed, one map each.
        actor: who does it, for the audit log.
        beside: the folder that the paths of training files start from; the working directory if left out.
        dry_run: roll the transaction back: the changes are those that would be made.
        files: whether training files may be read here; else a new one is refused.

    Raises:
        SpecError: a document is wrong, or a training file cannot be read; then nothing is stored. With several
            documents its place is named.
    """
    several = len(documents) > 1
    specs: list[_Spec] = []
    for place, document in enumerate(documents):
        with _placed(place, several=several):
            specs.append(_KINDS[reading.read_choice(document.get("kind", "model"), "kind", list(_KINDS))](document))
    if not specs:
        raise SpecError("there is no document in it; write, for example, kind: model")
    trainings = _read_trainings(store, specs, beside, files=files)
    with store.begin() as conn, conn.begin_nested() as savepoint:
        changes = _store(conn, specs, trainings, actor=actor, now=store.now(conn))
        if dry_run:
            savepoint.rollback()
    if dry_run:
        return changes
    return [_with_cost(store, spec, change) for spec, change in zip(specs, changes, strict=True)]


def _store(
    conn: Connection, specs: Sequence[_Spec], trainings: Sequence[Training | None], *, actor: str, now: int
) -> list[Change]:
    """Store all of them, in the order in which they may name one another; the changes in the order of the file."""
    before = list_declared(conn, at=now)
    changes: list[Change] = [Change("", "", "")] * len(specs)
    # A monitor may stand before its model in the file, a route before its receivers.
    for place in sorted(range(len(specs)), key=lambda place: isinstance(specs[place], MonitorSpec | RouteSpec)):
        with _placed(place, several=len(specs) > 1):
            changes[place] = _apply(conn, specs[place], trainings[place], actor=actor, now=now)
    last = max((place for place, spec in enumerate(specs) if isinstance(spec, RouteSpec)), default=None)
    if last is not None:
        changes[last] = replace(changes[last], notes=(_rest(conn, now),))
    after = list_declared(conn, at=now)
    keys = [(each.kind, each.name) for each in changes]
    return [
        replace(each, before=before.get(key), after=after.get(key)) for each, key in zip(changes, keys, strict=True)
    ]


@contextmanager
def _placed(place: int, *, several: bool) -> Iterator[None]:
    """Say of several documents which one is wrong; `path` begins with its place, counted from 0 as programs do."""
    try:
        yield
    except SpecError as error:
        if several:
            error.args = (f"in document {place + 1}: {error}",)
        error.path = f"documents[{place}]{f'.{error.path}' if error.path else ''}" if several else error.path
        raise


def _read_trainings(store: Store, specs: Sequence[_Spec], beside: Path | None, *, files: bool) -> list[Training | None]:
    """The training files that are declared, but for those that are on record and not here: their profile stays."""
    with store.read() as conn:
        known = {(each.environment, each.name): each.spec or {} for each in registration.list_models(conn)}
    found: list[Training | None] = []
    for place, spec in enumerate(specs):
        file = spec.reference.file if isinstance(spec, ModelSpec) and spec.reference is not None else None
        if not isinstance(spec, ModelSpec) or file is None:
            found.append(None)
            continue
        declared = known.get((spec.environment, spec.model), {}).get("reference") == {"file": file}
        if declared and not (files and ((beside or Path()) / file).exists()):
            found.append(None)
            continue
        with _placed(place, several=len(specs) > 1):
            if not files:
                told = "a training file is read where the command runs; apply this document with: driftwatch apply"
                raise SpecError(told, path="reference.file")
            found.append(read_training(spec, beside=beside))
    return found


def _with_cost(store: Store, spec: _Spec, change: Change) -> Change:
    """The change of a monitor with the false alarms to be expected of it."""
    if not isinstance(spec, MonitorSpec):
        return change
    with store.read() as conn:
        model = registration.find_model(conn, spec.environment, spec.model)
    if model is None:
        return change
    settle_estimates(store, model)
    with store.read() as conn:
        known = {each.spec.name: each for each in list_thresholds(conn, model.id)}
    return replace(change, notes=(known[spec.name].cost,)) if spec.name in known else change


def _apply(conn: Connection, spec: _Spec, training: Training | None, *, actor: str, now: int) -> Change:
    if isinstance(spec, MonitorSpec):
        name = f"{spec.environment}/{spec.model}/{spec.name}"
        return Change("monitor", name, put_threshold(conn, spec, at=now, actor=actor))
    if isinstance(spec, RouteSpec):
        return Change("route", spec.name, put_route(conn, spec, at=now, actor=actor))
    if isinstance(spec, SilenceSpec):
        return Change("silence", spec.name or "", add_silence(conn, spec, at=now, actor=actor)[1])
    if isinstance(spec, ReceiverSpec):
        return Change("receiver", spec.name, put_receiver(conn, spec, at=now, actor=actor))
    notes: tuple[str, ...] = ()
    name = f"{spec.environment}/{spec.model}"
    known = registration.find_model(conn, spec.environment, spec.model)
    before, after = known.spec if known is not None else None, spec.to_dict()
    verb = "created" if before is None else "unchanged" if before == after else "changed"
    if verb != "unchanged":
        model_id = registration.ensure_model(conn, spec.environment, spec.model, at=now)
        registration.set_spec(conn, model_id, after, at=now)
        audit.append_event(conn, at=now, actor=actor, verb=verb, subject=f"model/{name}", before=before, after=after)
    if training is not None:
        model_id = registration.ensure_model(conn, spec.environment, spec.model, at=now)
        if put_training(conn, model_id, training, at=now, actor=actor):
            stored = {"file": training.source, "sha256": training.digest, "rows": training.profile.rows}
            subject = f"reference/{name}"
            audit.append_event(conn, at=now, actor=actor, verb="stored", subject=subject, after=stored)
            notes = (f"training reference: {training.profile.rows:,} rows of {training.source}",)
    return Change("model", name, verb, unused=spec.unused, notes=notes)


def _rest(conn: Connection, at: int) -> str:
    """Where alerts of production go that no route takes: nothing is to be lost unseen."""
    rest = left_over(read_policy(conn, at=at))
    return f"what no route takes goes to {', '.join(rest)}" if rest else "what no route takes goes to nobody"
