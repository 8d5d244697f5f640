"""One quantity of the rows of one arm in one bucket, as sums that add up."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Sums", "add_sums"]


@dataclass(frozen=True, slots=True)
class Sums:
    """Rows of one arm.

    Attributes:
        n: rows.
        total: sum of the quantity.
        squares: sum of its squares.
    """

    n: int = 0
    total: float = 0.0
    squares: float = 0.0

    @classmethod
    def of_share(cls, n: int, k: int) -> "Sums":
        """Of a quantity that is 1 in `k` of `n` rows and 0 in the others."""
        return cls(n, float(k), float(k))

    def __add__(self, other: "Sums") -> "Sums":
        """Both together."""
        return Sums(self.n + other.n, self.total + other.total, self.squares + other.squares)

    @property
    def mean(self) -> float:
        """NaN without rows."""
        return self.total / self.n if self.n else float("nan")

    def variance(self, *, is_share: bool) -> float:
        """Of one row. A share is never taken for certain: it counts one success and one failure more."""
        if is_share:
            share = (self.total + 1) / (self.n + 2)
            return share * (1 - share)
        if self.n < 2:
            return float("nan")
        return max(0.0, (self.squares - self.total * self.total / self.n) / (self.n - 1))


def add_sums(parts: Sequence[Sums]) -> Sums:
    """All of them together."""
    return sum(parts, Sums())
