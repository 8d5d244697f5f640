"""Replaying a historical prediction log: what the service would have found, when, and which incidents it would open.

The log goes through the very functions that the service runs: bucket profiles, the calibrated rule, the state machine.
The clock is the log's own: a window is judged when it has closed, with nothing that happened after it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.alerting.book import IncidentBook, JudgedWindow
from driftwatch.alerting.machine import advance
from driftwatch.domain.finding import Finding
from driftwatch.domain.incident import Incident
from driftwatch.domain.instant import DAY, HOUR, to_iso
from driftwatch.domain.signal import RunStatus
from driftwatch.domain.wall_clock import bucket_numbers
from driftwatch.errors import DataError, SpecError
from driftwatch.monitors.alignment import Alignment
from driftwatch.monitors.baseline import DriftBaseline, WindowResult
from driftwatch.monitors.history import History
from driftwatch.monitors.spec import ModelSpec, parse_model_spec
from driftwatch.profiles.bucket import BucketProfile, NumericColumn
from driftwatch.profiles.codec import QUANTILE_BINS, SCORE_BINS, NumericCodec, build_codec
from driftwatch.profiles.history import profile_buckets
from driftwatch.profiles.plan import ProfilePlan
from driftwatch.profiles.rows import Rows
from driftwatch.quality.intake import REPEATED, EveryRow
from driftwatch.service.log_framing import frame_log
from driftwatch.service.outcome_replay import replay_outcomes
from driftwatch.service.prediction_log import LeftOut, PredictionLog, read_log, training_end
from driftwatch.service.profiling import plan_of
from driftwatch.service.service_metrics import in_order, service_metrics
from driftwatch.service.specification import load_model_spec

__all__ = ["BacktestReport", "Progress", "backtest", "incidents_of", "replay"]

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

_FIRST_DAYS = 14
_AT_ONCE = 64  # windows that are profiled together
_MOST_WINDOWS = 100_000  # eleven years of hours


@dataclass(frozen=True)
class BacktestReport:
    """What a replay found.

    Attributes:
        spec: the model's declaration.
        rows: rows replayed, reference included.
        reference: ``(start, end)`` in microseconds UTC.
        reference_rows: rows of the reference.
        reference_is_given: the specification says which; else the first 14 days or a third of the log was taken.
        uncalibrated: the reference is too short to learn how much the columns vary by themselves.
        results: one for each window, in order of time, without its summary.
        incidents: in order of opening.
        left_out: what was read and not used.
        faults: columns that could not be judged, and why.
        window: width of the judged windows, microseconds.
        performance: metrics of days, and of months if asked for, in the public shape; by window, then by metric.
    """

    spec: ModelSpec
    rows: int
    reference: tuple[int, int]
    reference_rows: int
    reference_is_given: bool
    uncalibrated: bool
    results: tuple[WindowResult, ...]
    incidents: tuple[Incident, ...]
    left_out: tuple[LeftOut, ...]
    faults: dict[str, str]
    window: int
    performance: tuple[Mapping[str, Any], ...] = ()

    @property
    def findings(self) -> Iterator[Finding]:
        """All findings, in order of time, the worst of a window first."""
        return (finding for result in self.results for finding in result.findings)

    @property
    def runs(self) -> int:
        """Windows that were evaluated; excluded ones were not."""
        return sum(result.status is not RunStatus.PARTIAL for result in self.results)

    @property
    def days_monitored(self) -> float:
        """The time that was evaluated, in days."""
        return self.runs * self.window / DAY

    def to_dict(self) -> dict[str, Any]:
        """The public shape of ``backtest --json``."""
        start, end = self.reference
        return {
            "schema": 1,
            "model": self.spec.model,
            "rows": self.rows,
            "reference": {"start": to_iso(start), "end": to_iso(end), "rows": self.reference_rows},
            "runs": self.runs,
            "false_alarms_per_month_target": self.spec.false_alarms_per_month,
            "days_monitored": self.days_monitored,
            "findings": [finding.to_dict() for finding in self.findings],
            "incidents": [incident.summary() for incident in self.incidents],
            "performance": [dict(each) for each in self.performance],
            "retraining_requests": [],
            "uncalibrated": self.uncalibrated,
            "left_out": [each.to_dict() for each in self.left_out],
            "not_judged": dict(self.faults),
        }


def backtest(
    source: Any,
    spec: ModelSpec | Mapping[str, Any] | str | Path,
    *,
    months: bool = False,
    progress: Progress | None = None,
) -> BacktestReport:
    """Replay a prediction log.

    Args:
        source: path of a Parquet, CSV or Arrow file, or a pandas, polars or pyarrow frame.
        spec: the model's declaration, as such, as a dictionary, or as the path of a model.yaml.
        months: report performance by calendar month too.
        progress: told how far it is.

    Raises:
        SpecError: the specification names a column that is not there, or a reference that cannot be one.
        DataError: the file cannot be read, or holds nothing to compare.
    """
    if isinstance(spec, str | Path):
        spec = load_model_spec(spec)
    elif not isinstance(spec, ModelSpec):
        spec = parse_model_spec(spec)
    tell = progress or _silent
    tell("reading", 0, 1)
    log = read_log(source, spec)
    history, (start, end) = replay(log, spec, progress=tell)
    alignment = history.windows
    baseline = DriftBaseline.fit(history, spec, (start, end))
    last = int(log.at[-1])
    windows = list(alignment.windows(end, last + 1))
    outcomes = replay_outcomes(log, spec, history, baseline.reference)
    results = []
    uncalibrated = False
    for result in baseline.judge_each(history, windows):
        columns = result.summary["columns"].values()
        uncalibrated = uncalibrated or any(column.get("uncalibrated", False) for column in columns)
        whole = result if outcomes is None else outcomes.add_to(result)
        results.append(replace(whole, summary={}))
        tell("judging", len(results), len(windows))
    return BacktestReport(
        spec=spec,
        rows=int(np.count_nonzero(log.at >= start)),
        reference=baseline.reference,
        reference_rows=baseline.rows,
        uncalibrated=uncalibrated,
        reference_is_given=spec.reference is not None,
        results=tuple(results),
        incidents=incidents_of(results, spec),
        left_out=log.left_out,
        faults=dict(baseline.faults),
        window=alignment.width,
        performance=in_order(
            [
                *(outcomes.performance(end, last + 1, months=months) if outcomes else ()),
                *service_metrics(log, spec, end, last + 1, months=months),
            ]
        ),
    )


def replay(log: PredictionLog, spec: ModelSpec, *, progress: Progress | None = None) -> tuple[History, tuple[int, int]]:
    """The history of a log from the start of its reference on, and the reference in whole windows.

    Raises:
        SpecError: the declared reference cannot be one.
        DataError: nothing is left to judge after it.
    """
    tell = progress or _silent
    reference = _reference(log, spec)
    alignment = Alignment.of(spec)
    start, end = alignment.start(alignment.index(reference[0])), alignment.start(alignment.index(reference[1] - 1) + 1)
    number = alignment.index(int(log.at[-1])) - alignment.index(start)
    if number > _MOST_WINDOWS:
        raise DataError(
            f"the log spans {number:,} windows, from {to_iso(start)} to {to_iso(int(log.at[-1]))}; "
            f"at most {_MOST_WINDOWS:,} are replayed. Are all its times right? If so, take bucket: 1h or 1d"
        )
    log = log.take(slice(int(np.searchsorted(log.at, start)), None))
    log, frames = frame_log(log, spec, end)
    codecs = _codecs(log, end, spec)
    history = History.of(spec, codecs, (start, end), frames=frames)
    for done, (window, profile) in enumerate(_profiles(log, alignment, plan_of(spec, codecs, moments=frames))):
        history.add(window, profile)
        if done % 100 == 0:
            tell("profiling", window - start, int(log.at[-1]) - start)
    repeated = ProfilePlan(width=alignment.width, zone=alignment.zone, checks=(EveryRow(REPEATED),))
    for window, profile in profile_buckets(Rows(log.repeated_at[log.repeated_at >= start]), repeated).items():
        history.add(window, BucketProfile(0, checks=profile.checks))
    return history, (start, end)


def _silent(_what: str, _done: int, _total: int) -> None:
    """Nobody watches."""


def _reference(log: PredictionLog, spec: ModelSpec) -> tuple[int, int]:
    """The declared period or file, or the first 14 days, or a third of a log of less than six weeks."""
    first, last = int(log.at[0]), int(log.at[-1])
    trained_until = training_end(spec)
    span = f"the log goes from {to_iso(first)} to {to_iso(last)}{_without(log)}"
    width = spec.bucket
    if spec.reference is not None and spec.reference.period is not None:
        start, end = spec.reference.period
        if end - start < width:
            raise SpecError(
                f"it is shorter than one window of {width / HOUR:g} h; give at least two weeks",
                path="reference",
            )
        if not np.any((log.at >= start) & (log.at < end)):
            raise SpecError(f"no row lies between {to_iso(start)} and {to_iso(end)}; {span}", path="reference")
    elif trained_until is not None:
        start, end = first, trained_until + 1
    else:
        alignment = Alignment.of(spec)
        days = min(_FIRST_DAYS * DAY, (last - first) // 3)
        start = first
        end = alignment.start(max(alignment.index(first + days), alignment.index(first) + 1))
    if last < end:
        raise DataError(
            f"nothing is left to judge after the reference, which ends at {to_iso(end)}; {span}. "
            "A backtest needs at least two windows, and says little with less than four weeks"
        )
    return start, end


def _without(log: PredictionLog) -> str:
    """What was left out, in words: a log may be short because of it."""
    told = [f"{each.rows:,} for {each.reason}" for each in log.left_out if each.rows is not None]
    return f", with rows left out: {', '.join(told)}" if told else ""


def _codecs(log: PredictionLog, reference_end: int, spec: ModelSpec) -> dict[str, NumericCodec]:
    """The bins of every numeric column, from the reference's rows alone."""
    rows = np.arange(int(np.searchsorted(log.at, reference_end)))
    for each in spec.left_out:
        rows = rows[(log.at[rows] < each.start) | (log.at[rows] >= each.end)]
    codecs = {}
    for columns, bins in ((log.outputs, SCORE_BINS), (log.features, QUANTILE_BINS)):
        for name, column in columns.items():
            if isinstance(column, NumericColumn):
                codecs[name] = build_codec(_present(column, rows), bins=bins)
    return codecs


