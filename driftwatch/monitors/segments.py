"""Drift of segments: the calibrated rule on the rows of each, beside that on all rows.

The features' and the predictions' parts of the budget are halved: one half for all rows, the other for all segments
together, each column of each segment an equal share. A split column says nothing within its own segments and is left
out there. What alarms for all rows in the same window is only noted for a segment; what is merely on watch in a segment
is no finding.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from driftwatch.domain.alert import segment_state_key
from driftwatch.domain.finding import Finding
from driftwatch.domain.signal import Severity, Signal
from driftwatch.drift.rule import Judgement
from driftwatch.monitors.group import GROUPS, SeriesGroup, calendar_of, fault_of, fit_rule
from driftwatch.monitors.history import ColumnKey, History
from driftwatch.monitors.segment_history import most_segments
from driftwatch.monitors.series import is_identifier, judged_columns, kind_of
from driftwatch.monitors.spec import ModelSpec
from driftwatch.monitors.trailing import GroupTrail
from driftwatch.monitors.verdict import Window, finding_of, severity_of, summary_of, times_threshold

__all__ = ["SegmentJudgement", "SegmentsBaseline", "SegmentsVerdict", "fit_segments"]

_SHARE = 0.5
_LEAST_ROWS = 30
_NAMED = 20
_DIGITS = 3
_MODEL = "model"

SegmentJudgement: TypeAlias = tuple[str, ColumnKey, Signal, Judgement]
"""Segment, column, signal and what the rule says."""


@dataclass(frozen=True, slots=True, eq=False)
class SegmentBaseline:
    """What the reference says of one segment.

    Attributes:
        name: such as ``country=PT``.
        names: by key, what each judged column is called.
        identifiers: columns of which only gaps are judged.
        groups: the fitted rules, each with its own budget.
    """

    name: str
    names: Mapping[ColumnKey, str]
    identifiers: frozenset[ColumnKey]
    groups: tuple[SeriesGroup, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SegmentsVerdict:
    """What is said of all segments in one window.

    Attributes:
        findings: alarms, and what would be one did all rows not alarm too.
        states: of each segment that has had rows for the last day, ``judged`` if any of its columns was.
        summary: JSON-safe, by segment.
    """

    findings: tuple[Finding, ...]
    states: Mapping[str, str]
    summary: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class SegmentsBaseline:
    """What the reference says of all segments.

    Attributes:
        spec: the model's declaration.
        first: index of the reference's first window.
        fitted: the judged segments, those with the most rows first.
        left_out: names of segments that are not judged for want of room.
    """

    spec: ModelSpec
    first: int
    fitted: tuple[SegmentBaseline, ...]
    left_out: tuple[str, ...]

    @property
    def names(self) -> frozenset[str]:
        """The judged segments."""
        return frozenset(each.name for each in self.fitted)

    def share_of_whole(self, signal: Signal) -> float:
        """The share of a signal's budget that is left for all rows."""
        acts = any(group.signal is signal for each in self.fitted for group in each.groups)
        return 1.0 - _SHARE if acts else 1.0

    def trails(self, history: History, end: int) -> tuple[GroupTrail, ...]:
        """Where the groups of each segment stand before the window of index `end`, in the order of :meth:`judge`."""
        return tuple(
            GroupTrail.of(part, group.rule, group.keys, each.identifiers, self.first, end)
            for each, part in ((each, history.segments.by_name[each.name]) for each in self.fitted)
            for group in each.groups
        )

    def judge(self, trails: Sequence[GroupTrail], indexes: Collection[int]) -> dict[int, list[SegmentJudgement]]:
        """What the rule says of windows by index, all of them after the reference."""
        found: dict[int, list[SegmentJudgement]] = {index: [] for index in indexes}
        if not indexes:
            return found
        start, stop = min(indexes), max(indexes) + 1
        groups = ((each.name, group) for each in self.fitted for group in each.groups)
        for (name, group), trail in zip(groups, trails, strict=True):
            for index, key, judgement in trail.judge(start, stop, budget=group.budget):
                if index in found:
                    found[index].append((name, key, group.signal, judgement))
        return found

    def told(
        self,
        history: History,
        index: int,
        window: Window,
        judgements: Sequence[SegmentJudgement],
        whole: Sequence[Finding],
    ) -> SegmentsVerdict:
        """The verdict on one window.

        Args:
            history: whose segments they are.
            index: of the window, or of the last hour that was over.
            window: that the verdict is told of.
            judgements: of :meth:`judge`, for `index`.
            whole: what was found in all rows in the same window.
        """
        longer = 1 if history.short is None or history.short.reach is None else history.short.reach.per_hour
        own: dict[str, list[tuple[ColumnKey, Signal, Judgement]]] = {each.name: [] for each in self.fitted}
        for name, key, signal, judgement in judgements:
            own[name].append((key, signal, replace(judgement, scale_buckets=judgement.scale_buckets * longer)))
        alarming = {each.column for each in whole if each.severity.rank >= Severity.WARNING.rank}
        findings: list[Finding] = []
        summary: dict[str, Any] = {}
        for each in self.fitted:
            part = history.segments.by_name[each.name]
            summary[each.name] = {"rows": part.rows.get(index, 0), **_summary(part, each, own[each.name])}
            for key, signal, judgement in own[each.name]:
                finding = finding_of(judgement, window, signal, self.spec, column=each.names[key])
                if finding is not None and finding.severity.rank >= Severity.WARNING.rank:
                    findings.append(_of_segment(finding, each.name, alarming))
        lately = range(index + 1 - history.alignment.per_day, index + 1)
        states = {
            segment_state_key(name): _state(one)
            for name, one in summary.items()
            if history.segments.by_name[name].rows.at(lately).any()  # else nothing of it is monitored any more
        }
        return SegmentsVerdict(tuple(findings), states, summary)

    @property
    def left_out_summary(self) -> dict[str, Any]:
        """How many segments are not judged for want of room, and the first of their names; empty if there are none."""
        return {"count": len(self.left_out), "names": list(self.left_out[:_NAMED])} if self.left_out else {}


