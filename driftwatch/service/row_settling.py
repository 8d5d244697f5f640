"""All rows of a bucket into sums, labelled or not: how many are decided, and what performance they let expect.

A bucket is summed when it is over, and again when its predictions changed, from the rows as they are now.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from sqlalchemy import Connection

from driftwatch.domain.instant import DAY
from driftwatch.estimation.row_sums import RowSums, class_sums, error_sums, score_sums
from driftwatch.monitors.maturity import outcome_width
from driftwatch.monitors.outcome_role import role_columns, sums_rows
from driftwatch.performance.tally import as_class
from driftwatch.profiles.rows import take
from driftwatch.queries.row_plan import RowPlan, read_row_plan
from driftwatch.service.agenda import Agenda, read_agenda
from driftwatch.service.error_fitting import feature_names, numbers_of, settle_error_model
from driftwatch.service.judging import spec_of
from driftwatch.service.outcome_roles import roles_of
from driftwatch.service.resting import Rests
from driftwatch.service.row_columns import read_columns
from driftwatch.storage import profile, registration, row_profile
from driftwatch.storage.registration import ModelRow
from driftwatch.storage.row_profile import RowProfile
from driftwatch.storage.store import Store

__all__ = ["RowSettler"]

_REST_SECONDS = 10.0
_AT_MOST = 500
_AT_ONCE = 20


class RowSettler:
    """Sums rows again and again; a model of which nothing is summed costs nothing.

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
        self._done: dict[int, tuple[str, Mapping[tuple[int, int], int]]] = {}

    def settle(self, model: ModelRow) -> int:
        """Sum the buckets of one model that are over and have changed; returns how many.

        At most 500 at once of a live model, so that others have their turn; all of one that is replayed, whose windows
        are judged as soon as they are there.
        """
        spec = spec_of(model)
        if not sums_rows(spec):
            return 0
        is_replayed = spec.clock == "replay"
        if not self._rests.are_over(model.id, is_replayed=is_replayed):
            return 0
        with self._store.read() as conn:
            agenda = read_agenda(conn, model, now=self._store.now(conn))
        if agenda is None or agenda.is_learning:
            return 0
        if spec.task == "regression":
            settle_error_model(self._store, model, spec, agenda.reference)
        with self._store.read() as conn:
            plan = read_row_plan(conn, model.id, spec, agenda.reference)
            if plan is None:
                return 0
            made_by, done = self._done.get(model.id, ("", {}))
            stale, days = _stale(conn, plan, agenda, done if made_by == plan.made_by else {})
        wanted = stale if is_replayed else stale[:_AT_MOST]
        for first in range(0, len(wanted), _AT_ONCE):
            if self._should_stop():
                return first
            self._sum(plan, wanted[first : first + _AT_ONCE])
        if len(wanted) == len(stale):
            self._done[model.id] = plan.made_by, days
        return len(wanted)

    def _sum(self, plan: RowPlan, buckets: Sequence[tuple[int, int, int]]) -> None:
        with self._store.read() as conn:  # rows that come now raise the bucket's count: it is summed again
            now = self._store.now(conn)
            made = [_profile(conn, plan, *bucket, now=now) for bucket in buckets]
        with self._store.begin() as conn:
            for each in made:
                row_profile.put_row_profile(conn, each)


def _stale(
    conn: Connection, plan: RowPlan, agenda: Agenda, done: Mapping[tuple[int, int], int]
) -> tuple[list[tuple[int, int, int]], dict[tuple[int, int], int]]:
    """``(bucket_at, version_id, data_version)`` of every bucket that is over and is not summed as it is, ascending.

    And by version and UTC day, how many deltas the days hold that are over: those that are still so many next time,
    `done`, need no look at their buckets.
    """
    width, (start, _) = outcome_width(plan.spec), agenda.reference
    end = agenda.until - width + 1
    found, over = [], {}
    for version in registration.list_versions(conn, agenda.model.id):
        there: dict[int, int] = {}
        for day, count in profile.count_days(conn, [version.id], start, agenda.until).items():
            if (day + 1) * DAY <= agenda.until:
                over[version.id, day] = count
                if done.get((version.id, day)) == count:
                    continue
            bounds = max(start, day * DAY), min(agenda.until, (day + 1) * DAY)
            for bucket in profile.count_buckets(conn, [version.id], *bounds):
                at = bucket.bucket_at - bucket.bucket_at % width
                there[at] = there.get(at, 0) + bucket.data_version
        if there:
            held = row_profile.read_row_versions(conn, version.id, plan.made_by, min(there), max(there) + 1)
            found += [(at, version.id, count) for at, count in there.items() if at < end and held.get(at) != count]
    return sorted(found), over


def _profile(
    conn: Connection, plan: RowPlan, bucket_at: int, version_id: int, data_version: int, *, now: int
) -> RowProfile:
    spec, span = plan.spec, (bucket_at, bucket_at + outcome_width(plan.spec))
    features = () if plan.errors is None else feature_names(conn, version_id, spec)
    keyed = read_columns(conn, version_id, *span, {*role_columns(spec), *features})
    roles = roles_of(keyed, spec, span, span)
    rows = np.flatnonzero(roles.decided)
    said = [keyed.envelopes[row].prediction for row in rows.tolist()]
    if plan.codec is not None:
        scores = [keyed.envelopes[row].score for row in rows.tolist()]
        sums = score_sums(plan.codec, np.array([np.nan if each is None else each for each in scores], dtype=float))
    elif roles.class_scores:
        by_class = {name: values[rows] for name, values in roles.class_scores.items()}
        sums = class_sums(by_class, [as_class(each) for each in said])
    elif plan.errors is not None:
        columns = {name: take(column, rows) for name in features if (column := keyed.column(name)) is not None}
        sums = error_sums(plan.errors.model, plan.errors.table(columns, numbers_of(said)))
    else:
        sums = RowSums(len(rows))
    n = len(keyed.envelopes)
    return RowProfile(version_id, bucket_at, n, len(rows), data_version, plan.made_by, now, sums.to_bytes())
