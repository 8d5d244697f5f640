"""The Data quality page: every check through time, what breaks it, and how the schema changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, func, select

from driftwatch.domain.finding import Finding
from driftwatch.domain.signal import RunStatus, Severity
from driftwatch.queries.catalogue import find_model
from driftwatch.queries.check_line import CheckLine, CheckState, check_line
from driftwatch.queries.quality_wording import quality_words
from driftwatch.queries.span import Span, span_of
from driftwatch.queries.standing import Standing, read_standing
from driftwatch.queries.status import Status
from driftwatch.queries.wording import seen
from driftwatch.storage import run
from driftwatch.storage.schema import batches, features, model_versions
from driftwatch.storage.store import Store

__all__ = ["QualityView", "SchemaChange", "read_quality"]

_MOST_WINDOWS = 2000
_LEARNED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "missing": ("share of missing values as in the reference", ("missing_share", "vanished")),
    "new": ("no value that the reference never had", ("new_values",)),
    "gone": ("every usual value still comes", ("vanished_category",)),
    "constant": ("more than one value a day", ("constant",)),
    "range": ("range near that of the reference", ("range",)),
    "schema": ("same columns and kinds as the reference", ("retyped", "added")),
    "duplicates": ("ids come once", ("duplicates",)),
    "late": ("rows come in time", ("late",)),
}
_GROUP = {kind: group for group, (_, kinds) in _LEARNED.items() for kind in kinds}
_JUDGED = (RunStatus.OK, RunStatus.WARNING, RunStatus.CRITICAL)
_CHANGES = frozenset({"vanished", "retyped", "added"})
_STATES = {
    "ok": Status.HEALTHY,
    "watch": Status.WATCH,
    "warning": Status.WARNING,
    "critical": Status.CRITICAL,
}


@dataclass(frozen=True)
class SchemaChange:
    """Something about the columns of a model that changed.

    Attributes:
        at: when it was first seen, microseconds UTC.
        column: which.
        what: in words.
        status: as bad as it is; healthy for what a new version brought.
    """

    at: int
    column: str
    what: str
    status: Status


@dataclass(frozen=True)
class QualityView:
    """Everything on the Data quality page.

    Attributes:
        standing: of the model.
        span: the window.
        checks: declared and learned ones, worst first.
        changes: of the schema, newest first.
        windows: how many were judged.
        rows: rows in them.
    """

    standing: Standing
    span: Span
    checks: tuple[CheckLine, ...]
    changes: tuple[SchemaChange, ...]
    windows: int
    rows: int

    @property
    def broken(self) -> tuple[CheckLine, ...]:
        """The checks that the newest window breaks."""
        return tuple(check for check in self.checks if check.status is not None and check.status.firing)


@dataclass(frozen=True)
class _Judged:
    start: int
    end: int
    status: RunStatus
    n: int
    checks: Sequence[Mapping[str, Any]]
    findings: Sequence[Finding]


def read_quality(store: Store, name: str, environment: str, span_name: str) -> QualityView | None:
    """The page in one snapshot, or None if there is no such model."""
    with store.read() as conn:
        read_at = store.now(conn)
        model = find_model(conn, name, environment)
        if model is None:
            return None
        standing = read_standing(conn, model, read_at)
        span = span_of(span_name, end=standing.now, width=model.width)
        judged = [_judged(row) for row in run.list_results(conn, model.id, span.start, span.end)[-_MOST_WINDOWS:]]
        versions = _version_changes(conn, model.id, span)
    lines = [*_declared(judged), *_learned(judged, replay=model.replay)]
    return QualityView(
        standing=standing,
        span=span,
        checks=tuple(sorted(lines, key=lambda line: line.rank)),
        changes=tuple(sorted((*versions, *_seen_changes(judged)), key=lambda change: (-change.at, change.column))),
        windows=sum(1 for each in judged if each.status in _JUDGED),
        rows=sum(each.n for each in judged),
    )


def _judged(row: run.RunRow) -> _Judged:
    result = {} if row.result is None else run.decode_result(row.result)
    return _Judged(
        row.window_start,
        row.window_end,
        RunStatus(row.status or "error"),
        row.n,
        result.get("summary", {}).get("checks", ()),
        [Finding.from_dict(each) for each in result.get("findings", ()) if each["segment"] is None],
    )


def _declared(judged: Sequence[_Judged]) -> list[CheckLine]:
    """What the user demands; a demand that no longer stands in the newest declaration is history, and left out."""
    newest = next((each.checks for each in reversed(judged) if each.checks), ())
    lines = []
    for check in newest:
        states = []
        for window in judged:
            facts = next((each for each in window.checks if each["check"] == check["check"]), None)
            status = None if facts is None else _STATES.get(facts["state"])
            said = "" if facts is None or not facts["n_violated"] else quality_words("constraint", facts, facts["n"])
            n, broken = (0, 0) if facts is None else (facts["n"], facts["n_violated"])
            states.append(CheckState(window.start, window.end, status, n, broken, said or ""))
        lines.append(check_line(check["column"], check["demand"], states, declared=True, allowed=check["max_share"]))
    return lines


def _learned(judged: Sequence[_Judged], *, replay: bool) -> list[CheckLine]:
    """What follows from the reference: a line for each column that broke it, else one for the model."""
    lines = []
    for group, (words, _) in _LEARNED.items():
        if group == "late" and replay:
            continue  # nobody knows when the rows of the past came
        columns: dict[str | None, None] = {
            each.column: None for window in judged for each in window.findings if _GROUP.get(each.kind) == group
        }
        for column in columns or {None: None}:
            states = [_state(window, group, column) for window in judged]
            lines.append(check_line(column, words, states, declared=False))
    return lines


def _state(window: _Judged, group: str, column: str | None) -> CheckState:
    found = [each for each in window.findings if _GROUP.get(each.kind) == group and each.column == column]
    if not found:
        status = Status.HEALTHY if window.status in _JUDGED else None
        return CheckState(window.start, window.end, status, window.n, 0, "")
    leading = max(found, key=lambda each: each.severity.rank)
    said = quality_words(leading.kind, leading.details, leading.n) or seen(leading.kind)
    broken = int(leading.details.get("n_violated", leading.n))
    return CheckState(window.start, window.end, _STATES[leading.severity.value], leading.n, broken, said)


def _seen_changes(judged: Sequence[_Judged]) -> list[SchemaChange]:
    """Columns that vanished, came new or turned into another kind: the first window of each time."""
    changes, before = [], set[tuple[str | None, str]]()
    for window in judged:
        now = {(each.column, each.kind): each.severity for each in window.findings if each.kind in _CHANGES}
        for (column, kind), severity in now.items():
            if (column, kind) not in before and column is not None:
                changes.append(SchemaChange(window.start, column, seen(kind), _of(severity)))
        before = set(now)
    return changes


def _version_changes(conn: Connection, model_id: int, span: Span) -> list[SchemaChange]:
    """What the features of each version are that those of the version before were not, as of its first row."""
    firsts = conn.execute(
        select(batches.c.version_id, func.min(batches.c.first_at).label("first_at"))
        .where(batches.c.model_id == model_id, batches.c.kind == "predictions")
        .group_by(batches.c.version_id)
    )
    began: dict[int, int | None] = {row.version_id: row.first_at for row in firsts}
    rows = conn.execute(
        select(features.c.name, features.c.kind, model_versions.c.id, model_versions.c.version)
        .join(model_versions, model_versions.c.id == features.c.version_id)
        .where(model_versions.c.model_id == model_id)
        .order_by(model_versions.c.id, features.c.name)
    )
    versions: dict[tuple[int, str], dict[str, str]] = {}
    for row in rows:
        versions.setdefault((row.id, row.version), {})[row.name] = row.kind
    changes = []
    for (_, before), ((version_id, version), after) in pairwise(versions.items()):
        at = began.get(version_id)
        if at is None or not span.start <= at <= span.end:
            continue
        for name in sorted(before.keys() | after.keys()):
            was, now = before.get(name), after.get(name)
            if was != now:
                what = f"{was or 'not there'} → {now or 'not there'}, version {version}"
                changes.append(SchemaChange(at, name, what, Status.HEALTHY))
    return changes


def _of(severity: Severity) -> Status:
    return _STATES.get(severity.value, Status.HEALTHY)
