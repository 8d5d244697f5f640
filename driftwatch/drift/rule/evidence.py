"""Evidence: the components' scores and p-values, lane by lane, at every scale."""

from collections.abc import Callable
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
from driftwatch.drift.rule.lanes import Lanes
from driftwatch.drift.rule.recency import cross_fractions, signed_fractions
from driftwatch.drift.rule.tails import numerator_freedom, p_values, z_scores

__all__ = ["Component", "Evidence", "gather", "material_distance"]

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
    """One component over S scales and L lanes.

    Attributes:
        name: as judgements say it.
        z: float64[S, L], score.
        p: float64[S, L], p-value, 1 where a gate is shut.
        sign: int64[S, L].
        size: float64[S, L], the effect that recency compares.
        need: float64[S, L], the effect that each window has the power to show.
        rows: float64[S, L], the rows that it rests on.
        fractions: of some lanes int64[K]: float64[S, S, K], how much of window q's effect window r shows, at [r, q].
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
    """Everything measured on L lanes.

    Attributes:
        components: in the order in which ties are told.
        distance: float64[S, L], Kolmogorov-Smirnov or, for categories, total variation.
        steady: the component that recency of a material shift is read from.
        comparable: bool[S, L], windows with enough rows, in enough cells, to be compared.
        values: S·L windows of the columns' cells.
        missing: S·L windows of missing and non-missing rows.
    """

    components: tuple[Component, ...]
    distance: Floats
    steady: Component
    comparable: Bools
    values: Windows
    missing: Windows

    def effects(self, scale: Ints) -> tuple[Floats, Floats]:
        """Total variation and Jensen-Shannon distance, float64[L], of each lane's window at one scale each."""
        rows = scale * len(scale) + np.arange(len(scale))
        p, q = self.values.p[rows], self.values.q[rows]
        return total_variation(p, q), jensen_shannon(p, q)


def gather(lanes: Lanes) -> Evidence:
    """Measure the windows of every scale and lane."""
    if lanes.fitted.scores is not None:
        components, distance, comparable = _numeric(lanes, lanes.fitted.scores)
    else:
        components, distance, comparable = _categorical(lanes)
    share, novel = _missing(lanes), _novel(lanes)
    return Evidence((*components, share, novel), distance, components[-1], comparable, lanes.values, lanes.missing)


def material_distance(windows: Windows, kind: str) -> Floats:
    """float64[W], Kolmogorov-Smirnov or, of categories, total variation."""
    if kind == "categorical":
        return total_variation(windows.p, windows.q)
    return np.asarray(np.abs(np.cumsum(windows.p - windows.q, axis=1)).max(axis=1), dtype=np.float64)


def _scored(kind: str, name: str, statistic: Statistic, n: Floats, gate: Bools, lanes: Lanes) -> Component:
    """Turn a statistic over S·L windows into a component; its gate is bool[S, L]."""
    shape, model = gate.shape, lanes.model
    tau2, d2 = (table[kind].reshape(-1) for table in (lanes.fitted.tau2, lanes.fitted.d2))
    dimensions = np.tile(lanes.fitted.dimensions[kind], shape[0])
    z = z_scores(statistic, n, tau2, d2, dimensions).reshape(shape)
    calendar = model.ladder.calendar
    tailed = [
        p_values(z[place], model.tails[kind][place], long=calendar.is_long(scale))
        for place, scale in enumerate(model.scales)
    ]
    need = RECENCY_KAPPA**2 * (tau2 + statistic.v) / numerator_freedom(statistic, tau2, dimensions)
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


def _numeric(lanes: Lanes, scores: Floats) -> tuple[tuple[Component, ...], Floats, Bools]:
    windows, shape = lanes.values, lanes.shape
    numeric = numeric_statistics(windows, np.tile(scores, (shape[0], 1)))
    distance = numeric.distance.reshape(shape)
    n = windows.n.reshape(shape)
    comparable = (n >= LEAST_ROWS) & (n * (1 - numeric.crowd.reshape(shape)) >= ATOM_ROWS)
    comparable &= lanes.fitted.known
    worth = numeric.effect.reshape(shape) >= np.where(lanes.long, _SMALL_LONG_EFFECT, _SMALL_EFFECT)
    gate = comparable & (worth | (distance >= _SMALL_DISTANCE))
    location, spread, shape_ = (
        _scored(kind, name, statistic, windows.n, gate, lanes)
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


def _categorical(lanes: Lanes) -> tuple[tuple[Component, ...], Floats, Bools]:
    windows, shape = lanes.values, lanes.shape
    categorical = categorical_statistics(windows)
    distance = categorical.distance.reshape(shape)
    comparable = (windows.n.reshape(shape) >= LEAST_ROWS) & lanes.fitted.known
    worth = (distance >= _SMALL_DISTANCE) | (categorical.divergence.reshape(shape) >= _SMALL_DISTANCE)
    mix = _scored("C", "categories", categorical.mix, windows.n, comparable & worth, lanes)
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


def _missing(lanes: Lanes) -> Component:
    """Missing share: a difference of two points, and a rise only above what the reference had."""
    windows, shape = lanes.missing, lanes.shape
    statistics = missing_statistics(windows)
    p, q = statistics.p.reshape(shape), statistics.q.reshape(shape)
    gate = (windows.n.reshape(shape) >= LEAST_ROWS) & (np.abs(p - q) >= _SMALL_SHARE)
    gate &= (p < q) | (p > lanes.fitted.missing_limit)
    gate &= lanes.fitted.counted
    return _scored("M", "missing_share", statistics.share, windows.n, gate, lanes)


def _novel(lanes: Lanes) -> Component:
    """Values that the reference never had: the binomial chance of so many, given how often its folds had them.

    Three rows or more, and a share above a floor and above the largest that the reference had (1 + 8/folds); numeric
    columns that set records as a matter of course are tested in long windows only.
    """
    fitted = lanes.fitted
    n, k = lanes.values.n.reshape(lanes.shape), lanes.novel.astype(np.float64)
    share = k / np.maximum(n, 1.0)
    gate = (n >= LEAST_ROWS) & (k >= _LEAST_NOVEL) & (share > fitted.novel_limit)
    if fitted.kind == "numeric":
        gate &= lanes.long | ~fitted.restless
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
