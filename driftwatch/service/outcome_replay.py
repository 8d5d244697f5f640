"""The outcomes of a historical log, judged as the service would have: at one age, with what was known by then."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.domain.instant import DAY, SECOND, to_iso
from driftwatch.domain.wall_clock import bucket_numbers
from driftwatch.drift.rule import Calendar
from driftwatch.estimation.result import Estimate
from driftwatch.monitors.alignment import Alignment
from driftwatch.monitors.baseline import WindowResult
from driftwatch.monitors.expectation import Expectation
from driftwatch.monitors.history import History, NumericHistory
from driftwatch.monitors.impact import expected_verdicts, with_expected
from driftwatch.monitors.maturity import judged_age
from driftwatch.monitors.outcome import (
    OutcomeBaseline,
    OutcomeVerdicts,
    due_outcomes,
    fit_outcomes,
    with_outcomes,
)
from driftwatch.monitors.outcome_cells import bin_values
from driftwatch.monitors.outcome_history import OutcomeHistory
from driftwatch.monitors.outcome_role import sums_rows
from driftwatch.monitors.spec import ModelSpec
from driftwatch.monitors.splits import assign_splits, splits_of
from driftwatch.monitors.verdict import Window
from driftwatch.performance.query import group_queries
from driftwatch.performance.score_table import score_edges
from driftwatch.performance.segment_tally import GivenRows, tally_segments
from driftwatch.performance.tally import Tally, TallyPlan, add_tallies, as_class, performance_of, tally_rows
from driftwatch.profiles.codec import NumericCodec, build_codec
from driftwatch.profiles.rows import Rows
from driftwatch.profiles.segmentation import Segmentation
from driftwatch.service.label_log import NEVER, Labels
from driftwatch.service.log_sums import LogSums, expect_log
from driftwatch.service.prediction_log import PredictionLog
from driftwatch.service.report_period import report_periods

__all__ = ["OutcomeReplay", "replay_outcomes"]


@dataclass(frozen=True, eq=False)
class OutcomeReplay:
    """The labelled rows of a log.

    Attributes:
        spec: the model's declaration.
        alignment: of the windows.
        age: at which buckets are judged, microseconds.
        labels: of every row.
        counted: the rows whose outcome can exist, in order of the time at which they count.
        plan: how they are tallied.
        history: the drift history, which holds the histogram of every window's scores.
        baseline: what the labelled reference says, or None where too little of it is labelled.
        verdicts: by window index.
        sums: what is estimated from sums of rows; None where the profile's scores say all, or nothing is.
    """

    spec: ModelSpec
    alignment: Alignment
    age: int
    labels: Labels
    counted: "_Counted"
    plan: TallyPlan
    history: History
    baseline: OutcomeBaseline | None
    verdicts: Mapping[int, OutcomeVerdicts]
    scores: OutcomeHistory
    expected: Mapping[int, OutcomeVerdicts]
    sums: LogSums | None = None

    def add_to(self, result: WindowResult) -> WindowResult:
        """A window's result with the verdicts on outcomes that became due in it."""
        due = due_outcomes(self.alignment, result.window_start, result.window_end, self.age)
        told = with_outcomes(result, [self.verdicts[index] for index in due if index in self.verdicts])
        if self.baseline is None:
            return told
        known_from = self.alignment.start(self.baseline.stop) + self.age
        return with_expected(told, self.baseline, self.scores, self.alignment, self.expected, known_from)

    def performance(self, start: int, end: int, *, months: bool = False) -> list[dict[str, Any]]:
        """Every metric of every day (or longer window) from `start` on, and of calendar months, in the public shape.

        With every label of the log: `as_of` is the log's end, and a window is mature when it was over for so long then
        that its outcomes were judged.
        """
        as_of = max(end, int(self.labels.known_at[self.labels.known_at != NEVER].max(initial=0)))
        rows: list[dict[str, Any]] = []
        for low, high in report_periods(self.spec, start, end, months=months):
            rows += self._metrics(low, high, as_of)
        return rows

    def _metrics(self, low: int, high: int, as_of: int) -> Iterator[dict[str, Any]]:
        rows = self.counted.between(low, high)
        if not len(rows):
            return
        known = rows[self.labels.known_at[rows] <= as_of]
        tally = tally_rows(self.plan, self.labels.known(known), unlabelled=len(rows) - len(known))
        shared = {"window_start": to_iso(low), "window_end": to_iso(high)}
        rng = np.random.default_rng(0) if high - low > 2 * DAY else None  # the bootstrap is for months
        for result in performance_of(tally, rng=rng, costs=self.spec.costs or None):
            if result.of is None and result.value is not None:
                interval = result.interval
                yield {
                    **shared,
                    "metric": result.metric,
                    "value": result.value,
                    "low": interval.low if interval else None,
                    "high": interval.high if interval else None,
                    "n": result.n,
                    "labelled_share": result.labelled_share,
                    "mature": high + self.age <= as_of,
                    "estimated": False,
                    "as_of": to_iso(as_of),
                }
        yield from self._estimates(low, high, shared, as_of)

    def _estimates(self, low: int, high: int, shared: Mapping[str, Any], as_of: int) -> Iterator[dict[str, Any]]:
        if sums_rows(self.spec):
            found = {} if self.sums is None else self.sums.estimate(self.counted.between(low, high))
            yield from self._told(found, shared, as_of)
            return
        column = self.history.columns.get(("output", "score"))
        calibration = self.baseline.calibration if self.baseline is not None else None
        if calibration is None or not isinstance(column, NumericHistory) or column.codec.bins != calibration.bins:
            return
        index = self.history.alignment.index
        counts = column.totals(index(low), index(high - 1) + 1)
        values = bin_values(column.codec)
        threshold = self.spec.decision_threshold
        positive = None if threshold is None else int(np.searchsorted(values, threshold))
        expectation = Expectation(calibration, np.clip(values, 0.0, 1.0), positive, 0)
        yield from self._told(expectation.estimate(counts), shared, as_of)

    @staticmethod
    def _told(estimates: Mapping[str, Estimate], shared: Mapping[str, Any], as_of: int) -> Iterator[dict[str, Any]]:
        for estimate in estimates.values():
            yield {
                **shared,
                "metric": estimate.metric,
                "value": estimate.value,
                "low": estimate.low,
                "high": estimate.high,
                "n": estimate.n,
                "labelled_share": 0.0,
                "mature": True,
                "estimated": True,
                "as_of": to_iso(as_of),
            }


