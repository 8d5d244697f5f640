"""What the user demands of columns, judged window by window. It costs nothing of the budget of false alarms."""

from collections.abc import Sequence
from typing import Any

from driftwatch.domain.finding import Finding
from driftwatch.domain.signal import Severity, Signal
from driftwatch.monitors.history import History
from driftwatch.monitors.spec import ModelSpec
from driftwatch.monitors.verdict import Window
from driftwatch.profiles.check import CheckCounts, Value
from driftwatch.quality.demand import Demand, DemandKind, demands_of, value_text
from driftwatch.quality.intake import REPEATED

__all__ = ["demand_facts", "demand_severity", "judge_demands"]

_SHOWN = 5
_GRAVE_SHARE = 0.5
_GRAVE_ROWS = 30


def judge_demands(
    history: History, spec: ModelSpec, index: int, window: Window
) -> tuple[list[Finding], list[dict[str, Any]]]:
    """Judge everything that is declared of one window's rows.

    Returns:
        A finding for each demand that more than its share of rows breaks, and the state of every demand, JSON-safe: ok,
        watch, warning, critical, or ``not_run`` where no row could be checked (the column did not come, or the demand
        was declared after the rows had come).
    """
    findings, states = [], []
    for demand in demands_of(spec.constraints):
        counts = _counts(history, spec, demand, index)
        severity = demand_severity(demand, counts)
        state = severity.value if severity is not Severity.NONE else "ok" if counts.n else "not_run"
        facts = demand_facts(demand, counts, private=demand.column in spec.pii)
        states.append({"column": demand.column, "kind": "constraint", "state": state, **facts})
        if severity is not Severity.NONE:
            findings.append(_finding(demand, counts, severity, window, spec, facts))
    return findings, states


def _counts(history: History, spec: ModelSpec, demand: Demand, index: int) -> CheckCounts:
    """Of the id, which is to be unique, also the rows that were left out because it had come before."""
    counts = history.checks.get(demand.key, {}).get(index, CheckCounts(0, 0))
    if demand.kind is DemandKind.UNIQUE and demand.column in {"id", spec.columns.id}:
        return counts.merge(history.checks.get(REPEATED, {}).get(index, CheckCounts(0, 0)))
    return counts


def demand_severity(demand: Demand, counts: CheckCounts) -> Severity:
    """A column of which half is wrong is broken: critical, unless the user says what it is."""
    if counts.n_violated <= demand.max_share * counts.n:
        return Severity.NONE
    if demand.severity is not None:
        return demand.severity
    grave = counts.n >= _GRAVE_ROWS and counts.n_violated >= _GRAVE_SHARE * counts.n
    return Severity.CRITICAL if grave else Severity.WARNING


def demand_facts(demand: Demand, counts: CheckCounts, *, private: bool) -> dict[str, Any]:
    """What there is to say of a demand, JSON-safe."""
    facts: dict[str, Any] = {
        "demand": demand.words,
        "check": demand.key,
        "n": counts.n,
        "n_violated": counts.n_violated,
        "share": counts.n_violated / counts.n if counts.n else None,
        "max_share": demand.max_share,
        "examples": _examples(counts.heaviest(_SHOWN)),
        "examples_hidden": private and counts.n_violated > 0,
    }
    if demand.kind is DemandKind.UNIQUE:
        facts["at_least"] = True  # a value that comes again in another batch is not seen
    return facts


def _examples(heaviest: Sequence[tuple[Value, int]]) -> list[list[Any]]:
    return [[value_text(value), count] for value, count in heaviest]


def _finding(
    demand: Demand, counts: CheckCounts, severity: Severity, window: Window, spec: ModelSpec, facts: dict[str, Any]
) -> Finding:
    share = counts.n_violated / counts.n
    return Finding(
        window_start=window.start,
        window_end=window.end,
        at=window.at,
        signal=Signal.QUALITY,
        column=demand.column,
        severity=severity,
        kind="constraint",
        value=share,
        threshold=demand.max_share,
        effect={"violated_share": share},
        version=spec.version,
        n=counts.n,
        details={"scale_buckets": 1, **facts},
    )
