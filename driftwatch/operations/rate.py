"""Error rate and throughput of a service, each with its interval."""

from dataclasses import dataclass

from scipy.special import gammaincinv

from driftwatch.performance.interval import CONFIDENCE, jeffreys, wilson
from driftwatch.performance.result import Interval

__all__ = ["Rate", "error_rate", "throughput"]


@dataclass(frozen=True, slots=True)
class Rate:
    """One rate of a window.

    Attributes:
        metric: "error_rate" or "throughput".
        value: failed calls as a share of all, or calls a second.
        interval: two-sided, 95%.
        k: what was counted: failed calls, or calls.
        n: calls.
        unit: "share" or "1/s".
        direction: "higher_is_worse"; of a throughput "none".
    """

    metric: str
    value: float
    interval: Interval
    k: int
    n: int
    unit: str
    direction: str


def error_rate(failed: int, n: int, *, confidence: float = CONFIDENCE) -> Rate | None:
    """Failed calls as a share of all; None without calls.

    The interval is Wilson's score interval; of no failure at all its upper end is the one-sided Jeffreys bound, the
    `confidence` quantile of Beta(1/2, n + 1/2): no failure in 100 calls does not mean that none will fail.

    Args:
        failed: 0 to n.
        n: calls.
        confidence: in (0, 1).

    Raises:
        ValueError: more failed than there were.

    >>> rate = error_rate(0, 100)
    >>> rate.interval.low, round(rate.interval.high, 4), rate.interval.method
    (0.0, 0.019, 'jeffreys')
    """
    if not 0 <= failed <= n:
        raise ValueError(f"{failed} of {n} calls cannot have failed")
    if not n:
        return None
    interval = wilson(failed, n, confidence=confidence)
    if not failed:
        bound = jeffreys(0, n, confidence=2 * confidence - 1) if confidence > 0.5 else jeffreys(0, n)
        interval = Interval(0.0, bound.high, "jeffreys")
    return Rate("error_rate", failed / n, interval, failed, n, "share", "higher_is_worse")


def throughput(calls: int, seconds: float, *, confidence: float = CONFIDENCE) -> Rate:
    """Calls a second with the exact Poisson interval (Garwood, 1936).

    Args:
        calls: 0 or more.
        seconds: length of the window, above 0.
        confidence: in (0, 1).

    >>> throughput(7_200, 3_600.0).value
    2.0
    """
    tail = (1 - confidence) / 2
    low = 0.0 if not calls else float(gammaincinv(calls, tail)) / seconds
    high = float(gammaincinv(calls + 1, 1 - tail)) / seconds
    return Rate("throughput", calls / seconds, Interval(low, high, "poisson"), calls, calls, "1/s", "none")
