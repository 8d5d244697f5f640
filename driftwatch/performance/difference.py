"""The difference, and the ratio, of two independent estimates, with intervals from those of each."""

import math

from driftwatch.performance.interval import CONFIDENCE, wilson
from driftwatch.performance.result import Interval

__all__ = ["difference_interval", "newcombe", "share_ratio_interval"]


def difference_interval(first: float, around: Interval, second: float, beside: Interval) -> Interval:
    """The interval of `first` - `second`, two independent estimates, from the ends of their own (Zou and Donner, 2008).

    Of two shares with Wilson's intervals it is Newcombe's hybrid score interval.

    Args:
        first: an estimate.
        around: its interval.
        second: the other.
        beside: its interval, of the same confidence.
    """
    gap = first - second
    low = gap - math.hypot(first - around.low, beside.high - second)
    high = gap + math.hypot(around.high - first, second - beside.low)
    return Interval(low, high, "newcombe" if around.method == beside.method == "wilson" else "square_and_add")


def newcombe(successes: int, n: int, others: int, m: int, *, confidence: float = CONFIDENCE) -> Interval:
    """The hybrid score interval of the difference of two independent shares (Newcombe, 1998, method 10).

    Args:
        successes: 0 to n.
        n: at least 1.
        others: 0 to m.
        m: at least 1.
        confidence: in (0, 1).

    >>> [round(end, 4) for end in (newcombe(56, 70, 48, 80).low, newcombe(56, 70, 48, 80).high)]
    [0.0524, 0.3339]
    """
    around, beside = wilson(successes, n, confidence=confidence), wilson(others, m, confidence=confidence)
    return difference_interval(successes / n, around, others / m, beside)


def share_ratio_interval(
    successes: int, n: int, others: int, m: int, *, confidence: float = CONFIDENCE
) -> Interval | None:
    """The interval of the ratio of two independent shares, from their Wilson intervals (Donner and Zou, 2012).

    Args:
        successes: 0 to n.
        n: at least 1.
        others: 0 to m.
        m: at least 1.
        confidence: in (0, 1).

    Returns:
        None where the second share is 0: the ratio has no bound then.
    """
    if not others:
        return None
    p, q = successes / n, others / m
    a, b = wilson(successes, n, confidence=confidence), wilson(others, m, confidence=confidence)
    low = p * q - math.sqrt(max(0.0, (p * q) ** 2 - a.low * b.high * (2 * p - a.low) * (2 * q - b.high)))
    high = p * q + math.sqrt(max(0.0, (p * q) ** 2 - a.high * b.low * (2 * p - a.high) * (2 * q - b.low)))
    return Interval(max(0.0, low / (b.high * (2 * q - b.high))), high / (b.low * (2 * q - b.low)), "ratio_of_wilson")
