"""Vintage curves: of the predictions of each period, how many were known positive by each age."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from driftwatch.domain.instant import DAY, HOUR
from driftwatch.errors import DataError
from driftwatch.monitors.maturity import outcome_width
from driftwatch.performance.cohort import CohortPoint, CohortTally, tally_cohorts
from driftwatch.performance.tally import as_flag
from driftwatch.queries.catalogue import KnownModel, find_model
from driftwatch.queries.period import PERIODS, periods_of
from driftwatch.queries.row_plan import read_row_plan
from driftwatch.queries.span import Span
from driftwatch.storage import outcome, outcome_profile, profile, row_profile
from driftwatch.storage.outcome import LabelledRow
from driftwatch.storage.outcome_profile import LATEST, OutcomeBucket
from driftwatch.storage.store import Store

__all__ = ["MOST_LABELS", "OnlyDecided", "Vintage", "read_vintages"]

OnlyDecided = Callable[[Connection, int, Span, Sequence[LabelledRow]], Sequence[LabelledRow]]
"""Of the labelled rows of a version and a bucket, those that were decided."""

MOST_LABELS = 1_000_000
"""Outcomes that are read for the curves of a model."""

_MOST_AGES = 60
_MOST_PERIODS = 120


@dataclass(frozen=True, slots=True)
class Vintage:
    """The predictions of one period.

    Attributes:
        span: the period.
        n: predictions in it; of a model with a decision, those that were decided.
        points: at ages that all of the period has reached, ascending; empty before the first.
    """

    span: Span
    n: int
    points: tuple[CohortPoint, ...]


def read_vintages(
    store: Store,
    name: str,
    environment: str,
    span: Span,
    period: str,
    most_labels: int = MOST_LABELS,
    *,
    only_decided: OnlyDecided | None = None,
) -> tuple[Vintage, ...]:
    """The curves of every period that has predictions, oldest first; empty for a model without binary outcomes.

    An outcome counts as its newest correction says, at the age at which that was observed.

    Args:
        store: whose.
        name: of the model.
        environment: of the model.
        span: the window, widened to whole periods.
        period: day, week or month.
        most_labels: outcomes that are read.
        only_decided: leaves outcomes of undecided rows out of the buckets that have some.

    Raises:
        DataError: there is no such period, the window holds more than 120 of them, or too many outcomes.
    """
    if period not in PERIODS:
        raise DataError(f"there are no vintages by {period!r}; choose one of {', '.join(PERIODS)}")
    with store.read() as conn:
        now = store.now(conn)
        model = find_model(conn, name, environment)
        if model is None or model.spec.task != "binary":
            return ()
        as_of = model.now(now)
        spans = list(periods_of(span, period, model.spec))
        if len(spans) > _MOST_PERIODS:
            raise DataError(f"{len(spans)} {period}s are more than {_MOST_PERIODS} vintages; ask for longer ones")
        versions = list(model.versions.values())
        buckets = outcome_profile.read_outcome_buckets(conn, versions, LATEST, spans[0].start, spans[-1].end)
        labelled = sum(bucket.n_labelled for bucket in buckets)
        if labelled > most_labels:
            raise DataError(f"{labelled:,} outcomes are more than the {most_labels:,} that vintages take; ask for less")
        if only_decided is None and any(bucket.n_undecided for bucket in buckets):
            raise DataError("some outcomes are of predictions that were not decided")
        reader = _Reader(conn, model, _step(as_of - spans[0].start), only_decided)
        of = {each: [bucket for bucket in buckets if each.start <= bucket.bucket_at < each.end] for each in spans}
        return tuple(found for each in spans if (found := reader.vintage(each, of[each], as_of)).n)


def _step(oldest: int) -> int:
    """The ages at which curves have a point: whole hours or days, some sixty of them."""
    step = -(-max(oldest, 1) // _MOST_AGES)
    unit = HOUR if step < DAY else DAY
    return -(-step // unit) * unit


@dataclass(frozen=True, slots=True)
class _Reader:
    """One model's outcomes, period by period; a bucket is read, counted and forgotten."""

    conn: Connection
    model: KnownModel
    step: int
    only_decided: OnlyDecided | None

    def vintage(self, span: Span, buckets: Sequence[OutcomeBucket], as_of: int) -> Vintage:
        """The curve of one period: a cohort of its own, so that months may differ in length."""
        n, width = self._n(span), span.end - span.start
        tally = CohortTally(width, self.step, {0: n}, {})
        for bucket in buckets:
            rows = self._rows(bucket)
            predicted, observed = (
                np.array([getattr(row, name) for row in rows], dtype=np.int64) - span.start
                for name in ("predicted_at", "observed_at")
            )
            positive = np.array([as_flag(row.value) == 1 for row in rows], dtype=np.bool_)
            part = tally_cohorts(predicted, observed, positive, width=width, step=self.step)
            tally += CohortTally(width, self.step, {}, part.positives)
        return Vintage(span, n, tally.curve(0, as_of - span.start))

    def _rows(self, bucket: OutcomeBucket) -> Sequence[LabelledRow]:
        span = Span(bucket.bucket_at, bucket.bucket_at + outcome_width(self.model.spec))
        rows = outcome.current_outcomes(self.conn, self.model.id, bucket.version_id, span.start, span.end)
        if self.only_decided is None or not bucket.n_undecided:
            return rows
        return self.only_decided(self.conn, bucket.version_id, span, rows)

    def _n(self, span: Span) -> int:
        versions = list(self.model.versions.values())
        progress = outcome_profile.read_progress(self.conn, self.model.id)
        if self.model.spec.columns.decision is None or progress is None:
            return sum(each.n for each in profile.count_buckets(self.conn, versions, span.start, span.end))
        reference = (progress.reference_start, progress.reference_end)
        plan = read_row_plan(self.conn, self.model.id, self.model.spec, reference)
        if plan is None:
            return 0
        summed = row_profile.read_row_profiles(self.conn, versions, plan.made_by, span.start, span.end)
        return sum(each.n_decided for each in summed)
