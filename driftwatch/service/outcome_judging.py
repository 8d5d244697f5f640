"""One model's labelled windows and what their reference says, kept in the worker between ticks."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from driftwatch.domain.instant import SECOND
from driftwatch.drift.rule import Calendar
from driftwatch.estimation.row_sums import RowSums
from driftwatch.monitors.alignment import Alignment
from driftwatch.monitors.baseline import WindowResult
from driftwatch.monitors.history import History, NumericHistory
from driftwatch.monitors.impact import expected_verdicts, with_expected
from driftwatch.monitors.outcome import OutcomeBaseline, due_outcomes, fit_outcomes, with_outcomes
from driftwatch.monitors.outcome_history import OutcomeHistory
from driftwatch.monitors.outcome_role import sums_rows
from driftwatch.monitors.row_expectation import RowExpectation
from driftwatch.monitors.segment_history import MOST_JUDGED
from driftwatch.monitors.spec import ModelSpec
from driftwatch.monitors.trailing import GroupTrail
from driftwatch.monitors.verdict import Window
from driftwatch.performance.segment_tally import decode_segments
from driftwatch.performance.tally import decode_tally
from driftwatch.queries.row_plan import read_row_plan
from driftwatch.queries.tally_sum import sum_tallies
from driftwatch.service.binning import ERROR_CODEC, read_binnings
from driftwatch.storage import outcome_profile, row_profile
from driftwatch.storage.outcome_profile import JUDGED, OutcomeProgress

__all__ = ["OutcomeJudge"]

_LOG = logging.getLogger("driftwatch.outcome")


@dataclass
class OutcomeJudge:
    """Judges the outcomes of one model. Forgetting it costs time, never a result.

    Attributes:
        model_id: whose.
        spec: its declaration.
        reference: ``(start, end)`` in whole windows, microseconds UTC.
    """

    model_id: int
    spec: ModelSpec
    reference: tuple[int, int]
    _history: OutcomeHistory = field(default_factory=OutcomeHistory)
    _scores: OutcomeHistory = field(default_factory=OutcomeHistory)
    _progress: OutcomeProgress | None = None
    _baseline: OutcomeBaseline | None = None
    _trail: GroupTrail | None = None
    _read_until: int = -1
    _made_by: str | None = None
    _expectation: RowExpectation | None = None
    _summed_until: int = -1

    @property
    def _alignment(self) -> Alignment:
        return Alignment.of(self.spec).hourly

    def follow(self, history: History, indexes: Sequence[int]) -> None:
        """Keep the scores of windows that changed: the drift history drops them before labels come."""
        column = history.columns.get(("output", "score"))
        of_all_rows = self.spec.task == "binary" and not sums_rows(self.spec)
        if of_all_rows and isinstance(column, NumericHistory):
            self._scores.follow(column, indexes)
            if any(index < self._alignment.index(self.reference[1]) for index in indexes):
                self._baseline = None

    def read(self, conn: Connection, version_ids: Sequence[int], until: int) -> None:
        """Bring the labelled windows up to date: every bucket from the reference's start to `until` that was made anew.

        A bucket of the reference that changed fits it anew.
        """
        progress = outcome_profile.read_progress(conn, self.model_id)
        if progress is None or (progress.reference_start, progress.reference_end) != self.reference:
            self._progress = None
            return
        if self._progress is None or self._progress.judged_age != progress.judged_age:
            self._restart(conn)
        self._progress = progress
        versions = list(version_ids)
        if self._take(conn, versions, until) and self._history.is_closed:
            self._restart(conn)  # of another reference other segments may be judged
            self._take(conn, versions, until)
        if sums_rows(self.spec):
            self._read_sums(conn, versions, until)

    def _restart(self, conn: Connection) -> None:
        codecs = read_binnings(conn, self.model_id).codecs
        self._history = OutcomeHistory(codecs.get("score"), codecs.get(ERROR_CODEC))
        self._baseline, self._trail, self._read_until = None, None, -1

    def _take(self, conn: Connection, versions: list[int], until: int) -> bool:
        """Take what was made anew; whether some of it is of the reference, which is then fitted anew."""
        bounds = (self.reference[0], until)
        fresh = outcome_profile.read_outcome_buckets(conn, versions, JUDGED, *bounds, computed_since=self._read_until)
        alignment = self._alignment
        changed = sorted({alignment.index(bucket.bucket_at) for bucket in fresh})
        for index in changed:
            self._history.forget(index)
            window = (alignment.start(index), alignment.start(index + 1))
            for bucket in outcome_profile.read_outcome_buckets(conn, versions, JUDGED, *window):
                try:
                    splits = {} if bucket.segments is None else decode_segments(bucket.segments)
                    self._history.add(index, decode_tally(bucket.payload), splits)
                except ValueError:
                    _LOG.exception("the labelled rows of version %d at %d are passed over", bucket.version_id, index)
        if self._trail is not None and not self._trail.revise(changed):
            self._trail = None
        self._read_until = max((bucket.computed_at for bucket in fresh), default=self._read_until)
        is_new = bool(changed) and changed[0] < alignment.index(self.reference[1])
        if is_new:
            self._baseline = None
        return is_new

    def _read_sums(self, conn: Connection, versions: list[int], until: int) -> None:
        """Bring what all rows let expect up to date, and learn it anew when the reference is to be fitted."""
        plan = read_row_plan(conn, self.model_id, self.spec, self.reference)
        made_by = None if plan is None else plan.made_by
        if made_by != self._made_by:
            self._made_by, self._scores, self._summed_until, self._baseline = made_by, OutcomeHistory(), -1, None
        if plan is None:
            return
        if self._baseline is None:
            buckets = outcome_profile.read_outcome_buckets(conn, versions, JUDGED, *self.reference)
            self._expectation = plan.expect(
                sum_tallies([decode_tally(bucket.payload) for bucket in buckets], plan.codec)
            )
            self._summed_until = -1  # other classes may be known now
        if self._expectation is None:
            return
        alignment, bounds = self._alignment, (self.reference[0], until)
        fresh = row_profile.read_row_profiles(conn, versions, plan.made_by, *bounds, computed_since=self._summed_until)
        changed = sorted({alignment.index(bucket.bucket_at) for bucket in fresh})
        for index in changed:
            window = (alignment.start(index), alignment.start(index + 1))
            summed = row_profile.read_row_profiles(conn, versions, plan.made_by, *window)
            sums = sum((RowSums.from_bytes(bucket.payload) for bucket in summed), RowSums())
            self._scores.windows[index] = self._expectation.cells(sums)
        if changed and changed[0] < alignment.index(self.reference[1]):
            self._baseline = None
        self._summed_until = max((bucket.computed_at for bucket in fresh), default=self._summed_until)

    def judge(self, results: Sequence[WindowResult]) -> list[WindowResult]:
        """The results of runs with the verdicts on outcomes that became due in them."""
        progress, alignment = self._progress, self._alignment
        if progress is None or not results:
            return list(results)
        age, stop = progress.judged_age, alignment.index(self.reference[1] - 1) + 1
        if self._baseline is None:
            first = alignment.index(self.reference[0])
            calendar = Calendar(alignment.width // SECOND, first, self.spec.timezone)
            bounds = (first, stop)
            self._baseline = fit_outcomes(
                self._history, self.spec, calendar, bounds, scores=self._scores,
                loss=None if self._expectation is None else self._expectation.loss,
            )  # fmt: skip
            self._trail = None
            if self._baseline is not None and len(self._history.segments) > MOST_JUDGED:
                self._history.keep(self._baseline.segments.scalars.keys())
        if self._baseline is None:
            return list(results)
        due = {result.window_start: due_outcomes(alignment, result.window_start, result.window_end, age)
               for result in results}  # fmt: skip
        wanted = sorted({index for indexes in due.values() for index in indexes if index >= stop})
        windows = {
            index: Window(alignment.start(index), alignment.start(index + 1), alignment.start(index + 1) + age)
            for index in wanted
        }
        if self._trail is None and wanted:
            self._trail = self._baseline.trail(self._history, wanted[0])
        verdicts = self._baseline.judge(self._history, windows, trail=self._trail)
        told = [
            with_outcomes(result, [verdicts[index] for index in due[result.window_start] if index in verdicts])
            for result in results
        ]
        known_from = self.reference[1] + age
        ends = [result.window_end for result in told]
        expected = expected_verdicts(self._baseline, self._scores, alignment, ends, known_from)
        return [with_expected(result, self._baseline, self._scores, alignment, expected, known_from) for result in told]
