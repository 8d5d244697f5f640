"""Lanes: many columns and buckets side by side, so that one array operation measures them all.

A lane is one column at one bucket. Everything that the rule computes of a bucket is an array over scales and lanes,
float64[S, L], or over windows, [S·L, C], scale by scale; what the columns differ in lies along the lanes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from driftwatch.drift.rule.baseline import Windows
from driftwatch.drift.rule.fitting import ColumnFit, ModelFit

__all__ = ["LaneFit", "Lanes"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class LaneFit:
    """What the reference says, by lane; the fields of :class:`ColumnFit` side by side, S scales and L lanes.

    Attributes:
        kind: of all the columns.
        scores: float64[L, C] of numeric cells; None for categories.
        tau2: by class, float64[S, L].
        d2: by class, float64[S, L].
        dimensions: by class, float64[L].
        novel_limit: float64[S, L].
        novel_probability: float64[L].
        missing_limit: float64[S, L].
        largest_distance: float64[S, L].
        restless: bool[L].
        known: bool[L], the reference has values of the column.
        counted: bool[L], the reference has rows of it, missing or not.
    """

    kind: str
    scores: Floats | None
    tau2: Mapping[str, Floats]
    d2: Mapping[str, Floats]
    dimensions: Mapping[str, Floats]
    novel_limit: Floats
    novel_probability: Floats
    missing_limit: Floats
    largest_distance: Floats
    restless: Bools
    known: Bools
    counted: Bools

    @classmethod
    def of(cls, columns: Sequence[ColumnFit], cells: int, repeats: int) -> "LaneFit":
        """Columns of one kind, padded to `cells` cells, the whole row of them `repeats` times."""

        def by_scale(rows: Sequence[Floats]) -> Floats:
            return np.tile(np.stack(rows, axis=1), (1, repeats))

        def by_lane(values: Sequence[float] | Sequence[bool]) -> NDArray[np.float64] | NDArray[np.bool_]:
            return np.tile(np.array(values), repeats)

        scores = None
        if columns[0].scores is not None:
            scores = np.zeros((len(columns), cells))
            for row, column in zip(scores, columns, strict=True):
                if column.scores is not None:
                    row[: len(column.scores)] = column.scores
            scores = np.tile(scores, (repeats, 1))
        return cls(
            columns[0].kind,
            scores,
            {kind: by_scale([column.tau2[kind] for column in columns]) for kind in columns[0].tau2},
            {kind: by_scale([column.d2[kind] for column in columns]) for kind in columns[0].d2},
            {
                kind: np.asarray(by_lane([column.dimensions[kind] for column in columns]), dtype=np.float64)
                for kind in columns[0].dimensions
            },
            by_scale([column.novel_limit for column in columns]),
            np.asarray(by_lane([column.novel_probability for column in columns]), dtype=np.float64),
            by_scale([column.missing_limit for column in columns]),
            by_scale([column.largest_distance for column in columns]),
            np.asarray(by_lane([column.restless for column in columns]), dtype=np.bool_),
            np.asarray(by_lane([column.values.table.total > 0 for column in columns]), dtype=np.bool_),
            np.asarray(by_lane([column.missing.table.total > 0 for column in columns]), dtype=np.bool_),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Lanes:
    """Trailing windows of L lanes at every scale, beside what the reference says of them.

    Attributes:
        model: what all columns share.
        fitted: what they differ in.
        ends: int64[L], position of the newest bucket.
        rows: int64[L], all rows of the newest bucket.
        values: S·L windows of the columns' cells.
        missing: S·L windows of missing and non-missing rows.
        novel: int64[S, L], rows with values that the reference never had.
        low: bool[S, L], windows with too few rows beside the usual.
        lagged: by scale, L windows that end where that scale's window begins.
    """

    model: ModelFit
    fitted: LaneFit
    ends: Ints
    rows: Ints
    values: Windows
    missing: Windows
    novel: Ints
    low: Bools
    lagged: Mapping[int, Windows]

    @property
    def shape(self) -> tuple[int, int]:
        """Scales and lanes."""
        return len(self.model.scales), len(self.ends)

    @property
    def long(self) -> Bools:
        """bool[S, 1], scales of a week and more."""
        return np.array([self.model.ladder.calendar.is_long(scale) for scale in self.model.scales])[:, None]
