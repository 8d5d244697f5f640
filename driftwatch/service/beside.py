"""What is judged of a model beside the calibrated rule: skew, once, and the thresholds that users fixed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from driftwatch.domain.finding import Finding
from driftwatch.domain.instant import DAY
from driftwatch.domain.signal import Severity, Signal
from driftwatch.monitors.alignment import Alignment
from driftwatch.monitors.baseline import WindowResult
from driftwatch.monitors.fixed import (
    LOOK_BACK,
    FalseAlarms,
    MonitorSpec,
    expected_false_alarms,
    is_breach,
    is_firing,
    measure_profiles,
    parse_monitor,
)
from driftwatch.monitors.history import History
from driftwatch.monitors.series import judged_columns
from driftwatch.monitors.skew import compare_training, skew_finding
from driftwatch.monitors.spec import ModelSpec
from driftwatch.monitors.verdict import Window
from driftwatch.profiles.bucket import BucketProfile, ColumnProfile
from driftwatch.profiles.codec import NumericCodec
from driftwatch.service.binning import read_binnings
from driftwatch.service.profile_windows import Grid, all_of, column_of, read_windows
from driftwatch.service.training import DRIFT_MONITOR
from driftwatch.storage import monitor, profile, reference, registration, run

__all__ = ["THRESHOLD", "Beside", "estimate_false_alarms"]

THRESHOLD = "threshold"
"""The kind of monitor that users declare."""

_LEAST_WEEKS = 2


@dataclass
class Beside:
    """Findings beside those of the rule.

    Attributes:
        model_id: whose.
        spec: its declaration.
        reference: ``(start, end)`` of its operating reference, microseconds UTC.
        monitors: the thresholds to judge by; None for those in the store.
    """

    model_id: int
    spec: ModelSpec
    reference: tuple[int, int]
    monitors: Sequence[MonitorSpec] | None = None
    _known: dict[str, dict[int, tuple[int, float | None, int]]] = field(default_factory=dict)
    _references: dict[str, Mapping[str, ColumnProfile]] = field(default_factory=dict)

    def add(self, conn: Connection, results: Sequence[WindowResult]) -> list[WindowResult]:
        """The results with what else there is to say of their windows."""
        told = [(self._skew(conn, results)), *(self._fixed(conn, row, results) for row in self._monitors(conn))]
        return [
            result.with_findings([found for each in told for found in each.get(result.window_start, ())])
            for result in results
        ]

    def _monitors(self, conn: Connection) -> Sequence[MonitorSpec]:
        if self.monitors is not None:
            return self.monitors
        rows = monitor.list_monitors(conn, self.model_id, kind=THRESHOLD)
        return [parse_monitor(row.spec["document"]) for row in rows if row.enabled]

    def _skew(self, conn: Connection, results: Sequence[WindowResult]) -> dict[int, list[Finding]]:
        """The difference between training file and operating reference, with the first window after both."""
        training = reference.get_reference(conn, self.model_id, "training")
        drift = monitor.find_monitor(conn, self.model_id, DRIFT_MONITOR)
        if training is None or training.payload is None or drift is None:
            return {}
        since = max(self.reference[1], (training.details or {}).get("told_from") or 0)
        first = run.first_window(conn, drift.id, since=since)
        result = next((each for each in results if each.window_start == first), None)
        if result is None:
            return {}
        history = self._history(conn)
        names = judged_columns(history, self.spec)
        span = history.alignment.index(self.reference[0]), history.alignment.index(self.reference[1] - 1) + 1
        skews = compare_training(BucketProfile.from_bytes(training.payload), history, names, *span)
        n = int(history.vector(history.rows, *span).sum())
        window = Window(result.window_start, result.window_end, result.window_end)
        found = skew_finding(skews, window, version=self.spec.version, n=n)
        return {} if found is None else {result.window_start: [found]}

    def _history(self, conn: Connection) -> History:
        """The operating reference alone, in hours or longer windows."""
        history = History.of(self.spec, read_binnings(conn, self.model_id).codecs, self.reference)
        history.short = None
        for version in registration.list_versions(conn, self.model_id):
            for bucket in profile.read_buckets(conn, version.id, *self.reference):
                for payload in bucket.payloads:
                    history.add(bucket.bucket_at, BucketProfile.from_bytes(payload))
        return history

    def _fixed(self, conn: Connection, spec: MonitorSpec, results: Sequence[WindowResult]) -> dict[int, list[Finding]]:
        """What a threshold says as of the last whole window of its own that is over when each window is."""
        grid = Grid.of(self.spec, spec.window)
        if grid is None or not results:
            return {}
        first = grid.whole(self.reference[1], results[-1].window_end + spec.window).start
        newest = {result.window_start: grid.number(result.window_end) - 1 for result in results}
        codecs = read_binnings(conn, self.model_id).codecs
        oldest = max(first, min(newest.values()) - LOOK_BACK + 1)
        self._measure(conn, spec, grid, range(oldest, max(newest.values()) + 1), codecs)
        found: dict[int, list[Finding]] = {}
        for result in results:
            last = newest[result.window_start]
            for column in spec.columns:
                finding = self._finding(spec, column, range(max(first, last - LOOK_BACK + 1), last + 1), result, grid)
                if finding is not None:
                    found.setdefault(result.window_start, []).append(finding)
        return found

    def _measure(
        self, conn: Connection, spec: MonitorSpec, grid: Grid, numbers: range, codecs: Mapping[str, NumericCodec]
    ) -> None:
        """Measure the windows that are new, or have changed."""
        if not numbers:
            return
        versions: dict[int, int] = {}
        ids = [version.id for version in registration.list_versions(conn, self.model_id)]
        for bucket in profile.count_buckets(conn, ids, grid.start(numbers[0]), grid.start(numbers[-1] + 1)):
            number = grid.number(bucket.bucket_at)
            versions[number] = versions.get(number, 0) + bucket.data_version
        key = str(spec.to_dict())
        known = self._known.setdefault(key, {})
        seen = {number: column[0] for number, column in known.items() if number >= 0}
        stale = [number for number in numbers if seen.get(number) != versions.get(number, 0)]
        if not stale:
            return
        before = self._reference(conn, spec, key, codecs)
        span = range(stale[0], stale[-1] + 1)
        windows = self._read(conn, spec, grid, span, codecs)
        for column in spec.columns:
            values = self._known.setdefault(f"{key}\n{column}", {})
            for number in span:
                now = windows.get(column, {}).get(number)
                result = None
                if now is not None and column in before:
                    result = measure_profiles(spec.method, before[column], now, self._codec(column, codecs))
                rows = 0 if now is None else now.rows
                values[number] = (versions.get(number, 0), None if result is None else result.value, rows)
        for number in span:
            known[number] = (versions.get(number, 0), None, 0)

    def _reference(
        self, conn: Connection, spec: MonitorSpec, key: str, codecs: Mapping[str, NumericCodec]
    ) -> Mapping[str, ColumnProfile]:
        if key not in self._references:
            grid = Grid(Alignment.of(self.spec).hourly, 1)
            windows = self._read(conn, spec, grid, grid.whole(*self.reference), codecs)
            whole = {column: all_of(of, sorted(of)) for column, of in windows.items()}
            self._references[key] = {column: each for column, each in whole.items() if each is not None}
        return self._references[key]

    def _read(
        self, conn: Connection, spec: MonitorSpec, grid: Grid, numbers: range, codecs: Mapping[str, NumericCodec]
    ) -> dict[str, dict[int, ColumnProfile]]:
        return _read_columns(conn, self.model_id, self.spec, spec, grid, numbers, codecs)

    def _codec(self, column: str, codecs: Mapping[str, NumericCodec]) -> NumericCodec | None:
        return _codec_of(self.spec, column, codecs)

    def _finding(
        self, spec: MonitorSpec, column: str, numbers: range, result: WindowResult, grid: Grid
    ) -> Finding | None:
        values = self._known.get(f"{spec.to_dict()}\n{column}", {})
        told = [values[number] for number in numbers if number in values]
        if not told or told[-1][1] is None:
            return None
        value, n = told[-1][1], told[-1][2]
        firing = is_firing(spec, [each for _, each, _ in told])[-1]
        if not firing and not is_breach(spec, value):
            return None
        return Finding(
            window_start=result.window_start,
            window_end=result.window_end,
            at=result.window_end,
            signal=spec.signal,
            column=column,
            severity=spec.severity if firing else Severity.WATCH,
            kind=THRESHOLD,
            value=value,
            threshold=spec.threshold,
            effect={spec.method: value},
            version=self.spec.version,
            n=n,
            details={
                "monitor": spec.name,
                "method": spec.method,
                "times_threshold": abs(value) / spec.threshold,
                "scale_buckets": spec.window // self.spec.bucket,
                "as_of": grid.start(numbers[-1] + 1),
            },
        )


def estimate_false_alarms(
    conn: Connection, model_id: int, model: ModelSpec, period: tuple[int, int], spec: MonitorSpec
) -> FalseAlarms | None:
    """What a threshold would have raised over the operating reference; None while that holds no two whole windows."""
    grid = Grid.of(model, spec.window)
    numbers = range(0) if grid is None else grid.whole(*period)
    if grid is None or len(numbers) < _LEAST_WEEKS:
        return None
    codecs = read_binnings(conn, model_id).codecs
    windows = _read_columns(conn, model_id, model, spec, grid, numbers, codecs)
    per_week = 7 * grid.alignment.per_day // grid.span
    weeks = {number: number // per_week if per_week > 1 else number for number in numbers}
    enough = len(set(weeks.values())) >= _LEAST_WEEKS
    folds = weeks if enough else {number: number for number in numbers}
    known = {column: _codec_of(model, column, codecs) for column in spec.columns}
    return expected_false_alarms(spec, windows, folds, known, days=len(numbers) * spec.window / DAY)


def _read_columns(
    conn: Connection,
    model_id: int,
    model: ModelSpec,
    spec: MonitorSpec,
    grid: Grid,
    numbers: range,
    codecs: Mapping[str, NumericCodec],
) -> dict[str, dict[int, ColumnProfile]]:
    output = spec.signal is Signal.PREDICTION_DRIFT

    def wanted(bucket: BucketProfile) -> dict[str, ColumnProfile | None]:
        return {column: column_of(bucket, model, column, output=output) for column in spec.columns}

    return read_windows(conn, model_id, model, grid, numbers, codecs, wanted)


def _codec_of(model: ModelSpec, column: str, codecs: Mapping[str, NumericCodec]) -> NumericCodec | None:
    role = next((role for role, name in model.columns.roles().items() if name == column), column)
    return codecs.get(column) or codecs.get(role)
