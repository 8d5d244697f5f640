"""What is learned once from a model's reference, and judges every window after it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from driftwatch.domain.finding import Finding
from driftwatch.domain.instant import to_datetime
from driftwatch.domain.signal import RunStatus, Severity, Signal
from driftwatch.drift.rule import Judgement
from driftwatch.errors import DataError
from driftwatch.monitors.condition import ConditionBaseline, fit_condition
from driftwatch.monitors.conformity import judge_demands
from driftwatch.monitors.group import GROUPS, SeriesGroup, calendar_of, fault_of, fit_group
from driftwatch.monitors.history import ColumnKey, History
from driftwatch.monitors.latency import LATENCY
from driftwatch.monitors.multivariate import (
    TOGETHER,
    JointVerdict,
    MultivariateBaseline,
    explained,
    fit_multivariate,
)
from driftwatch.monitors.objective import judge_objectives
from driftwatch.monitors.operations import (
    OperationsBaseline,
    QuickVerdicts,
    ServiceVerdict,
    fit_operations,
    service_share,
)
from driftwatch.monitors.quality import QualityBaseline, fit_quality
from driftwatch.monitors.segments import SegmentJudgement, SegmentsBaseline, fit_segments
from driftwatch.monitors.series import is_identifier, judged_columns, kind_of
from driftwatch.monitors.spec import ModelSpec
from driftwatch.monitors.trailing import GroupTrail
from driftwatch.monitors.verdict import Window, finding_of, in_windows_of, more_telling, summary_of
from driftwatch.operations.level import Level

__all__ = ["DriftBaseline", "WindowResult"]

_AT_ONCE = 1024
"""Windows that are judged in one call of the rule."""


@dataclass(frozen=True)
class WindowResult:
    """What came of judging one window ``[window_start, window_end)``, microseconds UTC.

    Attributes:
        window_start: included.
        window_end: excluded.
        status: that of the worst finding, or why there is no verdict.
        findings: at watch or above, worst first.
        judged: by column, ``judged``, ``low_data``, ``no_data``, ``excluded`` or ``error``.
        rows: rows of the model in the window.
        summary: JSON-safe; ``columns`` holds the effect sizes of every column, judged or not.
    """

    window_start: int
    window_end: int
    status: RunStatus
    findings: tuple[Finding, ...]
    judged: Mapping[str, str]
    rows: int
    summary: Mapping[str, Any]

    def with_findings(self, more: Sequence[Finding]) -> "WindowResult":
        """The same with further findings, worst first; its status is as bad as they are."""
        if not more:
            return self
        findings = sorted((*self.findings, *more), key=_place)
        worst = findings[0].severity
        status = self.status
        if worst.rank >= Severity.WARNING.rank and status is not RunStatus.CRITICAL:
            status = RunStatus.CRITICAL if worst is Severity.CRITICAL else RunStatus.WARNING
        return replace(self, findings=tuple(findings), status=status)


@dataclass(frozen=True)
class DriftBaseline:
    """A fitted reference: the rule of each group of series, and what gross faults are held against.

    Attributes:
        spec: the model's declaration.
        first: index of the reference's first window (of its first hour, if windows are shorter); series start here.
        stop: index of the first one after it.
        reference: ``(start, end)`` in microseconds UTC, whole windows.
        rows: rows of the reference.
        names: by key, what each judged column is called.
        identifiers: columns of which only gaps are judged.
        faults: by name, columns that cannot be judged, and why.
        groups: the fitted rules.
        condition: for traffic, vanished, frozen and retyped columns.
        multivariate: the numeric features together, and each embedding.
        quality: for categories that are gone, rows that came twice or late, ranges left.
        operations: for latency and errors.
        segments: the same groups over the rows of each segment.
    """

    spec: ModelSpec
    first: int
    stop: int
    reference: tuple[int, int]
    rows: int
    names: Mapping[ColumnKey, str]
    identifiers: frozenset[ColumnKey]
    faults: Mapping[str, str]
    groups: tuple[SeriesGroup, ...]
    condition: ConditionBaseline
    quality: QualityBaseline
    multivariate: MultivariateBaseline
    operations: OperationsBaseline
    segments: SegmentsBaseline

    @classmethod
    def fit(cls, history: History, spec: ModelSpec, reference: tuple[int, int]) -> "DriftBaseline":
        """Learn from the windows that touch `reference`; nothing after it is looked at.

        Args:
            history: must hold the reference; may hold more.
            spec: the model's declaration.
            reference: ``(start, end)`` in microseconds UTC.

        Raises:
            DataError: the reference holds no row.
        """
        alignment = history.alignment
        first, stop = alignment.index(reference[0]), alignment.index(reference[1] - 1) + 1
        bounds = (alignment.start(first), alignment.start(stop))
        rows = int(history.vector(history.rows, first, stop).sum())
        if not rows:
            period = " to ".join(f"{to_datetime(each):%Y-%m-%d %H:%M} UTC" for each in bounds)
            raise DataError(f"the reference from {period} holds no row: load it, or declare another period")
        wanted = judged_columns(history, spec)
        faults = {name: why for key, name in wanted.items() if (why := fault_of(history, key, first, stop))}
        names = {key: name for key, name in wanted.items() if name not in faults}
        identifiers = frozenset(key for key in names if is_identifier(history, key, first, stop))
        segments = fit_segments(history, spec, (first, stop))
        groups: list[SeriesGroup] = []
        for family, signal, share in GROUPS:
            keys = tuple(sorted(key for key in names if key[0] == family))
            if keys:
                budget = segments.share_of_whole(signal) * share * spec.false_alarms_per_month
                groups += fit_group(history, spec, signal, budget, keys, identifiers, (first, stop))
        if fault_of(history, LATENCY, first, stop) is None:
            budget = service_share(spec) * spec.false_alarms_per_month
            groups += fit_group(history, spec, Signal.LATENCY, budget, (LATENCY,), frozenset(), (first, stop))
        condition = fit_condition(history, names, first, stop, version=spec.version)
        quality = fit_quality(history, spec, names, identifiers, first, stop)
        calendar = calendar_of(history, spec, first)
        joint = fit_multivariate(history, spec, calendar, (first, stop))
        service = fit_operations(history, spec, calendar, first, stop)
        return cls(
            spec,
            first,
            stop,
            bounds,
            rows,
            names,
            identifiers,
            faults,
            tuple(groups),
            condition,
            quality,
            joint,
            service,
            segments,
        )

    def trails(self, history: History, start: int) -> tuple[GroupTrail, ...]:
        """Where the groups of series stand before the window that starts at `start`, microseconds UTC.

        Whoever judges again and again keeps them: what they sum up need not be in the history any more.
        """
        end = max(self.stop, history.alignment.index(start))
        own = (
            GroupTrail.of(history, group.rule, group.keys, self.identifiers, self.first, end)
            for group in self.groups
            if not group.short
        )
        return (*own, *self.segments.trails(history, end))

    def judge(
        self,
        history: History,
        windows: Sequence[int],
        *,
        at: int | None = None,
        trails: Sequence[GroupTrail] | None = None,
    ) -> list[WindowResult]:
        """Judge windows after the reference; the same answers one at a time or all at once.

        Args:
            history: the reference and everything up to the end of the last window.
            windows: starts, ascending, microseconds UTC; those of the reference are passed over.
            at: when the verdict is known; the end of each window if left out.
            trails: of this history, from :meth:`trails`; made afresh if left out.
        """
        return list(self.judge_each(history, windows, at=at, trails=trails))

    def judge_each(
        self,
        history: History,
        windows: Sequence[int],
        *,
        at: int | None = None,
        trails: Sequence[GroupTrail] | None = None,
    ) -> Iterator[WindowResult]:
        """:meth:`judge`, one result after the other: a long replay need not hold them all."""
        alignment, reach = history.windows, None if history.short is None else history.short.reach
        indexes = [index for index in map(alignment.index, windows) if alignment.start(index) >= self.reference[1]]
        if not indexes:
            return
        hours = {index: index if reach is None else reach.hour(index) for index in indexes}
        if trails is None:
            trails = self.trails(history, history.alignment.start(hours[indexes[0]]))
        for place in range(0, len(indexes), _AT_ONCE):
            part = {}
            for index in indexes[place : place + _AT_ONCE]:
                end = alignment.start(index + 1)
                part[index] = Window(alignment.start(index), end, end if at is None else at)
            whole = {hours[index]: window for index, window in part.items() if hours[index] >= self.stop}
            faults = self.quality.findings(history, whole, self.condition.findings(history, whole))
            judgements = self._judgements(trails, whole)
            parts = self.segments.judge(trails[self._n_trails :], whole)
            joint = self.multivariate.judge(history, whole, thresholds=self._thresholds(history))
            alone = self._short_judgements(history, part) if reach is not None else {}
            errors = self.operations.errors_of(history, whole)
            levels = self.operations.levels_of(history, whole)
            quick = QuickVerdicts.of(self.operations, history.short, part)
            spent = judge_objectives(history, self.spec, part, {index: hours[index] for index in part})
            for index, window in part.items():
                hour = hours[index]
                told = judgements.get(hour, [])
                if reach is not None:
                    told = more_telling(alone[index], told, longer=reach.per_hour)
                service = quick.errors_beside(index, errors.get(hour))
                timed = next((each for key, _, each in told if key == LATENCY), None)
                if timed is not None:
                    service.append(
                        self._latency(history, (index, hour), window, timed, levels.get(hour), quick.levels.get(index))
                    )
                found = in_windows_of([*faults.get(hour, []), *spent[index]], window)
                result = self._result(history, index, hour, window, found, told, joint.get(hour, ()), service)
                yield self._with_segments(result, history, hour, window, parts.get(hour))

    def _latency(
        self,
        history: History,
        place: tuple[int, int],
        window: Window,
        judgement: Judgement,
        level: Level | None,
        quick: Level | None,
    ) -> ServiceVerdict:
        """The verdict on latency, measured where it is the clearest: in the short windows or in the hours."""
        index, hour = place
        short, scale = history.short, judgement.scale_buckets
        if short is not None and short.reach is not None:
            if quick is not None and (level is None or quick.p_value < level.p_value):
                return self.operations.latency_of(short, index, window, judgement, 1, quick)
            if level is None and scale < short.reach.per_hour:
                return self.operations.latency_of(short, index, window, judgement, scale)
            scale //= short.reach.per_hour
        return self.operations.latency_of(history, hour, window, judgement, scale, level)

    @property
    def _n_trails(self) -> int:
        """Trails of all rows; those of segments come after them."""
        return sum(not group.short for group in self.groups)

    def _with_segments(
        self,
        result: WindowResult,
        history: History,
        hour: int,
        window: Window,
        judgements: Sequence[SegmentJudgement] | None,
    ) -> WindowResult:
        """The result with what its segments say."""
        if not self.segments.fitted or judgements is None or result.status is RunStatus.PARTIAL:
            return result
        told = self.segments.told(history, hour, window, judgements, result.findings)
        summary = {**result.summary, "segments": told.summary}
        if self.segments.left_out:
            summary["segments_left_out"] = self.segments.left_out_summary
        whole = replace(result, judged={**result.judged, **told.states}, summary=summary)
        return whole.with_findings(told.findings)

    def _own_budget(self, group: SeriesGroup) -> float:
        """What a group's columns may spend of its budget, beside what is judged of several columns together."""
        return group.budget * len(group.keys) / (len(group.keys) + self.multivariate.count(group.signal))

    def _thresholds(self, history: History) -> dict[Signal, float]:
        """The p-value that is an alarm in each group, as the rule has it: budget / (windows in 30 days × series)."""
        month = calendar_of(history, self.spec, self.first).per_month
        thresholds = {}
        for family, signal, share in GROUPS:
            n_series = sum(key[0] == family for key in self.names) + self.multivariate.count(signal)
            budget = self.segments.share_of_whole(signal) * share * self.spec.false_alarms_per_month
            thresholds[signal] = budget / (month * max(1, n_series))
        return thresholds

    def _judgements(
        self, trails: Sequence[GroupTrail], windows: Mapping[int, Window]
    ) -> dict[int, list[tuple[ColumnKey, Signal, Judgement]]]:
        judgements: dict[int, list[tuple[ColumnKey, Signal, Judgement]]] = {index: [] for index in windows}
        if not windows:
            return judgements
        start, stop = min(windows), max(windows) + 1
        groups = (group for group in self.groups if not group.short)
        for group, trail in zip(groups, trails[: self._n_trails], strict=True):
            for index, key, judgement in trail.judge(start, stop, budget=self._own_budget(group)):
                if index in judgements:
                    judgements[index].append((key, group.signal, judgement))
        return judgements

    def _short_judgements(
        self, history: History, windows: Mapping[int, Window]
    ) -> dict[int, list[tuple[ColumnKey, Signal, Judgement]]]:
        """What windows shorter than an hour say by themselves."""
        short = history.short
        judgements: dict[int, list[tuple[ColumnKey, Signal, Judgement]]] = {index: [] for index in windows}
        if short is None or short.reach is None:
            return judgements
        first, stop = min(windows), max(windows) + 1
        before = first - len(short.reach.sample)  # the axis is the thinned reference, and then what is judged
        for group in (group for group in self.groups if group.short):
            trail = GroupTrail.of(short, group.rule.resumed(first), group.keys, self.identifiers, before, first)
            for index, key, judgement in trail.judge(first, stop, budget=self._own_budget(group)):
                if index in judgements:
                    judgements[index].append((key, group.signal, judgement))
        return judgements

    def _result(
        self,
        history: History,
        index: int,
        hour: int,
        window: Window,
        faults: Sequence[Finding],
        judgements: Sequence[tuple[ColumnKey, Signal, Judgement]],
        joint: Sequence[JointVerdict],
        service: Sequence[ServiceVerdict],
    ) -> WindowResult:
        own = history.short or history
        why = own.why_excluded(index)
        if why is not None:
            states = dict.fromkeys(self.names.values(), "excluded")
            summary: dict[str, Any] = {"excluded": why, "columns": {}}
            return WindowResult(window.start, window.end, RunStatus.PARTIAL, (), states, 0, summary)
        columns: dict[str, dict[str, Any]] = {}
        broken, checks = judge_demands(own, self.spec, index, window)
        findings = [*faults, *self._added(history, hour, window), *broken]
        for key, signal, judgement in judgements:
            if key == LATENCY:
                continue
            name = self.names[key]
            columns[name] = summary_of(judgement, signal, kind_of(history, key))
            finding = finding_of(judgement, window, signal, self.spec, column=name)
            if finding is not None:
                findings.append(finding)
        for name, why in self.faults.items():
            columns[name] = {"state": "error", "reason": why}
        joint = explained(joint, {each.column for each in findings if each.column})
        columns |= {verdict.column: dict(verdict.summary) for verdict in joint if verdict.column is not None}
        findings += [verdict.finding for verdict in joint if verdict.finding is not None]
        findings += in_windows_of([each.finding for each in service if each.finding is not None], window)
        findings.sort(key=_place)
        states = {name: str(column["state"]) for name, column in columns.items()}
        states = states or {each.signal.value: each.state for each in service}
        rows = own.rows.get(index, 0)
        summary = {"rows": rows, "errors": own.errors.get(index, 0), "columns": columns, "checks": checks}
        if service:
            summary["service"] = {each.signal.value: dict(each.summary) for each in service}
        for each in joint:
            if each.column is None:
                summary[TOGETHER] = dict(each.summary)
        status = _status(findings, states, rows)
        return WindowResult(window.start, window.end, status, tuple(findings), states, rows, summary)

    def _added(self, history: History, index: int, window: Window) -> list[Finding]:
        """Columns with values now that the reference did not have: a watch."""
        found = []
        for key, name in judged_columns(history, self.spec).items():
            column = history.columns.get(key)
            if key in self.names or column is None:
                continue
            n = column.rows.get(index, 0) - column.missing.get(index, 0)
            if n > 0:
                found.append(
                    Finding(
                        window_start=window.start,
                        window_end=window.end,
                        at=window.at,
                        signal=Signal.SCHEMA,
                        column=name,
                        severity=Severity.WATCH,
                        kind="added",
                        value=1.0,
                        threshold=0.0,
                        version=self.spec.version,
                        n=n,
                    )
                )
        return found


def _place(finding: Finding) -> tuple[int, str, str, str]:
    return -finding.severity.rank, finding.signal.value, finding.column or "", finding.segment or ""


def _status(findings: Sequence[Finding], states: Mapping[str, str], rows: int) -> RunStatus:
    worst = max((finding.severity.rank for finding in findings), default=0)
    if worst >= Severity.CRITICAL.rank:
        return RunStatus.CRITICAL
    if worst >= Severity.WARNING.rank:
        return RunStatus.WARNING
    if not rows:
        return RunStatus.NO_DATA
    verdicts = set(states.values()) - {"error"}
    return RunStatus.LOW_DATA if verdicts and "judged" not in verdicts else RunStatus.OK
