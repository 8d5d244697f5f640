"""Monitors with a fixed threshold: a measure, some columns and a number that the user chose.

They are judged beside the calibrated rule, over whole windows that do not overlap. Two breaches in three windows are
an alarm, one alone a watch; an alarm ends below 80% of the threshold. What such a choice costs is told beforehand: the
same measure and threshold over the reference's own windows, each against the rest of the reference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scipy.special import gammaincinv

from driftwatch.domain.instant import DAY, HOUR
from driftwatch.domain.signal import Severity, Signal
from driftwatch.drift.distribution import Distribution
from driftwatch.drift.measures import Measure, measure_categories, measure_distributions, measures
from driftwatch.drift.result import MeasureResult
from driftwatch.errors import SpecError, UnknownNameError
from driftwatch.monitors import reading
from driftwatch.monitors.spec import parse_bucket
from driftwatch.profiles.bucket import ColumnProfile
from driftwatch.profiles.categorical import CategoricalProfile
from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.numeric import NumericProfile

__all__ = [
    "LOOK_BACK",
    "OF",
    "FalseAlarms",
    "MonitorSpec",
    "breaches",
    "expected_false_alarms",
    "is_breach",
    "is_firing",
    "measure_profiles",
    "parse_monitor",
]

OF = 3
"""Windows of which two must breach."""

LOOK_BACK = 12
"""Windows over which the state of an alarm is told."""

_BREACHES = 2
_RECOVERY = 0.8
_MONTH_DAYS = 30
_MOST_DAYS = 90
_LOW, _HIGH = 0.025, 0.975
_BOTH_SIDES, _BOTH_ENDS = "away_from_zero_is_drift", "both_ends_are_drift"
_OTHERS = "\x00others"
_SEVERITIES = (Severity.WARNING.value, Severity.CRITICAL.value)
_SIGNALS = (Signal.DRIFT.value, Signal.PREDICTION_DRIFT.value)
_KEYS = (
    "kind",
    "model",
    "environment",
    "name",
    "signal",
    "column",
    "columns",
    "method",
    "threshold",
    "window",
    "severity",
)


@dataclass(frozen=True)
class MonitorSpec:
    """One ``kind: monitor`` document.

    Attributes:
        model: whose.
        environment: of the model.
        name: the monitor's.
        signal: drift, or prediction_drift for scores and predictions.
        columns: what the specification of the model calls them.
        method: the key of a registered measure.
        threshold: from which a window breaches, in the measure's unit.
        window: length in microseconds: whole buckets of the model, an hour at least.
        severity: of its alarms.
    """

    model: str
    name: str
    columns: tuple[str, ...]
    method: str
    threshold: float
    environment: str = "production"
    signal: Signal = Signal.DRIFT
    window: int = DAY
    severity: Severity = Severity.WARNING

    @property
    def measure(self) -> Measure:
        """The measure."""
        return measures[self.method]

    def to_dict(self) -> dict[str, Any]:
        """The document, which :func:`parse_monitor` reads back to an equal value."""
        unit = "d" if self.window % DAY == 0 else "h"
        return {
            "kind": "monitor",
            "model": self.model,
            "environment": self.environment,
            "name": self.name,
            "signal": self.signal.value,
            "columns": list(self.columns),
            "method": self.method,
            "threshold": self.threshold,
            "window": f"{self.window // (DAY if unit == 'd' else HOUR)}{unit}",
            "severity": self.severity.value,
        }


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """What a fixed threshold would have raised over the reference, where nothing was wrong.

    Attributes:
        windows: of all columns that could be measured.
        breaches: how many of them were over the threshold.
        alarms: how often two of three were, after it had been quiet.
        days: length of the reference.
        per_month: alarms expected in 30 days.
        low: lower end of its exact 95% Poisson interval.
        high: upper end.
    """

    windows: int
    breaches: int
    alarms: int
    days: float

    @property
    def per_month(self) -> float:
        """Alarms expected in 30 days."""
        return self.alarms * _MONTH_DAYS / self.days

    @property
    def low(self) -> float:
        """Lower end of the 95% interval of `per_month` (Garwood 1936, Biometrika 28, 437)."""
        return 0.0 if not self.alarms else float(gammaincinv(self.alarms, _LOW)) * _MONTH_DAYS / self.days

    @property
    def high(self) -> float:
        """Upper end of the 95% interval of `per_month`."""
        return float(gammaincinv(self.alarms + 1, _HIGH)) * _MONTH_DAYS / self.days

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {
            "per_month": self.per_month,
            "low": self.low,
            "high": self.high,
            "alarms": self.alarms,
            "breaches": self.breaches,
            "windows": self.windows,
            "days": self.days,
        }


def parse_monitor(document: Mapping[str, Any]) -> MonitorSpec:
    """Read one ``kind: monitor`` document.

    Raises:
        SpecError: an unknown key, measure or signal, no column, or an impossible threshold or window.
    """
    reading.reject_unknown(document, _KEYS, "")
    name = _required(document, "name", "name: temp-psi")
    column = reading.read_name(document.get("column"), "column")
    columns = reading.read_names(document.get("columns"), "columns") or ((column,) if column else ())
    if not columns or (column and document.get("columns")):
        raise SpecError("name what is watched: column: temp, or columns: [temp, wind]", path="columns")
    method = _read_method(document.get("method"))
    return MonitorSpec(
        model=_required(document, "model", "model: flights"),
        environment=reading.read_name(document.get("environment"), "environment") or "production",
        name=name,
        signal=Signal(reading.read_choice(document.get("signal", Signal.DRIFT.value), "signal", _SIGNALS)),
        columns=columns,
        method=method,
        threshold=reading.read_number(document.get("threshold"), "threshold", low=0.0, above=True),
        window=_read_window(document.get("window", "1d")),
        severity=Severity(
            reading.read_choice(document.get("severity", "warning"), "severity", ("warning", "critical"))
        ),
    )


def measure_profiles(
    method: str, reference: ColumnProfile, current: ColumnProfile, codec: NumericCodec | None
) -> MeasureResult | None:
    """One measure of two profiles of a column; None where they are not of one kind, or the bins are not known yet."""
    match reference, current:
        case NumericProfile(), NumericProfile():
            if codec is None:
                return None
            return measure_distributions(method, Distribution.of(reference, codec), Distribution.of(current, codec))
        case CategoricalProfile(), CategoricalProfile():
            before, after = ({**side.counts, _OTHERS: side.other} for side in (reference, current))
            return measure_categories(method, before, after)
        case _:
            return None


def is_breach(spec: MonitorSpec, value: float | None, *, share: float = 1.0) -> bool:
    """Whether a value is at the threshold or beyond, or at a share of it."""
    if value is None:
        return False
    limit = spec.threshold * share
    return (abs(value) if spec.measure.direction == _BOTH_SIDES else value) >= limit


def breaches(spec: MonitorSpec, values: Sequence[float | None]) -> list[bool]:
    """Which windows are over the threshold; those that could not be measured are not."""
    return [is_breach(spec, value) for value in values]


def is_firing(spec: MonitorSpec, values: Sequence[float | None]) -> list[bool]:
    """Whether the alarm holds in each window, oldest first: two breaches in three begin it, below 80% it ends.

    A window that could not be measured neither begins nor ends anything, and does not count among the three.
    """
    firing = False
    recent: list[bool] = []
    states: list[bool] = []
    for value in values:
        if value is not None:
            recent = [*recent, is_breach(spec, value)][-OF:]
            firing = is_breach(spec, value, share=_RECOVERY) if firing else sum(recent) >= _BREACHES and recent[-1]
            if not firing and states and states[-1]:
                recent = []
        states.append(firing)
    return states


def expected_false_alarms(
    spec: MonitorSpec,
    columns: Mapping[str, Mapping[int, ColumnProfile]],
    folds: Mapping[int, int],
    codecs: Mapping[str, NumericCodec | None],
    *,
    days: float,
) -> FalseAlarms:
    """Run the monitor over the reference: each window against the reference without the window's own fold.

    Args:
        spec: the monitor.
        columns: by column, the profile of each whole window of the reference that has rows.
        folds: by window, its fold: the week, or the window itself where the reference has only one.
        codecs: bins of the numeric columns.
        days: length of the reference.
    """
    total = FalseAlarms(0, 0, 0, days)
    for name, windows in columns.items():
        by_fold: dict[int, ColumnProfile] = {}
        for window, profile in windows.items():
            known = by_fold.get(folds[window])
            by_fold[folds[window]] = profile if known is None else _merged(known, profile)
        rest = {fold: _all_but(by_fold, fold) for fold in by_fold}
        values: list[float | None] = []
        for window in sorted(windows):
            against = rest[folds[window]]
            result = (
                None if against is None else measure_profiles(spec.method, against, windows[window], codecs.get(name))
            )
            values.append(None if result is None else result.value)
        firing = is_firing(spec, values)
        edges = sum(now and not before for before, now in zip([False, *firing], firing, strict=False))
        total = replace(
            total,
            windows=total.windows + sum(value is not None for value in values),
            breaches=total.breaches + sum(breaches(spec, values)),
            alarms=total.alarms + edges,
        )
    return total


def _all_but(by_fold: Mapping[int, ColumnProfile], fold: int) -> ColumnProfile | None:
    rest: ColumnProfile | None = None
    for other, profile in by_fold.items():
        if other != fold:
            rest = profile if rest is None else _merged(rest, profile)
    return rest


def _merged(one: ColumnProfile, other: ColumnProfile) -> ColumnProfile:
    match one, other:
        case NumericProfile(), NumericProfile():
            return one.merge(other)
        case CategoricalProfile(), CategoricalProfile():
            return one.merge(other)
        case _:
            return one  # of another kind: what came first stands


def _required(document: Mapping[str, Any], key: str, example: str) -> str:
    value = reading.read_name(document.get(key), key)
    if value is None:
        raise SpecError(f"it is missing; write, for example, {example}", path=key)
    return value


def _read_method(value: Any) -> str:
    if not isinstance(value, str):
        raise SpecError(f"{value!r} is no measure; write, for example, method: psi", path="method")
    try:
        key = measures.key(value)
    except UnknownNameError as error:
        raise SpecError(str(error), path="method") from None
    measure = measures[key]
    if measure.direction == _BOTH_ENDS:
        raise SpecError(
            f"of {key} both ends are drift, so that one threshold says nothing; take another", path="method"
        )
    if measure.on_distributions is None and measure.on_counts is None:
        raise SpecError(f"{key} needs raw values, and windows are kept as histograms; take another", path="method")
    return key


def _read_window(value: Any) -> int:
    if isinstance(value, str) and value.strip().endswith("d"):
        days = value.strip()[:-1].strip()
        if days.isdigit() and 1 <= int(days) <= _MOST_DAYS:
            return int(days) * DAY
        raise SpecError(f"{value!r} is not 1 to {_MOST_DAYS} days; write 1d or 7d", path="window")
    width = parse_bucket(value, "window")
    if width < HOUR:
        raise SpecError(f"{value!r} is shorter than an hour; write 1h, 6h or 1d", path="window")
    return width
