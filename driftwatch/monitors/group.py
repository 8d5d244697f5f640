"""Series that share a part of the budget, and their fitted rule."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from driftwatch.domain.instant import SECOND
from driftwatch.domain.signal import Signal
from driftwatch.drift.rule import Calendar, FittedRule, fit
from driftwatch.monitors.history import ColumnKey, History
from driftwatch.monitors.series import column_series
from driftwatch.monitors.spec import ModelSpec

__all__ = [
    "FEATURE_SHARE",
    "GROUPS",
    "OUTPUT_SHARE",
    "SeriesGroup",
    "calendar_of",
    "fault_of",
    "fit_group",
    "fit_rule",
]

FEATURE_SHARE = 0.6
"""Share of the model's false-alarm budget that feature drift spends, over all features."""

OUTPUT_SHARE = 0.2
"""Share that score and prediction spend. The rest is for quality, latency, errors and traffic."""

GROUPS = (("feature", Signal.DRIFT, FEATURE_SHARE), ("output", Signal.PREDICTION_DRIFT, OUTPUT_SHARE))
"""The family of the keys, the signal, and the share of the budget."""


@dataclass(frozen=True)
class SeriesGroup:
    """The series that share a part of the budget (false alarms in 30 days), and their fitted rule.

    Each group is fitted by itself: what prices vary says little about what a score does. Of a model whose buckets are
    shorter than an hour each group comes twice, with half of its budget each: the short windows, and the hours.
    """

    signal: Signal
    budget: float
    keys: tuple[ColumnKey, ...]
    rule: FittedRule
    short: bool = False


def fit_group(
    history: History,
    spec: ModelSpec,
    signal: Signal,
    budget: float,
    keys: tuple[ColumnKey, ...],
    identifiers: frozenset[ColumnKey],
    bounds: tuple[int, int],
) -> Iterator[SeriesGroup]:
    """The series of one signal, over whole hours or longer, and over shorter windows where there are such."""
    first, stop = bounds
    share = budget if history.short is None else budget / 2
    calendar = calendar_of(history, spec, first)
    rule = fit_rule(history, calendar, keys, identifiers, range(first, stop))
    yield SeriesGroup(signal, share, keys, rule)
    short = history.short
    if short is None or short.reach is None:
        return
    within = tuple(key for key in keys if fault_of(short, key, short.reach.first, short.reach.stop) is None)
    if within:
        calendar = replace(calendar_of(short, spec, short.reach.first), every=short.reach.every)
        rule = fit_rule(short, calendar, within, identifiers, short.reach.sample)
        yield SeriesGroup(signal, share, within, rule, short=True)


def calendar_of(history: History, spec: ModelSpec, first: int) -> Calendar:
    """The rule's time axis from the window of index `first` on."""
    return Calendar(history.alignment.width // SECOND, first, spec.timezone)


def fit_rule(
    history: History,
    calendar: Calendar,
    keys: Sequence[ColumnKey],
    identifiers: frozenset[ColumnKey],
    indexes: Sequence[int],
) -> FittedRule:
    """The rule of some columns, with the windows of these indexes as the reference."""
    n_reference = len(indexes)
    series = [
        column_series(history, key, calendar, indexes, n_reference, identifier=key in identifiers) for key in keys
    ]
    return fit(series, calendar, n_reference)


def fault_of(history: History, key: ColumnKey, first: int, stop: int) -> str | None:
    """Why a column cannot be judged against this reference, or None."""
    if key in history.faults:
        return history.faults[key]
    column = history.columns.get(key)
    if column is None:
        return "the reference does not have it"
    rows = history.vector(column.rows, first, stop).sum()
    if rows == history.vector(column.missing, first, stop).sum():
        return "the reference has no value of it" if rows else "the reference does not have it"
    return None
