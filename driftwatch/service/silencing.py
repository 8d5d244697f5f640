"""Silences in the store: declared or made by hand, previewed, ended."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from driftwatch.alerting.matching import Facts, Matcher, labels_of, refusal
from driftwatch.alerting.silence import Silence
from driftwatch.domain.alert import Alert
from driftwatch.domain.instant import to_iso
from driftwatch.errors import NotFoundError, SpecError
from driftwatch.monitors import reading
from driftwatch.service.facts import facts_of
from driftwatch.service.routing_document import parse_matchers
from driftwatch.storage import audit, incident, registration, silence
from driftwatch.storage.silence import SilenceRow

__all__ = [
    "Matched",
    "SilenceSpec",
    "add_silence",
    "end_silence",
    "list_silences",
    "parse_silence",
    "preview",
    "read_silence",
]

_LOG = logging.getLogger(__name__)

_KEYS = ("kind", "name", "match", "start", "end", "for", "comment", "author")
_LONGEST_NOTE = 500
_UTC = ZoneInfo("UTC")


@dataclass(frozen=True)
class SilenceSpec:
    """A silence that is to be.

    Attributes:
        match: conditions on an alert's labels.
        note: why.
        start: microseconds UTC; from now on, if None.
        end: until when; None if `lasts` says it.
        lasts: microseconds from its start.
        author: who wants it; whoever applies it, if None.
        name: of a declared one.
    """

    match: tuple[Matcher, ...]
    note: str
    start: int | None
    end: int | None
    lasts: int | None = None
    author: str | None = None
    name: str | None = None

    @property
    def matchers(self) -> dict[str, Any]:
        """The conditions as a declaration writes them."""
        return {each.label: each.to_value() for each in self.match}


@dataclass(frozen=True)
class Matched:
    """An alert that fires now and that a silence matches.

    Attributes:
        incident_id: what it belongs to.
        labels: its labels.
    """

    incident_id: str
    labels: Mapping[str, str]


def parse_silence(document: Mapping[str, Any]) -> SilenceSpec:
    """Read a ``kind: silence`` document. It has a name and an end, so that applying it twice changes nothing.

    Raises:
        SpecError: an unknown key, no condition, no comment, or an end that is none.
    """
    reading.read_choice(document.get("kind"), "kind", ("silence",))
    reading.reject_unknown(document, _KEYS, "")
    name = reading.read_name(document.get("name"), "name")
    if name is None:
        raise SpecError("a declared silence needs a name", path="name")
    if "for" in document and "start" not in document:
        raise SpecError("a declared silence has a start or an end; without them it would begin again", path="for")
    return read_silence(document, name=name)


def read_silence(values: Mapping[str, Any], *, name: str | None = None) -> SilenceSpec:
    """Read what makes a silence: match, comment, and when.

    Raises:
        SpecError: as :func:`parse_silence`.
    """
    match = parse_matchers(values.get("match"))
    if not match:
        raise SpecError("a silence without a condition would silence everything; give one, such as model", path="match")
    note = values.get("comment")
    if not isinstance(note, str) or not note.strip() or len(note) > _LONGEST_NOTE:
        raise SpecError(f"say why, in at most {_LONGEST_NOTE} characters", path="comment")
    start = reading.read_instant(values["start"], "start", _UTC) if values.get("start") is not None else None
    end = reading.read_instant(values["end"], "end", _UTC) if values.get("end") is not None else None
    lasts = reading.read_duration(values["for"], "for") if values.get("for") is not None else None
    if (end is None) is (lasts is None):
        raise SpecError("give one of end and for", path="end")
    if start is not None and end is not None and end <= start:
        raise SpecError("it ends before it begins", path="end")
    author = reading.read_name(values.get("author"), "author")
    return SilenceSpec(match, note.strip(), start, end, lasts, author, name)


def add_silence(conn: Connection, spec: SilenceSpec, *, at: int, actor: str) -> tuple[int, str]:
    """Store a silence; returns its id, and created, changed or unchanged.

    Raises:
        SpecError: it is over already.
    """
    before = silence.find_silence(conn, spec.name) if spec.name is not None else None
    start = spec.start if spec.start is not None else at if before is None else before.start_at
    end = spec.end if spec.end is not None else start + (spec.lasts or 0)
    author = spec.author or (actor if before is None else before.author)
    after = (spec.matchers, start, end, author, spec.note)
    if before is not None and after == (before.matchers, before.start_at, before.end_at, before.author, before.note):
        return before.id, "unchanged"
    if end <= at:
        raise SpecError(f"it was over at {to_iso(end)}", path="end")
    made = silence.put_silence(
        conn, spec.matchers, start=start, end=end, author=author, note=spec.note, at=at, name=spec.name
    )
    verb = "created" if before is None else "changed"
    audit.append_event(
        conn,
        at=at,
        actor=actor,
        verb=verb,
        subject=f"silence/{made}",
        before=None if before is None else _document(before),
        after={"match": spec.matchers, "start": to_iso(start), "end": to_iso(end), "comment": spec.note},
    )
    return made, verb


def end_silence(conn: Connection, silence_id: int, *, at: int, actor: str) -> None:
    """End a silence now; what still fires is told.

    Raises:
        NotFoundError: there is none of that id, or it has ended already.
    """
    if not silence.end_silence(conn, silence_id, at=at):
        known = ", ".join(str(row.id) for row in silence.list_silences(conn, ending_after=at)) or "none"
        raise NotFoundError(f"There is no silence {silence_id} that has not ended. Known: {known}.")
    audit.append_event(conn, at=at, actor=actor, verb="ended", subject=f"silence/{silence_id}")


def list_silences(conn: Connection, *, ending_after: int | None = None) -> list[Silence]:
    """Silences, the newest first. One that cannot be read is left out, and logged."""
    found: list[Silence] = []
    for row in silence.list_silences(conn, ending_after=ending_after):
        try:
            match = parse_matchers(row.matchers)
        except SpecError as error:  # written by another release
            _LOG.error("silence %d is left out: %s", row.id, error)
            continue
        found.append(Silence(row.id, match, row.start_at, row.end_at, row.author, row.note, row.name))
    return found


def preview(conn: Connection, match: Sequence[Matcher]) -> list[Matched]:
    """The alerts that are open now and that these conditions match."""
    found: list[Matched] = []
    for each in incident.list_incidents(conn, is_open=True, limit=10_000):
        model = registration.find_model(conn, each.environment, each.model)
        facts = Facts() if model is None else facts_of(conn, model, each.deployment)
        alerts: Sequence[Alert] = each.firing
        labelled = [labels_of(alert, facts) for alert in alerts]
        found += [Matched(each.id, labels) for labels in labelled if refusal(match, labels) is None]
    return found


def _document(row: SilenceRow) -> dict[str, Any]:
    return {"match": row.matchers, "start": to_iso(row.start_at), "end": to_iso(row.end_at), "comment": row.note}
