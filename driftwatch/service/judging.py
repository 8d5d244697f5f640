"""One model's history and fitted reference, kept in the worker between ticks, so that a tick reads what is new only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy import Connection

from driftwatch.domain.finding import Finding
from driftwatch.domain.instant import DAY
from driftwatch.monitors.alignment import Alignment
from driftwatch.monitors.baseline import DriftBaseline, WindowResult
from driftwatch.monitors.history import CategoricalHistory, History, NumericHistory
from driftwatch.monitors.short import RECENT
from driftwatch.monitors.spec import ModelSpec, parse_model_spec
from driftwatch.profiles.bucket import BucketProfile
from driftwatch.profiles.codec import NumericCodec
from driftwatch.queries import format as written
from driftwatch.service.binning import read_binnings
from driftwatch.storage import profile, registration
from driftwatch.storage.registration import ModelRow

__all__ = ["LEARNING", "ModelJudge", "reference_period", "spec_of"]

LEARNING = 14 * DAY
"""The reference of a model that declares none: its first fourteen days."""


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
    _history: History | None = None
    _baseline: DriftBaseline | None = None

    @property
    def alignment(self) -> Alignment:
        """Where the model's windows lie."""
        return Alignment.of(self.spec)

    def read(self, conn: Connection, until: int) -> None:
        """Bring the history up to date: every bucket from the reference's start to `until` that has changed.

        Late rows in the reference fit it anew.
        """
        history = self._history
        if history is None or self._codecs_grew(conn, history):
            binnings = read_binnings(conn, self.model.id)
            history = self._history = History.of(
                self.spec, binnings.codecs, self.reference, recent=RECENT, frames=binnings.frames.moments
            )
            self.versions.clear()
        version_ids = [version.id for version in registration.list_versions(conn, self.model.id)]
        fresh: dict[int, int] = {}
        for bucket in profile.count_buckets(conn, version_ids, self.reference[0], until):
            index = history.windows.index(bucket.bucket_at)
            fresh[index] = fresh.get(index, 0) + bucket.data_version
        changed = sorted(index for index, count in fresh.items() if self.versions.get(index) != count)
        whole = {history.alignment.index(history.windows.start(index)) for index in changed}
        for first, stop in _spans(sorted(whole)):
            self._replace(conn, history, version_ids, first, stop)
        reference_stop = history.windows.index(self.reference[1])
        if changed and changed[0] < reference_stop:
            self._baseline = None
            history.frames = read_binnings(conn, self.model.id).frames.moments

    def judge(self, windows: Sequence[int]) -> list[WindowResult]:
        """The verdicts of windows that :meth:`read` has reached, ascending starts in microseconds UTC.

        Raises:
            DataError: the reference holds no row.
        """
        if self._history is None:
            raise RuntimeError("read() comes before judge()")
        if self._baseline is None:
            self._baseline = DriftBaseline.fit(self._history, self.spec, self.reference)
        return self._baseline.judge(self._history, windows)

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
        column = history.columns.get(key) if key is not None else None
        stop = history.alignment.index(finding.window_end - 1) + 1
        scale = int(finding.details.get("scale_buckets", 1)) * self.alignment.width // history.alignment.width
        spans = ((baseline.first, baseline.stop), (max(baseline.first, stop - max(scale, 1)), stop))
        if isinstance(column, NumericHistory):
            before, now = (_median(column, *span) for span in spans)
            if before is None or now is None or before == now:
                return ""
            return f"median {written.number(before)} → {written.number(now)}"
        if isinstance(column, CategoricalHistory) and key not in baseline.identifiers:
            return _moved_most(column, *spans, is_private=finding.column in self.spec.pii)
        return ""

    def _codecs(self, conn: Connection) -> Mapping[str, NumericCodec]:
        return read_binnings(conn, self.model.id).codecs

    def _codecs_grew(self, conn: Connection, history: History) -> bool:
        """Whether a column that could not be read for want of a codec has one now."""
        waiting = {key[1] for key, why in history.faults.items() if "codec" in why}
        return bool(waiting) and not waiting.isdisjoint(self._codecs(conn))

    def _replace(self, conn: Connection, history: History, version_ids: Sequence[int], first: int, stop: int) -> None:
        bounds = (history.alignment.start(first), history.alignment.start(stop))
        for index in range(first, stop):
            history.forget(index)
        for index in range(*map(history.windows.index, bounds)):
            self.versions.pop(index, None)
        for version_id in version_ids:
            for bucket in profile.read_buckets(conn, version_id, *bounds):
                for payload in bucket.payloads:
                    history.add(bucket.bucket_at, BucketProfile.from_bytes(payload))
                index = history.windows.index(bucket.bucket_at)
                self.versions[index] = self.versions.get(index, 0) + bucket.data_version


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


def _median(column: NumericHistory, first: int, stop: int) -> float | None:
    """The upper edge of the bin that holds the median: within one bin of it, exact for a value with its own bin."""
    counts = column.counts(first, stop).sum(axis=0)
    total = int(counts.sum())
    if not total:
        return None
    place = int(np.searchsorted(np.cumsum(counts), (total + 1) // 2))
    return float(column.codec.edges[min(place, len(column.codec.edges) - 1)])


def _moved_most(
    column: CategoricalHistory, reference: tuple[int, int], current: tuple[int, int], *, is_private: bool
) -> str:
    before, now = (_shares(column, *span) for span in (reference, current))
    if not before or not now:
        return ""
    level = max(sorted(before.keys() | now.keys()), key=lambda each: abs(now.get(each, 0.0) - before.get(each, 0.0)))
    name = "one value" if is_private else f"“{level[:40]}”"
    return f"{name} {written.share(before.get(level, 0.0))} → {written.share(now.get(level, 0.0))}"


def _shares(column: CategoricalHistory, first: int, stop: int) -> Mapping[str, float]:
    counts: dict[str, int] = {}
    for index in range(first, stop):
        for level, rows in column.levels.get(index, {}).items():
            counts[level] = counts.get(level, 0) + rows
    total = sum(counts.values())
    return {level: rows / total for level, rows in counts.items()} if total else {}
