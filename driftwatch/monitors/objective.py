"""Service-level objectives: alarms when the calls that may fail, or be slow, are spent too fast."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.domain.finding import Finding
from driftwatch.domain.instant import MINUTE
from driftwatch.domain.signal import Severity, Signal
from driftwatch.monitors.history import History
from driftwatch.monitors.latency import LATENCY
from driftwatch.monitors.spec import ModelSpec
from driftwatch.monitors.verdict import Window
from driftwatch.monitors.window_counts import WindowCounts
from driftwatch.operations.burn import RULES, Burn, burns, spans_of

__all__ = ["BURN", "judge_objectives"]

BURN = "slo_burn_rate"
"""Kind of the findings."""

_PAGES = tuple(rule for rule in RULES if rule.page)
_TICKETS = tuple(rule for rule in RULES if not rule.page)
_Counts = tuple[NDArray[np.int64], NDArray[np.int64]]


def judge_objectives(
    history: History, spec: ModelSpec, windows: Mapping[int, Window], hours: Mapping[int, int]
) -> dict[int, list[Finding]]:
    """What the objectives of a model say of windows by index; they cost nothing of the false-alarm budget.

    Args:
        history: everything up to the last window.
        spec: the model's declaration.
        windows: by index; shorter ones than an hour are those of ``history.short``.
        hours: of each, the index of the last hour that was over; itself, if windows are no shorter.
    """
    found: dict[int, list[Finding]] = {index: [] for index in windows}
    slo = spec.slo
    if slo is None or not windows:
        return found
    if slo.error_rate is not None:
        _judge(Signal.ERROR, slo.error_rate, _errors, history, spec, windows, hours, found)
    if slo.latency_seconds is not None:
        _judge(Signal.LATENCY, slo.slow_share, _slow, history, spec, windows, hours, found)
    return found


def _judge(
    signal: Signal,
    budget: float,
    counts: Callable[[History, int, int], _Counts],
    history: History,
    spec: ModelSpec,
    windows: Mapping[int, Window],
    hours: Mapping[int, int],
    found: dict[int, list[Finding]],
) -> None:
    own = history.short or history
    pages = _burning(own, sorted(windows), counts, budget, page=True)
    tickets = _burning(history, sorted(set(hours.values())), counts, budget, page=False)
    for index, window in windows.items():
        burn, width = pages[index], own.alignment.width
        if burn is None:
            burn, width = tickets[hours[index]], history.alignment.width
        if burn is not None:
            found[index].append(_finding(signal, burn, width, window, spec))


def _burning(
    history: History,
    indexes: list[int],
    counts: Callable[[History, int, int], _Counts],
    budget: float,
    *,
    page: bool,
) -> dict[int, Burn | None]:
    """By window index, the gravest rule that holds at its end."""
    rules, width = _PAGES if page else _TICKETS, history.alignment.width
    reach = max(spans_of(rule, width)[0] for rule in rules)
    first, stop = indexes[0] + 1 - reach, indexes[-1] + 1
    bad, n = counts(history, first, stop)
    burning = burns(bad, n, budget=budget, width=width, rules=rules)
    return {index: burning[index - first] for index in indexes}


def _errors(history: History, first: int, stop: int) -> _Counts:
    return history.vector(history.errors, first, stop), history.vector(history.rows, first, stop)


def _slow(history: History, first: int, stop: int) -> _Counts:
    column = history.columns.get(LATENCY)
    if column is None:
        nothing = WindowCounts()
        return history.vector(nothing, first, stop), history.vector(nothing, first, stop)
    timed = history.vector(column.rows, first, stop) - history.vector(column.missing, first, stop)
    return history.vector(history.slow, first, stop), timed


def _finding(signal: Signal, burn: Burn, width: int, window: Window, spec: ModelSpec) -> Finding:
    long, short = spans_of(burn.rule, width)
    share = burn.bad / burn.n
    details: dict[str, Any] = {
        "scale_buckets": long,
        "bad": burn.bad,
        "expected": burn.budget,
        "share": share,
        "p_value": burn.p_value,
        "short_burn_rate": burn.short_rate,
        "long_minutes": long * width // MINUTE,
        "short_minutes": short * width // MINUTE,
        # The rule's own windows; those above are longer where buckets are.
        "rounded_up": long * width > burn.rule.long or short * width > burn.rule.short,
        "page": burn.rule.page,
        "minor": False,
    }
    if signal is Signal.LATENCY and spec.slo is not None:
        details["latency_seconds"] = spec.slo.latency_seconds
    return Finding(
        window_start=window.start,
        window_end=window.end,
        at=window.at,
        signal=signal,
        column=None,
        severity=Severity.CRITICAL if burn.rule.page else Severity.WARNING,
        kind=BURN,
        value=burn.rate,
        threshold=burn.rule.burn,
        effect={"bad_share": share},
        version=spec.version,
        n=burn.n,
        details=details,
    )
