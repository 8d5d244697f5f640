"""Burn rates: how fast a service spends what its objective allows (Beyer et al., The Site Reliability Workbook, §5)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc

from driftwatch.domain.instant import DAY, HOUR, MINUTE

__all__ = ["LEAST_BAD", "RULES", "Burn", "BurnRule", "burns", "spans_of"]

LEAST_BAD = 5
"""Bad calls below which nothing is said, however fast they burn."""

_CHANCE = 1e-4


@dataclass(frozen=True, slots=True)
class BurnRule:
    """One pair of windows: the long one says that it matters, the short one that it goes on.

    Attributes:
        long: microseconds.
        short: microseconds.
        burn: rate above which both must be.
        page: whether somebody is woken.
    """

    long: int
    short: int
    burn: float
    page: bool


RULES = (
    BurnRule(HOUR, 5 * MINUTE, 14.4, page=True),
    BurnRule(6 * HOUR, 30 * MINUTE, 6.0, page=True),
    BurnRule(3 * DAY, 6 * HOUR, 1.0, page=False),
)
"""The rules, the gravest first."""


@dataclass(frozen=True, slots=True)
class Burn:
    """A rule that holds at the end of a window.

    Attributes:
        rule: which.
        rate: burn rate over the long window: (bad / n) / budget.
        short_rate: over the short one.
        bad: bad calls in the long window.
        n: calls in it.
        budget: share of calls that may be bad.
        p_value: P(K >= bad | n, budget): what chance alone does at that traffic.
    """

    rule: BurnRule
    rate: float
    short_rate: float
    bad: int
    n: int
    budget: float
    p_value: float


def spans_of(rule: BurnRule, width: int) -> tuple[int, int]:
    """Both windows of a rule in whole buckets of `width` microseconds, rounded up.

    >>> spans_of(RULES[0], 300_000_000), spans_of(RULES[0], 3_600_000_000)
    ((12, 1), (1, 1))
    """
    return -(-rule.long // width), -(-rule.short // width)


def burns(
    bad: NDArray[np.int64],
    n: NDArray[np.int64],
    *,
    budget: float,
    width: int,
    rules: Sequence[BurnRule] = RULES,
    guard: bool = True,
) -> list[Burn | None]:
    """The gravest rule that holds at the end of every bucket, or None.

    At one call a minute a single failure burns a 0.1% budget 17 times too fast over an hour. So a rule also wants five
    bad calls, and that chance gives so many in fewer than one of 10,000 such windows.

    Args:
        bad: int64[T], bad calls by bucket.
        n: int64[T], all calls.
        budget: share of calls that may be bad, in (0, 1).
        width: of a bucket, microseconds.
        rules: the gravest first.
        guard: whether few bad calls, or such as chance explains, hold a rule back.

    Raises:
        ValueError: a budget of none or all.
    """
    if not 0 < budget < 1:
        raise ValueError(f"a budget is a share between 0 and 1, not {budget}")
    found: list[Burn | None] = [None] * len(n)
    for rule in rules:
        long, short = spans_of(rule, width)
        k, calls, k_short, calls_short = (_trailing(of, span) for span in (long, short) for of in (bad, n))
        rate, short_rate = (b / np.maximum(c, 1) / budget for b, c in ((k, calls), (k_short, calls_short)))
        p = np.where(k > 0, bdtrc(np.maximum(k - 1.0, 0.0), np.maximum(calls, 1), budget), 1.0)
        holds = (rate > rule.burn) & (short_rate > rule.burn)
        if guard:
            holds &= (k >= LEAST_BAD) & (p < _CHANCE)
        for at in np.flatnonzero(holds).tolist():
            if found[at] is None:
                found[at] = Burn(
                    rule, float(rate[at]), float(short_rate[at]), int(k[at]), int(calls[at]), budget, float(p[at])
                )
    return found


def _trailing(values: NDArray[np.int64], span: int) -> NDArray[np.int64]:
    """int64[T], sums over the last `span` values, or as many as there are."""
    sums = np.concatenate((np.zeros(span, dtype=np.int64), np.cumsum(values)))
    return np.asarray(sums[span:] - sums[: len(values)], dtype=np.int64)
