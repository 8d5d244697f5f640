"""What a search for segments says: where a column moved more than elsewhere, in numbers and in words."""

from dataclasses import dataclass, field
from typing import Any

from driftwatch.explanation.condition import Condition

__all__ = ["Mix", "Segment", "SegmentSearch"]


@dataclass(frozen=True, slots=True)
class Segment:
    """Rows in which a column changed more than elsewhere.

    Attributes:
        conditions: one or two, all of which a row meets.
        accounts_for: share of the column's movement that happens in these rows: their share of the current rows times
            `inside`, of the sum over all segments named and the rest.
        inside: total variation distance of current against reference in the segment, without sampling noise.
        outside: the same over the other rows.
        p_value: of "it changed like the rest", already multiplied by the number of candidates.
        n_reference: rows.
        n_current: rows.
        share_reference: of all reference rows.
        share_current: of all current rows.
    """

    conditions: tuple[Condition, ...]
    accounts_for: float
    inside: float
    outside: float
    p_value: float
    n_reference: int
    n_current: int
    share_reference: float
    share_current: float

    @property
    def words(self) -> str:
        """The conditions for people."""
        return " and ".join(condition.words for condition in self.conditions)

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {
            "segment": self.words,
            "conditions": [condition.to_dict() for condition in self.conditions],
            "accounts_for": self.accounts_for,
            "total_variation_inside": self.inside,
            "total_variation_outside": self.outside,
            "p_value": self.p_value,
            "n_reference": self.n_reference,
            "n_current": self.n_current,
            "share_reference": self.share_reference,
            "share_current": self.share_current,
        }


@dataclass(frozen=True, slots=True)
class Mix:
    """A column whose change of mix stands behind the drift: with its current shares the reference looks like now.

    Attributes:
        column: whose mix changed.
        explains: share of the drifted column's movement that goes when the reference is weighted to that mix.
    """

    column: str
    explains: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {"column": self.column, "explains": self.explains}


@dataclass(frozen=True, slots=True)
class SegmentSearch:
    """What the search for one drifted column found.

    Attributes:
        column: the column that drifted.
        movement: total variation distance of all current against all reference rows, without sampling noise.
        segments: at most three, in the order found, the most telling first; each of the rows that earlier ones left.
        mix: the column whose mix explains most of the movement, or None.
        candidates: questions asked in the first search.
        n_reference: rows.
        n_current: rows.
        approximations: what stands between the numbers and the truth, one clause each.
    """

    column: str
    movement: float
    segments: tuple[Segment, ...]
    mix: Mix | None
    candidates: int
    n_reference: int
    n_current: int
    approximations: tuple[str, ...] = field(
        default=("rows are taken as independent", "numbers are cut at quantiles of the reference")
    )

    @property
    def words(self) -> str:
        """One sentence for people."""
        parts = []
        if self.segments:
            named = "; ".join(f"{each.words} ({each.accounts_for:.0%} of the movement)" for each in self.segments)
            parts.append(f"{self.column} moved most where {named}")
        if self.mix is not None:
            parts.append(
                f"a changed mix of {self.mix.column} explains {self.mix.explains:.0%} of how {self.column} moved"
            )
        return (
            "; ".join(parts) or f"no part of the rows stands out: {self.column} moved everywhere alike, or not at all"
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {
            "column": self.column,
            "sentence": self.words,
            "movement": self.movement,
            "segments": [each.to_dict() for each in self.segments],
            "mix": None if self.mix is None else self.mix.to_dict(),
            "candidates": self.candidates,
            "n_reference": self.n_reference,
            "n_current": self.n_current,
            "approximations": list(self.approximations),
        }
