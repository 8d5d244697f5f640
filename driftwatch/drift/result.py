"""What a measure says: a number that carries its meaning."""

from dataclasses import dataclass
from typing import Any

__all__ = ["Estimate", "MeasureResult"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a measure's formula yields.

    Attributes:
        value: the measure; None where it is not defined (nothing to compare, no spread to divide by).
        p_value: of "both come from one distribution", or None.
        approximations: what stands between this number and the textbook's, one clause each.
    """

    value: float | None
    p_value: float | None = None
    approximations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MeasureResult:
    """One measure of one column, reference against current.

    Attributes:
        method: the measure's key.
        value: the measure, or None where it is not defined.
        p_value: or None.
        direction: "higher_is_drift", or where both ends are: "away_from_zero_is_drift", "both_ends_are_drift".
        unit: "column" (that of the column), "reference_sd", "bits", "nats", or None (a plain number).
        n_reference: values compared on the reference's side.
        n_current: values compared on the current side.
        approximations: as in `Estimate`.
    """

    method: str
    value: float | None
    p_value: float | None
    direction: str
    unit: str | None
    n_reference: int
    n_current: int
    approximations: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The public shape; `approximations` only where there are some."""
        fields: dict[str, Any] = {
            "method": self.method,
            "value": self.value,
            "p_value": self.p_value,
            "direction": self.direction,
            "unit": self.unit,
        }
        return {**fields, "approximations": list(self.approximations)} if self.approximations else fields
