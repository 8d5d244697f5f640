"""The population stability index of every column, by the cut-offs that auditors ask for: 0.1 and 0.25.

It is a table beside the verdicts, not one of them. Fixed cut-offs say little where rows are few: at 100 rows a side the
index of two samples of one population is 0.09 on average, so each line also says what chance alone would give.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from driftwatch.domain.instant import to_iso
from driftwatch.drift.distribution import Distribution
from driftwatch.drift.measures import measure_categories, measure_distributions
from driftwatch.drift.result import MeasureResult
from driftwatch.errors import DataError
from driftwatch.profiles.categorical import CategoricalProfile
from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.numeric import NumericProfile
from driftwatch.queries.catalogue import KnownModel, read_reference
from driftwatch.queries.profile import list_columns, read_column
from driftwatch.queries.span import Span

__all__ = ["MODERATE", "SIGNIFICANT", "PolicyLine", "PolicyReport", "read_policy"]

MODERATE = 0.10
"""From here the usual policy says "moderate shift"."""

SIGNIFICANT = 0.25
"""From here it says "significant shift"."""


@dataclass(frozen=True, slots=True)
class PolicyLine:
    """One column.

    Attributes:
        column: its name.
        index: of reference deciles or of values; None where one side has none.
        p_value: of as large an index by chance (Yurdakul and Naranjo, 2020), or None.
        n_reference: values of the reference.
        n: values of the period.
    """

    column: str
    index: float | None
    p_value: float | None
    n_reference: int
    n: int

    @property
    def says(self) -> str:
        """What the policy calls it: "stable", "moderate", "significant" or "not computed"."""
        if self.index is None:
            return "not computed"
        return "significant" if self.index >= SIGNIFICANT else "moderate" if self.index >= MODERATE else "stable"


@dataclass(frozen=True, slots=True)
class PolicyReport:
    """All columns of a model, the largest index first.

    Attributes:
        model: its name.
        reference: ``(start, end)``, microseconds UTC.
        period: likewise.
        lines: one a column.
    """

    model: str
    reference: tuple[int, int]
    period: tuple[int, int]
    lines: tuple[PolicyLine, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        (start, end), (low, high) = self.reference, self.period
        return {
            "schema": 1,
            "model": self.model,
            "method": "population_stability_index",
            "moderate_from": MODERATE,
            "significant_from": SIGNIFICANT,
            "reference": {"start": to_iso(start), "end": to_iso(end)},
            "period": {"start": to_iso(low), "end": to_iso(high)},
            "columns": [
                {
                    "column": line.column,
                    "value": line.index,
                    "policy": line.says,
                    "p_value": line.p_value,
                    "n_reference": line.n_reference,
                    "n_current": line.n,
                }
                for line in self.lines
            ],
        }


def read_policy(conn: Connection, model: KnownModel, start: int, end: int) -> PolicyReport:
    """The table of a period against the model's reference, from stored profiles.

    Raises:
        DataError: the model has no reference yet.
    """
    known = read_reference(conn, model)
    if known is None:
        raise DataError(f"{model.name} has no reference yet: it has no rows")
    spans = (Span(known.start, known.end), Span(start, end))
    names = sorted(list_columns(conn, model, spans[0]) | list_columns(conn, model, spans[1]))
    lines = [_line(name, *read_column(conn, model, name, spans)) for name in names]
    lines.sort(key=lambda line: (-(line.index if line.index is not None else -1.0), line.column))
    return PolicyReport(model.name, (known.start, known.end), (start, end), tuple(lines))


def _line(name: str, sides: list[Any], codec: NumericCodec | None) -> PolicyLine:
    index, chance = (_measure(method, sides, codec) for method in _METHODS)
    if index is None:
        sizes = [0 if side is None else int(side.n) for side in sides]
        return PolicyLine(name, None, None, *sizes)
    p_value = None if chance is None else chance.p_value
    return PolicyLine(name, index.value, p_value, index.n_reference, index.n_current)


_METHODS = ("population_stability_index", "population_stability_index_unbiased")


def _measure(method: str, sides: list[Any], codec: NumericCodec | None) -> MeasureResult | None:
    match sides:
        case [NumericProfile() as before, NumericProfile() as after] if codec is not None and before.n and after.n:
            return measure_distributions(method, Distribution.of(before, codec), Distribution.of(after, codec))
        case [CategoricalProfile() as before, CategoricalProfile() as after]:
            return measure_categories(method, before.counts, after.counts)
    return None
