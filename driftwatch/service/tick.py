"""One round of judging: the database says what is due, a claim says who does it, one transaction says what came of it.

Any number of workers, in any number of processes, may tick at once; a worker that dies loses nothing but time.
"""

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field

from driftwatch.domain.instant import MINUTE
from driftwatch.domain.signal import RunStatus
from driftwatch.errors import DriftwatchError, StoreError
from driftwatch.monitors.baseline import WindowResult
from driftwatch.service.agenda import AT_A_TIME, Agenda, insert_revisions, insert_windows, read_agenda
from driftwatch.service.beside import Beside
from driftwatch.service.effect import Failure, write_effects, write_failures
from driftwatch.service.judging import ModelJudge
from driftwatch.service.recording import LostClaimError
from driftwatch.service.threshold_monitor import settle_estimates
from driftwatch.storage import heartbeat, monitor, registration, run
from driftwatch.storage.registration import ModelRow
from driftwatch.storage.run import RunRow
from driftwatch.storage.store import Store

__all__ = ["COLUMNS_HELD", "TickReport", "Ticker", "new_owner"]

_LOG = logging.getLogger(__name__)

_LEASE_SECONDS = 60.0
_SPAN = 500

COLUMNS_HELD = 50_000
"""Columns, over all models, that a worker keeps in memory."""

_WINDOWS_A_TRANSACTION = 24
_ATTEMPTS = 5
_BEAT_SECONDS = 10.0

_Verdict = tuple[RunRow, WindowResult | Failure]


