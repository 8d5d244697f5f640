"""Fairness gaps between the groups of a protected column: how differently a binary model decides about them.

Demographic parity compares the share of positive decisions; equalised odds those among the positives (true positive
rate) and among the negatives (false positive rate). The gap is that between the highest and the lowest group. Its
interval holds for every pair of groups at once, since the two were picked for being farthest apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from driftwatch.performance.difference import newcombe, share_ratio_interval
from driftwatch.performance.interval import CONFIDENCE, wilson
from driftwatch.performance.result import Interval

__all__ = ["FAIRNESS_RATES", "Gap", "GroupCounts", "Rate", "find_gaps"]

FAIRNESS_RATES = ("selection_rate", "true_positive_rate", "false_positive_rate")
"""What is compared, in this order."""

_LEAST_ROWS = 30


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of a group's rows.

    Attributes:
        part: positive decisions.
        n: of so many.
    """

    part: int
    n: int

    @property
    def value(self) -> float | None:
        """None of no rows."""
        return self.part / self.n if self.n else None

    @property
    def interval(self) -> Interval | None:
        """Wilson's, at 95%."""
        return wilson(self.part, self.n) if self.n else None

    @property
    def is_enough(self) -> bool:
        """Whether it has the 30 rows that a comparison takes."""
        return self.n >= _LEAST_ROWS

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        ends = (None, None) if self.interval is None else (self.interval.low, self.interval.high)
        return {"value": self.value, "low": ends[0], "high": ends[1], "n": self.n, "too_few": not self.is_enough}


@dataclass(frozen=True, slots=True)
class GroupCounts:
    """The decisions about one group.

    Attributes:
        selection: of all decisions, labelled or not.
        true_positive: of the rows whose outcome was positive.
        false_positive: of those whose outcome was negative.
    """

    selection: Rate
    true_positive: Rate
    false_positive: Rate

    def rate(self, name: str) -> Rate:
        """One of :data:`FAIRNESS_RATES`."""
        rates = (self.selection, self.true_positive, self.false_positive)
        return dict(zip(FAIRNESS_RATES, rates, strict=True))[name]


@dataclass(frozen=True, slots=True)
class Gap:
    """How far the groups are apart in one rate.

    Attributes:
        rate: which.
        lowest: the group with the least of it.
        highest: that with the most.
        difference: highest - lowest; 0 is equal.
        interval: Newcombe's, at 95% for all pairs together.
        ratio: lowest / highest; 1 is equal; None where the highest is 0.
        ratio_interval: likewise.
        too_few: groups with fewer than 30 rows of it, which are not compared.
    """

    rate: str
    lowest: str
    highest: str
    difference: float
    interval: Interval
    ratio: float | None
    ratio_interval: Interval | None
    too_few: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        around = self.ratio_interval
        return {
            "rate": self.rate,
            "lowest": self.lowest,
            "highest": self.highest,
            "difference": self.difference,
            "low": self.interval.low,
            "high": self.interval.high,
            "interval": self.interval.method,
            "ratio": self.ratio,
            "ratio_low": None if around is None else around.low,
            "ratio_high": None if around is None else around.high,
            "too_few": list(self.too_few),
        }


def find_gaps(groups: Mapping[str, GroupCounts]) -> dict[str, Gap]:
    """The gap of each rate of which two groups have 30 rows.

    Args:
        groups: by name.
    """
    gaps = {}
    for name in FAIRNESS_RATES:
        rates = {group: counts.rate(name) for group, counts in groups.items()}
        gap = _gap(name, rates)
        if gap is not None:
            gaps[name] = gap
    return gaps


def _gap(name: str, rates: Mapping[str, Rate]) -> Gap | None:
    enough = {group: rate for group, rate in rates.items() if rate.is_enough}
    if len(enough) < 2:
        return None
    ordered = sorted(enough, key=lambda group: (enough[group].part / enough[group].n, group))
    lowest, highest = ordered[0], ordered[-1]
    low, high = enough[lowest], enough[highest]
    # Bonferroni over the pairs: whichever two are farthest apart, their interval holds.
    confidence = 1 - (1 - CONFIDENCE) / (len(enough) * (len(enough) - 1) / 2)
    return Gap(
        rate=name,
        lowest=lowest,
        highest=highest,
        difference=high.part / high.n - low.part / low.n,
        interval=newcombe(high.part, high.n, low.part, low.n, confidence=confidence),
        ratio=(low.part / low.n) / (high.part / high.n) if high.part else None,
        ratio_interval=share_ratio_interval(low.part, low.n, high.part, high.n, confidence=confidence),
        too_few=tuple(sorted(rates.keys() - enough.keys())),
    )
