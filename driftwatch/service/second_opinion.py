"""A second opinion: Evidently's report of a period from the store against the reference, beside our own verdicts."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection

from driftwatch.domain.instant import to_iso
from driftwatch.domain.signal import ColumnKind, Severity
from driftwatch.errors import DataError
from driftwatch.profiles.bucket import CategoricalColumn, Column, NumericColumn
from driftwatch.queries.catalogue import KnownModel, KnownReference, read_reference
from driftwatch.service.evidently_run import EvidentlyReport, EvidentlyVerdict, run_evidently
from driftwatch.service.period_verdict import PeriodVerdict, read_verdicts
from driftwatch.service.row_reading import SampledRows, read_rows
from driftwatch.storage import registration
from driftwatch.storage.store import Store

__all__ = ["MOST_ROWS", "ColumnOpinion", "SecondOpinion", "personal_columns", "second_opinion"]

MOST_ROWS = 100_000
"""Rows a side that Evidently sees, at most."""

_IDENTIFIER_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class ColumnOpinion:
    """Both verdicts on one column.

    Attributes:
        column: its name.
        kind: as registered.
        ours: what the windows said.
        evidently: what Evidently says, or None where it did not see the column.
        left_out: why it did not, or "".
    """

    column: str
    kind: ColumnKind
    ours: PeriodVerdict
    evidently: EvidentlyVerdict | None
    left_out: str = ""

    @property
    def agree(self) -> bool | None:
        """Whether both say the same; None where one of them says nothing."""
        if self.evidently is None or self.ours.drifted is None:
            return None
        return self.evidently.drifted == self.ours.drifted

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {
            "column": self.column,
            "kind": self.kind.value,
            "agree": self.agree,
            "ours": self.ours.to_dict(),
            "evidently": None if self.evidently is None else self.evidently.to_dict(),
            "left_out": self.left_out or None,
        }


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """Evidently's report of a period, and both verdicts on every column.

    Attributes:
        model: its name.
        start: of the period, microseconds UTC, included.
        end: excluded.
        reference: what it is compared with.
        sampled: rows of the reference and of the period that Evidently saw, and of how many.
        columns: by name.
        report: Evidently's own.
    """

    model: str
    start: int
    end: int
    reference: KnownReference
    sampled: tuple[SampledRows, SampledRows]
    columns: Sequence[ColumnOpinion]
    report: EvidentlyReport

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe, without Evidently's own report."""
        reference, current = self.sampled
        return {
            "schema": 1,
            "model": self.model,
            "evidently": self.report.version,
            "reference": _side(self.reference.start, self.reference.end, reference),
            "current": _side(self.start, self.end, current),
            "columns": [each.to_dict() for each in self.columns],
        }


def second_opinion(
    store: Store,
    model: KnownModel,
    start: int,
    end: int,
    *,
    python: str | None = None,
    limit: int = MOST_ROWS,
    seed: int = 0,
) -> SecondOpinion:
    """Run Evidently on the rows of [start, end) against those of the reference, and hold it against our verdicts.

    Columns that are declared or tagged as personal, and identifiers, are not handed over.

    Args:
        store: where the rows are.
        model: whose.
        start: microseconds UTC, included.
        end: excluded.
        python: the interpreter that has Evidently; this one, if left out.
        limit: the most rows a side.
        seed: of the samples.

    Raises:
        DataError: a side has no row.
        MissingPartError: the interpreter has no Evidently.
    """
    with store.read() as conn:
        row = registration.find_model(conn, model.environment, model.name)
        reference = read_reference(conn, model)
        ours = read_verdicts(conn, model.id, start, end)
        personal = personal_columns(conn, model)
    if row is None or reference is None:
        raise DataError(f"model {model.name!r} has no rows yet: there is nothing to compare")
    exclude = [(each.start, each.end) for each in model.spec.left_out]
    before = read_rows(store, row, reference.start, reference.end, limit=limit, seed=seed, exclude=exclude)
    now = read_rows(store, row, start, end, limit=limit, seed=seed)
    _check(before, "reference", reference.start, reference.end)
    _check(now, "period", start, end)
    sides = _columns(before, model), _columns(now, model)
    kinds = _kinds(sides, now)
    left_out = {name: _left_out(name, sides, personal) for name in kinds}
    shown = {name: kind for name, kind in kinds.items() if not left_out[name]}
    if not shown:
        raise DataError("no column is left that Evidently may see: all are personal, identifiers or empty")
    report = run_evidently(python or sys.executable, *sides, shown)
    columns = [
        ColumnOpinion(
            name,
            kind,
            ours.get(name, PeriodVerdict(Severity.NONE, 0, 0, ())),
            report.columns.get(name),
            left_out[name] or report.left_out.get(name, ""),
        )
        for name, kind in sorted(kinds.items())
    ]
    return SecondOpinion(model.name, start, end, reference, (before, now), columns, report)


def _side(start: int, end: int, sampled: SampledRows) -> dict[str, Any]:
    return {"start": to_iso(start), "end": to_iso(end), "rows": sampled.total, "sampled": len(sampled.rows)}


def _check(sampled: SampledRows, side: str, start: int, end: int) -> None:
    if not len(sampled.rows):
        told = f" ({sampled.without_features:,} rows without features)" if sampled.without_features else ""
        raise DataError(f"the store holds no features of the {side} {to_iso(start)} to {to_iso(end)}{told}")


def personal_columns(conn: Connection, model: KnownModel) -> frozenset[str]:
    """The features that are declared or tagged as personal."""
    tagged = {
        name
        for version_id in model.versions.values()
        for name, row in registration.read_features(conn, version_id).items()
        if row.tags and row.tags.get("pii")
    }
    return frozenset(tagged.union(model.spec.pii))


def _columns(sampled: SampledRows, model: KnownModel) -> dict[str, Column]:
    """Features and outputs by the names that verdicts have."""
    declared = set(model.spec.features.names)
    columns = {name: column for name, column in sampled.rows.features.items() if not declared or name in declared}
    roles = model.spec.columns.roles()
    for role, column in sampled.rows.outputs.items():
        name = roles.get(role, role)
        columns[f"{name} (output)" if name in sampled.rows.features else name] = column
    return columns


def _kinds(sides: Sequence[Mapping[str, Column]], sampled: SampledRows) -> dict[str, ColumnKind]:
    columns = {**sides[0], **sides[1]}
    return {
        name: sampled.kinds.get(name)
        or (ColumnKind.NUMERIC if isinstance(column, NumericColumn) else ColumnKind.CATEGORICAL)
        for name, column in columns.items()
    }


def _left_out(name: str, sides: Sequence[Mapping[str, Column]], personal: frozenset[str]) -> str:
    """Why Evidently is not shown a column, or ""."""
    if name in personal:
        return "personal data: its values are never shown"
    for side, columns in zip(("reference", "period"), sides, strict=True):
        if name not in columns or not _present(columns[name]):
            return f"no value in the {side}"
    if type(sides[0][name]) is not type(sides[1][name]):
        return "numbers on one side and texts on the other"
    if _is_identifier(max((columns[name] for columns in sides), key=_present)):
        return "an identifier: more than half of its values are different ones"
    return ""


def _present(column: Column) -> int:
    if isinstance(column, CategoricalColumn):
        return int(np.count_nonzero(column.codes >= 0))
    values = np.isfinite(column.values)
    return int(np.count_nonzero(values if column.nulls is None else values & ~column.nulls))


def _is_identifier(column: Column) -> bool:
    return isinstance(column, CategoricalColumn) and len(column.dictionary) > _IDENTIFIER_SHARE * _present(column)
