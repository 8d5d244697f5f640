"""One model's history and fitted reference, kept in the worker between ticks, so that a tick reads what is new only."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from driftwatch.domain.finding import Finding
from driftwatch.domain.instant import DAY
from driftwatch.drift.rule import REMEMBERED
from driftwatch.monitors.alignment import Alignment
from driftwatch.monitors.baseline import DriftBaseline, WindowResult
from driftwatch.monitors.history import ColumnKey, History
from driftwatch.monitors.short import RECENT
from driftwatch.monitors.spec import ModelSpec, parse_model_spec
from driftwatch.monitors.trailing import GroupTrail
from driftwatch.profiles.bucket import BucketProfile
from driftwatch.service.binning import read_binnings
from driftwatch.service.change import Totals, change_of, totals_of
from driftwatch.service.outcome_judging import OutcomeJudge
from driftwatch.storage import profile, registration
from driftwatch.storage.profile import BucketRow
from driftwatch.storage.registration import ModelRow

__all__ = ["LEARNING", "ModelJudge", "reference_period", "spec_of"]

LEARNING = 14 * DAY
"""The reference of a model that declares none: its first fourteen days."""

_MONTH_DAYS = 28  # of categories: how far back their absence is looked for


def spec_of(model: ModelRow) -> ModelSpec:
    """What is declared of a model, or the defaults.

    Raises:
        SpecError: the stored declaration cannot be read.
    """
    if model.spec is None:
        return ModelSpec(model=model.name, environment=model.environment)
    return parse_model_spec(model.spec)


def reference_period(spec: ModelSpec, first_at: int) -> tuple[int, int]:
    """The operating reference in whole windows: the declared one, or the first fourteen days from `first_at`."""
    declared = spec.reference.period if spec.reference is not None else None
    start, end = declared or (first_at, first_at + LEARNING)
    alignment = Alignment.of(spec)
    if declared is None:
        first = alignment.start(alignment.index(start))
        return first, first + LEARNING
    return alignment.start(alignment.index(start)), alignment.start(alignment.index(end - 1) + 1)


@dataclass
class ModelJudge:
    """Judges the windows of one model.

    Not thread-safe; a worker has its own. Forgetting it costs time, never a result.

    Attributes:
        model: the registered model.
        spec: its declaration.
        reference: ``(start, end)`` in whole windows, microseconds UTC.
        versions: by window index, how many deltas the history holds of it.
    """

    model: ModelRow
    spec: ModelSpec
    reference: tuple[int, int]
    versions: dict[int, int] = field(default_factory=dict)
    _days: dict[int, int] = field(default_factory=dict)
    _history: History | None = None
    _baseline: DriftBaseline | None = None
    _trails: tuple[GroupTrail, ...] | None = None
    _kept_from: int | None = None
    _usual: dict[tuple[str | None, ColumnKey], Totals] = field(default_factory=dict)
    _outcomes: OutcomeJudge | None = None
    _declared: dict[str, bool] = field(default_factory=dict)

    @property
    def alignment(self) -> Alignment:
        """Where the model's windows lie."""
        return Alignment.of(self.spec)

    def read(self, conn: Connection, until: int, windows: Sequence[int] = ()) -> None:
        """Bring the history up to date: every bucket from the reference's start to `until` that has changed.

        Late rows in the reference fit it anew. Once it is fitted, distributions older than a few days are dropped, and
        of `windows`, the starts that are judged next, those that leave the longer windows are read again.
        """
        history = self._history
        if history is None or self._codecs_grew(conn, history):
            history = self._start_over(conn)
        version_ids = [version.id for version in registration.list_versions(conn, self.model.id)]
        changed, days = self._changed(conn, history, version_ids, until)
        whole = sorted({history.alignment.index(history.windows.start(index)) for index in changed})
        if changed and self._kept_from is not None and self._is_late(history, changed):
            history = self._start_over(conn)  # what it takes to fit again was dropped
            changed, days = self._changed(conn, history, version_ids, until)
            whole = sorted({history.alignment.index(history.windows.start(index)) for index in changed})
        for first, stop in _spans(whole):
            self._replace(conn, history, version_ids, first, stop)
        self._days = days
        if self._outcomes is None:
            self._outcomes = OutcomeJudge(self.model.id, self.spec, self.reference)
        self._outcomes.follow(history, whole)
        if changed and changed[0] < history.windows.index(self.reference[1]):
            self._baseline, self._trails = None, None
            history.frames = read_binnings(conn, self.model.id).frames.moments
        if self._trails is not None:
            revised = [trail.revise(whole) for trail in self._trails]
            if not all(revised):
                self._trails = None
            self.rest()
            self._lend(conn, history, version_ids, windows)
        self._outcomes.read(conn, version_ids, until)

    def judge(self, windows: Sequence[int]) -> list[WindowResult]:
        """The verdicts of windows that :meth:`read` has reached, ascending starts in microseconds UTC.

        Raises:
            DataError: the reference holds no row.
        """
        if self._history is None:
            raise RuntimeError("read() comes before judge()")
        if self._baseline is None:
            self._baseline = DriftBaseline.fit(self._history, self.spec, self.reference)
            self._usual = self._totals(self._history, self._baseline)
        if self._trails is None:
            self._trails = self._baseline.trails(self._history, windows[0])
        results = self._baseline.judge(self._history, windows, trails=self._trails)
        return results if self._outcomes is None else self._outcomes.judge(results)

    def rest(self) -> None:
        """Drop the distributions that no trail may have to put right: until :meth:`read`, no window can be judged."""
        history, ends = self._history, [trail.end for trail in self._trails or ()]
        if history is not None and ends:
            month = _MONTH_DAYS * history.alignment.per_day
            self._kept_from = min(ends) - REMEMBERED
            if self._baseline is not None:
                history.segments.keep(self._baseline.segments.names)
            history.shed(self._kept_from, categories_before=min(ends) - max(month, REMEMBERED))

    @property
    def n_columns(self) -> int:
        """Columns that are held; what a judge takes up is in proportion."""
        history = self._history
        return len(history.columns) + history.segments.n_columns if history is not None else 0

    def _start_over(self, conn: Connection) -> History:
        binnings = read_binnings(conn, self.model.id)
        self._history = History.of(
            self.spec, binnings.codecs, self.reference, recent=RECENT, frames=binnings.frames.moments
        )
        self._baseline, self._trails, self._kept_from = None, None, None
        self.versions.clear()
        self._days.clear()
        return self._history

    def _changed(
        self, conn: Connection, history: History, version_ids: Sequence[int], until: int
    ) -> tuple[list[int], dict[int, int]]:
        """Windows that have other rows in the store than in the history, ascending; and how many deltas by UTC day."""
        days = profile.count_days(conn, version_ids, self.reference[0], until)
        last = (until - 1) // DAY  # of this day more or fewer hours may have been counted the last time
        axis, looked_at = history.windows, set[int]()
        for day in (day for day, count in days.items() if day == last or self._days.get(day) != count):
            bounds = max(day * DAY, self.reference[0]), min((day + 1) * DAY, until) - 1
            looked_at |= set(range(axis.index(bounds[0]), axis.index(bounds[1]) + 1))
        fresh: dict[int, int] = {}
        for first, stop in _spans(sorted(looked_at)):
            start, end = max(axis.start(first), self.reference[0]), min(axis.start(stop), until)
            for bucket in profile.count_buckets(conn, version_ids, start, end):
                index = axis.index(bucket.bucket_at)
                fresh[index] = fresh.get(index, 0) + bucket.data_version
        return sorted(index for index, count in fresh.items() if self.versions.get(index) != count), days

    def _is_late(self, history: History, changed: Sequence[int]) -> bool:
        """Whether a window has changed of which the trails cannot be put right."""
        oldest = history.alignment.index(history.windows.start(changed[0]))
        return self._kept_from is not None and oldest < self._kept_from

    def _lend(self, conn: Connection, history: History, version_ids: Sequence[int], windows: Sequence[int]) -> None:
        """Read again what was dropped and is needed once more."""
        hours = sorted({history.alignment.index(start) for start in windows})
        if not hours:
            return
        start = hours[0] if history.short is None else hours[0] - 1  # the hour that was over before the first of them
        wanted: set[int] = set().union(*(trail.wants(start, hours[-1] + 1) for trail in self._trails or ()))
        for first, stop in _spans(sorted(index for index in wanted if history.lacks(index))):
            found: dict[int, list[BucketProfile]] = {}
            for bucket in self._buckets(conn, history, version_ids, first, stop):
                profiles = found.setdefault(history.alignment.index(bucket.bucket_at), [])
                profiles += map(self._profile, bucket.payloads)
            for index, profiles in found.items():
                history.lend(index, profiles)

    @property
    def reference_rows(self) -> int:
        """Rows of the fitted reference; 0 before it is fitted."""
        return self._baseline.rows if self._baseline is not None else 0

    def data_version(self, start: int) -> int:
        """How many deltas the window that starts at `start` has been judged with."""
        return self.versions.get(self.alignment.index(start), 0)

    def change(self, finding: Finding) -> str:
        """Reference → current of a finding's column over the finding's own scale, in words; "" if there are none."""
        history, baseline = self._history, self._baseline
        if history is None or baseline is None or finding.column is None:
            return ""
        key = next((key for key, name in baseline.names.items() if name == finding.column), None)
        part = history if finding.segment is None else history.segments.by_name.get(finding.segment)
        column = part.columns.get(key) if key is not None and part is not None else None
        usual = self._usual.get((finding.segment, key)) if key is not None else None
        if column is None or usual is None or key in baseline.identifiers:
            return ""
        stop = history.alignment.index(finding.window_end - 1) + 1
        scale = int(finding.details.get("scale_buckets", 1))
        first = max(baseline.first, stop - scale, self._kept_from or 0)  # of what is still at hand
        now = totals_of(column, first, stop)
        return change_of(column, usual, now, is_private=finding.column in self.spec.pii)

    @staticmethod
    def _totals(history: History, baseline: DriftBaseline) -> dict[tuple[str | None, ColumnKey], Totals]:
        """What every judged column, of all rows and of each segment, held in the reference."""
        span = (baseline.first, baseline.stop)
        whole = {(None, key): totals_of(history.columns[key], *span) for key in baseline.names}
        return whole | {
            (each.name, key): totals_of(history.segments.by_name[each.name].columns[key], *span)
            for each in baseline.segments.fitted
            for key in each.names
        }

    def _codecs_grew(self, conn: Connection, history: History) -> bool:
        """Whether a column that could not be read for want of a codec has one now."""
        waiting = {key[1] for key, why in history.faults.items() if "codec" in why}
        return bool(waiting) and not waiting.isdisjoint(read_binnings(conn, self.model.id).codecs)

    def _replace(self, conn: Connection, history: History, version_ids: Sequence[int], first: int, stop: int) -> None:
        for index in range(first, stop):
            history.forget(index)
        for index in range(*(history.windows.index(history.alignment.start(each)) for each in (first, stop))):
            self.versions.pop(index, None)
        for bucket in self._buckets(conn, history, version_ids, first, stop):
            for payload in bucket.payloads:
                history.add(bucket.bucket_at, self._profile(payload))
            index = history.windows.index(bucket.bucket_at)
            self.versions[index] = self.versions.get(index, 0) + bucket.data_version

    def _profile(self, payload: bytes) -> BucketProfile:
        """A stored profile with the segments that are declared now: it was made when others may have been."""
        found = BucketProfile.from_bytes(payload)
        for name in found.segments.keys() - self._declared.keys():
            self._declared[name] = any(split.holds(name) for split in self.spec.segments)
        declared = {name: each for name, each in found.segments.items() if self._declared[name]}
        return found if len(declared) == len(found.segments) else replace(found, segments=declared)

    @staticmethod
    def _buckets(
        conn: Connection, history: History, version_ids: Sequence[int], first: int, stop: int
    ) -> Iterator[BucketRow]:
        bounds = (history.alignment.start(first), history.alignment.start(stop))
        for version_id in version_ids:
            yield from profile.read_buckets(conn, version_id, *bounds)


def _spans(indexes: Sequence[int]) -> list[tuple[int, int]]:
    """Runs of neighbours as half-open ranges.

    >>> _spans([1, 2, 3, 7])
    [(1, 4), (7, 8)]
    """
    spans: list[tuple[int, int]] = []
    for index in indexes:
        if spans and spans[-1][1] == index:
            spans[-1] = (spans[-1][0], index + 1)
        else:
            spans.append((index, index + 1))
    return spans