@dataclass(frozen=True, slots=True, eq=False)
class _Counted:
    """The rows whose outcome can exist, k of them, in order of the time at which they count.

    Attributes:
        rows: int64[k], places in the log.
        at: int64[k], when each was predicted; when its query was asked, of a ranking.
    """

    rows: NDArray[np.int64]
    at: NDArray[np.int64]

    @classmethod
    def of(cls, at: NDArray[np.int64], decided: NDArray[np.bool_] | None) -> "_Counted":
        """From the time at which each row counts."""
        order = np.argsort(at, kind="stable")
        rows = order if decided is None else order[decided[order]]
        return cls(rows, at[rows])

    def between(self, low: int, high: int) -> NDArray[np.int64]:
        """The rows of [low, high)."""
        first, stop = np.searchsorted(self.at, [low, high]).tolist()
        return self.rows[first:stop]


def replay_outcomes(
    log: PredictionLog, spec: ModelSpec, history: History, reference: tuple[int, int]
) -> OutcomeReplay | None:
    """The outcomes of a log that has labels, or None.

    Args:
        log: its rows.
        spec: the model's declaration.
        history: of the drift.
        reference: ``(start, end)`` in whole windows.
    """
    labels = log.labels
    if labels is None:
        return None
    counted_at = log.at
    if spec.task == "ranking" and labels.queries is not None:
        queries, counted_at = group_queries(log.at, labels.queries)
        labels = replace(labels, queries=queries)
    counted = _Counted.of(counted_at, labels.decided)
    alignment = history.alignment
    classes = (
        [None] * len(log) if spec.task in {"regression", "ranking"} else [as_class(each) for each in labels.values]
    )
    age = judged_age(log.at, labels.known_at, classes, reference, alignment.width)
    score = history.columns.get(("output", "score"))
    codec = score.codec if isinstance(score, NumericHistory) else None
    errors = _error_codec(log, labels, reference) if spec.task == "regression" else None
    edges = np.zeros(0) if codec is None else score_edges(codec.edges)
    plan = TallyPlan(spec.task, edges, errors, spec.decision_threshold)
    splits = splits_of(spec)
    first, stop = alignment.index(reference[0]), alignment.index(reference[1] - 1) + 1
    outcomes = OutcomeHistory(codec, errors)
    judged = _judged_history(log, counted, labels, plan, alignment, age, outcomes, splits, (first, stop))
    calendar = Calendar(alignment.width // SECOND, first, spec.timezone)
    learned = counted.between(alignment.start(first), alignment.start(stop))
    learned = learned[labels.known_at[learned] <= reference[1] + age]
    sums = expect_log(log.features, labels, spec, judged, learned, codec)
    scores = OutcomeHistory(codec)
    last = alignment.index(int(log.at[-1]))
    if sums is not None:
        for index in range(first, last + 1):
            rows = counted.between(alignment.start(index), alignment.start(index + 1))
            scores.windows[index] = sums.expectation.cells(sums.of(rows))
    elif spec.task == "binary" and not sums_rows(spec) and isinstance(score, NumericHistory):
        scores.follow(score, list(score.bins))
    loss = None if sums is None else sums.expectation.loss
    baseline = fit_outcomes(outcomes, spec, calendar, (first, stop), scores=scores, loss=loss)
    verdicts = _verdicts(outcomes, baseline, alignment, stop, age, int(log.at[-1]))
    expected: Mapping[int, OutcomeVerdicts] = {}
    if baseline is not None:
        ends = [alignment.start(index + 1) for index in range(stop, last + 1)]
        expected = expected_verdicts(baseline, scores, alignment, ends, alignment.start(stop) + age)
    return OutcomeReplay(
        spec, alignment, age, labels, counted, plan, history, baseline, verdicts, scores, expected, sums
    )


def _error_codec(log: PredictionLog, labels: Labels, reference: tuple[int, int]) -> NumericCodec | None:
    """Bins of the errors of the reference that were known at its end."""
    rows = np.flatnonzero((log.at >= reference[0]) & (log.at < reference[1]) & (labels.known_at < reference[1]))
    known = labels.known(rows)
    pairs = [(p, y) for p, y in zip(known.predictions, known.outcomes, strict=True) if p is not None and y is not None]
    errors = np.array([float(p) - float(y) for p, y in pairs])
    errors = errors[np.isfinite(errors)]
    return build_codec(errors) if len(errors) >= 2 else None


def _judged_history(
    log: PredictionLog,
    counted: _Counted,
    labels: Labels,
    plan: TallyPlan,
    alignment: Alignment,
    age: int,
    history: OutcomeHistory,
    splits: Mapping[str, Segmentation],
    learned: tuple[int, int],
) -> Tally | None:
    """Give each window the outcomes that were known `age` after its end; those of the reference as one tally."""
    reference: list[Tally] = []
    origin = alignment.index(0) - int(bucket_numbers(np.zeros(1, dtype=np.int64), alignment.width, alignment.zone)[0])
    indexes = bucket_numbers(counted.at, alignment.width, alignment.zone) + origin
    needed = {name for split in splits.values() for name in split.columns}
    columns = Rows(
        at=log.at,
        features={name: log.features[name] for name in needed & log.features.keys()},
        tags={name: log.tags[name] for name in needed & log.tags.keys()},
    )
    bounds = np.flatnonzero(np.diff(indexes, prepend=-1))
    for low, high in zip(bounds.tolist(), [*bounds[1:].tolist(), len(indexes)], strict=True):
        index = int(indexes[low])
        rows = counted.rows[low:high]
        places_known = np.flatnonzero(labels.known_at[rows] <= alignment.start(index + 1) + age)
        known = rows[places_known]
        if len(known):
            labelled = labels.known(known)
            tally = tally_rows(plan, labelled, unlabelled=len(rows) - len(known))
            places = assign_splits(columns.take(rows), splits)
            given = GivenRows([labels.predictions[row] for row in rows.tolist()], labels.scores[rows], places)
            history.add(index, tally, tally_segments(plan, given, labelled, places_known))
            if learned[0] <= index < learned[1]:
                reference.append(tally)
    return add_tallies(reference)


def _verdicts(
    outcomes: OutcomeHistory,
    baseline: OutcomeBaseline | None,
    alignment: Alignment,
    stop: int,
    age: int,
    last_at: int,
) -> dict[int, OutcomeVerdicts]:
    if baseline is None:
        return {}
    windows = {}
    for index in range(stop, alignment.index(last_at) + 1):
        end = alignment.start(index + 1)
        windows[index] = Window(alignment.start(index), end, end + age)
    return baseline.judge(outcomes, windows)
