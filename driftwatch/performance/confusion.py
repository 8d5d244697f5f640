"""The confusion of a binary decision with the outcome, and what follows from its four cells."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.performance.bootstrap import bootstrap_counts
from driftwatch.performance.interval import wilson
from driftwatch.performance.result import Interval

__all__ = ["SHARES", "Confusion", "count_confusion"]


@dataclass(frozen=True, slots=True)
class Confusion:
    """Rows by decision and outcome.

    Attributes:
        true_negative: decided negative, was negative.
        false_positive: decided positive, was negative.
        false_negative: decided negative, was positive.
        true_positive: decided positive, was positive.
    """

    true_negative: int = 0
    false_positive: int = 0
    false_negative: int = 0
    true_positive: int = 0

    def __add__(self, other: "Confusion") -> "Confusion":
        """Both together."""
        return Confusion(*(a + b for a, b in zip(self.cells, other.cells, strict=True)))

    @property
    def cells(self) -> tuple[int, int, int, int]:
        """In the order of the attributes, which is scikit-learn's row by row."""
        return self.true_negative, self.false_positive, self.false_negative, self.true_positive

    @property
    def n(self) -> int:
        """All rows."""
        return sum(self.cells)

    @property
    def f1(self) -> float | None:
        """2 TP / (2 TP + FP + FN); None without positives on either side."""
        return _ratio(2 * self.true_positive, 2 * self.true_positive + self.false_positive + self.false_negative)

    @property
    def matthews_correlation(self) -> float | None:
        """The correlation of decision and outcome (Matthews, 1975), -1 to 1; None where one of them is constant."""
        tn, fp, fn, tp = self.cells
        product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)  # Python's integers have no bound
        return (tp * tn - fp * fn) / math.sqrt(product) if product else None

    @property
    def f1_interval(self) -> Interval | None:
        """F1 = 2J/(1 + J) grows with J = TP/(TP + FP + FN), a share of rows: Wilson's interval of J, carried over."""
        n = self.true_positive + self.false_positive + self.false_negative
        if not n:
            return None
        share = wilson(self.true_positive, n)
        return Interval(2 * share.low / (1 + share.low), 2 * share.high / (1 + share.high), share.method)

    def matthews_interval(self, rng: np.random.Generator | None) -> Interval | None:
        """By the bootstrap over rows."""
        return bootstrap_counts(lambda cells: _of(cells).matthews_correlation, self._array(), rng)

    def value(self, costs: Mapping[str, float]) -> float | None:
        """The mean value of a row, from a value per cell; cells that are not named are worth 0. None without rows.

        Args:
            costs: by "true_positive", "false_positive", "false_negative", "true_negative"; a loss is negative.
        """
        if not self.n:
            return None
        return math.fsum(costs.get(name, 0.0) * getattr(self, name) for name in self.__slots__) / self.n

    def value_interval(self, costs: Mapping[str, float], rng: np.random.Generator | None) -> Interval | None:
        """Of the mean value of a row, by the bootstrap over rows."""
        return bootstrap_counts(lambda cells: _of(cells).value(costs), self._array(), rng)

    def _array(self) -> NDArray[np.int64]:
        return np.array(self.cells, dtype=np.int64)


_Share = Callable[[Confusion], tuple[int, int]]

SHARES: Mapping[str, _Share] = MappingProxyType(
    {
        "accuracy": lambda c: (c.true_positive + c.true_negative, c.n),
        "precision": lambda c: (c.true_positive, c.true_positive + c.false_positive),
        "recall": lambda c: (c.true_positive, c.true_positive + c.false_negative),
        "specificity": lambda c: (c.true_negative, c.true_negative + c.false_positive),
        "negative_predictive_value": lambda c: (c.true_negative, c.true_negative + c.false_negative),
        "selection_rate": lambda c: (c.true_positive + c.false_positive, c.n),
    }
)
"""Metrics that are a share of rows: what is counted, of how many."""


def count_confusion(decisions: NDArray[np.bool_], outcomes: NDArray[np.bool_]) -> Confusion:
    """The confusion of rows: bool[n] each."""
    cells = np.bincount(2 * outcomes.astype(np.int64) + decisions, minlength=4).tolist()
    return Confusion(*cells)


def _of(cells: Any) -> Confusion:
    return Confusion(*cells.tolist())


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
