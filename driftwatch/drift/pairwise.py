"""One window against one reference: the alarm rule's statistics, asked once.

Without times the natural variation of a column is unknown, and the rule's cold-start constants stand for it: a shift
that columns commonly make by themselves is not called drift. With times it is learned from the reference. The
question is asked once for each of F columns, so that drift is p < 0.01/F and an effect worth having.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc, betaln, chdtrc, kolmogorov

from driftwatch.drift.rule import Calendar, Series
from driftwatch.drift.rule.baseline import Windows
from driftwatch.drift.rule.cells import category_cells, numeric_cells
from driftwatch.drift.rule.components import (
    Statistic,
    categorical_statistics,
    jensen_shannon,
    missing_statistics,
    numeric_statistics,
    total_variation,
)
from driftwatch.drift.rule.constants import ATOM_ROWS, COLD_D2, COLD_TAU2, LEAST_ROWS, NOVEL_FLOOR
from driftwatch.drift.rule.fitting import fit_model
from driftwatch.drift.rule.sample import presence
from driftwatch.drift.rule.tails import NORMAL_TAIL, Tail, p_values, z_scores

__all__ = [
    "LEAST_ROWS",
    "SIGNIFICANCE",
    "ColumnPair",
    "PairVerdict",
    "calibrated_pairs",
    "categorical_pair",
    "judge_pairs",
    "numeric_pair",
]

SIGNIFICANCE = 0.01
"""Chance of calling any of F columns drifted where nothing did; each is asked at a share of it."""

_EFFECT, _LONG_EFFECT, _DISTANCE, _SHARE = 0.10, 0.06, 0.05, 0.02
_LEAST_NOVEL = 3


@dataclass(frozen=True, slots=True)
class Variation:
    """How far a column strays by itself in a window of this length: natural variation by class of component."""

    tau2: Mapping[str, float]
    freedom: Mapping[str, float]
    tails: Mapping[str, Tail]
    long: bool = False
    missing_limit: float = 0.0
    novel_limit: float = 0.0
    restless: bool = False


_COLD = Variation(COLD_TAU2, dict.fromkeys(COLD_TAU2, COLD_D2), dict.fromkeys(COLD_TAU2, NORMAL_TAIL))


@dataclass(frozen=True, slots=True, eq=False)
class ColumnPair:
    """A column's current rows beside the reference, as one window.

    Attributes:
        name: the column.
        kind: "numeric" or "categorical".
        values: one window over the column's cells.
        missing: one window over (missing, not missing).
        scores: float64[C] of numeric cells.
        novel: current rows with values that the reference never had.
        novel_chance: chance of at least so many without drift.
        variation: what the column does by itself.
        calibrated: whether that was learned from the reference.
    """

    name: str
    kind: str
    values: Windows
    missing: Windows
    scores: NDArray[np.float64] | None
    novel: int
    novel_chance: float
    variation: Variation = _COLD
    calibrated: bool = False


@dataclass(frozen=True, slots=True)
class PairVerdict:
    """What the comparison of one column says.

    Attributes:
        judged: both sides have the 30 rows that a verdict needs.
        drifted: some component is below `threshold_p`, with an effect worth having.
        differs: it differs by more than sampling explains, whether or not that is natural.
        component: the most surprising one ("location", "spread", "shape", "categories", "missing_share",
            "new_values"), or None.
        sign: 1 where location, spread or a share rose, -1 where it fell, 0 else.
        p_value: of that component.
        threshold_p: 0.01/F.
        drifting: all components below the threshold, most surprising first.
        kolmogorov_smirnov: on the cells, numeric columns.
        total_variation: on the cells.
        jensen_shannon: distance, base 2.
        novel: rows with values that the reference never had.
        calibrated: natural variation was learned from the reference.
    """

    judged: bool
    drifted: bool
    differs: bool
    component: str | None
    sign: int
    p_value: float
    threshold_p: float
    drifting: tuple[str, ...]
    kolmogorov_smirnov: float | None
    total_variation: float
    jensen_shannon: float
    novel: int
    calibrated: bool


def numeric_pair(
    name: str,
    edges: NDArray[np.float64],
    reference: NDArray[np.int64],
    current: NDArray[np.int64],
    missing: tuple[int, int],
) -> ColumnPair:
    """A numeric column from its two fine histograms.

    Args:
        name: the column.
        edges: float64[B-1], a codec's edges.
        reference: int64[B].
        current: int64[B].
        missing: missing rows in the reference and in the current window.
    """
    cells = numeric_cells(edges, reference)
    coarse = cells.coarse(np.stack((reference, current)))
    novel = int(cells.novel(current[None])[0])
    # What lies outside the range of m values holds 2/(m + 1) of the mass; of few values, what m rows have not shown.
    unseen = 1 + int(np.count_nonzero(reference == 1)) if cells.few_values else 2
    chance = _novel_chance(novel, int(current.sum()), unseen, int(reference.sum()))
    return ColumnPair(name, "numeric", _window(*coarse), _presence(coarse, missing), cells.scores, novel, chance)


def categorical_pair(
    name: str,
    reference: Mapping[str, int],
    current: Mapping[str, int],
    missing: tuple[int, int],
    other: tuple[int, int] = (0, 0),
) -> ColumnPair:
    """A categorical column from its rows by value.

    Args:
        name: the column.
        reference: rows by value.
        current: rows by value.
        missing: missing rows in the reference and in the current window.
        other: rows whose value is not listed, on either side; they count as known ones.
    """
    cells = category_cells([reference])
    coarse = cells.coarse([reference, current])
    coarse[:, -1] += other
    novel = int(cells.novel([current])[0])
    unseen = 1 + sum(count == 1 for count in reference.values())
    chance = _novel_chance(novel, int(coarse[1].sum()), unseen, int(coarse[0].sum()))
    return ColumnPair(name, "categorical", _window(*coarse), _presence(coarse, missing), None, novel, chance)


def calibrated_pairs(
    series: Sequence[Series], calendar: Calendar, n_reference: int, start: int
) -> dict[str, ColumnPair]:
    """Columns with their history: the buckets from `start` to the end are the current rows, taken as one window.

    It is compared with what the same hours of the week looked like in the reference, and the variation is that of the
    longest scale of the rule that is no longer than the window.

    Args:
        series: each with the reference in its first `n_reference` buckets.
        calendar: the time axis.
        n_reference: buckets of the reference.
        start: the first current bucket.
    """
    model = fit_model(series, calendar, n_reference)
    pairs = {}
    for one in series:
        fitted, stop = model.columns[one.name], one.length
        width = stop - start
        place = max(0, sum(scale <= width for scale in model.scales) - 1)
        values = fitted.values.window(one.counts, stop, width)
        missing = fitted.missing.window(presence(one), stop, width)
        novel, n = int(one.novel[start:].sum()), int(values.n[0])
        variation = Variation(
            {kind: float(table[place]) for kind, table in fitted.tau2.items()},
            {kind: float(table[place]) for kind, table in fitted.d2.items()},
            {kind: tails[place] for kind, tails in model.tails.items()},
            calendar.is_long(model.scales[place]),
            float(fitted.missing_limit[place]),
            float(fitted.novel_limit[place]),
            fitted.restless,
        )
        chance = float(bdtrc(novel - 1, n, fitted.novel_probability)) if 0 < novel <= n else 1.0
        pairs[one.name] = ColumnPair(
            one.name, one.kind, values, missing, one.scores, novel, chance, variation, calibrated=not model.uncalibrated
        )
    return pairs


def judge_pairs(pairs: Sequence[ColumnPair]) -> dict[str, PairVerdict]:
    """The verdict on each column, by name."""
    threshold = SIGNIFICANCE / max(1, len(pairs))
    return {pair.name: _judge(pair, threshold) for pair in pairs}


def _judge(pair: ColumnPair, threshold: float) -> PairVerdict:
    values, variation = pair.values, pair.variation
    n, m, rows = float(values.n[0]), float(values.m[0]), float(pair.missing.n[0])
    enough = n >= LEAST_ROWS and m >= LEAST_ROWS
    found: list[tuple[float, str, int]] = []
    distance: float | None = None
    if pair.scores is not None:
        numeric = numeric_statistics(values, pair.scores)
        distance = float(numeric.distance[0])
        least = _LONG_EFFECT if variation.long else _EFFECT
        worth = float(numeric.effect[0]) >= least or distance >= _DISTANCE
        if enough and worth and n * (1 - float(numeric.crowd[0])) >= ATOM_ROWS:
            for kind, name, statistic in (
                ("V", "location", numeric.location),
                ("S", "spread", numeric.spread),
                ("R", "shape", numeric.shape),
            ):
                sign = 0 if kind == "R" else int(np.sign(statistic.signed[0]))
                found.append((_p_value(kind, statistic, values, variation), name, sign))
    variety = float(total_variation(values.p, values.q)[0])
    divergence = float(jensen_shannon(values.p, values.q)[0])
    if pair.scores is None and enough and max(variety, divergence) >= _DISTANCE:
        mix = categorical_statistics(values).mix
        found.append((_p_value("C", mix, values, variation), "categories", 0))
    found += _missing(pair)
    share = pair.novel / n if n else 0.0
    restless = variation.restless and not variation.long
    if enough and pair.novel >= _LEAST_NOVEL and share > max(NOVEL_FLOOR[pair.kind], variation.novel_limit):
        found += [] if restless and pair.kind == "numeric" else [(pair.novel_chance, "new_values", 1)]
    found.sort()
    best = found[0] if found else (1.0, None, 0)
    drifting = tuple(name for p, name, _ in found if p < threshold)
    return PairVerdict(
        judged=enough or (min(rows, float(pair.missing.m[0])) >= LEAST_ROWS and not n),
        drifted=bool(drifting),
        differs=bool(drifting) or _differs(pair, distance, variety, threshold),
        component=best[1],
        sign=best[2],
        p_value=best[0],
        threshold_p=threshold,
        drifting=drifting,
        kolmogorov_smirnov=distance,
        total_variation=variety,
        jensen_shannon=divergence,
        novel=pair.novel,
        calibrated=pair.calibrated,
    )


def _missing(pair: ColumnPair) -> list[tuple[float, str, int]]:
    windows = pair.missing
    if min(float(windows.n[0]), float(windows.m[0])) < LEAST_ROWS or "M" not in pair.variation.tau2:
        return []
    statistics = missing_statistics(windows)
    p, q = float(statistics.p[0]), float(statistics.q[0])
    if abs(p - q) < _SHARE or (p > q and p <= pair.variation.missing_limit):
        return []
    p_value = _p_value("M", statistics.share, windows, pair.variation)
    return [(p_value, "missing_share", int(np.sign(p - q)))]


def _p_value(kind: str, statistic: Statistic, windows: Windows, variation: Variation) -> float:
    tau2, freedom = np.array([variation.tau2[kind]]), np.array([variation.freedom[kind]])
    z = z_scores(statistic, windows.n, tau2, freedom)
    return float(p_values(z, variation.tails[kind], long=variation.long)[0])


def _differs(pair: ColumnPair, distance: float | None, variety: float, threshold: float) -> bool:
    """Whether sampling alone would hardly do this, and the effect is worth a look."""
    n, m = float(pair.values.n[0]), float(pair.values.m[0])
    if min(n, m) < LEAST_ROWS or (variety if distance is None else distance) < _DISTANCE:
        return False
    if distance is not None:
        return float(kolmogorov(distance * np.sqrt(n * m / (n + m)))) < threshold
    mix = categorical_statistics(pair.values).mix
    return float(chdtrc(2 * mix.v[0] ** 2 / mix.s2[0], 2 * mix.x[0] * mix.v[0] / mix.s2[0])) < threshold


def _window(reference: NDArray[np.int64], current: NDArray[np.int64]) -> Windows:
    n, m = float(current.sum()), float(reference.sum())
    p, q = (side[None] / max(total, 1.0) for side, total in ((current, n), (reference, m)))
    return Windows(np.array([0]), p, q, np.array([n]), np.array([m]))


def _presence(coarse: NDArray[np.int64], missing: tuple[int, int]) -> Windows:
    present = coarse.sum(axis=1)
    sides = [np.array([missing[side], present[side]], dtype=np.int64) for side in (0, 1)]
    return _window(*sides)


def _novel_chance(novel: int, n: int, unseen: int, m: int) -> float:
    """P(at least `novel` of n rows are new): beta-binomial, the mass that m rows left unseen being Beta(unseen, m)."""
    if not novel or not m:
        return 1.0
    a, b = unseen, max(m - unseen + 1, 1)
    few = novel <= n // 2  # sum the shorter end
    rows = np.arange(0, novel) if few else np.arange(novel, n + 1)
    logarithm = betaln(rows + a, n - rows + b) - betaln(a, b) - betaln(n - rows + 1, rows + 1) - np.log(n + 1)
    chance = float(np.exp(logarithm).sum())
    return min(1.0, max(0.0, 1 - chance if few else chance))
