"""What a comparison found, column by column, the worst first."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from driftwatch.domain.signal import Severity
from driftwatch.drift.multivariate import MultivariateResult
from driftwatch.drift.result import MeasureResult
from driftwatch.profiles.categorical import CategoricalProfile
from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.numeric import NumericProfile

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ColumnComparison", "ColumnFinding", "Comparison"]


@dataclass(frozen=True, slots=True)
class ColumnFinding:
    """One fact about a column.

    Attributes:
        kind: drift, missing_rate, new_category, vanished (the column, or values of it), added, constant, retyped,
            range, empty, or constraint (the current rows break what the specification demands).
        detail: the fact in words, with its numbers.
        quiet: it was so in the reference too, and needs no look.
    """

    kind: str
    detail: str
    quiet: bool = False


@dataclass(frozen=True)
class ColumnComparison:
    """One column, reference against current.

    Attributes:
        column: its name.
        kind: numeric, categorical, boolean; None where neither side has a value.
        drifted: whether it did; a column that vanished, lost its type or all of its values has.
        severity: critical (gross faults), warning (drifted, or breaks a constraint), watch (worth a look), none.
        judged: whether there were rows enough on both sides.
        n_reference: values in the reference.
        n_current: values in the current file.
        missing_reference: share of rows without a value.
        missing_current: share of rows without a value.
        measures: what was measured.
        findings: what was found, the weightiest first.
        effect: the plain effect size that columns are ranked by: Kolmogorov-Smirnov, or total variation.
        p_value: of the most surprising component of the rule.
        reference: its profile, for drawing; None where there is none.
        current: its profile, for drawing.
        codec: the bins of a numeric column's profiles.
    """

    column: str
    kind: str | None
    drifted: bool
    severity: Severity
    judged: bool
    n_reference: int
    n_current: int
    missing_reference: float
    missing_current: float
    measures: tuple[MeasureResult, ...]
    findings: tuple[ColumnFinding, ...]
    effect: float
    p_value: float | None
    reference: NumericProfile | CategoricalProfile | None = field(default=None, repr=False)
    current: NumericProfile | CategoricalProfile | None = field(default=None, repr=False)
    codec: NumericCodec | None = field(default=None, repr=False)

    @property
    def breaks(self) -> bool:
        """Whether the current rows break what the specification demands of it."""
        return any(finding.kind == "constraint" for finding in self.findings)

    @property
    def rank(self) -> tuple[int, float, str]:
        """Sorts the worst first."""
        return -self.severity.rank, -self.effect, self.column

    def to_dict(self) -> dict[str, Any]:
        """The public shape."""
        return {
            "column": self.column,
            "kind": self.kind,
            "drifted": self.drifted,
            "severity": self.severity.value,
            "n_reference": self.n_reference,
            "n_current": self.n_current,
            "missing_reference": self.missing_reference,
            "missing_current": self.missing_current,
            "measures": [measure.to_dict() for measure in self.measures],
            "findings": [{"kind": finding.kind, "detail": finding.detail} for finding in self.findings],
        }


@dataclass(frozen=True)
class Comparison:
    """Two tables compared. In a notebook it shows itself as a page.

    Attributes:
        verdict: "drift", "no_drift" or "insufficient_data".
        columns: the worst first.
        multivariate: all numeric columns together.
        reference_rows: rows of the reference.
        current_rows: rows of the current file.
        reference_name: what the reference is called.
        current_name: what the current file is called.
        calibrated: the natural variation of the columns was learned from the reference's own weeks.
        rule: in a sentence, what counted as drift.
        not_compared: columns that hold nothing that can drift, and why.
    """

    verdict: str
    columns: tuple[ColumnComparison, ...]
    multivariate: MultivariateResult
    reference_rows: int
    current_rows: int
    reference_name: str
    current_name: str
    calibrated: bool
    rule: str
    not_compared: tuple[tuple[str, str], ...] = ()

    @property
    def drifted(self) -> tuple[str, ...]:
        """Names of the columns that drifted, the worst first."""
        return tuple(column.column for column in self.columns if column.drifted)

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        if self.verdict == "insufficient_data":
            return (
                f"Too few rows to tell: {self.reference_rows:,} in the reference and {self.current_rows:,} now; "
                "a column needs 30 on both sides."
            )
        total = len(self.columns)
        of = f"{total} column{'' if total == 1 else 's'}"
        watched = sum(column.severity is Severity.WATCH for column in self.columns)
        aside = f" {watched} more {'is' if watched == 1 else 'are'} worth a look." if watched else ""
        broken = sum(column.breaks for column in self.columns)
        if broken:
            aside += f" {broken} column{' breaks' if broken == 1 else 's break'} what is demanded of the current rows."
        if self.drifted:
            more = f" and {len(self.drifted) - 3} more" if len(self.drifted) > 3 else ""
            return f"Drift in {len(self.drifted)} of {of}: {', '.join(self.drifted[:3])}{more}.{aside}"
        if self.verdict == "drift":
            return f"No column of {of} drifted by itself, but the way they move together did.{aside}"
        return f"No drift in {of}.{aside}"

    def to_dict(self) -> dict[str, Any]:
        """The public shape of ``compare --json``."""
        return {
            "schema": 1,
            "verdict": self.verdict,
            "reference": {"rows": self.reference_rows},
            "current": {"rows": self.current_rows},
            "columns": [column.to_dict() for column in self.columns],
            "multivariate": self.multivariate.to_dict(),
            "calibrated": self.calibrated,
            "not_compared": [{"column": name, "reason": reason} for name, reason in self.not_compared],
        }

    def to_frame(self) -> "pd.DataFrame":
        """A pandas frame, one row a column, one column a measure; the worst first."""
        import pandas as pd

        rows = []
        for column in self.columns:
            fields = column.to_dict()
            fields |= {measure.method: measure.value for measure in column.measures}
            fields["findings"] = "; ".join(finding.detail for finding in column.findings)
            rows.append({key: value for key, value in fields.items() if key != "measures"})
        return pd.DataFrame(rows).set_index("column") if rows else pd.DataFrame()

    def to_html(self) -> str:
        """One self-contained page: no script, no request to anywhere."""
        from driftwatch.service.comparison_page import page

        return page(self)

    def _repr_html_(self) -> str:
        from driftwatch.service.comparison_page import fragment

        return fragment(self)