def new_owner() -> str:
    """A name for this worker that no other process has, or had."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


@dataclass
class TickReport:
    """What one round did.

    Attributes:
        scheduled: windows found due.
        judged: windows judged.
        failed: windows that could not be judged.
        messages: messages put in the outbox's hands, before receivers are counted.
        learning: models whose reference is not over yet.
        faults: by model, why it could not be looked at.
    """

    scheduled: int = 0
    judged: int = 0
    failed: int = 0
    messages: int = 0
    learning: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)


class Ticker:
    """A worker. Call :meth:`tick` every few seconds, from one thread.

    Args:
        store: where everything is.
        public_url: the dashboard's address, for the links in messages.
        owner: this worker's name; made up if left out.
        lease_seconds: how long after its death another worker goes on; it is extended while this one lives.
        columns_held: columns whose history is kept in memory between rounds, over all models; those of the models
            judged longest ago are let go, and read again when their turn comes.
    """

    def __init__(
        self,
        store: Store,
        *,
        public_url: str,
        owner: str | None = None,
        lease_seconds: float = _LEASE_SECONDS,
        columns_held: int = COLUMNS_HELD,
    ) -> None:
        self._store = store
        self._public_url = public_url
        self._owner = owner or new_owner()
        self._lease_seconds = lease_seconds
        self._columns_held = columns_held
        self._judges: dict[int, ModelJudge] = {}
        self._besides: dict[int, Beside] = {}
        self._revised_at: dict[int, int] = {}
        self._beat_at = -_BEAT_SECONDS

    def tick(self, should_stop: Callable[[], bool] = lambda: False) -> TickReport:
        """Schedule what is due and judge until nothing is left, or until `should_stop` says so between two spans.

        One model's fault stops no other: it is logged, reported and beaten into the heartbeat.

        Raises:
            StoreError: the database cannot be used; nothing is lost, tick again.
        """
        report = TickReport()
        with self._store.read() as conn:
            models = registration.list_models(conn)
            now = self._store.now(conn)
        for model in models:
            self._schedule_or_say_why(report, model, now=now)
        while not should_stop() and self._work(report):
            self._beat_if_late(report, len(models))
        self._beat(report, len(models))
        return report

    def _schedule_or_say_why(self, report: TickReport, model: ModelRow, *, now: int) -> None:
        try:
            self._schedule(report, model, now=now)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one model must stop no other
            if not isinstance(error, DriftwatchError):
                _LOG.exception("model %s/%s could not be scheduled", model.environment, model.name)
            report.faults[_name(model)] = _reason(error)

    def _schedule(self, report: TickReport, model: ModelRow, *, now: int) -> None:
        agenda = self._agenda(model, now=now)
        if agenda is None:
            return
        if agenda.is_learning:
            report.learning.append(_name(model))
            return
        while agenda is not None and agenda.has_due:
            with self._store.begin() as conn:
                made = insert_windows(conn, agenda, now=self._store.now(conn))
            report.scheduled += made
            if made < AT_A_TIME:
                break
            agenda = self._agenda(model, now=now)
        if agenda is not None and now - self._revised_at.get(model.id, 0) >= MINUTE:
            self._revised_at[model.id] = now
            with self._store.begin() as conn:
                report.scheduled += insert_revisions(conn, agenda, now=self._store.now(conn))

    def _agenda(self, model: ModelRow, *, now: int) -> Agenda | None:
        with self._store.read() as conn:
            return read_agenda(conn, model, now=now)

    def _work(self, report: TickReport) -> bool:
        """Claim one span of windows and judge it; False if there is none."""
        with self._store.begin() as conn:
            now = self._store.now(conn)
            span = run.claim_span(conn, self._owner, now=now, lease_seconds=self._lease_seconds, limit=_SPAN)
            model = monitor.find_model(conn, span[0].monitor_id) if span else None
        if model is None:
            return False
        try:
            with self._kept():
                self._judge_and_write(report, model, span, now=now)
        except LostClaimError:
            _LOG.warning("windows of %s went on to another worker", _name(model))
        return True

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """Extend the lease from a thread of its own for as long as the block takes."""
        done = threading.Event()

        def keep() -> None:
            while not done.wait(self._lease_seconds / 3):
                with suppress(StoreError), self._store.begin() as conn:
                    run.extend_all(conn, self._owner, now=self._store.now(conn), lease_seconds=self._lease_seconds)

        thread = threading.Thread(target=keep, name="driftwatch-lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _judge_and_write(self, report: TickReport, model: ModelRow, span: Sequence[RunRow], *, now: int) -> None:
        try:
            with self._store.read() as conn:
                judge = self._judge_of(read_agenda(conn, model, now=now))
                judge.read(conn, span[-1].window_end, [row.window_start for row in span])
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - as above; the runs end in error, where everybody sees them
            _LOG.exception("model %s cannot be judged", _name(model))
            failure = Failure(_reason(error))
            with self._store.begin() as conn:
                write_failures(conn, span, failure, owner=self._owner, now=self._store.now(conn))
            report.failed += len(span)
            return
        self._write(report, judge, self._with_beside(judge, _verdicts(judge, span)))
        judge.rest()

    def _judge_of(self, agenda: Agenda | None) -> ModelJudge:
        if agenda is None:
            raise LookupError("the model has no rows any more")
        judge = self._judges.pop(agenda.model.id, None)
        if judge is None or (judge.spec, judge.reference) != (agenda.spec, agenda.reference):
            judge = ModelJudge(agenda.model, agenda.spec, agenda.reference)
        self._judges[agenda.model.id] = judge  # the one used last stands last
        self._let_go()
        return judge

    def _let_go(self) -> None:
        """Forget the judges that were used longest ago, when more columns are held than there is room for."""
        held = sum(judge.n_columns for judge in self._judges.values())
        for model_id in list(self._judges)[:-1]:
            if held <= self._columns_held:
                break
            held -= self._judges.pop(model_id).n_columns

    def _with_beside(self, judge: ModelJudge, verdicts: Sequence[_Verdict]) -> Sequence[_Verdict]:
        """The verdicts with skew and fixed thresholds; a fault of these stops no verdict of the rule."""
        beside = self._besides.get(judge.model.id)
        if beside is None or (beside.spec, beside.reference) != (judge.spec, judge.reference):
            beside = self._besides[judge.model.id] = Beside(judge.model.id, judge.spec, judge.reference)
        try:
            with self._store.read() as conn:
                told = beside.add(conn, [verdict for _, verdict in verdicts if isinstance(verdict, WindowResult)])
            settle_estimates(self._store, judge.model)
        except StoreError:
            raise
        except Exception:  # noqa: BLE001 - as above
            _LOG.exception("what is judged beside the rule failed for model %s", _name(judge.model))
            return verdicts
        by_start = {result.window_start: result for result in told}
        return [(row, by_start.get(row.window_start, verdict)) for row, verdict in verdicts]

    def _write(self, report: TickReport, judge: ModelJudge, verdicts: Sequence[_Verdict]) -> None:
        for first in range(0, len(verdicts), _WINDOWS_A_TRANSACTION):
            some = verdicts[first : first + _WINDOWS_A_TRANSACTION]
            with self._store.begin() as conn:
                now = self._store.now(conn)
                transitions = write_effects(conn, judge, some, owner=self._owner, now=now, public_url=self._public_url)
            failed = sum(isinstance(verdict, Failure) for _, verdict in some)
            report.failed += failed
            report.judged += len(some) - failed
            report.messages += sum(transition.notify for transition in transitions)

    def _beat_if_late(self, report: TickReport, n_models: int) -> None:
        """A long round lives too."""
        if time.monotonic() - self._beat_at >= _BEAT_SECONDS:
            self._beat(report, n_models)

    def _beat(self, report: TickReport, n_models: int) -> None:
        idle = not (report.faults or report.judged or report.failed)
        if idle and time.monotonic() - self._beat_at < _BEAT_SECONDS:
            return
        details = {"models": n_models, **asdict(report)}
        with self._store.begin() as conn:
            heartbeat.beat(conn, "tick", self._owner, at=self._store.now(conn), details=details)
        self._beat_at = time.monotonic()


def _verdicts(judge: ModelJudge, span: Sequence[RunRow]) -> list[_Verdict]:
    """All windows in one call; if that fails, each alone, so that one bad window stops no other."""
    if span[0].attempt > _ATTEMPTS:
        why = f"given up: the worker died or lost its claim {_ATTEMPTS} times while judging this window"
        head: list[_Verdict] = [(span[0], Failure(why))]
        return head + (_verdicts_of(judge, span[1:]) if len(span) > 1 else [])
    return _verdicts_of(judge, span)


def _verdicts_of(judge: ModelJudge, span: Sequence[RunRow]) -> list[_Verdict]:
    try:
        results = judge.judge(sorted({row.window_start for row in span}))
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        failure = Failure(_reason(error))
        if len(span) == 1:
            expected = isinstance(error, DriftwatchError)  # then its words say all
            _LOG.warning("windows of %s cannot be judged: %s", _name(judge.model), error, exc_info=not expected)
            return [(span[0], failure)]
        first = _verdicts_of(judge, span[:1])
        if first[0][1] == failure:  # what is wrong is no window's own, the reference for one
            return [(row, failure) for row in span]
        return first + [_verdicts_of(judge, [row])[0] for row in span[1:]]
    found = {result.window_start: result for result in results}
    missing = Failure("the window lies in the reference now", RunStatus.PARTIAL)
    return [(row, found.get(row.window_start, missing)) for row in span]


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, DriftwatchError) else f"{type(error).__name__}: {error}"


def _name(model: ModelRow) -> str:
    return f"{model.environment}/{model.name}"
