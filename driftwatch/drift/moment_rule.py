"""The calibrated alarm rule for several numbers at once: what natural variation is, and when a difference is news.

The parts are those of :mod:`driftwatch.drift.rule`, with x = T and v = tr/n: natural variation is what the reference's
own windows show beyond sampling, an F score and a tail from left-out folds make a p-value, and an alarm needs that the
difference is still there in the newest part of its window. Windows longer than the reference are not judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from driftwatch.drift.moment_baseline import MomentBaseline, MomentSeries
from driftwatch.drift.moments import COMPONENTS, Metric, MomentWindows, fit_metric, statistics, whitened
from driftwatch.drift.rule.calendar import Calendar
from driftwatch.drift.rule.components import Statistic
from driftwatch.drift.rule.constants import LEAST_FOLDS, LEAST_ROWS, RECENCY_KAPPA, RECENCY_ROWS
from driftwatch.drift.rule.ladder import Ladder
from driftwatch.drift.rule.recency import cross_fractions, faded
from driftwatch.drift.rule.sample import autocorrelation
from driftwatch.drift.rule.tails import NORMAL_TAIL, Tail, fit_tail, numerator_freedom, p_values, z_scores
from driftwatch.drift.rule.variation import Reach, ScaleVariation, extrapolate
from driftwatch.drift.rule.volume import VolumeGate

__all__ = ["MomentJudgement", "MomentRule", "fit_moments"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]

_COLD_TAU2 = 0.0144
_COLD_D2 = 30.0
_FLOOR_TAU2 = 1e-4
_PRIOR_WINDOWS = 4.0
_ENOUGH_WINDOWS = 14
_UNEVEN = 2.0
"""Directions do not stray alike; the far tail belongs to the few that stray most."""

_SMALL_EFFECT = 0.10
_SMALL_LONG_EFFECT = 0.06
_AT_ONCE = 128


@dataclass(frozen=True, slots=True)
class MomentJudgement:
    """The verdict on one bucket.

    Attributes:
        bucket: position on the calendar's axis.
        state: ``"judged"``, ``"low_data"`` or ``"no_data"``, as of a column.
        alarm: the p-value is below the budget and every gate agrees.
        fading: it would be, were the newest part of the window not back to normal.
        component: ``"means"`` or ``"dependence"``, the more surprising one; None when nothing surprised.
        scale_buckets: length of that window.
        z: its score, 0 or more.
        p_value: of the score, 1.0 when a gate was shut.
        threshold_p: the p-value below which it is an alarm.
        effect: root of x beyond sampling, in standard deviations of whitened data.
        n: rows of the window.
        n_reference: effective rows of the reference beside it.
        uncalibrated: the reference was too short to learn any natural variation.
    """

    bucket: int
    state: str
    alarm: bool
    fading: bool
    component: str | None
    scale_buckets: int
    z: float
    p_value: float
    threshold_p: float
    effect: float
    n: int
    n_reference: int
    uncalibrated: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Variation:
    """Natural variation and tail of one component at one scale.

    Attributes:
        tau2: the mean of x beyond sampling.
        spread: the variance of x beyond sampling. 2 tau⁴ if one direction alone strayed; many average out.
        d2: how well tau2 is known, in degrees of freedom.
        tail: of the scores.
    """

    tau2: float
    spread: float
    d2: float
    tail: Tail

    def scored(self, statistic: Statistic) -> Statistic:
        """The statistic with a variance from which the score's d1 = 2 (tau² + v)²/(spread + s2) follows."""
        s2 = statistic.s2 + self.spread - 2 * self.tau2**2
        return Statistic(statistic.x, statistic.v, s2, statistic.signed, statistic.tail)


