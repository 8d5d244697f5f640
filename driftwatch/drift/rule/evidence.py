"""Evidence: the components' scores and p-values for some buckets of one column, at every scale."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc

from driftwatch.drift.rule.baseline import Windows
from driftwatch.drift.rule.components import (
    Statistic,
    categorical_statistics,
    jensen_shannon,
    missing_statistics,
    numeric_statistics,
    total_variation,
)
from driftwatch.drift.rule.constants import ATOM_ROWS, LEAST_ROWS, RECENCY_KAPPA
from driftwatch.drift.rule.fitting import ColumnFit, ModelFit
from driftwatch.drift.rule.recency import cross_fractions, signed_fractions
from driftwatch.drift.rule.sample import presence
from driftwatch.drift.rule.series import Series
from driftwatch.drift.rule.tails import numerator_freedom, p_values, z_scores

__all__ = ["Bench", "Component", "Evidence", "gather", "material_distance"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]

_SMALL_EFFECT = 0.10
_SMALL_LONG_EFFECT = 0.06
_SMALL_DISTANCE = 0.05
_SMALL_SHARE = 0.02
_LEAST_NOVEL = 3
_NOVEL_POWER = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class Component:
    """One component over S scales and N buckets.

    Attributes:
        name: as judgements say it.
        z: float64[S, N], score.
        p: float64[S, N], p-value, 1 where a gate is shut.
        sign: int64[S, N].
        size: float64[S, N], the effect that recency compares.
        need: float64[S, N], the effect that each window has the power to show.
        rows: float64[S, N], the rows that it rests on.
        fractions: of some buckets int64[K]: float64[S, S, K], how much of window q's effect window r shows, at [r, q].
        weighty: whether the effect is worth a page however small the distance (shares are).
    """

    name: str
    z: Floats
    p: Floats
    sign: Ints
    size: Floats
    need: Floats
    rows: Floats
    fractions: Callable[[NDArray[np.intp]], Floats]
    weighty: bool


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Everything measured on N buckets of one column.

    Attributes:
        components: in the order in which ties are told.
        distance: float64[S, N], Kolmogorov-Smirnov or, for categories, total variation.
        steady: the component that recency of a material shift is read from.
        comparable: bool[S, N], windows with enough rows, in enough cells, to be compared.
        values: windows of the column's cells, one entry a scale.
        missing: windows of missing and non-missing rows, one entry a scale.
    """

    components: tuple[Component, ...]
    distance: Floats
    steady: Component
    comparable: Bools
    values: Sequence[Windows]
    missing: Sequence[Windows]

    def effects(self, scale: Ints) -> tuple[Floats, Floats]:
        """Total variation and Jensen-Shannon distance, float64[N], of each bucket's window at one scale each."""
        each = np.arange(len(scale))
        p = np.stack([windows.p for windows in self.values])[scale, each]
        q = np.stack([windows.q for windows in self.values])[scale, each]
        return total_variation(p, q), jensen_shannon(p, q)


class Bench:
    """One column laid out for measuring: its running sums over the positions to judge."""

    def __init__(self, series: Series, fitted: ColumnFit, model: ModelFit, start: int, stop: int) -> None:
        longest = model.scales[-1]
        self.series = series
        self.fitted = fitted
        self.model = model
        self.present = presence(series)[:stop]
        self.rows = self.present.sum(axis=1)
        self.values = fitted.values.sums(series.counts, start, stop, longest, series.present)
        self.missing = fitted.missing.sums(self.present, start, stop, longest, self.rows)
        self.novel = np.concatenate(([0], np.cumsum(series.novel[:stop])))


def gather(bench: Bench, ends: Ints) -> Evidence:
    """Measure the windows of every scale that end at `ends`, int64[N]."""
    series, fitted, model = bench.series, bench.fitted, bench.model
    scales = model.scales
    values = bench.values.windows(ends, scales)
    missing = bench.missing.windows(ends, scales)
    stacked = _stack(values)
    shape = (len(scales), len(ends))
    if series.scores is not None:
        components, distance, comparable = _numeric(stacked, series.scores, fitted, model, shape)
    else:
        components, distance, comparable = _categorical(stacked, fitted, model, shape)
    share = _missing(_stack(missing), fitted, model, shape)
    novel = _novel(bench, values, ends)
    return Evidence((*components, share, novel), distance, components[-1], comparable, values, missing)


def material_distance(bench: Bench, ends: Ints, scale: int) -> Floats:
    """float64[N], Kolmogorov-Smirnov or total variation of the windows of one scale ending at `ends`."""
    sums = bench.fitted.values.sums(bench.series.counts, int(ends[0]), int(ends[-1]) + 1, scale)
    [windows] = sums.windows(ends, [scale])
    if bench.series.scores is None:
        return total_variation(windows.p, windows.q)
    return np.asarray(np.abs(np.cumsum(windows.p - windows.q, axis=1)).max(axis=1), dtype=np.float64)


def _stack(windows: Sequence[Windows]) -> Windows:
    return Windows(
        np.concatenate([one.ends for one in windows]),
        np.concatenate([one.p for one in windows]),
        np.concatenate([one.q for one in windows]),
        np.concatenate([one.n for one in windows]),
        np.concatenate([one.m for one in windows]),
    )


