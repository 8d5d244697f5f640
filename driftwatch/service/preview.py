"""What a changed rule would have raised over the last days, beside what the present one raises: before it is applied.

Both are judged anew, window by window, from the profiles that the store holds; nothing is written.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from driftwatch.domain.finding import Finding
from driftwatch.domain.incident import Incident
from driftwatch.domain.instant import DAY, MINUTE, to_iso
from driftwatch.domain.signal import RunStatus, Severity
from driftwatch.errors import SpecError, UserError
from driftwatch.monitors import reading
from driftwatch.monitors.baseline import WindowResult
from driftwatch.monitors.fixed import FalseAlarms, MonitorSpec, parse_monitor
from driftwatch.monitors.spec import ModelSpec, parse_model_spec
from driftwatch.service.agenda import Agenda, read_agenda
from driftwatch.service.backtest import incidents_of
from driftwatch.service.beside import Beside, estimate_false_alarms
from driftwatch.service.judging import ModelJudge
from driftwatch.service.threshold_monitor import check_threshold, list_thresholds
from driftwatch.storage.registration import ModelRow
from driftwatch.storage.store import Store

__all__ = ["Preview", "Side", "preview"]

_MONTH = 30 * DAY
_AT_ONCE = 500


@dataclass(frozen=True)
class Side:
    """What one rule raises.

    Attributes:
        spec: the model's declaration.
        results: of every window, in order of time.
        incidents: in order of opening.
        expected: by monitor, what its threshold would raise where nothing is wrong; None where that is not known.
        period: ``(start, end)``, microseconds UTC.
    """

    spec: ModelSpec
    results: tuple[WindowResult, ...]
    incidents: tuple[Incident, ...]
    expected: Mapping[str, FalseAlarms | None]
    period: tuple[int, int]

    @property
    def months(self) -> float:
        """The time that was evaluated, in months of 30 days."""
        judged = (each.window_end - each.window_start for each in self.results if each.status is not RunStatus.PARTIAL)
        return sum(judged) / _MONTH

    @property
    def alerts(self) -> int:
        """Alerts of all incidents."""
        return sum(len(each.alerts) for each in self.incidents)

    @property
    def expected_per_month(self) -> float:
        """False alarms to be expected a month: the model's budget, and what the thresholds cost beside it."""
        return self.spec.false_alarms_per_month + sum(each.per_month for each in self.expected.values() if each)

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        months = self.months
        thresholds = {name: None if each is None else each.to_dict() for name, each in self.expected.items()}
        return {
            "windows": len(self.results),
            "windows_with_alarms": len(_alarms(self.results)),
            "alerts": self.alerts,
            "incidents": [each.summary() for each in self.incidents],
            "messages": sum(each.messages for each in self.incidents),
            "alerts_per_month": self.alerts / months if months else None,
            "incidents_per_month": len(self.incidents) / months if months else None,
            "false_alarms_per_month_expected": self.expected_per_month,
            "budget_per_month": self.spec.false_alarms_per_month,
            "thresholds": thresholds,
        }


@dataclass(frozen=True)
class Preview:
    """A rule now and then.

    Attributes:
        model: whose.
        now: the rule that is applied.
        then: the rule of the document.
        notes: what of the change cannot be seen in what the store holds.
    """

    model: ModelRow
    now: Side
    then: Side
    notes: tuple[str, ...]

    @property
    def differences(self) -> list[dict[str, Any]]:
        """Windows whose alarms are not the same, in order of time; of two widths, each window is one side's alone."""
        now, then = _alarms(self.now.results), _alarms(self.then.results)
        return [
            {
                "window_start": to_iso(start),
                "window_end": to_iso(end),
                "now": now.get((start, end), []),
                "then": then.get((start, end), []),
            }
            for start, end in sorted({*now, *then})
            if now.get((start, end)) != then.get((start, end))
        ]

    def to_dict(self) -> dict[str, Any]:
        """The public shape of ``monitor backtest --json``."""
        start, end = self.now.period
        return {
            "schema": 1,
            "model": self.model.name,
            "environment": self.model.environment,
            "start": to_iso(start),
            "end": to_iso(end),
            "now": self.now.to_dict(),
            "then": self.then.to_dict(),
            "differences": self.differences,
            "notes": list(self.notes),
        }


