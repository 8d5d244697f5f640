"""Eight heights of block characters: a chart that survives every mail client and chat."""

from collections.abc import Sequence
from math import isfinite

__all__ = ["sparkline"]

_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], *, width: int = 24) -> str:
    """The newest `width` values, scaled from zero to their maximum; a missing value is a space.

    >>> sparkline([0, 1, 2, 3, 4, 5, 6, 7])
    '▁▂▃▄▅▆▇█'
    >>> sparkline([1.0, float("nan"), 1.0])
    '█ █'
    >>> sparkline([])
    ''
    """
    shown = values[-width:]
    top = max((value for value in shown if isfinite(value)), default=0.0)
    return "".join(_bar(value, top) for value in shown)


def _bar(value: float, top: float) -> str:
    if not isfinite(value):
        return " "
    if top <= 0:
        return _BARS[0]
    return _BARS[round(min(1.0, max(0.0, value / top)) * 7)]
