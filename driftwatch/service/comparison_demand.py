"""Whether the current side of a comparison keeps what its specification demands of columns."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from driftwatch.domain.signal import ColumnKind, Severity
from driftwatch.errors import SpecError
from driftwatch.integrations.columns import ColumnSource
from driftwatch.monitors.conformity import demand_facts, demand_severity
from driftwatch.monitors.reading import nearest
from driftwatch.monitors.spec import ModelSpec
from driftwatch.profiles.bucket import Column
from driftwatch.profiles.check import CheckCounts
from driftwatch.profiles.rows import Rows
from driftwatch.quality.check import DemandCheck
from driftwatch.quality.demand import Demand, demands_of
from driftwatch.queries.quality_wording import quality_words
from driftwatch.service.arrow_column import read_categories, read_kind, read_values
from driftwatch.service.comparison_result import ColumnComparison, ColumnFinding

__all__ = ["check_demands", "hold_to_demands"]


def check_demands(spec: ModelSpec, names: Sequence[str]) -> None:
    """Every column of which something is demanded is on one side at least.

    Raises:
        SpecError: it is not; names the nearest that is.
    """
    for place, constraint in enumerate(spec.constraints):
        if constraint.column not in names:
            raise SpecError(
                f"neither file has a column {constraint.column!r}.{nearest(constraint.column, names)}",
                path=f"constraints[{place}].column",
            )


def hold_to_demands(
    results: Sequence[ColumnComparison], current: ColumnSource, spec: ModelSpec | None
) -> list[ColumnComparison]:
    """The results, with a finding for every demand that more than its share of the current rows breaks.

    A column that breaks one has at least that severity; it has not drifted for it.
    """
    by_name = {result.column: result for result in results}
    for demand in demands_of(spec.constraints) if spec is not None else ():
        kind = spec.features.kinds().get(demand.column) if spec is not None else None
        counts = _count(demand, current, kind, private=spec is not None and demand.column in spec.pii)
        severity = demand_severity(demand, counts)
        if severity is Severity.NONE or spec is None:
            continue
        facts = demand_facts(demand, counts, private=demand.column in spec.pii)
        finding = ColumnFinding("constraint", quality_words("constraint", facts, counts.n) or "")
        known = by_name.get(demand.column) or _not_compared(demand.column)
        worst = max(known.severity, severity, key=lambda each: each.rank)
        by_name[demand.column] = replace(known, severity=worst, findings=(*known.findings, finding))
    return list(by_name.values())


def _count(demand: Demand, current: ColumnSource, kind: ColumnKind | None, *, private: bool) -> CheckCounts:
    column = _read(demand.column, current, kind) if demand.column in current.column_names else None
    rows = Rows(np.zeros(current.num_rows, dtype=np.int64), features={} if column is None else {demand.column: column})
    looked = DemandCheck(demand, private=private).look_at(rows)
    return CheckCounts(0, 0) if looked is None else looked.count(np.arange(len(rows)))


def _read(name: str, current: ColumnSource, kind: ColumnKind | None) -> Column:
    """The values as they are; what a declared kind does not fit is no missing value."""
    column = current.column(name)
    own = read_kind(column)
    if own in {ColumnKind.NUMERIC, ColumnKind.BOOLEAN}:
        return read_values(column, own if kind is not ColumnKind.BOOLEAN else kind)[0]
    return read_categories(column)


def _not_compared(name: str) -> ColumnComparison:
    """A column that is not compared, and yet breaks what is demanded of it."""
    return ColumnComparison(
        column=name,
        kind=None,
        drifted=False,
        severity=Severity.NONE,
        judged=False,
        n_reference=0,
        n_current=0,
        missing_reference=0.0,
        missing_current=0.0,
        measures=(),
        findings=(),
        effect=0.0,
        p_value=None,
    )
