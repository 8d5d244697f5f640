"""What the reference's own windows say about one column at one scale."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from driftwatch.drift.rule.baseline import Folds, Windows
from driftwatch.drift.rule.components import (
    CategoricalStatistics,
    Statistic,
    categorical_statistics,
    missing_statistics,
    numeric_statistics,
)
from driftwatch.drift.rule.constants import FLOOR_TAU2, LEAST_ROWS
from driftwatch.drift.rule.ladder import Ladder
from driftwatch.drift.rule.series import Series
from driftwatch.drift.rule.variation import Excess

__all__ = ["ClassSample", "ScaleSample", "autocorrelation", "presence", "sample_scales"]

Floats: TypeAlias = NDArray[np.float64]

_LEAST_PAIRS = 5
_LEAST_DAYS = 14


@dataclass(frozen=True, slots=True, eq=False)
class ClassSample:
    """One class over the reference windows with enough rows.

    Attributes:
        statistic: of k windows.
        n: float64[k], their rows.
        folds: int64[k], the fold that each ends in.
        excess: what natural variation is estimated from.
        dimensions: in how many directions it varies; 1 where nothing is known of them.
    """

    statistic: Statistic
    n: Floats
    folds: NDArray[np.int64]
    excess: Excess
    dimensions: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class ScaleSample:
    """One column's reference windows at one scale.

    Attributes:
        classes: by class.
        largest_distance: of Kolmogorov-Smirnov (total variation for categories) over them.
        largest_novel_share: of rows with values that no other fold had.
        largest_missing_share: of missing rows.
    """

    classes: Mapping[str, ClassSample]
    largest_distance: float
    largest_novel_share: float
    largest_missing_share: float


def presence(series: Series) -> NDArray[np.int64]:
    """int64[T, 2], missing and non-missing rows of each bucket."""
    return np.stack((series.missing, series.present), axis=1)


def sample_scales(series: Series, values: Folds, missing: Folds, scales: Sequence[int]) -> list[ScaleSample]:
    """Compare the reference with itself.

    Args:
        series: the column.
        values: of its cells.
        missing: of its missing and non-missing rows.
        scales: buckets; the reference has at least twice as many.
    """
    ladder = values.baseline.ladder
    size = ladder.n_reference
    windows = values.reference_windows(series.counts[:size], scales)
    present = missing.reference_windows(presence(series)[:size], scales)
    novel = np.concatenate(([0], np.cumsum(series.novel[:size])))
    return [
        _sample_scale(series, of, absent, novel, ladder, scale)
        for of, absent, scale in zip(windows, present, scales, strict=True)
    ]


def _sample_scale(
    series: Series, windows: Windows, present: Windows, novel: NDArray[np.int64], ladder: Ladder, scale: int
) -> ScaleSample:
    enough = windows.n >= LEAST_ROWS
    classes: dict[str, ClassSample] = {}
    if series.scores is not None:
        numeric = numeric_statistics(windows, series.scores)
        distance = numeric.distance
        for kind, statistic in (("V", numeric.location), ("S", numeric.spread), ("R", numeric.shape)):
            classes[kind] = _class_sample(statistic, numeric.location.signed, windows, ladder, scale)
    else:
        categorical = categorical_statistics(windows)
        distance = categorical.distance
        mix = _class_sample(categorical.mix, np.sqrt(categorical.mix.x), windows, ladder, scale)
        if scale == ladder.calendar.per_day:
            mix = replace(mix, dimensions=_dimensions(categorical, windows, ladder))
        classes["C"] = mix
    absent = missing_statistics(present)
    classes["M"] = _class_sample(absent.share, absent.p, present, ladder, scale)
    shares = (novel[windows.ends + 1] - novel[windows.ends + 1 - scale]) / np.maximum(windows.n, 1.0)
    return ScaleSample(
        classes,
        float(distance[enough].max(initial=0.0)),
        float(shares[enough].max(initial=0.0)),
        float(absent.p[present.n >= LEAST_ROWS].max(initial=0.0)),
    )


def _class_sample(statistic: Statistic, track: Floats, windows: Windows, ladder: Ladder, scale: int) -> ClassSample:
    enough = windows.n >= LEAST_ROWS
    kept = statistic.take(enough)
    folds = ladder.folds()[windows.ends[enough]]
    step = 1 if scale < ladder.period else max(1, scale // 4)
    a_day = ladder.calendar.per_day / ladder.calendar.every
    lag = max(1, round(max(scale, a_day) / step))
    correlation = autocorrelation(track, enough, lag)
    mean_v = float(kept.v.mean()) if len(kept.v) else 0.0
    return ClassSample(kept, windows.n[enough], folds, Excess(kept.x - kept.v, mean_v, folds, correlation))


def _dimensions(categorical: CategoricalStatistics, windows: Windows, ladder: Ladder) -> float:
    """In how many directions the mix of categories varies by itself from day to day.

    tr(N)²/tr(N²), of the covariance N of the natural variation of y = (p - q)/√den: 1 when all of it lies along one
    line, C - 1 when it is the same in all directions. E |y|² = tr(N) + v; of windows days apart, which are independent,
    E (y_i·y_j)² = tr((N + sampling)²), which is tr(N²) + s2/2 or more, so that the answer is rather too small.
    """
    enough = windows.n >= LEAST_ROWS
    a_day = ladder.calendar.per_day
    apart = np.abs(windows.ends[enough, None] - windows.ends[enough]) * ladder.calendar.every >= 2 * a_day
    trace = float((categorical.mix.x - categorical.mix.v)[enough].mean()) if enough.any() else 0.0
    if ladder.n_reference * ladder.calendar.every < _LEAST_DAYS * a_day or trace <= FLOOR_TAU2["C"] or not apart.any():
        return 1.0
    y = (np.sign(categorical.difference) * np.sqrt(categorical.difference * categorical.ratio))[enough]
    squares = float(((y @ y.T)[apart] ** 2).mean() - categorical.mix.s2[enough].mean() / 2)
    most = max(1, y.shape[1] - 1)
    return float(np.clip(trace**2 / max(squares, trace**2 / most), 1.0, most))


def autocorrelation(track: Floats, known: NDArray[np.bool_], lag: int) -> float:
    """Correlation of a series with itself `lag` windows later, clipped to [0, .9]; 0 from five pairs or fewer."""
    if len(track) <= lag:
        return 0.0
    pairs = known[:-lag] & known[lag:]
    if int(pairs.sum()) <= _LEAST_PAIRS:
        return 0.0
    first, second = track[:-lag][pairs], track[lag:][pairs]
    first, second = first - first.mean(), second - second.mean()
    spread = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float(np.clip((first * second).sum() / spread, 0.0, 0.9)) if spread > 0 else 0.0
