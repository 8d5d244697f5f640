"""What an estimate of performance without labels carries."""

from dataclasses import dataclass

__all__ = ["Estimate"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric of rows whose labels are not known.

    Attributes:
        metric: its key.
        value: the expected metric.
        low: lower end of the 95% band.
        high: upper end.
        n: rows.
        method: "cbpe" or "dle".
    """

    metric: str
    value: float
    low: float
    high: float
    n: int
    method: str