def fit_segments(history: History, spec: ModelSpec, bounds: tuple[int, int]) -> SegmentsBaseline:
    """Learn from the windows ``[first, stop)``, of no more segments than there is room for."""
    first, stop = bounds
    rows = {name: int(part.vector(part.rows, first, stop).sum()) for name, part in history.segments.by_name.items()}
    ranked = sorted((name for name, n in rows.items() if n >= _LEAST_ROWS), key=lambda name: (-rows[name], name))
    prepared = [_prepare(history.segments.by_name[name], name, spec, bounds) for name in ranked]
    most = most_segments(max((len(names) for _, names in prepared), default=0))
    chosen, dropped = [each for each in prepared[:most] if each[1]], ranked[most:]
    budgets = {
        family: _SHARE * share * spec.false_alarms_per_month / max(1, _count(chosen, family))
        for family, _, share in GROUPS
    }
    fitted = tuple(_fit(history.segments.by_name[name], name, names, spec, bounds, budgets) for name, names in chosen)
    return SegmentsBaseline(spec, first, fitted, (*dropped, *sorted(history.segments.refused)))


def _prepare(part: History, name: str, spec: ModelSpec, bounds: tuple[int, int]) -> tuple[str, dict[ColumnKey, str]]:
    """The columns of a segment that can be judged."""
    fixed = _fixed(name, spec)
    wanted = judged_columns(part, spec)
    return name, {
        key: column
        for key, column in wanted.items()
        if not (key[0] == "feature" and key[1] in fixed) and fault_of(part, key, *bounds) is None
    }


def _fixed(name: str, spec: ModelSpec) -> set[str]:
    """The columns that have one value in a segment because it is split by them."""
    split_by = {band.column for split in spec.segments for band in split.bands if not band.cuts}
    return {column for column in split_by if name.startswith(f"{column}=") or f", {column}=" in name}


def _count(chosen: Sequence[tuple[str, Mapping[ColumnKey, str]]], family: str) -> int:
    return sum(key[0] == family for _, names in chosen for key in names)


def _fit(
    part: History,
    name: str,
    names: Mapping[ColumnKey, str],
    spec: ModelSpec,
    bounds: tuple[int, int],
    budgets: Mapping[str, float],
) -> SegmentBaseline:
    first, stop = bounds
    identifiers = frozenset(key for key in names if is_identifier(part, key, first, stop))
    calendar = calendar_of(part, spec, first)
    groups = []
    for family, signal, _ in GROUPS:
        keys = tuple(sorted(key for key in names if key[0] == family))
        if keys:
            rule = fit_rule(part, calendar, keys, identifiers, range(first, stop))
            groups.append(SeriesGroup(signal, budgets[family] * len(keys), keys, rule))
    return SegmentBaseline(name, names, identifiers, tuple(groups))


def _of_segment(finding: Finding, name: str, alarming: Collection[str | None]) -> Finding:
    """A finding as one of a segment; where all rows alarm too, it is only noted."""
    if finding.column not in alarming:
        return replace(finding, segment=name)
    details = {**finding.details, "suppressed_by": _MODEL}
    return replace(finding, segment=name, severity=Severity.WATCH, details=details)


def _summary(
    part: History, each: SegmentBaseline, judgements: Sequence[tuple[ColumnKey, Signal, Judgement]]
) -> dict[str, Any]:
    """How near every judged column is to an alarm; and all that is known of those that are on watch or beyond."""
    judged = [told for told in judgements if told[2].state == "judged"]
    return {
        "times_threshold": {
            each.names[key]: round(times_threshold(judgement), _DIGITS) for key, _, judgement in judged
        },
        "columns": {
            each.names[key]: summary_of(judgement, signal, kind_of(part, key))
            for key, signal, judgement in judged
            if severity_of(judgement) is not Severity.NONE
        },
    }


def _state(summary: Mapping[str, Any]) -> str:
    if summary["times_threshold"]:
        return "judged"
    return "low_data" if summary["rows"] else "no_data"
