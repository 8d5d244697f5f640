"""Why and where: everything that rows of the reference and of a window say about a drift, in one answer."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.explanation.attribution import AttributionDrift, compare_attributions
from driftwatch.explanation.condition import cell_codes, missing_rows
from driftwatch.explanation.contrast import excess_variation
from driftwatch.explanation.movement import Movement, explain_movement
from driftwatch.explanation.segment import SegmentSearch
from driftwatch.explanation.segment_search import search_segments
from driftwatch.explanation.surrogate import fit_surrogate
from driftwatch.profiles.bucket import CategoricalColumn, Column, NumericColumn

__all__ = ["Evidence", "Explanation", "explain"]

_SEARCHED = 3
_WORTH = 0.05  # total variation from which a column's drift is searched unasked
_OUTPUTS = ("score", "prediction")
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """The rows of one side.

    Attributes:
        n: how many.
        features: by name.
        outputs: by role: "score" (or "score.<class>"), "prediction".
        tags: columns that are no model inputs; they make segments.
        attributions: by feature, float64[n], NaN where a row has none.
    """

    n: int
    features: Mapping[str, Column]
    outputs: Mapping[str, Column] = field(default_factory=dict)
    tags: Mapping[str, Column] = field(default_factory=dict)
    attributions: Mapping[str, Values] = field(default_factory=dict)

    @property
    def columns(self) -> dict[str, Column]:
        """All that can be searched, by name; an output that a feature has the name of is left out."""
        return {**self.outputs, **self.tags, **self.features}


@dataclass(frozen=True, slots=True)
class Explanation:
    """What moved the predictions, whether features matter as they did, and where columns drift.

    Attributes:
        movement: which features move the prediction; None where nothing is logged that could say.
        attributions: None where none are logged.
        segments: a search for each column that was asked for, or for those that moved most.
        not_searched: columns that were asked for and cannot be searched.
        n_reference: rows.
        n_current: rows.
    """

    movement: Movement | None
    attributions: AttributionDrift | None
    segments: tuple[SegmentSearch, ...]
    not_searched: tuple[str, ...]
    n_reference: int
    n_current: int

    @property
    def sentences(self) -> tuple[str, ...]:
        """For people, the most useful first."""
        told = [] if self.movement is None else [self.movement.words]
        told += [each.words for each in self.segments]
        told += [] if self.attributions is None else [self.attributions.words]
        told += [
            f"{name} cannot be searched: it is absent, of another kind, or too few rows" for name in self.not_searched
        ]
        return tuple(told)

    def to_dict(self, *, most: int | None = None) -> dict[str, Any]:
        """JSON-safe; with `most`, of each list of features no more than the first ones."""
        movement = None if self.movement is None else self.movement.to_dict()
        attributions = None if self.attributions is None else self.attributions.to_dict()
        for part in (movement, attributions):
            if part is not None:
                part["features"] = part["features"][:most]
        return {
            "sentences": list(self.sentences),
            "movement": movement,
            "attributions": attributions,
            "segments": [each.to_dict() for each in self.segments],
            "not_searched": list(self.not_searched),
            "n_reference": self.n_reference,
            "n_current": self.n_current,
        }


def explain(
    reference: Evidence,
    current: Evidence,
    *,
    columns: Sequence[str] = (),
    importance: Mapping[str, float] | None = None,
    private: Collection[str] = (),
    seed: int = 0,
) -> Explanation:
    """Explain how the current rows differ from the reference.

    Args:
        reference: rows of the reference.
        current: rows of the window.
        columns: columns to search segments for; empty: the score or prediction and the features that moved most, three
            in all, if they moved at all.
        importance: by feature, as the user gave it; empty: learned by a surrogate of the model.
        private: columns whose values are not shown.
        seed: of all that is drawn; the same seed gives the same answer.
    """
    sides = reference.columns, current.columns
    wanted = tuple(columns) or _moved(reference, current)
    found = {name: _search(name, *sides, private) for name in wanted}
    return Explanation(
        movement=_movement(reference, current, importance or {}, private, seed),
        attributions=compare_attributions(reference.attributions, current.attributions, seed=seed),
        segments=tuple(each for each in found.values() if each is not None),
        not_searched=tuple(name for name, each in found.items() if each is None),
        n_reference=reference.n,
        n_current=current.n,
    )


def _search(
    name: str, reference: Mapping[str, Column], current: Mapping[str, Column], private: Collection[str]
) -> SegmentSearch | None:
    """Outputs make no conditions, but for one another's search they would say nothing."""
    sides = [
        {other: column for other, column in side.items() if other == name or not _is_output(other)}
        for side in (reference, current)
    ]
    return search_segments(name, sides[0], sides[1], private=private)