def preview(store: Store, model: ModelRow, document: Mapping[str, Any], *, days: int) -> Preview:
    """Judge the last days with the present rule and with that of a document.

    Args:
        store: read in one snapshot.
        model: whose rule.
        document: of kind model or monitor, as ``apply`` takes it.
        days: how far back; less where one of the two references ends later.

    Raises:
        SpecError: the document is wrong, is another model's, or is finer than what the store holds.
        UserError: nothing has been judged yet, or would be.
    """
    with store.read() as conn:
        now = store.now(conn)
        before = _agenda(conn, model, now)
        monitors = {each.spec.name: each.spec for each in list_thresholds(conn, model.id)}
        after, changed = before, dict(monitors)
        kind = reading.read_choice(document.get("kind", "model"), "kind", ("model", "monitor"))
        spec = parse_monitor(document) if kind == "monitor" else parse_model_spec(document)
        _check_model(spec.model, spec.environment, model)
        if isinstance(spec, MonitorSpec):
            check_threshold(spec, model)
            changed[spec.name] = spec
        else:
            _check_width(before.spec, spec)
            after = _agenda(conn, replace(model, spec=spec.to_dict()), now)
        end = before.alignment.start(before.alignment.index(min(before.until, after.until)))
        period = max(end - days * DAY, before.reference[1], after.reference[1]), end
        if period[0] >= period[1]:
            raise UserError(f"no window of {model.name} is over since the end of the reference, {to_iso(period[0])}")
        judged = _judge(conn, before, period)
        again = judged if after == before else _judge(conn, after, period)
        return Preview(
            model,
            _side(conn, before, judged, list(monitors.values()), period),
            _side(conn, after, again, list(changed.values()), period),
            _notes(before, after),
        )


def _agenda(conn: Connection, model: ModelRow, now: int) -> Agenda:
    found = read_agenda(conn, model, now=now)
    if found is None:
        raise UserError(f"{model.name} has no rows yet, so that there is nothing to judge")
    return found


def _check_model(name: str, environment: str, model: ModelRow) -> None:
    if (name, environment) != (model.name, model.environment):
        raise SpecError(
            f"the document is of {environment}/{name}, not of {model.environment}/{model.name}", path="model"
        )


def _check_width(before: ModelSpec, after: ModelSpec) -> None:
    if after.bucket % before.bucket:
        held = before.bucket // MINUTE
        raise SpecError(f"the store holds buckets of {held} minutes, which make no such window", path="bucket")


def _judge(conn: Connection, agenda: Agenda, period: tuple[int, int]) -> list[WindowResult]:
    """What the calibrated rule says of every whole window of a period, as the worker would find it."""
    judge = ModelJudge(agenda.model, agenda.spec, agenda.reference)
    alignment = agenda.alignment
    starts = [each for each in alignment.windows(*period) if each >= period[0] and _end(agenda, each) <= period[1]]
    results: list[WindowResult] = []
    for first in range(0, len(starts), _AT_ONCE):
        some = starts[first : first + _AT_ONCE]
        judge.read(conn, _end(agenda, some[-1]), some)
        results += [replace(each, summary={}) for each in judge.judge(some)]
        judge.rest()
    return results


def _end(agenda: Agenda, start: int) -> int:
    return agenda.alignment.start(agenda.alignment.index(start) + 1)


def _side(
    conn: Connection,
    agenda: Agenda,
    judged: Sequence[WindowResult],
    monitors: Sequence[MonitorSpec],
    period: tuple[int, int],
) -> Side:
    model_id, spec, reference = agenda.model.id, agenda.spec, agenda.reference
    results = Beside(model_id, spec, reference, monitors).add(conn, judged)
    expected = {each.name: estimate_false_alarms(conn, model_id, spec, reference, each) for each in monitors}
    return Side(spec, tuple(results), incidents_of(results, spec), expected, period)


def _alarms(results: Sequence[WindowResult]) -> dict[tuple[int, int], list[str]]:
    """By window, its alarms in words, sorted; windows without one are left out."""
    found = {(each.window_start, each.window_end): sorted({_words(alarm) for alarm in _loud(each)}) for each in results}
    return {window: alarms for window, alarms in found.items() if alarms}


def _loud(result: WindowResult) -> Iterator[Finding]:
    return (each for each in result.findings if each.severity.rank >= Severity.WARNING.rank)


def _words(alarm: Finding) -> str:
    place = f" of {alarm.column}" if alarm.column else ""
    by = f" by {alarm.details['monitor']}" if "monitor" in alarm.details else ""
    return f"{alarm.severity.value} {alarm.signal.value}{place}{f' ({alarm.segment})' if alarm.segment else ''}{by}"


def _notes(before: Agenda, after: Agenda) -> tuple[str, ...]:
    """What is counted where rows arrive, and so is not in the store for a declaration that is new."""
    notes = []
    fresh = [each for each in after.spec.segments if each not in before.spec.segments]
    if fresh:
        names = ", ".join(" and ".join(each.columns) for each in fresh)
        notes.append(f"rows are split by {names} from the time of applying on: such segments are not judged here")
    if [each for each in after.spec.constraints if each not in before.spec.constraints]:
        notes.append("rows are held against new constraints from the time of applying on: they are not judged here")
    if (after.spec.task, after.spec.columns) != (before.spec.task, before.spec.columns):
        notes.append("outcomes were counted for the present task and columns: performance is not judged anew here")
    if after.reference != before.reference:
        notes.append("outcomes are counted against the present reference: performance is not judged with the new one")
    return tuple(notes)
