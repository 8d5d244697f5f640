"""From evidence to verdicts: volume, budget, recency, material shifts."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from driftwatch.drift.rule.constants import MATERIAL_KS, MATERIAL_TV, RECENCY_ROWS
from driftwatch.drift.rule.evidence import Bench, Component, Evidence, gather, material_distance
from driftwatch.drift.rule.recency import faded

__all__ = ["ColumnVerdicts", "column_verdicts"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]

_SMALL_DISTANCE = 0.05
_SETTLED_DAYS = 28


@dataclass(frozen=True, slots=True, eq=False)
class ColumnVerdicts:
    """Verdicts on N consecutive buckets of one column, before they are set beside other columns.

    Attributes:
        rows: int64[N], all rows of the newest bucket.
        judged: bool[N], some scale gave a verdict.
        alarm: bool[N].
        minor: bool[N].
        material: bool[N], the alarm is a material shift alone.
        component: int64[N], place in `names`; -1 for none.
        names: the components.
        scale: int64[N], place of the window reported.
        sign: int64[N].
        z: float64[N].
        p: float64[N].
        shortest_p: float64[N], of the shortest scale, over all components.
        distance: float64[N], Kolmogorov-Smirnov or total variation of the window reported.
        total_variation: float64[N].
        jensen_shannon: float64[N].
        n: float64[N], non-missing rows of the window reported.
        n_reference: float64[N].
        missing_share: float64[N].
        reference_missing_share: float64[N].
    """

    rows: Ints
    judged: Bools
    alarm: Bools
    minor: Bools
    material: Bools
    component: Ints
    names: tuple[str, ...]
    scale: Ints
    sign: Ints
    z: Floats
    p: Floats
    shortest_p: Floats
    distance: Floats
    total_variation: Floats
    jensen_shannon: Floats
    n: Floats
    n_reference: Floats
    missing_share: Floats
    reference_missing_share: Floats


def column_verdicts(bench: Bench, ends: Ints, low: Bools, threshold: float) -> ColumnVerdicts:
    """Judge one column at consecutive positions.

    Args:
        bench: the column and what the reference says about it.
        ends: int64[N], positions.
        low: bool[S, N], windows with too few rows beside the usual.
        threshold: the p-value below which a surprise is an alarm.
    """
    evidence = gather(bench, ends)
    rows = bench.rows[ends]
    allowed = ~np.logical_or.accumulate(low, axis=0) & (rows > 0)
    surprising = np.stack([_surprises(one, allowed, threshold) for one in evidence.components])
    p = np.stack([np.where(allowed, one.p, 1.0) for one in evidence.components])
    material = _material(bench, ends, evidence) & allowed
    material &= ~_faded_at(evidence.steady, material)
    alarm = surprising.any(axis=(0, 1)) | material.any(axis=0)
    component, scale = _most_surprising(p, surprising, material, evidence)
    each = np.arange(len(ends))
    variation, divergence = evidence.effects(scale)
    taken = [np.stack(parts)[scale, each] for parts in _window_facts(evidence)]
    return ColumnVerdicts(
        rows,
        allowed[0],
        alarm,
        alarm & _minor(surprising, material, evidence),
        alarm & ~surprising.any(axis=(0, 1)),
        np.where(p[component, scale, each] < 1, component, -1),
        tuple(one.name for one in evidence.components),
        scale,
        np.stack([one.sign for one in evidence.components])[component, scale, each],
        np.stack([one.z for one in evidence.components])[component, scale, each],
        p[component, scale, each],
        np.minimum(1.0, p[:, 0].min(axis=0) * len(p)),
        evidence.distance[scale, each],
        variation,
        divergence,
        *taken,
    )


def _window_facts(evidence: Evidence) -> tuple[list[Floats], list[Floats], list[Floats], list[Floats]]:
    """Rows, reference rows, missing share and expected missing share, each by scale."""
    return (
        [windows.n for windows in evidence.values],
        [windows.m for windows in evidence.values],
        [windows.p[:, 0] for windows in evidence.missing],
        [windows.q[:, 0] for windows in evidence.missing],
    )


def _surprises(component: Component, allowed: Bools, threshold: float) -> Bools:
    """bool[S, N], windows whose p-value is below the budget and whose deviation is still there."""
    candidates = (component.p < threshold) & allowed
    return candidates & ~_faded_at(component, candidates)


def _faded_at(component: Component, candidates: Bools) -> Bools:
    """bool[S, N], recency of the buckets that have a candidate at some scale; False elsewhere."""
    result = np.zeros(candidates.shape, dtype=np.bool_)
    at = np.flatnonzero(candidates.any(axis=0))
    if len(at):
        enough = component.rows[:, at] >= RECENCY_ROWS
        result[:, at] = faded(component.size[:, at], component.need[:, at], enough, component.fractions(at))
    return result


def _material(bench: Bench, ends: Ints, evidence: Evidence) -> Bools:
    """bool[S, N]: a distance that matters, beyond every reference window of that scale, natural variation or not.

    Windows of a week or more of which the reference holds at least eight, once all of the window is monitored; those
    shorter than 28 days must have said so one window earlier too.
    """
    model, calendar = bench.model, bench.model.ladder.calendar
    enough = MATERIAL_TV if bench.series.scores is None else MATERIAL_KS
    monitored = ends + 1 - model.ladder.n_reference
    result = np.zeros(evidence.distance.shape, dtype=np.bool_)
    for place, scale in enumerate(model.scales):
        least = bench.fitted.largest_distance[place]
        if not calendar.is_long(scale) or not np.isfinite(least):
            continue
        holds = (evidence.distance[place] >= enough) & (evidence.distance[place] > least) & (monitored >= scale)
        holds &= evidence.comparable[place]
        if scale < _SETTLED_DAYS * calendar.per_day and holds.any():
            at = np.flatnonzero(holds & (monitored >= 2 * scale))
            holds[:] = False
            if len(at):
                earlier = np.arange(ends[at[0]], ends[at[-1]] + 1) - scale
                before = material_distance(bench, earlier, scale)[at - at[0]]
                holds[at] = (before >= enough) & (before > least)
        result[place] = holds
    return result


def _minor(surprising: Bools, material: Bools, evidence: Evidence) -> Bools:
    """bool[N], the distance is small at every alarming scale, and no share is what is wrong."""
    small = evidence.distance < _SMALL_DISTANCE
    weighty = np.array([one.weighty for one in evidence.components])
    large = surprising & (weighty[:, None, None] | ~small)
    return np.asarray(~large.any(axis=(0, 1)) & ~material.any(axis=0), dtype=np.bool_)


def _most_surprising(p: Floats, surprising: Bools, material: Bools, evidence: Evidence) -> tuple[Ints, Ints]:
    """Component and scale, int64[N] each, to report: the least p among the alarming, else among all.

    Without any p-value below 1: the longest material window, else the shortest with enough rows to be compared.
    """
    rank = np.where(surprising, p - 2, p)
    flat = rank.reshape(-1, rank.shape[-1])
    best = np.argmin(flat, axis=0)
    component, scale = best // p.shape[1], best % p.shape[1]
    nothing = flat.min(axis=0) >= 1
    fallback = np.argmax(evidence.comparable, axis=0)
    scale = np.where(nothing, fallback, scale)
    alone = material.any(axis=0) & ~surprising.any(axis=(0, 1))
    longest = material.shape[0] - 1 - np.argmax(material[::-1], axis=0)
    scale = np.where(alone, longest, scale)
    component = np.where(alone, rank[:, scale, np.arange(rank.shape[-1])].argmin(axis=0), component)
    return component, scale
