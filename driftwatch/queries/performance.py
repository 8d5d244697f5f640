"""The Performance page: what the labels say, what is expected without them, and how far the two are apart."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from driftwatch.errors import DataError
from driftwatch.estimation.result import Estimate
from driftwatch.estimation.row_sums import RowSums
from driftwatch.monitors.expectation import Expectation, expect
from driftwatch.monitors.maturity import outcome_width
from driftwatch.monitors.outcome_role import sums_rows
from driftwatch.monitors.row_expectation import RowExpectation
from driftwatch.performance.binary import BinaryTally
from driftwatch.performance.calibration import CalibrationBand
from driftwatch.performance.confusion import Confusion
from driftwatch.performance.result import PerformanceResult
from driftwatch.performance.score_band import ScoreBand
from driftwatch.performance.tally import Tally, decode_tally, performance_of
from driftwatch.profiles.bucket import BucketProfile
from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.numeric import NumericProfile
from driftwatch.queries.catalogue import KnownModel, find_model
from driftwatch.queries.label_arrival import LabelArrival, read_arrival
from driftwatch.queries.period import PERIODS, periods_of
from driftwatch.queries.row_plan import RowPlan, read_row_plan
from driftwatch.queries.score_band import read_bands
from driftwatch.queries.span import Span, span_of
from driftwatch.queries.standing import Standing, read_standing
from driftwatch.queries.tally_sum import sum_tallies
from driftwatch.storage import outcome, profile, registration, row_profile
from driftwatch.storage.outcome_profile import JUDGED, LATEST, OutcomeProgress, read_outcome_buckets, read_progress
from driftwatch.storage.store import Store

__all__ = ["Performance", "PerformanceView", "read_performance", "sum_tallies", "whole_or_macro"]

_MOST_PERIODS = 400
_BOOTSTRAPPED = 31  # periods of which the metrics without a formula have an interval too


@dataclass(frozen=True)
class Performance:
    """How well a model did in one period.

    Attributes:
        span: the period.
        n: predictions.
        n_labelled: of them, how many have an outcome.
        mature: the period is so old that its outcomes are judged: what is still missing moves little.
        realised: by metric, of the labelled rows; of several classes the macro average.
        estimated: by metric, of all rows whose outcome can exist, without looking at one; empty where the reference's
            labels say nothing.
        confusion: of a binary model's decisions, or None.
        calibration: share of positives by band of the score; empty for other models.
        n_decided: predictions whose outcome can exist; None of a model without a decision, and before it is counted.
        n_undecided: outcomes of other rows, which count nowhere.
    """

    span: Span
    n: int
    n_labelled: int
    mature: bool
    realised: Mapping[str, PerformanceResult]
    estimated: Mapping[str, Estimate]
    confusion: Confusion | None = None
    calibration: Sequence[CalibrationBand] = ()
    n_decided: int | None = None
    n_undecided: int = 0

    @property
    def labelled_share(self) -> float:
        """Of all predictions whose outcome can exist; 0 without any."""
        n = self.n if self.n_decided is None else self.n_decided
        return min(1.0, self.n_labelled / n) if n else 0.0

    def difference(self, metric: str) -> float | None:
        """Realised minus estimated; None where one of them is not known."""
        realised, estimated = self.realised.get(metric), self.estimated.get(metric)
        if realised is None or estimated is None or realised.value is None:
            return None
        return realised.value - estimated.value

    def disagrees(self, metric: str) -> bool:
        """Whether the interval of what was realised and the band of what was expected lie apart."""
        realised, estimated = self.realised.get(metric), self.estimated.get(metric)
        if realised is None or estimated is None or realised.interval is None:
            return False
        return realised.interval.high < estimated.low or estimated.high < realised.interval.low


@dataclass(frozen=True)
class PerformanceView:
    """Everything on the Performance page.

    Attributes:
        standing: of the model.
        span: the window, in whole periods.
        period: day, week or month.
        periods: those that have predictions, oldest first.
        whole: all of them together.
        reference: the labelled reference, or None before outcomes are counted.
        judged_age: how long after the end of a window its outcomes are judged, microseconds; None before it is learned.
        arrival: how labels come in, or None without any.
        any_outcome: the model was told an outcome at some time.
        bands: of the score, what was said and what came, in the whole window; empty for other models.
    """

    standing: Standing
    span: Span
    period: str
    periods: tuple[Performance, ...]
    whole: Performance
    reference: Performance | None
    judged_age: int | None
    arrival: LabelArrival | None
    any_outcome: bool
    bands: tuple[ScoreBand, ...] = ()

    @property
    def metrics(self) -> tuple[str, ...]:
        """The keys of every metric that has a value, realised or estimated, in their usual order."""
        parts = (self.whole, *self.periods)
        keys = [key for part in parts for of in (part.realised, part.estimated) for key in of]
        return tuple(dict.fromkeys(keys))


def read_performance(
    store: Store, name: str, environment: str, window: str | Span, period: str = "day"
) -> PerformanceView | None:
    """The page in one snapshot, or None if there is no such model.

    Args:
        store: whose.
        name: of the model.
        environment: its environment.
        window: a key of :data:`~driftwatch.queries.span.SPANS`, or a window; widened to whole periods.
        period: day, week or month.

    Raises:
        DataError: the window holds more than 400 periods, or there is no such period.
    """
    if period not in PERIODS:
        raise DataError(f"there is no period {period!r}; choose one of {', '.join(PERIODS)}")
    with store.read() as conn:
        read_at = store.now(conn)
        model = find_model(conn, name, environment)
        if model is None:
            return None
        standing = read_standing(conn, model, read_at)
        span = window if isinstance(window, Span) else span_of(window, end=standing.now, width=model.width)
        spans = list(periods_of(span, period, model.spec))
        if len(spans) > _MOST_PERIODS:
            raise DataError(f"{len(spans)} {period}s are more than {_MOST_PERIODS}; ask for longer periods or a part")
        reader = _Reader(conn, model, standing.now)
        bootstrap = period == "month" or len(spans) <= _BOOTSTRAPPED
        parts = [part for each in spans if (part := reader.part(each, bootstrap=bootstrap)).n or part.n_labelled]
        whole = Span(spans[0].start, spans[-1].end)
        return PerformanceView(
            standing=standing,
            span=whole,
            period=period,
            periods=tuple(parts),
            whole=reader.whole(whole),
            reference=reader.reference(),
            judged_age=None if reader.progress is None else reader.progress.judged_age,
            arrival=reader.arrival(whole),
            any_outcome=outcome.newest_outcomes(conn, model.id, within=0) is not None,
            bands=reader.bands(),
        )


class _Reader:
    """One model's labelled rows and scores, period by period; a period is read, counted and forgotten."""

    def __init__(self, conn: Connection, model: KnownModel, now: int) -> None:
        self._conn, self._model, self._now = conn, model, now
        self._versions = list(model.versions.values())
        self.progress: OutcomeProgress | None = read_progress(conn, model.id)
        payload = registration.read_codecs(conn, model.id).get("score")
        self._codec = None if payload is None else NumericCodec.from_bytes(payload)
        self._plan: RowPlan | None = None
        self._of_rows: RowExpectation | None = None
        self._expectation: Expectation | None = None
        self._expect()
        self._all: list[_Rows] = []

    def _expect(self) -> None:
        """What the reference lets expect: of the rows' sums where rows are summed, else of the profile's scores."""
        if self.progress is None:
            return
        spec = self._model.spec
        span = Span(self.progress.reference_start, self.progress.reference_end)
        tally = self._tally(span, JUDGED)
        if sums_rows(spec):
            self._plan = read_row_plan(self._conn, self._model.id, spec, (span.start, span.end))
            self._of_rows = None if self._plan is None else self._plan.expect(tally)
        elif tally is not None:
            self._expectation = expect(tally, self._codec, spec.decision_threshold)

    def part(self, span: Span, *, bootstrap: bool) -> Performance:
        """One period, which counts for :meth:`whole` too."""
        rows = self._rows(span, LATEST)
        self._all.append(rows)
        return self._performance(span, rows, bootstrap=bootstrap)

    def whole(self, span: Span) -> Performance:
        """All periods so far."""
        return self._performance(span, _added(self._all, self._codec), bootstrap=True)

    def bands(self) -> tuple[ScoreBand, ...]:
        """Of all periods so far, in tenths of the labelled reference."""
        if self.progress is None:
            return ()
        span = Span(self.progress.reference_start, self.progress.reference_end)
        return read_bands(_added(self._all, self._codec).tally, self._tally(span, JUDGED), self._codec)

    def reference(self) -> Performance | None:
        """The reference, with the outcomes that were known at the age at which windows are judged."""
        if self.progress is None:
            return None
        span = Span(self.progress.reference_start, self.progress.reference_end)
        return self._performance(span, self._rows(span, JUDGED), bootstrap=False)

    def arrival(self, span: Span) -> LabelArrival | None:
        """From the mature part of the window, else from the reference."""
        if self.progress is None:
            return None
        until = min(span.end, self._now - self.progress.judged_age)
        buckets = read_outcome_buckets(self._conn, self._versions, LATEST, span.start, until)
        if not any(bucket.n_labelled for bucket in buckets):
            bounds = (self.progress.reference_start, self.progress.reference_end)
            buckets = read_outcome_buckets(self._conn, self._versions, LATEST, *bounds)
        spec = self._model.spec
        of_classes = spec.task in {"binary", "multiclass"}
        return read_arrival(self._conn, self._model.id, buckets, width=outcome_width(spec), of_classes=of_classes)

    def _tally(self, span: Span, stage: str) -> Tally | None:
        buckets = read_outcome_buckets(self._conn, self._versions, stage, span.start, span.end)
        return sum_tallies([decode_tally(bucket.payload) for bucket in buckets], self._codec)

    def _rows(self, span: Span, stage: str) -> "_Rows":
        buckets = read_outcome_buckets(self._conn, self._versions, stage, span.start, span.end)
        n = sum(each.n for each in profile.count_buckets(self._conn, self._versions, span.start, span.end))
        sums, n_decided = None, None
        if self._plan is not None:
            summed = row_profile.read_row_profiles(self._conn, self._versions, self._plan.made_by, span.start, span.end)
            sums = sum((RowSums.from_bytes(each.payload) for each in summed), RowSums())
            n_decided = sums.n if summed and self._model.spec.columns.decision is not None else None
        return _Rows(
            n,
            sum_tallies([decode_tally(bucket.payload) for bucket in buckets], self._codec),
            self._histogram(span),
            sums,
            n_decided,
            sum(bucket.n_undecided for bucket in buckets),
        )

    def _histogram(self, span: Span) -> NDArray[np.int64] | None:
        """int64[B], rows by score bin; None where nothing is to be estimated from them."""
        if self._expectation is None or self._codec is None:
            return None
        total = np.zeros(self._codec.bins, dtype=np.int64)
        for version_id in self._versions:
            for bucket in profile.read_buckets(self._conn, version_id, span.start, span.end):
                for counts in _scores(bucket.payloads, self._codec):
                    total += counts
        return total

    def _performance(self, span: Span, rows: "_Rows", *, bootstrap: bool) -> Performance:
        rng, tally = np.random.default_rng(0) if bootstrap else None, rows.tally
        results = [] if tally is None else performance_of(tally, rng=rng, costs=self._model.spec.costs or None)
        binary = tally if isinstance(tally, BinaryTally) else None
        age = None if self.progress is None else self.progress.judged_age
        return Performance(
            span=span,
            n=rows.n,
            n_labelled=0 if tally is None else tally.n,
            mature=age is not None and span.end + age <= self._now,
            realised={each.metric: each for each in whole_or_macro(results) if each.value is not None},
            estimated=self._estimates(rows),
            confusion=None if binary is None else binary.confusion,
            calibration=() if binary is None else binary.calibration.curve(),
            n_decided=rows.n_decided,
            n_undecided=rows.n_undecided,
        )

    def _estimates(self, rows: "_Rows") -> dict[str, Estimate]:
        if self._of_rows is not None:
            return {} if rows.sums is None else self._of_rows.estimate(rows.sums)
        if self._expectation is None or rows.scores is None:
            return {}
        return self._expectation.estimate(rows.scores)


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """What is stored of a period: predictions, labelled rows, scores, sums of all rows whose outcome can exist."""

    n: int
    tally: Tally | None
    scores: NDArray[np.int64] | None
    sums: RowSums | None
    n_decided: int | None
    n_undecided: int


