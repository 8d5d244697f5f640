"""What came of the demo, read back from the store."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from driftwatch.domain.instant import to_iso
from driftwatch.domain.signal import Severity, Signal
from driftwatch.storage.schema import findings, incidents, monitor_runs, outcomes, predictions
from driftwatch.storage.store import Store

__all__ = ["Drifted", "Progress", "read_drifted", "read_incidents", "read_progress"]

_EFFECTS = ("kolmogorov_smirnov", "total_variation_distance")


@dataclass(frozen=True)
class Progress:
    """How far the service is. Times in microseconds UTC.

    Attributes:
        stored: predictions in the store.
        outcomes: outcomes in the store.
        judged: windows whose judging is finished.
        judged_until: end of the newest of them, or None.
    """

    stored: int
    outcomes: int
    judged: int
    judged_until: int | None


@dataclass(frozen=True)
class Drifted:
    """A column that raised an alarm.

    Attributes:
        column: its name.
        windows: in how many windows it did.
        first_at: start of the first of them, microseconds UTC.
        effect: its largest effect: the Kolmogorov-Smirnov or the total variation distance, in [0, 1].
    """

    column: str
    windows: int
    first_at: int
    effect: float


def read_progress(store: Store) -> Progress:
    """Count what has arrived and what has been judged."""
    with store.read() as conn:
        finished = select(func.count(), func.max(monitor_runs.c.window_end)).where(monitor_runs.c.state == "finished")
        judged, until = conn.execute(finished).one()
        return Progress(
            stored=conn.execute(select(func.count()).select_from(predictions)).scalar_one(),
            outcomes=conn.execute(select(func.count()).select_from(outcomes)).scalar_one(),
            judged=judged,
            judged_until=until,
        )


def read_drifted(store: Store) -> list[Drifted]:
    """The columns with a finding that opened or fed an incident, largest effect first."""
    serious = [severity.value for severity in Severity if severity.rank >= Severity.WARNING.rank]
    statement = select(findings.c.column_name, findings.c.window_start, findings.c.effect).where(
        findings.c.severity.in_(serious),
        findings.c.column_name.is_not(None),
        findings.c.signal.in_(
            [Signal.DRIFT.value, Signal.PREDICTION_DRIFT.value]
        ),  # what became of a flight is neither
    )
    with store.read() as conn:
        rows = conn.execute(statement).all()
    drifted: dict[str, Drifted] = {}
    for column, start, effect in rows:
        size = max((effect.get(name) or 0.0 for name in _EFFECTS), default=0.0)
        seen = drifted.get(column, Drifted(column, 0, start, 0.0))
        drifted[column] = Drifted(column, seen.windows + 1, min(seen.first_at, start), max(seen.effect, size))
    return sorted(drifted.values(), key=lambda found: -found.effect)


def read_incidents(store: Store) -> list[dict[str, Any]]:
    """Every incident, oldest first, in the public shape of a backtest's."""
    with store.read() as conn:
        rows = conn.execute(select(incidents).order_by(incidents.c.opened_at, incidents.c.seq)).all()
    return [
        {
            "id": row.id,
            "opened_at": to_iso(row.opened_at),
            "resolved_at": None if row.resolved_at is None else to_iso(row.resolved_at),
            "severity": row.severity,
            "signals": row.signals,
            "columns": row.column_names,
            "title": row.title,
        }
        for row in rows
    ]