def _is_output(name: str) -> bool:
    return name in _OUTPUTS or name.startswith("score.")


def _moved(reference: Evidence, current: Evidence) -> tuple[str, ...]:
    """The output that moved most, and the features, by how far they moved."""
    shared = reference.columns.keys() & current.columns.keys()
    moved = {name: _excess(reference.columns[name], current.columns[name]) for name in shared}
    ranked = sorted((name for name in moved if moved[name] >= _WORTH), key=lambda name: (-moved[name], name))
    outputs = [name for name in ranked if name in reference.outputs and _is_output(name)][:1]
    features = [name for name in ranked if name in reference.features]
    return tuple(dict.fromkeys((*outputs, *features)))[:_SEARCHED]


def _excess(reference: Column, current: Column) -> float:
    cut = cell_codes(reference, current)
    if cut is None or not (len(cut[0]) and len(cut[1])):
        return 0.0
    table = np.stack([np.bincount(side, minlength=cut[2]) for side in cut[:2]]).astype(np.float64)
    return float(excess_variation(table[None])[0])


def _movement(
    reference: Evidence, current: Evidence, importance: Mapping[str, float], private: Collection[str], seed: int
) -> Movement | None:
    target = _target(reference, current, private)
    if not reference.features or (target is None and not importance):
        return None
    name, before, after = target or ("prediction", np.full(reference.n, np.nan), np.full(current.n, np.nan))
    surrogate = fit_surrogate(reference.features, before, seed=seed)
    return explain_movement(
        name, reference.features, current.features, (before, after), surrogate, importance=importance, seed=seed
    )


def _target(reference: Evidence, current: Evidence, private: Collection[str]) -> tuple[str, Values, Values] | None:
    """What the model answered, as one number a row: the score, the prediction, or 1 for the class that moved."""
    shared = [name for name in reference.outputs if name in current.outputs]
    numbers = []
    for name in shared:
        before, after = reference.outputs[name], current.outputs[name]
        if isinstance(before, NumericColumn) and isinstance(after, NumericColumn):
            values = _values(before), _values(after)
            if all(np.isfinite(side).any() for side in values):
                shift = abs(float(np.nanmean(values[1]) - np.nanmean(values[0])))
                numbers.append((name.startswith("score"), shift, name, values))
    if numbers:
        _, _, name, values = max(numbers, key=lambda each: each[:3])
        return name, *values
    classes = reference.outputs.get("prediction"), current.outputs.get("prediction")
    if isinstance(classes[0], CategoricalColumn) and isinstance(classes[1], CategoricalColumn):
        return _class_target(classes[0], classes[1], is_private="prediction" in private)
    return None


def _class_target(
    before: CategoricalColumn, after: CategoricalColumn, *, is_private: bool
) -> tuple[str, Values, Values] | None:
    shares = [_shares(side) for side in (before, after)]
    levels = sorted({*shares[0], *shares[1]})
    if not shares[0] or not shares[1]:
        return None
    moved = max(levels, key=lambda level: abs(shares[1].get(level, 0.0) - shares[0].get(level, 0.0)))
    values = [_indicator(side, moved) for side in (before, after)]
    name = "share of one prediction" if is_private else f"share of the prediction {moved}"
    return name, values[0], values[1]


def _shares(column: CategoricalColumn) -> dict[str, float]:
    counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.dictionary)).tolist()
    total = sum(counts)
    return {level: count / total for level, count in zip(column.dictionary, counts, strict=True) if count}


def _indicator(column: CategoricalColumn, level: str) -> Values:
    places = [place for place, text in enumerate(column.dictionary) if text == level]
    return np.where(column.codes < 0, np.nan, np.isin(column.codes, places).astype(np.float64))


def _values(column: NumericColumn) -> Values:
    return np.where(missing_rows(column), np.nan, column.values)