def _added(parts: Sequence[_Rows], codec: NumericCodec | None) -> _Rows:
    scores = [part.scores for part in parts if part.scores is not None]
    sums = [part.sums for part in parts if part.sums is not None]
    decided = [part.n_decided for part in parts if part.n_decided is not None]
    return _Rows(
        sum(part.n for part in parts),
        sum_tallies([part.tally for part in parts if part.tally is not None], codec),
        sum(scores[1:], scores[0]) if scores else None,
        sum(sums[1:], sums[0]) if sums else None,
        sum(decided) if decided else None,
        sum(part.n_undecided for part in parts),
    )


def whole_or_macro(results: Sequence[PerformanceResult]) -> list[PerformanceResult]:
    """Of the whole, else averaged over classes: one of each metric."""
    whole = [each for each in results if each.of is None]
    known = {each.metric for each in whole}
    return [*whole, *(each for each in results if each.of == "macro" and each.metric not in known)]


def _scores(payloads: Iterable[bytes], codec: NumericCodec) -> Iterable[NDArray[np.int64]]:
    for payload in payloads:
        column = BucketProfile.from_bytes(payload).outputs.get("score")
        if isinstance(column, NumericProfile) and (column.cells is not None or column.codec == codec.digest):
            yield column.recode(codec).counts
