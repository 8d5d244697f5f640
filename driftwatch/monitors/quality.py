"""Data quality as the reference shows it: categories that are gone, rows that came twice or late, ranges left."""

from collections.abc import Mapping
from dataclasses import dataclass

from driftwatch.domain.finding import Finding
from driftwatch.monitors.absence import AbsenceMonitor, fit_absences
from driftwatch.monitors.extent import ExtentMonitor, fit_extents
from driftwatch.monitors.history import ColumnKey, History
from driftwatch.monitors.intake import IntakeMonitor, fit_intake
from driftwatch.monitors.spec import ModelSpec
from driftwatch.monitors.verdict import Window

__all__ = ["QUALITY_SHARE", "QualityBaseline", "fit_quality"]

QUALITY_SHARE = 0.1
"""Share of the model's false-alarm budget that learned quality checks spend: half for categories, half for intake.

Faults that the reference has never shown (:mod:`driftwatch.monitors.condition`) need none, declared constraints lie
outside, and a range that is left is a watch."""


@dataclass(frozen=True)
class QualityBaseline:
    """The monitors of one model, fitted."""

    absence: AbsenceMonitor
    intake: IntakeMonitor
    extent: ExtentMonitor

    def findings(
        self, history: History, windows: Mapping[int, Window], faults: Mapping[int, list[Finding]]
    ) -> dict[int, list[Finding]]:
        """The faults, and what was found beside them in columns that have none, by window index."""
        found = {index: list(faults.get(index, ())) for index in windows}
        for monitor in (self.absence, self.intake, self.extent):
            for index, findings in monitor.findings(history, windows).items():
                broken = {each.column for each in faults.get(index, ()) if each.column is not None}
                found[index] += [each for each in findings if each.column is None or each.column not in broken]
        return found


def fit_quality(
    history: History,
    spec: ModelSpec,
    names: Mapping[ColumnKey, str],
    identifiers: frozenset[ColumnKey],
    first: int,
    stop: int,
) -> QualityBaseline:
    """Learn from the windows ``[first, stop)``.

    Args:
        history: holds them.
        spec: the model's declaration.
        names: the judged columns and what they are called.
        identifiers: columns of which only gaps mean anything.
        first: the reference's first window.
        stop: the first one after it.
    """
    budget = QUALITY_SHARE * spec.false_alarms_per_month
    watched = {key: name for key, name in names.items() if key not in identifiers}
    private = frozenset(spec.pii)
    absence = fit_absences(history, watched, first, stop, budget=budget / 2, private=private, version=spec.version)
    intake = fit_intake(history, first, stop, budget=budget / 2, id_column=spec.columns.id, version=spec.version)
    return QualityBaseline(absence, intake, fit_extents(history, watched, first, stop, version=spec.version))
