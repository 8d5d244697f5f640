"""Skew: what a model was trained on beside what it is asked in production, told once.

A training file has no hours and no weeks, so no window is held against it: an hour differs from the whole by its time
of day alone. The whole operating reference is, as soon as it is over: distance against distance, with the sampling
noise of both taken into account, and no natural variation, since this comparison is made one time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from driftwatch.domain.finding import Finding
from driftwatch.domain.signal import Severity, Signal
from driftwatch.drift.rule.constants import MATERIAL_KS, MATERIAL_TV
from driftwatch.monitors.history import UNLISTED, CategoricalHistory, ColumnKey, History, NumericHistory
from driftwatch.monitors.verdict import Window
from driftwatch.profiles.bucket import BucketProfile, ColumnProfile
from driftwatch.profiles.categorical import CategoricalProfile
from driftwatch.profiles.numeric import NumericProfile

__all__ = ["ColumnSkew", "compare_training", "skew_finding"]

_LEAST_ROWS = 30
_SMALL = 0.05
_MATERIAL_MISSING = 0.10
_NOISE = 1.63  # the 1% point of the Kolmogorov distribution
_SHOWN = 50


@dataclass(frozen=True, slots=True)
class ColumnSkew:
    """One column, training file against operating reference.

    Attributes:
        column: what it is called.
        method: ``kolmogorov_smirnov`` or ``total_variation_distance``.
        distance: 0 to 1; None where one side has fewer than 30 values.
        limit: from which the distance matters.
        missing_change: missing share of the operating reference less that of the training file.
        noise: what sampling alone explains of the distance.
    """

    column: str
    method: str
    distance: float | None
    limit: float
    missing_change: float
    noise: float

    @property
    def times(self) -> float:
        """The larger of both changes over its limit: 1 or more matters."""
        distance = 0.0 if self.distance is None or self.distance <= self.noise else self.distance
        return max(distance / self.limit, abs(self.missing_change) / _MATERIAL_MISSING)

    @property
    def is_seen(self) -> bool:
        """Whether there is a difference at all: beyond noise, and 5 points or more."""
        distance = self.distance is not None and self.distance > max(self.noise, _SMALL)
        return distance or abs(self.missing_change) >= _SMALL

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {self.method: self.distance, "missing_share_change": self.missing_change}


def compare_training(
    training: BucketProfile, history: History, names: Mapping[ColumnKey, str], first: int, stop: int
) -> list[ColumnSkew]:
    """Every column that both have, the largest difference first.

    Args:
        training: the profile of the file.
        history: holds the operating reference.
        names: the judged columns and what they are called.
        first: index of the reference's first window.
        stop: index of the first after it.
    """
    found = []
    for key, name in names.items():
        before = (training.features if key[0] == "feature" else training.outputs).get(key[1])
        column = history.columns.get(key)
        if before is None or column is None:
            continue
        rows, missing = (int(history.vector(of, first, stop).sum()) for of in (column.rows, column.missing))
        skew = _compare(name, before, column, (first, stop), missing / rows if rows else 0.0)
        if skew is not None:
            found.append(skew)
    return sorted(found, key=lambda each: (-each.times, each.column))


def skew_finding(skews: list[ColumnSkew], window: Window, *, version: str | None, n: int) -> Finding | None:
    """One finding for all columns, or None if none of them differs.

    A warning where a column differs by as much as a material shift (Kolmogorov-Smirnov .20, total variation .15, or ten
    points of missing values), else a watch.
    """
    seen = [each for each in skews if each.is_seen]
    if not seen:
        return None
    worst = seen[0]
    effect = {"missing_share_change": worst.missing_change}
    if worst.distance is not None:
        effect[worst.method] = worst.distance
    return Finding(
        window_start=window.start,
        window_end=window.end,
        at=window.at,
        signal=Signal.SKEW,
        column=None,
        severity=Severity.WARNING if worst.times >= 1 else Severity.WATCH,
        kind="skew",
        value=worst.times,
        threshold=1.0,
        effect=effect,
        version=version,
        n=n,
        details={
            "column": worst.column,
            "columns": {each.column: each.to_dict() for each in seen[:_SHOWN]},
            "n_columns": len(seen),
        },
    )


def _compare(
    name: str,
    before: ColumnProfile,
    column: NumericHistory | CategoricalHistory,
    span: tuple[int, int],
    missing_share: float,
) -> ColumnSkew | None:
    match before, column:
        case NumericProfile(), NumericHistory():
            old = before.recode(column.codec).counts
            method, limit = "kolmogorov_smirnov", MATERIAL_KS
            absent = before.missing + before.n_inf
            new = column.totals(*span)
        case CategoricalProfile(), CategoricalHistory():
            old, new = _levels(before, column, span)
            method, limit = "total_variation_distance", MATERIAL_TV
            absent = before.missing
        case _:
            return None
    n_old, n_new = int(old.sum()), int(new.sum())
    distance, noise = None, 0.0
    if min(n_old, n_new) >= _LEAST_ROWS:
        gaps = old / n_old - new / n_new
        noise = _NOISE * float(np.sqrt(1 / n_old + 1 / n_new))
        if method == "kolmogorov_smirnov":
            distance = float(np.abs(np.cumsum(gaps)).max())
        else:
            distance = float(np.abs(gaps).sum() / 2)
            # The expected distance of two samples of one table: the sum of half-normal gaps.
            pooled = (old + new) / (n_old + n_new)
            noise = max(noise, 2 * float(np.sqrt(pooled * (1 - pooled) * (1 / n_old + 1 / n_new) / (2 * np.pi)).sum()))
    before_share = absent / before.rows if before.rows else 0.0
    return ColumnSkew(name, method, distance, limit, missing_share - before_share, noise)


def _levels(
    before: CategoricalProfile, column: CategoricalHistory, span: tuple[int, int]
) -> tuple[np.ndarray[Any, np.dtype[np.int64]], np.ndarray[Any, np.dtype[np.int64]]]:
    """Rows by value on both sides; values that one side does not list count together with its others."""
    old = {**before.counts, UNLISTED: before.other}
    new = column.totals(*span)
    levels = sorted(old.keys() | new.keys())
    sides = (np.array([side.get(level, 0) for level in levels], dtype=np.int64) for side in (old, new))
    first, second = sides
    return first, second
