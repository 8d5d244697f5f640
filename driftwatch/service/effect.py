"""What a judged window does to the store: result, findings, alerts, incidents and messages, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from driftwatch.alerting.book import IncidentBook, JudgedWindow
from driftwatch.alerting.machine import Transition, advance
from driftwatch.domain.signal import RunStatus
from driftwatch.monitors.baseline import WindowResult
from driftwatch.service.facts import facts_of
from driftwatch.service.judging import ModelJudge
from driftwatch.service.recording import LostClaimError, close, record
from driftwatch.service.telling import tell, trend_of
from driftwatch.service.wording import Context
from driftwatch.storage import finding, incident, run
from driftwatch.storage.run import RunRow

__all__ = ["Failure", "write_effects", "write_failures"]

_DEPLOYMENT = "default"


@dataclass(frozen=True, slots=True)
class Failure:
    """A window that could not be judged, and why. It moves no alert: not to be judged is not to be well.

    Attributes:
        reason: for people.
        status: error, or partial for a window that was not meant to be judged.
    """

    reason: str
    status: RunStatus = RunStatus.ERROR


def write_failures(conn: Connection, runs: Sequence[RunRow], failure: Failure, *, owner: str, now: int) -> None:
    """Finish runs that could not be judged.

    Raises:
        LostClaimError: a claim is another worker's now.
    """
    for row in runs:
        _fail(conn, row, failure, owner=owner, now=now)


def write_effects(
    conn: Connection,
    judge: ModelJudge,
    verdicts: Sequence[tuple[RunRow, WindowResult | Failure]],
    *,
    owner: str,
    now: int,
    public_url: str,
) -> list[Transition]:
    """Finish runs in the order of their windows, with everything that follows from them.

    Args:
        conn: a writing connection; the caller commits, or rolls back on any exception.
        judge: whose windows they are.
        verdicts: claimed runs of one model and what came of them.
        owner: who claimed them.
        now: the database's clock.
        public_url: for the links in messages.

    Returns:
        What changed.

    Raises:
        LostClaimError: a claim is another worker's now.
    """
    model_id = judge.model.id
    stored, revision = incident.read_book(conn, model_id, _DEPLOYMENT)
    book = IncidentBook.from_dict(stored) if stored is not None else _new_book(judge)
    seen: list[Transition] = []
    for row, verdict in verdicts:
        if isinstance(verdict, Failure):
            _fail(conn, row, verdict, owner=owner, now=now)
            continue
        _finish(conn, judge, row, verdict, owner=owner, now=now)
        book, transitions = advance(book, _window(row, verdict))
        for transition in transitions:
            if not _store(conn, judge, row, transition, now=now, public_url=public_url):
                book = book.with_opening_owed(transition.incident.id)
        seen += transitions
    close(conn, model_id, book, revision=revision, now=now)
    return seen


def _new_book(judge: ModelJudge) -> IncidentBook:
    return IncidentBook(environment=judge.model.environment, model=judge.model.name, deployment=_DEPLOYMENT)


def _window(row: RunRow, verdict: WindowResult) -> JudgedWindow:
    return JudgedWindow(
        start=verdict.window_start,
        end=verdict.window_end,
        at=verdict.window_end,
        findings=verdict.findings,
        states=verdict.judged,
        backfill=row.backfill,
    )


def _fail(conn: Connection, row: RunRow, failure: Failure, *, owner: str, now: int) -> None:
    status, reason = failure.status.value, failure.reason
    if not run.finish(conn, row.id, owner, row.fence, at=now, status=status, last_error=reason):
        raise LostClaimError


def _finish(conn: Connection, judge: ModelJudge, row: RunRow, verdict: WindowResult, *, owner: str, now: int) -> None:
    """End the run first: it fails if the claim is lost, and then nothing else may be written."""
    result = {
        "summary": dict(verdict.summary),
        "findings": [each.to_dict() for each in verdict.findings],
        "judged": dict(verdict.judged),
        "data_version": judge.data_version(row.window_start),
    }
    payload = run.encode_result(result)
    status = verdict.status.value
    if not run.finish(conn, row.id, owner, row.fence, at=now, status=status, n=verdict.rows, result=payload):
        raise LostClaimError
    finding.insert_findings(conn, row.id, judge.model.id, verdict.findings)


def _store(
    conn: Connection, judge: ModelJudge, row: RunRow, transition: Transition, *, now: int, public_url: str
) -> bool:
    """Store what a transition changed; False if an incident has ended of which nobody was told on purpose."""
    told = transition.incident
    record(conn, judge.model.id, transition, now=now, monitor_id=row.monitor_id, run_id=row.id)
    if not transition.notify:
        return True
    trend = trend_of(conn, judge.model.id, told.columns, width=judge.alignment.width, until=row.window_end)
    context = Context(public_url=public_url, reference=judge.reference, change=judge.change, trend=trend)
    return tell(conn, transition, context, facts_of(conn, judge.model, told.deployment), now=now)
