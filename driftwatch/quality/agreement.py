"""The same rows by two paths: a feature as it was served, and as it is computed again offline.

Training-serving skew is found row by row, where no distribution shows it: values that are one day old, in other units
for one client, or rounded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.performance.interval import wilson
from driftwatch.profiles.bucket import CategoricalColumn, Column, NumericColumn

__all__ = ["Disagreement", "FeatureAgreement", "compare_rows"]

_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One row in which the two differ; None is a missing value."""

    row: int
    served: float | str | None
    offline: float | str | None


@dataclass(frozen=True, slots=True)
class FeatureAgreement:
    """One feature over n joined rows.

    Attributes:
        feature: its name.
        n: rows in which either side has a value.
        mismatched: rows in which the two differ beyond the tolerance, a gap on one side alone among them.
        share: mismatched / n; None without such rows.
        low: lower end of Wilson's 95% interval.
        high: upper end.
        only_served: rows that only the served side has a value for.
        only_offline: rows that only the offline side has.
        median_gap: median of offline minus served over mismatched rows with two numbers, else None.
        constant_gap: whether nine tenths of these gaps are one and the same, to the tolerance: a unit, a zone, a day.
        examples: the first five rows that differ, by their position.
    """

    feature: str
    n: int
    mismatched: int
    share: float | None
    low: float | None
    high: float | None
    only_served: int
    only_offline: int
    median_gap: float | None
    constant_gap: bool
    examples: tuple[Disagreement, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        shown = [{"row": each.row, "served": each.served, "offline": each.offline} for each in self.examples]
        fields = {name: getattr(self, name) for name in self.__slots__ if name != "examples"}
        return {**fields, "examples": shown}


def compare_rows(
    feature: str, served: Column, offline: Column, *, relative: float = 1e-6, absolute: float = 1e-9
) -> FeatureAgreement:
    """Hold a feature's two sides against one another, row by row.

    Numbers differ where ``|offline - served| > absolute + relative |served|``; everything else where its text differs.

    Args:
        feature: its name.
        served: n rows.
        offline: the same n rows.
        relative: tolerance, a share of the served value.
        absolute: tolerance, in the feature's unit.
    """
    if isinstance(served, NumericColumn) and isinstance(offline, NumericColumn):
        left, right = served.with_nan, offline.with_nan
        gap = right - left
        with np.errstate(invalid="ignore"):
            differs = np.abs(gap) > absolute + relative * np.abs(left)
        known = ~np.isnan(left), ~np.isnan(right)
        values: tuple[Sequence[Any], Sequence[Any]] = (left.tolist(), right.tolist())
    else:
        texts = _texts(served), _texts(offline)
        known = tuple(np.array([each is not None for each in side], dtype=np.bool_) for side in texts)  # type: ignore[assignment]
        differs = np.array([one != other for one, other in zip(*texts, strict=True)], dtype=np.bool_)
        gap = np.full(len(differs), np.nan)
        values = texts
    both, either = known[0] & known[1], known[0] | known[1]
    wrong = (both & differs) | (either & ~both)
    n, mismatched = int(np.count_nonzero(either)), int(np.count_nonzero(wrong))
    interval = wilson(mismatched, n) if n else None
    gaps = gap[both & differs]
    places = np.flatnonzero(wrong)[:_EXAMPLES].tolist()
    return FeatureAgreement(
        feature=feature,
        n=n,
        mismatched=mismatched,
        share=mismatched / n if n else None,
        low=None if interval is None else interval.low,
        high=None if interval is None else interval.high,
        only_served=int(np.count_nonzero(known[0] & ~known[1])),
        only_offline=int(np.count_nonzero(known[1] & ~known[0])),
        median_gap=float(np.median(gaps)) if len(gaps) and np.isfinite(gaps).all() else None,
        constant_gap=_is_constant(gaps, absolute, relative),
        examples=tuple(Disagreement(place, *(_plain(side[place]) for side in values)) for place in places),
    )


def _is_constant(gaps: NDArray[np.float64], absolute: float, relative: float) -> bool:
    if not len(gaps) or not np.isfinite(gaps).all():
        return False
    middle = float(np.median(gaps))
    return bool(np.mean(np.abs(gaps - middle) <= absolute + max(relative, 1e-6) * abs(middle)) >= 0.9)


def _texts(column: Column) -> list[str | None]:
    if isinstance(column, CategoricalColumn):
        names: list[str | None] = [*column.dictionary, None]
        return [names[code] for code in column.codes.tolist()]
    return [None if value != value else _number_text(value) for value in column.with_nan.tolist()]  # noqa: PLR0124


def _number_text(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _plain(value: Any) -> float | str | None:
    if isinstance(value, float):
        return None if np.isnan(value) else value
    return None if value is None else str(value)
