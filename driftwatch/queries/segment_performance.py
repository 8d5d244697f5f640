"""Performance by segment and fairness gaps: how each part of a model's rows does beside all others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, zip_longest
from typing import Any

from sqlalchemy import Connection

from driftwatch.errors import DataError
from driftwatch.monitors.reading import nearest
from driftwatch.monitors.segment_history import MOST_JUDGED
from driftwatch.monitors.spec import ModelSpec
from driftwatch.monitors.splits import protected_splits, splits_of
from driftwatch.performance.binary import BinaryTally
from driftwatch.performance.difference import difference_interval
from driftwatch.performance.fairness import Gap, GroupCounts, Rate, find_gaps
from driftwatch.performance.result import Interval, PerformanceResult
from driftwatch.performance.segment_tally import SegmentTally, SplitTally, decode_segments
from driftwatch.performance.tally import Tally, performance_of
from driftwatch.performance.worst_segment import LEAST_ROWS, WorseTest, find_worse, loss_of
from driftwatch.profiles.codec import NumericCodec
from driftwatch.queries.catalogue import KnownModel, find_model
from driftwatch.queries.performance import sum_tallies, whole_or_macro
from driftwatch.queries.period import periods_of
from driftwatch.queries.span import Span
from driftwatch.storage import registration
from driftwatch.storage.outcome_profile import LATEST, read_outcome_buckets
from driftwatch.storage.store import Store

__all__ = [
    "ALL_SPLITS",
    "FairnessView",
    "SegmentPerformance",
    "SegmentsView",
    "read_fairness",
    "read_segments",
    "split_names",
]

ALL_SPLITS = "all"
"""Every split at once."""

_WORSE_IF = {"higher_is_better": -1.0, "lower_is_better": 1.0}


@dataclass(frozen=True)
class SegmentPerformance:
    """How well a model does in one segment.

    Attributes:
        split: by what the rows were split.
        name: such as ``country=PT``.
        n: predictions, in the buckets that have an outcome.
        n_labelled: of them, how many have an outcome.
        realised: by metric.
        rest: by metric, of all other rows of the split.
        worse: whether its loss is higher than that of the others; None with too few rows.
    """

    split: str
    name: str
    n: int
    n_labelled: int
    realised: Mapping[str, PerformanceResult]
    rest: Mapping[str, PerformanceResult]
    worse: WorseTest | None

    @property
    def labelled_share(self) -> float:
        """Of its predictions; 0 without any."""
        return min(1.0, self.n_labelled / self.n) if self.n else 0.0

    @property
    def is_enough(self) -> bool:
        """Whether it has the 30 labelled rows that a comparison takes."""
        return self.n_labelled >= LEAST_ROWS

    def minus_rest(self, metric: str) -> float | None:
        """The metric less that of all other rows; None where one of them is not known."""
        here, there = self.realised.get(metric), self.rest.get(metric)
        if here is None or there is None or here.value is None or there.value is None:
            return None
        return here.value - there.value

    def minus_rest_interval(self, metric: str) -> Interval | None:
        """Its interval, from those of the two, which share no row."""
        here, there = self.realised.get(metric), self.rest.get(metric)
        if here is None or there is None or here.value is None or there.value is None:
            return None
        if here.interval is None or there.interval is None:
            return None
        return difference_interval(here.value, here.interval, there.value, there.interval)

    def badness(self, metric: str) -> float | None:
        """How much worse than all other rows it is, in the metric; None where it is not ranked."""
        gap, here, there = self.minus_rest(metric), self.realised.get(metric), self.rest.get(metric)
        if gap is None or not self.is_enough or here is None or there is None:
            return None
        if here.direction in _WORSE_IF:
            return _WORSE_IF[here.direction] * gap
        return abs(here.value or 0.0) - abs(there.value or 0.0)


@dataclass(frozen=True)
class SegmentsView:
    """Performance by segment.

    Attributes:
        splits: every split that the model declares.
        by: the one that was asked for, or "all".
        span: the window.
        segments: those with the most predictions, at most 50.
        left_out: how many others there are.
        looks: how often the search for worse segments counts as asked.
    """

    splits: tuple[str, ...]
    by: str
    span: Span
    segments: tuple[SegmentPerformance, ...]
    left_out: int
    looks: int

    @property
    def worse(self) -> tuple[SegmentPerformance, ...]:
        """The segments that are worse than all other rows, those of the least p-value first; most often none."""
        found = [(each.worse.p_value, each) for each in self.segments if each.worse is not None and each.worse.is_worse]
        return tuple(each for _, each in sorted(found, key=lambda pair: (pair[0], pair[1].name)))

    def ranked(self, metric: str) -> list[SegmentPerformance]:
        """Worst first; those that are not ranked are left out."""
        known = [(badness, each) for each in self.segments if (badness := each.badness(metric)) is not None]
        return [each for _, each in sorted(known, key=lambda pair: (-pair[0], pair[1].name))]

    def unranked(self, metric: str) -> list[SegmentPerformance]:
        """Segments with too few labelled rows, or fewer than the metric needs."""
        return [each for each in self.segments if each.badness(metric) is None]


@dataclass(frozen=True)
class FairnessView:
    """How differently a binary model decides about the groups of one protected column.

    Attributes:
        column: the protected column.
        split: how its values make groups.
        groups: by name, the 50 with the most predictions.
        n: predictions of each group.
        gaps: by rate.
        without: predictions that are in no group.
    """

    column: str
    split: str
    groups: Mapping[str, GroupCounts]
    n: Mapping[str, int]
    gaps: Mapping[str, Gap]
    without: int

    @property
    def equalized_odds_difference(self) -> float | None:
        """The larger of the gaps in the true and the false positive rate; None where one of them is not known."""
        both = [self.gaps.get(name) for name in ("true_positive_rate", "false_positive_rate")]
        known = [gap.difference for gap in both if gap is not None]
        return max(known) if len(known) == len(both) else None


def split_names(spec: ModelSpec) -> tuple[str, ...]:
    """By what a model's rows are split: its segments, then its protected columns."""
    return tuple(splits_of(spec))