def _scored(
    kind: str, name: str, statistic: Statistic, n: Floats, gate: Bools, fitted: ColumnFit, model: ModelFit
) -> Component:
    """Turn a statistic over S·N windows into a component; its gate is bool[S, N]."""
    shape = gate.shape
    tau2, d2 = (np.repeat(table[kind], shape[1]) for table in (fitted.tau2, fitted.d2))
    z = z_scores(statistic, n, tau2, d2).reshape(shape)
    calendar = model.ladder.calendar
    tailed = [
        p_values(z[place], model.tails[kind][place], long=calendar.is_long(scale))
        for place, scale in enumerate(model.scales)
    ]
    need = RECENCY_KAPPA**2 * (tau2 + statistic.v) / numerator_freedom(statistic, tau2)
    signed = statistic.signed.reshape(shape)
    directed = kind not in {"R", "C"}
    return Component(
        name,
        z,
        np.where(gate, tailed, 1.0),
        np.sign(signed).astype(np.int64) if directed else np.zeros(shape, np.int64),
        statistic.x.reshape(shape),
        need.reshape(shape),
        n.reshape(shape),
        lambda at: signed_fractions(signed[:, at]),
        weighty=kind == "M",
    )


def _numeric(
    windows: Windows, scores: Floats, fitted: ColumnFit, model: ModelFit, shape: tuple[int, int]
) -> tuple[tuple[Component, ...], Floats, Bools]:
    numeric = numeric_statistics(windows, scores)
    distance = numeric.distance.reshape(shape)
    n = windows.n.reshape(shape)
    comparable = (n >= LEAST_ROWS) & (n * (1 - numeric.crowd.reshape(shape)) >= ATOM_ROWS)
    comparable &= fitted.values.table.total > 0
    long = np.array([model.ladder.calendar.is_long(scale) for scale in model.scales])[:, None]
    worth = numeric.effect.reshape(shape) >= np.where(long, _SMALL_LONG_EFFECT, _SMALL_EFFECT)
    gate = comparable & (worth | (distance >= _SMALL_DISTANCE))
    location, spread, shape_ = (
        _scored(kind, name, statistic, windows.n, gate, fitted, model)
        for kind, name, statistic in (
            ("V", "location", numeric.location),
            ("S", "spread", numeric.spread),
            ("R", "shape", numeric.shape),
        )
    )
    difference = numeric.difference.reshape(*shape, -1)
    weight = numeric.weight.reshape(*shape, -1)
    shape_ = _with_fractions(shape_, lambda at: cross_fractions(difference[:, at], weight[:, at] * difference[:, at]))
    return (location, spread, shape_), distance, comparable


def _categorical(
    windows: Windows, fitted: ColumnFit, model: ModelFit, shape: tuple[int, int]
) -> tuple[tuple[Component, ...], Floats, Bools]:
    categorical = categorical_statistics(windows)
    distance = categorical.distance.reshape(shape)
    comparable = (windows.n.reshape(shape) >= LEAST_ROWS) & (fitted.values.table.total > 0)
    worth = (distance >= _SMALL_DISTANCE) | (categorical.divergence.reshape(shape) >= _SMALL_DISTANCE)
    mix = _scored("C", "categories", categorical.mix, windows.n, comparable & worth, fitted, model)
    difference = categorical.difference.reshape(*shape, -1)
    ratio = categorical.ratio.reshape(*shape, -1)
    mix = _with_fractions(mix, lambda at: cross_fractions(difference[:, at], ratio[:, at]))
    return (mix,), distance, comparable


def _with_fractions(component: Component, fractions: Callable[[NDArray[np.intp]], Floats]) -> Component:
    return Component(
        component.name,
        component.z,
        component.p,
        component.sign,
        component.size,
        component.need,
        component.rows,
        fractions,
        component.weighty,
    )


def _missing(windows: Windows, fitted: ColumnFit, model: ModelFit, shape: tuple[int, int]) -> Component:
    """Missing share: a difference of two points, and a rise only above what the reference had."""
    statistics = missing_statistics(windows)
    p, q = statistics.p.reshape(shape), statistics.q.reshape(shape)
    gate = (windows.n.reshape(shape) >= LEAST_ROWS) & (np.abs(p - q) >= _SMALL_SHARE)
    gate &= (p < q) | (p > fitted.missing_limit[:, None])
    gate &= fitted.missing.table.total > 0
    return _scored("M", "missing_share", statistics.share, windows.n, gate, fitted, model)


def _novel(bench: Bench, values: Sequence[Windows], ends: Ints) -> Component:
    """Values that the reference never had: the binomial chance of so many, given how often its folds had them.

    Three rows or more, and a share above a floor and above the largest that the reference had (1 + 8/folds); numeric
    columns that set records as a matter of course are tested in long windows only.
    """
    fitted, model, running = bench.fitted, bench.model, bench.novel
    n = np.stack([windows.n for windows in values])
    starts = ends[None] + 1 - np.array(model.scales)[:, None]
    k = np.where(starts >= 0, running[ends + 1][None] - running[np.maximum(starts, 0)], 0).astype(np.float64)
    share = k / np.maximum(n, 1.0)
    gate = (n >= LEAST_ROWS) & (k >= _LEAST_NOVEL) & (share > fitted.novel_limit[:, None])
    if fitted.kind == "numeric" and fitted.restless:
        gate &= np.array([model.ladder.calendar.is_long(scale) for scale in model.scales])[:, None]
    p = np.where(gate, bdtrc(np.maximum(k - 1, 0), np.maximum(n, 1).astype(np.int64), fitted.novel_probability), 1.0)
    z = k - n * fitted.novel_probability
    z /= np.sqrt(np.maximum(n * fitted.novel_probability * (1 - fitted.novel_probability), 1e-12))
    return Component(
        "new_values",
        np.where(gate, np.maximum(z, 0.0), 0.0),
        p,
        np.sign(k).astype(np.int64),
        share,
        _NOVEL_POWER / np.maximum(n, 1.0),
        n,
        lambda at: signed_fractions(share[:, at]),
        weighty=True,
    )