@dataclass(frozen=True, slots=True, eq=False)
class MomentRule:
    """A fitted reference.

    Attributes:
        ladder: the rung.
        scales: buckets, ascending.
        baseline: what each slot looked like.
        metric: what differences are measured in.
        variations: of each component, one a scale.
        volume: the usual rows.
        uncalibrated: natural variation could be estimated at no scale.
        components: those that are judged.
    """

    ladder: Ladder
    scales: tuple[int, ...]
    baseline: MomentBaseline
    metric: Metric
    variations: tuple[tuple[_Variation, ...], ...]
    volume: VolumeGate
    uncalibrated: bool
    components: tuple[str, ...] = COMPONENTS

    @property
    def longest(self) -> int:
        """Buckets of the longest window: no sums before it are looked at."""
        return self.scales[-1]

    def judge(self, series: MomentSeries, ends: Ints, *, threshold: float) -> list[MomentJudgement]:
        """Judge the buckets at positions `ends`, ascending, all of them after the reference."""
        judgements: list[MomentJudgement] = []
        for first in range(0, len(ends), _AT_ONCE):
            judgements += self._judge(series, ends[first : first + _AT_ONCE], threshold)
        return judgements

    def windows(self, series: MomentSeries, end: int, scale: int) -> MomentWindows:
        """The window of one scale that ends at one position."""
        return self.baseline.windows(series, np.array([end]), scale)

    def _judge(self, series: MomentSeries, ends: Ints, threshold: float) -> list[MomentJudgement]:
        windows = [self.baseline.windows(series, ends, scale) for scale in self.scales]
        by_scale = [statistics(one, self.metric) for one in windows]
        n = np.stack([one.n for one in windows])
        rows = series.rows[ends]
        low = np.logical_or.accumulate(self.volume.low(series.rows, ends), axis=0)
        allowed = ~low & (rows > 0) & (n >= self._least)
        scored = [self._score([one[place] for one in by_scale], n, place) for place in range(len(COMPONENTS))]
        judged = np.array([name in self.components for name in COMPONENTS])
        p = np.stack([np.where(allowed, one.p, 1.0) for one in scored])
        p[~judged] = 1.0
        candidates = p < threshold
        off = np.stack([self._faded(one, candidates[place], n, windows, place) for place, one in enumerate(scored)])
        alarms = candidates & ~off
        rank = np.where(alarms, p - 2, p).reshape(-1, len(ends))
        best = np.argmin(rank, axis=0)
        component, scale = best // len(self.scales), best % len(self.scales)
        judgements = []
        for each, end in enumerate(ends.tolist()):
            c, s = int(component[each]), int(scale[each])
            has_verdict = bool(allowed[:, each].any())
            alarm = bool(alarms[:, :, each].any())
            judgements.append(
                MomentJudgement(
                    bucket=end,
                    state="judged" if has_verdict else "low_data" if rows[each] else "no_data",
                    alarm=alarm,
                    fading=bool(candidates[:, :, each].any()) and not alarm,
                    component=COMPONENTS[c] if p[c, s, each] < 1 else None,
                    scale_buckets=self.scales[s],
                    z=max(0.0, float(scored[c].z[s, each])) if has_verdict else 0.0,
                    p_value=float(p[c, s, each]),
                    threshold_p=threshold,
                    effect=float(scored[c].effect[s, each]) if has_verdict else 0.0,
                    n=round(float(n[s, each])),
                    n_reference=round(float(windows[s].m[each])),
                    uncalibrated=self.uncalibrated,
                )
            )
        return judgements

    @property
    def _least(self) -> int:
        """Rows below which a window is not compared."""
        return max(LEAST_ROWS, len(self.metric.used))

    def _score(self, of: Sequence[Statistic], n: Floats, place: int) -> "_Scored":
        parts = []
        for scale, plain, rows, variation in zip(self.scales, of, n, self.variations[place], strict=True):
            statistic = variation.scored(plain)
            tau2, d2 = (np.full(len(rows), value) for value in (variation.tau2, variation.d2))
            z = z_scores(statistic, rows, tau2, d2)
            long = self.ladder.calendar.is_long(scale)
            effect = np.sqrt(np.maximum(statistic.x - statistic.v, 0.0))
            worth = effect >= (_SMALL_LONG_EFFECT if long else _SMALL_EFFECT)
            p = np.where(worth, p_values(z, variation.tail, long=long), 1.0)
            need = RECENCY_KAPPA**2 * (tau2 + statistic.v) / numerator_freedom(statistic, tau2)
            parts.append((z, p, effect, statistic.x - statistic.v, need, statistic.v))
        return _Scored(*(np.stack(column) for column in zip(*parts, strict=True)))

    def _faded(
        self, scored: "_Scored", candidates: Bools, n: Floats, windows: Sequence[MomentWindows], place: int
    ) -> Bools:
        """bool[S, N], recency of the buckets that have a candidate; False elsewhere."""
        result = np.zeros(candidates.shape, dtype=np.bool_)
        at = np.flatnonzero(candidates.any(axis=0))
        if len(at):
            chosen = [MomentWindows(one.ends[at], one.p[at], one.q[at], one.n[at], one.m[at]) for one in windows]
            difference = np.stack([whitened(one, self.metric)[place] for one in chosen])
            enough = n[:, at] >= max(RECENCY_ROWS, self._least)
            fractions = _net(cross_fractions(difference, difference), scored.size[:, at], scored.noise[:, at])
            result[:, at] = faded(scored.size[:, at], scored.need[:, at], enough, fractions)
        return result