def _present(column: NumericColumn, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    values = column.values[rows]
    return values if column.nulls is None else values[~column.nulls[rows]]


def _profiles(log: PredictionLog, alignment: Alignment, plan: ProfilePlan) -> Iterator[tuple[int, BucketProfile]]:
    """The profile of every window that has rows. A window's profile is the sum of its buckets', bit for bit."""
    numbers = bucket_numbers(log.at, alignment.width, alignment.zone)
    bounds = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(log)]
    for first, stop in pairwise([*bounds[:-1:_AT_ONCE], bounds[-1]]):
        yield from sorted(profile_buckets(log.take(slice(first, stop)), plan).items())


def incidents_of(results: Sequence[WindowResult], spec: ModelSpec) -> tuple[Incident, ...]:
    """The incidents that windows, in order of time, raise when each is judged as it ends; in order of opening."""
    book = IncidentBook(environment=spec.environment, model=spec.model)
    incidents: dict[str, Incident] = {}
    for result in results:
        window = JudgedWindow(
            start=result.window_start,
            end=result.window_end,
            at=result.window_end,
            findings=result.findings,
            states=result.judged,
        )
        book, transitions = advance(book, window)
        incidents.update({transition.incident.id: transition.incident for transition in transitions})
    return tuple(sorted(incidents.values(), key=lambda incident: incident.sequence))
