"""The level of a service's metric from window to window, and how far beyond its own past it is.

For what has too few rows in a window to compare distributions (one latency an hour), and for error rates, where twice
as many means the same whether they are many or few. Levels are taken on a logarithmic scale. How often the reference
itself was so high is continued beyond what it saw: of single buckets with an exponential tail, of means over several
with Student's t, each as uncertain as the reference is short.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

__all__ = ["UNIT", "Level", "LevelRule", "fit_levels"]

UNIT = 2.0**-20
"""Levels are counted in it, so that sums are exact whatever they begin with."""

_TAIL_SHARE = 0.1
_LEAST_EXCEEDING = 3.0
_LEAST_MEAN_EXCESS = 0.005
_LEAST_SD = 0.005
_LEAST_FREEDOM = 2.0
_LEAST_WINDOWS = 24
_DAYS_FOR_HOURS = 7
_SHOWN = 0.5  # as in the drift rule


@dataclass(frozen=True, slots=True)
class Level:
    """How high one window is.

    Attributes:
        excess: mean deviation from the expected level over the span, on the logarithmic scale.
        expected: that level.
        span: buckets, the span that is least probable.
        p_value: share of the reference's windows that would be so high; of one bucket, 1 below its upper tenth.
    """

    excess: float
    expected: float
    span: int
    p_value: float


@dataclass(frozen=True, slots=True, eq=False)
class _Tail:
    """Beyond `threshold` an exponential with mean excess `beta`, known from `weight` values; `share` lie beyond."""

    threshold: float
    beta: float
    weight: float
    share: float

    def p_values(self, excess: NDArray[np.float64]) -> NDArray[np.float64]:
        """The predictive tail share (1 + x/(k beta))^-k: an exponential whose mean is known from k values."""
        beyond = np.maximum(excess - self.threshold, 0.0)
        p = self.share * (1 + beyond / (self.weight * self.beta)) ** -self.weight
        return np.where(excess > self.threshold, p, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class _Spread:
    """Means over several buckets: `sd` around `centre`, known from `freedom` + 1 of them that do not overlap."""

    centre: float
    sd: float
    freedom: float

    def p_values(self, excess: NDArray[np.float64]) -> NDArray[np.float64]:
        """The predictive tail share, that of Student's t."""
        scale = self.sd * np.sqrt(1 + 1 / (self.freedom + 1))
        return np.asarray(stdtr(self.freedom, -(excess - self.centre) / scale), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class LevelRule:
    """A fitted reference.

    Attributes:
        per_day: buckets in a day.
        centre: float64[per_day], the expected level by place in the day.
        spans: buckets over which deviations are averaged, ascending.
        tails: one for each.
    """

    per_day: int
    centre: NDArray[np.float64]
    spans: tuple[int, ...]
    tails: tuple[_Tail | _Spread, ...]

    def judge(self, levels: NDArray[np.float64], first_place: int) -> list[Level | None]:
        """The least probable span that ends at each bucket, None where the bucket has no level.

        A span counts only if its newest part (the newest bucket, of six; the newest six, of a day) is high still.

        Args:
            levels: float64[T], NaN where there is none.
            first_place: place in the day of the first.
        """
        places = (first_place + np.arange(len(levels))) % self.per_day
        expected = self.centre[places]
        deviation = levels - expected
        means = [_means(deviation, span) for span in self.spans]
        ordered = (np.nan_to_num(mean, nan=-np.inf) for mean in means)
        p = np.stack([tail.p_values(mean) for tail, mean in zip(self.tails, ordered, strict=True)])
        for place in range(1, len(self.spans)):
            newest = means[place - 1]
            p[place] = np.where(newest >= _SHOWN * means[place], p[place], 1.0)
        best = np.argmin(p, axis=0)
        return [
            None
            if np.isnan(levels[at])
            else Level(float(means[k][at]), float(expected[at]), self.spans[k], float(p[k, at]))
            for at, k in enumerate(best.tolist())
        ]


def fit_levels(levels: NDArray[np.float64], per_day: int, first_place: int, *, alone: bool = False) -> LevelRule | None:
    """Learn from the reference; None if fewer than 24 of its buckets have a level.

    The expected level is that of the hour of the day (with its neighbours) from seven days on, else that of all.

    Args:
        levels: float64[R], on a logarithmic scale, NaN where there is none.
        per_day: buckets in a day.
        first_place: place in the day of the first.
        alone: buckets do not follow one another, so that there are no means over several.
    """
    known = np.isfinite(levels)
    if known.sum() < min(_LEAST_WINDOWS, max(7, per_day)):
        return None
    places = (first_place + np.arange(len(levels))) % per_day
    centre = np.full(per_day, float(np.median(levels[known])))
    if len(levels) >= _DAYS_FOR_HOURS * per_day and per_day > 1:
        centre = _by_hour(levels, places, per_day, centre)
    deviation = levels - centre[places]
    spans = tuple(dict.fromkeys((1, max(1, per_day // 4), per_day) if per_day > 1 else (1, 7)))
    spans = spans[:1] if alone else spans
    tails = {span: tail for span in spans if (tail := _fit_tail(deviation, span)) is not None}
    return LevelRule(per_day, centre, tuple(tails), tuple(tails.values()))


def _by_hour(
    levels: NDArray[np.float64], places: NDArray[np.int64], per_day: int, pooled: NDArray[np.float64]
) -> NDArray[np.float64]:
    centre = pooled.copy()
    for place in range(per_day):
        near = np.isin(places, [(place - 1) % per_day, place, (place + 1) % per_day]) & np.isfinite(levels)
        if near.sum() >= _DAYS_FOR_HOURS:
            centre[place] = np.median(levels[near])
    return centre


def _fit_tail(deviation: NDArray[np.float64], span: int) -> _Tail | _Spread | None:
    means = _means(deviation, span)
    means = means[np.isfinite(means)]
    if span > 1:
        freedom = len(means) / span - 1
        if freedom < _LEAST_FREEDOM:
            return None
        return _Spread(float(means.mean()), max(_LEAST_SD, float(means.std())), freedom)
    if not len(means):
        return _Tail(0.0, 1.0, _LEAST_EXCEEDING, _TAIL_SHARE)
    threshold = float(np.quantile(means, 1 - _TAIL_SHARE))
    beyond = means[means > threshold] - threshold
    beta = max(_LEAST_MEAN_EXCESS, float(beyond.mean()) if len(beyond) else 0.0)
    return _Tail(max(threshold, 0.0), beta, max(_LEAST_EXCEEDING, float(len(beyond))), _TAIL_SHARE)


def _means(deviation: NDArray[np.float64], span: int) -> NDArray[np.float64]:
    """float64[T], means over the last `span` values that are known, NaN where fewer than half of them are."""
    known = np.isfinite(deviation)
    units = np.rint(np.where(known, deviation, 0.0) / UNIT).astype(np.int64)
    total, n = (_trailing(of, span) for of in (units, known.astype(np.int64)))
    return np.where(known & (n * 2 >= span), total * UNIT / np.maximum(n, 1), np.nan)


def _trailing(values: NDArray[np.int64], span: int) -> NDArray[np.int64]:
    sums = np.concatenate((np.zeros(span, dtype=np.int64), np.cumsum(values)))
    return np.asarray(sums[span:] - sums[: len(values)], dtype=np.int64)