@dataclass(frozen=True, slots=True, eq=False)
class _Scored:
    """One component over S scales and N buckets, float64[S, N] each: `size` is x - v, and `noise` v."""

    z: Floats
    p: Floats
    effect: Floats
    size: Floats
    need: Floats
    noise: Floats


def _net(fractions: Floats, size: Floats, noise: Floats) -> Floats:
    """float64[S, S, N]: how much of window q's difference window r shows, both without sampling noise.

    Windows are nested, so that the noise of the longer one is in both, and its square in their product.
    """
    there = size > 0
    return np.where(there, (fractions * (size + noise) - noise) / np.where(there, size, 1.0), 1.0)


def fit_moments(
    series: MomentSeries, calendar: Calendar, n_reference: int, *, components: tuple[str, ...] = COMPONENTS
) -> MomentRule | None:
    """Learn from the first `n_reference` buckets; None when too few dimensions vary in them.

    Args:
        series: the reference, and maybe more.
        calendar: of the series.
        n_reference: buckets of the reference.
        components: what is judged; the means need one dimension that varies, dependence two.
    """
    ladder = Ladder.of(calendar, n_reference)
    baseline = MomentBaseline.of(series, ladder)
    metric = fit_metric(series.dimensions, baseline.pooled, baseline.between(series.dimensions), baseline.higher)
    if len(metric.used) < (1 if components == COMPONENTS[:1] else 2):
        return None
    scales = tuple(scale for scale in calendar.scales if scale <= max(n_reference, 1)) or calendar.scales[:1]
    fits: list[list[_Fit]] = [[] for _ in COMPONENTS]
    estimated = 0
    for place, scale in enumerate(scales):
        reach = Reach(scale, scales[place - 1] if place else None, n_reference, calendar.per_day)
        if n_reference >= 2 * scale and reach.repeats >= LEAST_FOLDS:
            estimated += 1
            windows = baseline.reference_windows(series, scale)
            both = _statistics(windows, metric)
            for of, statistic in zip(fits, both, strict=True):
                of.append(_estimate(statistic, windows, reach, ladder, len(metric.used), of))
        else:
            for of in fits:
                of.append(_borrow(reach, len(metric.used), of))
    variations = tuple(tuple(each.variation for each in of) for of in fits)
    volume = VolumeGate.of(series.rows[:n_reference], ladder, scales)
    calibrated = estimated > 0
    return MomentRule(
        ladder, scales, baseline, metric, variations, volume, uncalibrated=not calibrated, components=components
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    variation: _Variation
    spread: ScaleVariation
    is_estimated: bool


def _statistics(windows: MomentWindows, metric: Metric) -> tuple[Statistic, ...]:
    """As :func:`statistics`, some hundred windows at a time."""
    parts = []
    for first in range(0, len(windows.ends), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        part = MomentWindows(windows.ends[some], windows.p[some], windows.q[some], windows.n[some], windows.m[some])
        parts.append(statistics(part, metric))
    return tuple(Statistic.joined(of) for of in zip(*parts, strict=True))


def _estimate(
    statistic: Statistic,
    windows: MomentWindows,
    reach: Reach,
    ladder: Ladder,
    dimensions: int,
    shorter: Sequence[_Fit],
) -> _Fit:
    enough = windows.n >= max(LEAST_ROWS, dimensions)
    kept = statistic.take(enough)
    excess, folds = kept.x - kept.v, ladder.folds()[windows.ends[enough]]
    t = max(_FLOOR_TAU2 * dimensions, float(excess.mean())) if len(excess) >= 2 else _COLD_TAU2 * dimensions
    step = 1 if reach.scale < ladder.period else max(1, reach.scale // 4)
    lag = max(1, round(max(reach.scale, reach.per_day) / step))
    r = autocorrelation(np.sqrt(statistic.x), enough, lag)
    mean_v = float(kept.v.mean()) if len(excess) else 0.0
    rho = float(np.clip(r * (t + mean_v) / t, 0.0, 0.95))
    freedom = max(1.0, reach.repeats * (1 - r**2) / (1 + r**2))
    weight = _PRIOR_WINDOWS if reach.repeats < _ENOUGH_WINDOWS and not shorter else 0.1
    estimate = _Estimate(kept, folds, freedom, weight, dimensions)
    variation = estimate.variation(excess, NORMAL_TAIL)
    tail = shorter[-1].variation.tail if shorter else NORMAL_TAIL
    if reach.scale < ladder.period:
        tail = estimate.tail(ladder.fold_count, windows.n[enough])
    spread = ScaleVariation(
        reach.scale,
        np.array([variation.tau2]),
        np.array([variation.d2]),
        np.array([rho]),
        np.array([freedom]),
        None,
    )
    return _Fit(replace(variation, tail=tail), spread, is_estimated=True)


@dataclass(frozen=True, slots=True, eq=False)
class _Estimate:
    """The reference windows of one scale with enough rows.

    Attributes:
        statistic: of k windows.
        folds: int64[k].
        freedom: how many of them are independent, in effect.
        weight: how many windows the constants are worth.
        dimensions: u.
    """

    statistic: Statistic
    folds: Ints
    freedom: float
    weight: float
    dimensions: int

    def variation(self, excess: Floats, tail: Tail) -> _Variation:
        """From x - v of some of the windows.

        That natural variation has one direction only is worth as much as the constants or four windows; what the
        windows show is worth their number.
        """
        cold = _COLD_TAU2 * self.dimensions
        own, weight = self.freedom * len(excess) / max(len(self.statistic.x), 1), self.weight
        t = max(_FLOOR_TAU2 * self.dimensions, float(excess.mean())) if len(excess) >= 2 else cold
        tau2 = (weight * cold + own * t) / (weight + own)
        sampled = float(self.statistic.s2.mean()) if len(excess) else 0.0
        seen = float(np.clip(_UNEVEN * (excess.var() - sampled), 0.0, 2 * t**2)) if len(excess) >= 2 else 2 * t**2
        spread = 2 * tau2**2 * (_PRIOR_WINDOWS + own * seen / (2 * t**2)) / (_PRIOR_WINDOWS + own)
        v = float(self.statistic.v.mean()) if len(excess) else 0.0
        d1 = max(1.0, 2 * (tau2 + v) ** 2 / (spread + sampled))
        return _Variation(tau2, spread, weight + own * d1, tail)

    def tail(self, fold_count: int, n: Floats) -> Tail:
        """Scores of each fold with natural variation from the other folds."""
        if fold_count < 2 or not len(n):
            return NORMAL_TAIL
        excess = self.statistic.x - self.statistic.v
        scores = []
        for fold in range(fold_count):
            inside = self.folds == fold
            variation = self.variation(excess[~inside], NORMAL_TAIL)
            part = self.statistic.take(inside)
            tau2, d2 = np.full(len(part.x), variation.tau2), np.full(len(part.x), variation.d2)
            scores.append(z_scores(variation.scored(part), n[inside], tau2, d2))
        return fit_tail(np.concatenate(scores))


def _borrow(reach: Reach, dimensions: int, shorter: Sequence[_Fit]) -> _Fit:
    """A scale that the reference cannot tell: from the next shorter one, or the constants."""
    if not shorter or (not shorter[-1].is_estimated and reach.previous is None):
        cold = np.array([_COLD_TAU2 * dimensions])
        spread = ScaleVariation(reach.scale, cold, np.array([_COLD_D2]), np.zeros(1), np.zeros(1), None)
        variation = _Variation(float(cold[0]), 2 * float(cold[0]) ** 2, _COLD_D2, NORMAL_TAIL)
        return _Fit(variation, spread, is_estimated=False)
    last = next((each for each in reversed(shorter) if each.is_estimated), shorter[-1])
    if not last.is_estimated:
        return last
    spread = extrapolate("V", last.spread, reach)  # "V": the least natural variation, that of a location
    known, tau2 = last.variation, float(spread.tau2[0])
    variation = _Variation(tau2, known.spread * (tau2 / known.tau2) ** 2, float(spread.d2[0]), known.tail)
    return _Fit(variation, spread, is_estimated=False)
