"""Outcomes into their buckets: whatever an outcome, a correction or a late prediction touches is tallied anew.

A tally is made from the rows that are labelled now, never by adding to an older one, so that a corrected outcome counts
once. Two tallies of a bucket are kept: with every outcome so far, for people, and with those that were known at the age
at which buckets are judged.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy import Connection

from driftwatch.domain.instant import MINUTE
from driftwatch.monitors.alignment import Alignment
from driftwatch.monitors.maturity import judged_age, outcome_width
from driftwatch.monitors.outcome_role import role_columns, roles_key
from driftwatch.monitors.spec import ModelSpec
from driftwatch.monitors.splits import splits_key, splits_of
from driftwatch.performance.query import QUERY_REACH
from driftwatch.performance.score_table import score_edges
from driftwatch.performance.tally import TallyPlan, as_class, encode_tally, tally_rows
from driftwatch.profiles.codec import NumericCodec, build_codec
from driftwatch.profiles.segmentation import Segmentation
from driftwatch.service.agenda import read_agenda
from driftwatch.service.binning import ERROR_CODEC, read_binnings, register_codecs
from driftwatch.service.outcome_roles import RoleRows, labelled_rows, roles_of, span_of
from driftwatch.service.resting import Rests
from driftwatch.service.row_columns import read_columns
from driftwatch.service.segment_settling import SplitBucket
from driftwatch.storage import outcome, outcome_profile, prediction, registration
from driftwatch.storage.outcome import LabelledRow
from driftwatch.storage.outcome_profile import JUDGED, LATEST, OutcomeBucket, OutcomeProgress
from driftwatch.storage.registration import ModelRow
from driftwatch.storage.store import Store

__all__ = ["OutcomeSettler"]

_LOG = logging.getLogger("driftwatch.outcome")

_OVERLAP = MINUTE
"""A transaction may have been dated before it could be seen: so much is looked through once more."""

_REST_SECONDS = 10.0
_HOUR_SECONDS = 3600.0
_AT_ONCE = 50
_FEWEST_ERRORS = 30


@dataclass(frozen=True, slots=True)
class _Plan:
    model: ModelRow
    spec: ModelSpec
    tally: TallyPlan
    width: int
    alignment: Alignment
    age: int
    splits: Mapping[str, Segmentation]


class OutcomeSettler:
    """Settles outcomes again and again; a model without any costs one look-up.

    Args:
        store: whose.
        rest_seconds: how long a live model is left alone after it was looked at; one that is replayed, a second.
        should_stop: asked between two transactions; the rest is then done the next time.
    """

    def __init__(
        self,
        store: Store,
        *,
        rest_seconds: float = _REST_SECONDS,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store = store
        self._rests = Rests(rest_seconds)
        self._should_stop = should_stop
        self._known: dict[int, tuple[tuple[int, int], float]] = {}

    def settle(self, model: ModelRow) -> int:
        """Bring the buckets of one model up to date; returns how many were made anew.

        Nothing is done before the reference is over: the age at which outcomes are judged is learned from it.
        """
        if not self._rests.are_over(model.id, is_replayed=(model.spec or {}).get("clock") == "replay"):
            return 0
        clock = time.monotonic()
        with self._store.read() as conn:
            newest = outcome.newest_outcomes(conn, model.id, within=_OVERLAP)
            now = self._store.now(conn)
            agenda = None if newest is None else read_agenda(conn, model, now=now)
            if newest is None or agenda is None or agenda.is_learning or agenda.spec.task == "none":
                return 0
            progress = outcome_profile.read_progress(conn, model.id)
            if progress is None or (progress.reference_start, progress.reference_end) != agenda.reference:
                progress = _begin(conn, model, agenda.spec, agenda.reference)
            elif (progress.splits, progress.roles) != _keys(agenda.spec):
                splits, roles = _keys(agenda.spec)
                progress = replace(progress, counted_until=0, splits=splits, roles=roles)
            elif self._is_known(model.id, newest, clock):
                return 0
        plan = self._plan(model, agenda.spec, progress)
        if plan is None:
            return 0
        with self._store.read() as conn:
            since = max(0, progress.counted_until - _OVERLAP)
            touched = outcome.touched_buckets(conn, model.id, since, now + 1, width=plan.width)
            if plan.spec.task == "ranking" and plan.spec.columns.query_id is not None:
                touched = _with_neighbours(conn, touched, plan.width)
        for first in range(0, len(touched), _AT_ONCE):
            if self._should_stop():
                return first
            self._make(plan, touched[first : first + _AT_ONCE])
        with self._store.begin() as conn:
            outcome_profile.put_progress(conn, model.id, replace(progress, counted_until=now))
        self._known[model.id] = newest, clock
        return len(touched)

    def _is_known(self, model_id: int, newest: tuple[int, int], clock: float) -> bool:
        """Whether no outcome has come since; once an hour predictions are looked for that came after theirs."""
        known = self._known.get(model_id)
        return known is not None and known[0] == newest and clock - known[1] < _HOUR_SECONDS

    def _plan(self, model: ModelRow, spec: ModelSpec, progress: OutcomeProgress) -> _Plan | None:
        """How its rows are tallied, or None as long as the bins that it takes are not there."""
        with self._store.read() as conn:
            binnings = read_binnings(conn, model.id)
        if "score" in binnings.grids and "score" not in binnings.codecs:
            return None
        errors = binnings.codecs.get(ERROR_CODEC)
        if spec.task == "regression" and errors is None:
            errors = self._error_codec(model, progress)
            if errors is None:
                return None
        score = binnings.codecs.get("score")
        edges = np.zeros(0) if score is None else score_edges(score.edges)
        tally = TallyPlan(spec.task, edges, errors, spec.decision_threshold)
        alignment = Alignment.of(spec).hourly
        return _Plan(model, spec, tally, outcome_width(spec), alignment, progress.judged_age, splits_of(spec))

    def _error_codec(self, model: ModelRow, progress: OutcomeProgress) -> NumericCodec | None:
        with self._store.read() as conn:
            rows = _reference_rows(conn, model.id, (progress.reference_start, progress.reference_end))
        pairs = [(row.prediction, row.value) for row in rows]
        errors = np.array([p - y for p, y in pairs if isinstance(p, float) and isinstance(y, float)])
        if len(errors) < _FEWEST_ERRORS:
            return None
        with self._store.begin() as conn:
            codecs = register_codecs(conn, model.id, {ERROR_CODEC: build_codec(errors)}, at=self._store.now(conn))
        return codecs[ERROR_CODEC]

    def _make(self, plan: _Plan, buckets: Sequence[tuple[int, int]]) -> None:
        with self._store.begin() as conn:
            now = self._store.now(conn)
            for version_id, bucket_at in buckets:
                for stage, made in _stages(conn, plan, version_id, bucket_at, now=now).items():
                    outcome_profile.put_outcome_bucket(conn, stage, made)


def _begin(conn: Connection, model: ModelRow, spec: ModelSpec, reference: tuple[int, int]) -> OutcomeProgress:
    """The age at which outcomes are judged, learned from the reference; everything is counted from the beginning."""
    rows = _reference_rows(conn, model.id, reference)
    of_classes = spec.task in {"binary", "multiclass"}
    age = judged_age(
        np.array([row.predicted_at for row in rows], dtype=np.int64),
        np.array([row.observed_at for row in rows], dtype=np.int64),
        [as_class(row.value) if of_classes else None for row in rows],
        reference,
        Alignment.of(spec).hourly.width,
    )
    return OutcomeProgress(0, *reference, age, *_keys(spec))


def _keys(spec: ModelSpec) -> tuple[str, str]:
    """What tells two declarations apart by which rows are tallied otherwise: their splits, and their roles."""
    return splits_key(splits_of(spec)), roles_key(spec)


def _with_neighbours(conn: Connection, touched: Sequence[tuple[int, int]], width: int) -> list[tuple[int, int]]:
    """These buckets, and those around in which a query may have been asked that has items in them."""
    steps = -(-2 * QUERY_REACH // width)
    near = {
        (version_id, bucket_at + step * width) for version_id, bucket_at in touched for step in range(-steps, steps + 1)
    }
    known = {*touched}
    return sorted(
        (version_id, at)
        for version_id, at in near
        if (version_id, at) in known or prediction.count_predictions(conn, version_id, at, at + width)
    )


def _reference_rows(conn: Connection, model_id: int, reference: tuple[int, int]) -> list[LabelledRow]:
    return [
        row
        for version in registration.list_versions(conn, model_id)
        for row in outcome.current_outcomes(conn, model_id, version.id, *reference)
    ]


def _stages(conn: Connection, plan: _Plan, version_id: int, bucket_at: int, *, now: int) -> dict[str, OutcomeBucket]:
    rows = _Bucket.read(conn, plan, version_id, bucket_at)
    told = outcome.current_outcomes(conn, plan.model.id, version_id, *rows.span)
    latest = judged = rows.tally(plan, told)
    known_by = plan.alignment.start(plan.alignment.index(bucket_at) + 1) + plan.age + 1
    if any(row.observed_at >= known_by for row in told):
        early = outcome.current_outcomes(conn, plan.model.id, version_id, *rows.span, observed_by=known_by)
        judged = rows.tally(plan, early)
    shared = (version_id, bucket_at, rows.n)
    return {
        LATEST: OutcomeBucket(*shared, latest.n, None, now, latest.payload, latest.segments, rows.undecided(told)),
        JUDGED: OutcomeBucket(*shared, judged.n, known_by, now, judged.payload, judged.segments),
    }


@dataclass(frozen=True, slots=True)
class _Tallied:
    n: int
    payload: bytes
    segments: bytes | None


@dataclass(frozen=True, slots=True, eq=False)
class _Bucket:
    """The predictions of one version's bucket, and what their columns say of their outcomes.

    Attributes:
        span: where outcomes of them are looked for, microseconds UTC.
        n: those that are counted.
        roles: None where no column says which are counted.
        split: None where rows are not split.
    """

    span: tuple[int, int]
    n: int
    roles: RoleRows | None = None
    split: SplitBucket | None = None

    @classmethod
    def read(cls, conn: Connection, plan: _Plan, version_id: int, start: int) -> "_Bucket":
        bucket = (start, start + plan.width)
        has_roles = bool(roles_key(plan.spec))
        if not has_roles and not plan.splits:
            return cls(bucket, prediction.count_predictions(conn, version_id, *bucket))
        span = span_of(plan.spec, bucket)
        columns = {name for split in plan.splits.values() for name in split.columns} | {*role_columns(plan.spec)}
        keyed = read_columns(conn, version_id, *span, columns)
        roles = roles_of(keyed, plan.spec, span, bucket) if has_roles else None
        counted = np.ones(len(keyed.envelopes), dtype=np.bool_) if roles is None else roles.counted
        split = SplitBucket.of(keyed, plan.splits, counted) if plan.splits else None
        return cls(span, int(counted.sum()), roles, split)

    def tally(self, plan: _Plan, told: Sequence[LabelledRow]) -> _Tallied:
        rows = told if self.roles is None else self.roles.kept(told)
        labelled = labelled_rows(rows) if self.roles is None else self.roles.labelled(rows)
        tally = tally_rows(plan.tally, labelled, unlabelled=max(0, self.n - len(labelled)))
        segments = None if self.split is None else self.split.tally(plan.tally, rows, labelled)
        return _Tallied(tally.n, encode_tally(tally), segments)

    def undecided(self, told: Sequence[LabelledRow]) -> int:
        return 0 if self.roles is None else self.roles.undecided(told)
