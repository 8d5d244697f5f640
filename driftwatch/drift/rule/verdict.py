"""From evidence to verdicts: volume, budget, recency, material shifts."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from driftwatch.drift.rule.constants import MATERIAL_KS, MATERIAL_TV, RECENCY_ROWS
from driftwatch.drift.rule.evidence import Component, Evidence, gather, material_distance
from driftwatch.drift.rule.lanes import Lanes
from driftwatch.drift.rule.recency import faded

__all__ = ["LaneVerdicts", "lane_verdicts"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]

_SMALL_DISTANCE = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class LaneVerdicts:
    """Verdicts on L lanes, before columns are set beside one another.

    Attributes:
        rows: int64[L], all rows of the newest bucket.
        judged: bool[L], some scale gave a verdict.
        alarm: bool[L].
        minor: bool[L].
        material: bool[L], the alarm is a material shift alone.
        component: int64[L], place in `names`; -1 for none.
        names: the components.
        scale: int64[L], place of the window reported.
        sign: int64[L].
        z: float64[L].
        p: float64[L].
        shortest_p: float64[L], of the shortest scale, over all components.
        distance: float64[L], Kolmogorov-Smirnov or total variation of the window reported.
        total_variation: float64[L].
        jensen_shannon: float64[L].
        n: float64[L], non-missing rows of the window reported.
        n_reference: float64[L].
        missing_share: float64[L].
        reference_missing_share: float64[L].
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


def lane_verdicts(lanes: Lanes, threshold: float) -> LaneVerdicts:
    """Judge lanes.

    Args:
        lanes: columns of one kind at some buckets, and what the reference says of them.
        threshold: the p-value below which a surprise is an alarm.
    """
    evidence = gather(lanes)
    rows = lanes.rows
    allowed = ~np.logical_or.accumulate(lanes.low, axis=0) & (rows > 0)
    surprising = np.stack([_surprises(one, allowed, threshold) for one in evidence.components])
    p = np.stack([np.where(allowed, one.p, 1.0) for one in evidence.components])
    material = _material(lanes, evidence) & allowed
    material &= ~_faded_at(evidence.steady, material)
    alarm = np.asarray(surprising.any(axis=(0, 1)) | material.any(axis=0), dtype=np.bool_)
    component, scale = _most_surprising(p, surprising, material, evidence)
    each = np.arange(len(rows))
    variation, divergence = evidence.effects(scale)
    taken = [of.reshape(lanes.shape)[scale, each] for of in _window_facts(evidence)]
    return LaneVerdicts(
        rows,
        allowed[0],
        alarm,
        alarm & _minor(surprising, material, evidence),
        np.asarray(alarm & ~surprising.any(axis=(0, 1)), dtype=np.bool_),
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


def _window_facts(evidence: Evidence) -> tuple[Floats, Floats, Floats, Floats]:
    """Rows, reference rows, missing share and expected missing share of S·L windows."""
    return evidence.values.n, evidence.values.m, evidence.missing.p[:, 0], evidence.missing.q[:, 0]


def _surprises(component: Component, allowed: Bools, threshold: float) -> Bools:
    """bool[S, L], windows whose p-value is below the budget and whose deviation is still there."""
    candidates = (component.p < threshold) & allowed
    return candidates & ~_faded_at(component, candidates)


def _faded_at(component: Component, candidates: Bools) -> Bools:
    """bool[S, L], recency of the lanes that have a candidate at some scale; False elsewhere."""
    result = np.zeros(candidates.shape, dtype=np.bool_)
    at = np.flatnonzero(candidates.any(axis=0))
    if len(at):
        enough = component.rows[:, at] >= RECENCY_ROWS
        result[:, at] = faded(component.size[:, at], component.need[:, at], enough, component.fractions(at))
    return result


def _material(lanes: Lanes, evidence: Evidence) -> Bools:
    """bool[S, L]: a distance that matters, beyond every reference window of that scale, natural variation or not.

    Windows of a week or more of which the reference holds at least eight, once all of the window is monitored; those
    shorter than 28 days must have said so one window earlier too.
    """
    model, kind = lanes.model, lanes.fitted.kind
    enough = MATERIAL_TV if kind == "categorical" else MATERIAL_KS
    monitored = lanes.ends + 1 - model.ladder.n_reference
    result = np.zeros(lanes.shape, dtype=np.bool_)
    for place, scale in enumerate(model.scales):
        least = lanes.fitted.largest_distance[place]
        if not model.ladder.calendar.is_long(scale):
            continue
        holds = (evidence.distance[place] >= enough) & (evidence.distance[place] > least) & (monitored >= scale)
        holds &= evidence.comparable[place]
        if scale in lanes.lagged:
            holds &= monitored >= 2 * scale
            at = np.flatnonzero(holds)
            if len(at):
                before = material_distance(lanes.lagged[scale].take(at), kind)
                holds[at] = (before >= enough) & (before > least[at])
        result[place] = holds
    return result


def _minor(surprising: Bools, material: Bools, evidence: Evidence) -> Bools:
    """bool[L], the distance is small at every alarming scale, and no share is what is wrong."""
    small = evidence.distance < _SMALL_DISTANCE
    weighty = np.array([one.weighty for one in evidence.components])
    large = surprising & (weighty[:, None, None] | ~small)
    return np.asarray(~large.any(axis=(0, 1)) & ~material.any(axis=0), dtype=np.bool_)


def _most_surprising(p: Floats, surprising: Bools, material: Bools, evidence: Evidence) -> tuple[Ints, Ints]:
    """Component and scale, int64[L] each, to report: the least p among the alarming, else among all.

    The shape shows a shift and a widening too: it is told only where neither of them alarms.
    Without any p-value below 1: the longest material window, else the shortest with enough rows to be compared.
    """
    first = np.array([1.0 if one.name == "shape" else 2.0 for one in evidence.components])
    rank = np.where(surprising, p - first[:, None, None], p)
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
