"""Learning from the reference: baselines, natural variation, tails, and what is usual in shares and volume."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from driftwatch.drift.rule.baseline import Baseline, Folds
from driftwatch.drift.rule.calendar import Calendar
from driftwatch.drift.rule.cells import CategoryCells, NumericCells
from driftwatch.drift.rule.constants import FLOOR_TAU2, HEAVY_WEATHER, LEAST_FOLDS, LEAST_ROWS, NOVEL_FLOOR
from driftwatch.drift.rule.ladder import Ladder
from driftwatch.drift.rule.sample import ClassSample, ScaleSample, presence, sample_scales
from driftwatch.drift.rule.series import Series
from driftwatch.drift.rule.tails import NORMAL_TAIL, Tail, fit_tail, z_scores
from driftwatch.drift.rule.variation import Reach, ScaleVariation, cold, extrapolate, moderate
from driftwatch.drift.rule.volume import VolumeGate
from driftwatch.drift.rule.width import narrowed

__all__ = ["ColumnFit", "ModelFit", "fit_model"]

Floats: TypeAlias = NDArray[np.float64]

_COLD_SHARE = 0.05
_SHARE_MARGIN = 8.0
_MATERIAL_REPEATS = 8


@dataclass(frozen=True, slots=True, eq=False)
class ColumnFit:
    """What the reference says about one column; S scales.

    Attributes:
        kind: ``"numeric"`` or ``"categorical"``.
        cells: how buckets fall into its cells.
        novel: integer[R], rows of each reference bucket with values that no other fold of it had.
        values: baseline of its cells.
        missing: baseline of missing and non-missing rows.
        volume: its usual rows.
        tau2: natural variation by class, float64[S].
        d2: its degrees of freedom by class, float64[S].
        dimensions: by class, in how many directions it varies.
        novel_limit: float64[S], share of never-seen values above which they count.
        novel_probability: chance of a row to be new, from the reference's folds.
        missing_limit: float64[S], missing share above which a rise counts.
        largest_distance: float64[S], of the reference's own windows; infinite where no material shift can be told.
        restless: a column that sets records as a matter of course: new values count only in long windows.
    """

    kind: str
    cells: NumericCells | CategoryCells
    novel: NDArray[np.integer[Any]]
    values: Baseline
    missing: Baseline
    volume: VolumeGate
    tau2: Mapping[str, Floats]
    d2: Mapping[str, Floats]
    dimensions: Mapping[str, float]
    novel_limit: Floats
    novel_probability: float
    missing_limit: Floats
    largest_distance: Floats
    restless: bool

    @property
    def n_cells(self) -> int:
        """Number of cells, C."""
        return int(self.values.table.counts.shape[1])

    @property
    def scores(self) -> Floats | None:
        """float64[C], of its cells; None for a categorical column."""
        return self.cells.scores if isinstance(self.cells, NumericCells) else None

    def on(self, ladder: Ladder) -> "ColumnFit":
        """The same on another ladder with the same reference."""
        return replace(
            self,
            values=replace(self.values, ladder=ladder),
            missing=replace(self.missing, ladder=ladder),
            volume=replace(self.volume, ladder=ladder),
        )


@dataclass(frozen=True, slots=True, eq=False)
class ModelFit:
    """What the reference says about all columns.

    Attributes:
        ladder: the rung.
        scales: buckets, ascending.
        columns: by name.
        tails: by class, one a scale.
        uncalibrated: natural variation could be estimated at no scale.
    """

    ladder: Ladder
    scales: tuple[int, ...]
    columns: Mapping[str, ColumnFit]
    tails: Mapping[str, tuple[Tail, ...]]
    uncalibrated: bool

    def resumed(self, bucket: int) -> "ModelFit":
        """The same, with `bucket` at the first position after the reference."""
        ladder = self.ladder.resumed(bucket)
        return replace(self, ladder=ladder, columns={name: one.on(ladder) for name, one in self.columns.items()})


@dataclass(frozen=True, slots=True, eq=False)
class _ClassFit:
    """One class: its columns, their variation at every scale and its dimensions, and the tails."""

    names: tuple[str, ...]
    variations: tuple[ScaleVariation, ...]
    dimensions: tuple[float, ...]
    tails: tuple[Tail, ...]


def fit_model(series: Sequence[Series], calendar: Calendar, n_reference: int) -> ModelFit:
    """Fit every column, and what they share.

    Raises:
        ValueError: a name twice, or a column shorter than the reference.
    """
    _check(series, n_reference)
    ladder = Ladder.of(calendar, n_reference)
    scales = calendar.scales
    reaches = [
        Reach(scale, scales[place - 1] if place else None, n_reference, calendar.per_day / calendar.every)
        for place, scale in enumerate(scales)
    ]
    estimable = [reach for reach in reaches if n_reference >= 2 * reach.scale and reach.repeats >= LEAST_FOLDS]
    values: dict[str, Baseline] = {}
    missing: dict[str, Baseline] = {}
    samples: dict[str, list[ScaleSample]] = {}
    for one in series:
        folds = Folds.of(one.counts[:n_reference], ladder)
        absent = Folds.of(presence(one)[:n_reference], ladder)
        values[one.name], missing[one.name] = folds.baseline, absent.baseline
        samples[one.name] = sample_scales(one, folds, absent, [reach.scale for reach in estimable])
    gates = _volume_gates(series, ladder, scales)
    members = {
        one.name: {
            **dict.fromkeys(("V", "S", "R", "C"), bool(one.counts[:n_reference].any())),
            "M": bool(one.missing[:n_reference].any()),
        }
        for one in series
    }
    classes = {kind: _fit_class(kind, samples, members, reaches, ladder) for kind in FLOOR_TAU2}
    columns = {
        one.name: _column_fit(one, values[one.name], missing[one.name], gates[one.name], samples[one.name], classes)
        for one in series
    }
    tails = {kind: fitted.tails for kind, fitted in classes.items()}
    return ModelFit(ladder, scales, columns, tails, not estimable)


def _check(series: Sequence[Series], n_reference: int) -> None:
    names = [one.name for one in series]
    if len(set(names)) < len(names):
        raise ValueError(f"column names must differ: {sorted(name for name in names if names.count(name) > 1)}")
    for one in series:
        if one.length < n_reference:
            raise ValueError(f"{one.name}: {one.length} buckets are fewer than the reference's {n_reference}")


def _fit_class(
    kind: str,
    samples: Mapping[str, Sequence[ScaleSample]],
    members: Mapping[str, Mapping[str, bool]],
    reaches: Sequence[Reach],
    ladder: Ladder,
) -> _ClassFit:
    """Natural variation and tails of one class, scale by scale, ascending."""
    probe = {name: [sample.classes[kind] for sample in of if kind in sample.classes] for name, of in samples.items()}
    estimated = max((len(of) for of in samples.values()), default=0)
    names = tuple(name for name, of in probe.items() if len(of) == estimated)
    if not names:
        return _ClassFit((), (), (), (NORMAL_TAIL,) * len(reaches))
    shaping = np.array([members[name][kind] for name in names], dtype=np.bool_)
    dimensions = tuple(max((sample.dimensions for sample in probe[name]), default=1.0) for name in names)
    variations: list[ScaleVariation] = []
    tails: list[Tail] = []
    for place, reach in enumerate(reaches):
        if place >= estimated:
            last = variations[estimated - 1] if estimated else None
            variations.append(cold(kind, reach.scale, len(names)) if last is None else extrapolate(kind, last, reach))
            tails.append(tails[estimated - 1] if estimated else NORMAL_TAIL)
            continue
        here = [probe[name][place] for name in names]
        previous = variations[-1] if variations else None
        variation = moderate(kind, [one.excess for one in here], shaping, reach, previous)
        variations.append(variation)
        tails.append(_fit_scale_tail(kind, here, shaping, variation, dimensions, tails, ladder))
    return _ClassFit(names, tuple(variations), dimensions, tuple(tails))


def _fit_scale_tail(
    kind: str,
    samples: Sequence[ClassSample],
    shaping: NDArray[np.bool_],
    variation: ScaleVariation,
    dimensions: Sequence[float],
    shorter: Sequence[Tail],
    ladder: Ladder,
) -> Tail:
    """Scores of each fold with natural variation from the other folds, pooled over columns.

    Windows of a cycle or more are too few: they take the tail of the next shorter scale.
    """
    folds = ladder.fold_count
    if variation.scale >= ladder.period:
        return shorter[-1] if shorter else NORMAL_TAIL
    if folds < 2 or variation.prior is None:
        return NORMAL_TAIL
    pooled = []
    for place in np.flatnonzero(shaping).tolist():
        one = samples[place]
        freedom = variation.freedom[place] * (1 - 1 / folds)
        left_out = one.excess.variation_without(kind, folds)
        target, weight = variation.prior.target[place], variation.prior.weight
        tau2 = np.maximum(FLOOR_TAU2[kind], (weight * target + freedom * left_out) / (weight + freedom))
        d2 = np.full(len(one.n), weight + freedom)
        pooled.append(z_scores(one.statistic, one.n, tau2[one.folds], d2, dimensions[place]))
    return fit_tail(np.concatenate(pooled)) if pooled else NORMAL_TAIL


def _column_fit(
    series: Series,
    values: Baseline,
    missing: Baseline,
    volume: VolumeGate,
    samples: Sequence[ScaleSample],
    classes: Mapping[str, _ClassFit],
) -> ColumnFit:
    ladder, scales = volume.ladder, volume.scales
    size = ladder.n_reference
    tau2, d2, dimensions = {}, {}, {}
    for kind, fitted in classes.items():
        if series.name in fitted.names and (kind == "M" or (kind == "C") == (series.scores is None)):
            place = fitted.names.index(series.name)
            dimensions[kind] = fitted.dimensions[place]
            tau2[kind] = np.array([variation.tau2[place] for variation in fitted.variations])
            d2[kind] = np.array([variation.d2[place] for variation in fitted.variations])
    novel = int(series.novel[:size].sum())
    novel_limit = _share_limits([sample.largest_novel_share for sample in samples], len(scales), ladder.fold_count)
    day = max(place for place, scale in enumerate(scales) if scale <= ladder.calendar.per_day)
    distances = [sample.largest_distance for sample in samples]
    material = [
        distances[place] if place < len(distances) and size >= _MATERIAL_REPEATS * scale else np.inf
        for place, scale in enumerate(scales)
    ]
    return ColumnFit(
        series.kind,
        series.cells,
        narrowed(series.novel[:size]),
        values,
        missing,
        volume,
        tau2,
        d2,
        dimensions,
        np.maximum(novel_limit, NOVEL_FLOOR[series.kind]),
        (novel + 0.5) / (float(series.counts[:size].sum()) + 1),
        _missing_limits(series, samples, scales, ladder),
        np.array(material),
        bool("V" in tau2 and tau2["V"][day] >= HEAVY_WEATHER),
    )


def _volume_gates(series: Sequence[Series], ladder: Ladder, scales: Sequence[int]) -> dict[str, VolumeGate]:
    """By column; those with the same rows share one."""
    gates: dict[bytes, VolumeGate] = {}
    result = {}
    for one in series:
        rows = presence(one)[: ladder.n_reference].sum(axis=1)
        key = rows.tobytes()
        if key not in gates:
            gates[key] = VolumeGate.of(rows, ladder, scales)
        result[one.name] = gates[key]
    return result


def _missing_limits(series: Series, samples: Sequence[ScaleSample], scales: Sequence[int], ladder: Ladder) -> Floats:
    """float64[S]: as `_share_limits`; if no scale could be estimated, from the largest share of one bucket."""
    largest = [sample.largest_missing_share for sample in samples]
    if not largest:
        rows = presence(series)[: ladder.n_reference]
        total = rows.sum(axis=1)
        enough = total >= LEAST_ROWS
        largest = [float((rows[enough, 0] / total[enough]).max(initial=0.0))]
    return _share_limits(largest, len(scales), ladder.fold_count)


def _share_limits(largest: Sequence[float], scales: int, folds: int) -> Floats:
    """float64[S]: (largest reference share)(1 + 8/folds); longer scales take the last; .05 with one fold if none."""
    if not largest:
        return np.full(scales, _COLD_SHARE * (1 + _SHARE_MARGIN))
    known = [*largest, *[largest[-1]] * (scales - len(largest))]
    return np.array(known) * (1 + _SHARE_MARGIN / folds)
