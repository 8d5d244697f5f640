"""Findings at watch and above, one row each."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, exists, select

from driftwatch.domain.finding import Finding
from driftwatch.domain.signal import Severity, Signal
from driftwatch.storage.schema import findings, monitor_runs

__all__ = ["insert_findings", "list_findings"]


def insert_findings(conn: Connection, run_id: int, model_id: int, found: Sequence[Finding]) -> None:
    """Store what a run found."""
    rows = [
        {
            "run_id": run_id,
            "model_id": model_id,
            "window_start": finding.window_start,
            "window_end": finding.window_end,
            "found_at": finding.at,
            "signal": finding.signal.value,
            "column_name": finding.column,
            "segment": finding.segment,
            "version": finding.version,
            "severity": finding.severity.value,
            "kind": finding.kind,
            "value": float(finding.value),
            "threshold": float(finding.threshold),
            "effect": dict(finding.effect),
            "n": finding.n,
            "details": dict(finding.details),
        }
        for finding in found
    ]
    if rows:
        conn.execute(findings.insert(), rows)


def list_findings(conn: Connection, model_id: int, start: int, end: int) -> list[Finding]:
    """What was found in windows that end in (start, end], in order; of a window judged again, the newest verdict's."""
    of, newer = monitor_runs.alias("of"), monitor_runs.alias("newer")
    superseded = exists().where(
        newer.c.monitor_id == of.c.monitor_id,
        newer.c.window_start == of.c.window_start,
        newer.c.window_end == of.c.window_end,
        newer.c.state == "finished",
        newer.c.id > of.c.id,
    )
    rows = conn.execute(
        select(findings)
        .join(of, of.c.id == findings.c.run_id)
        .where(
            findings.c.model_id == model_id,
            findings.c.window_end > start,
            findings.c.window_end <= end,
            ~superseded,
        )
        .order_by(findings.c.window_end, findings.c.id)
    )
    return [_finding(row) for row in rows]


def _finding(row: Row[Any]) -> Finding:
    return Finding(
        window_start=row.window_start,
        window_end=row.window_end,
        at=row.found_at,
        signal=Signal(row.signal),
        column=row.column_name,
        severity=Severity(row.severity),
        kind=row.kind,
        value=_number(row.value),
        threshold=_number(row.threshold),
        effect=row.effect,
        segment=row.segment,
        version=row.version,
        n=row.n,
        details=row.details,
    )


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