def read_segments(
    store: Store, name: str, environment: str, span: Span, by: str = ALL_SPLITS, period: str = "day"
) -> SegmentsView | None:
    """Performance by segment in one snapshot, or None if there is no such model.

    Of an hour without any outcome no prediction is counted here, and predictions that came after its newest outcome
    count when the next one comes.

    Args:
        store: whose.
        name: of the model.
        environment: its environment.
        span: the window.
        by: a split by its name or columns, or "all".
        period: day, week or month: as often the reader is taken to look.

    Raises:
        DataError: the model declares no such split.
    """
    with store.read() as conn:
        model = find_model(conn, name, environment)
        if model is None:
            return None
        splits = tuple(splits_of(model.spec))
        chosen = splits if by == ALL_SPLITS and splits else (_chosen(model.spec, by),)
        codec = _codec(conn, model)
        parts = _read(conn, model, span, chosen, codec)
    # Who looks at one split may look at the others too; who looks at a window may have looked on every day of it.
    looks = len(list(periods_of(span, period, model.spec))) * (1 if len(chosen) == len(splits) else len(splits))
    costs = model.spec.costs or None
    found = [each for split, tally in parts.items() if tally.segments for each in _segments(split, tally, costs)]
    found.sort(key=lambda each: (-each[0].n, each[0].name))
    kept, dropped = found[:MOST_JUDGED], found[MOST_JUDGED:]
    losses = {}
    for segment, here, there in kept:
        ours, theirs = loss_of(here), loss_of(there)
        if segment.is_enough and ours and theirs and ours.metric == theirs.metric and min(ours.n, theirs.n) >= 2:
            losses[segment.name] = (ours, theirs)
    tests = find_worse(losses, looks=looks)
    segments = tuple(replace(segment, worse=tests.get(segment.name)) for segment, _, _ in kept)
    return SegmentsView(splits, by, span, segments, len(dropped), looks)


def read_fairness(store: Store, name: str, environment: str, span: Span) -> tuple[FairnessView, ...] | None:
    """The fairness gaps of every protected column, or None if there is no such model.

    Raises:
        DataError: the model has no protected column, or is not binary.
    """
    with store.read() as conn:
        model = find_model(conn, name, environment)
        if model is None:
            return None
        columns = protected_splits(model.spec)
        if not columns or model.spec.task != "binary":
            raise DataError(
                f"fairness gaps are of binary models with protected columns; {name!r} is {model.spec.task} with "
                f"{len(columns)} of them. Write task: binary and protected: [column] in model.yaml and apply it"
            )
        splits = [split for names in columns.values() for split in names]
        parts = _read(conn, model, span, splits, _codec(conn, model))
    return tuple(
        _fairness(column, split, parts[split]) for column, names in columns.items() for split in names if split in parts
    )


def _chosen(spec: ModelSpec, by: str) -> str:
    """The split of that name, or of those columns."""
    splits = splits_of(spec)
    if not splits:
        raise DataError(
            f"{spec.model!r} declares nothing to split by; write segments: [column] or protected: [column] in "
            "model.yaml and apply it"
        )
    wanted = ", ".join(part.strip() for part in by.split(","))
    of_columns = [name for name, split in splits.items() if ", ".join(split.columns) == wanted]
    if by in splits or len(of_columns) == 1:
        return by if by in splits else of_columns[0]
    known = "; ".join([ALL_SPLITS, *splits])
    raise DataError(f"{spec.model!r} is not split by {by!r}.{nearest(by, splits)} It is split by: {known}")


def _codec(conn: Connection, model: KnownModel) -> NumericCodec | None:
    payload = registration.read_codecs(conn, model.id).get("score")
    return None if payload is None else NumericCodec.from_bytes(payload)


def _read(
    conn: Connection, model: KnownModel, span: Span, splits: Sequence[str], codec: NumericCodec | None
) -> dict[str, SplitTally]:
    """The tallies of each split, added up; tallies of a task or of bins that the model no longer has are left."""
    found: dict[str, dict[str | None, list[SegmentTally]]] = {split: {} for split in splits}
    only = splits[0] if len(splits) == 1 else None
    for bucket in read_outcome_buckets(conn, list(model.versions.values()), LATEST, span.start, span.end):
        for split, tally in decode_segments(bucket.segments, only).items() if bucket.segments is not None else ():
            if split in found:
                parts = found[split]
                parts.setdefault(None, []).append(tally.rest)
                for name, segment in tally.segments.items():
                    parts.setdefault(name, []).append(segment)
    return {split: _split(parts, codec) for split, parts in found.items() if parts}


def _split(parts: Mapping[str | None, Sequence[SegmentTally]], codec: NumericCodec | None) -> SplitTally:
    totals = {}
    for name, segments in parts.items():
        tally = sum_tallies([each.tally for each in segments], codec)
        if tally is not None:
            counts = (sum(getattr(each, key) for each in segments) for key in ("n", "decided", "selected"))
            totals[name] = SegmentTally(tally, *counts)
    rest = totals.pop(None)
    return SplitTally({name: each for name, each in totals.items() if name is not None}, rest)


def _segments(
    split: str, tally: SplitTally, costs: Mapping[str, float] | None
) -> list[tuple[SegmentPerformance, Tally, Tally]]:
    """Each segment with its tally and that of all other rows."""
    tallies: list[Any] = [each.tally for each in tally.segments.values()]
    before = accumulate(tallies[:-1], initial=tally.rest.tally)
    after = [*accumulate(reversed(tallies[1:]))][::-1]
    found = []
    for (name, segment), low, high in zip_longest(tally.segments.items(), before, after):
        there = low if high is None else low + high
        realised, rest = _realised(segment.tally, costs), _realised(there, costs)
        one = SegmentPerformance(split, name, segment.n, segment.n_labelled, realised, rest, None)
        found.append((one, segment.tally, there))
    return found


def _realised(tally: Tally, costs: Mapping[str, float] | None) -> dict[str, PerformanceResult]:
    results = whole_or_macro(performance_of(tally, rng=None, costs=costs))
    return {each.metric: each for each in results if each.value is not None}


def _fairness(column: str, split: str, tally: SplitTally) -> FairnessView:
    largest = sorted(tally.segments, key=lambda name: (-tally.segments[name].n, name))[:MOST_JUDGED]
    parts = {name: tally.segments[name] for name in sorted(largest)}
    groups = {name: _counts(each) for name, each in parts.items()}
    n = {name: each.n for name, each in parts.items()}
    return FairnessView(column, split, groups, n, find_gaps(groups), tally.rest.n)


def _counts(segment: SegmentTally) -> GroupCounts:
    selection, tally = Rate(segment.selected, segment.decided), segment.tally
    if not isinstance(tally, BinaryTally):
        return GroupCounts(selection, Rate(0, 0), Rate(0, 0))
    c = tally.confusion
    true_positive = Rate(c.true_positive, c.true_positive + c.false_negative)
    return GroupCounts(selection, true_positive, Rate(c.false_positive, c.false_positive + c.true_negative))
