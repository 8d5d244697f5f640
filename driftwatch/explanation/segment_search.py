"""Where a drift is: the few segments that change unlike the rest, and the change of mix that may stand behind it.

A shallow search: every condition on one column, and every pair of conditions on two. Each is a question asked of the
same rows, so that p-values are multiplied by the number of questions (Bonferroni; Dunn, 1961): where nothing drifted,
nothing is named in at least 95% of searches. A number that moves by one amount, or by one factor, everywhere is not
said to move anywhere in particular. After a segment is named its rows are set aside, and the rest is searched again:
the second segment is news, not the first in other words.
"""

import heapq
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from driftwatch.explanation.condition import Condition, Split, cell_codes, missing_rows, split_column
from driftwatch.explanation.contrast import Contrast, contrast_segments, excess_variation
from driftwatch.explanation.segment import Mix, Segment, SegmentSearch
from driftwatch.profiles.bucket import Column, NumericColumn

__all__ = ["LEAST_ROWS", "SIGNIFICANCE", "search_segments"]

LEAST_ROWS = 50
"""Rows that a segment needs on either side, inside and outside."""

SIGNIFICANCE = 0.05
"""Chance of naming any segment where none drifts apart."""

_TIMES = 2.0  # a segment's distribution moves at least so many times as much as that of the rest ...
_TIMES_MOMENTS = 1.5  # ... and its mean and spread so many times
_STILL = 0.1  # standard deviations; a rest that moved less stood still
_ACCOUNTS = 0.10  # of all movement, at least
_EFFECT = 0.02  # total variation inside, at least
_PAIRED = 30  # columns whose pairs are looked at, the most telling ones; every pair is counted
_LOOKED_AT = 40  # candidates whose mean and spread are held against the rest, the most telling ones
_SECOND_CONDITION = 0.01  # a second condition stays if it parts the rows of the first at this p
_MIX_EXPLAINS = 0.30


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The rows that are still searched: side and cell of each in the drifted column, and the conditions' columns."""

    groups: NDArray[np.int64]  # side * cells + cell
    cells: int
    splits: Mapping[str, Split]
    keep: NDArray[np.bool_]
    numbers: NDArray[np.float64] | None  # the drifted column's, NaN where missing; None for a category

    @property
    def current(self) -> NDArray[np.bool_]:
        return self.groups >= self.cells

    def total(self, inside: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """float64[2, cells]: rows by side and cell."""
        kept = self.keep if inside is None else self.keep & inside
        counts = np.bincount(self.groups[kept], minlength=2 * self.cells)
        return counts.reshape(2, self.cells).astype(np.float64)

    def table(self, codes: NDArray[np.int64], cells: int) -> NDArray[np.float64]:
        """float64[cells, 2 * self.cells]: rows by cell of some column and group."""
        width = 2 * self.cells
        counts = np.bincount(codes[self.keep] * width + self.groups[self.keep], minlength=cells * width)
        return counts.reshape(cells, width).astype(np.float64)

    def members(self, conditions: Sequence[Condition]) -> NDArray[np.bool_]:
        """bool[n + m]: the rows that meet all conditions."""
        inside = np.ones(len(self.groups), dtype=np.bool_)
        for condition in conditions:
            split = self.splits[condition.column]
            inside &= (split.members[split.conditions.index(condition)] > 0)[split.codes]
        return inside


@dataclass(frozen=True, slots=True, order=True)
class _Candidate:
    """Ordered by statistic; among equals, the simpler one, then by name."""

    statistic: float
    simplicity: int
    words: tuple[str, ...]
    conditions: tuple[Condition, ...]


@dataclass(slots=True)
class _Shortlist:
    """The most telling candidates, and how many were asked."""

    kept: list[_Candidate]
    asked: int = 0
    freedom: int = 1

    def take(
        self, tables: NDArray[np.float64], total: NDArray[np.float64], conditions: Sequence[tuple[Condition, ...]]
    ) -> float:
        """Consider some segments; returns the highest statistic among those with enough rows."""
        rows = tables.sum(axis=2)
        enough = (rows >= LEAST_ROWS).all(axis=1) & (total.sum(axis=1) - rows >= LEAST_ROWS).all(axis=1)
        places = np.flatnonzero(enough)
        self.asked += len(places)
        if not len(places):
            return 0.0
        contrast = contrast_segments(tables[places], total)
        self.freedom = contrast.freedom
        statistic = np.where(_stands_out(contrast), contrast.statistic, 0.0)
        for place in np.argsort(-statistic, kind="stable")[:_LOOKED_AT].tolist():
            if statistic[place] > 0:
                chosen = conditions[places[place]]
                words = tuple(each.words for each in chosen)
                heapq.heappush(self.kept, _Candidate(float(statistic[place]), -len(chosen), words, chosen))
                if len(self.kept) > _LOOKED_AT:
                    heapq.heappop(self.kept)
        return float(contrast.statistic.max())

    def p_value(self, statistic: float) -> float:
        """Of one statistic, over all that was asked."""
        return min(1.0, float(stats.chi2.sf(statistic, self.freedom)) * self.asked)

    def ranked(self) -> Iterator[_Candidate]:
        """Those that are improbable over all that was asked, the most telling first."""
        return (each for each in sorted(self.kept, reverse=True) if self.p_value(each.statistic) < SIGNIFICANCE)


def search_segments(
    target: str,
    reference: Mapping[str, Column],
    current: Mapping[str, Column],
    *,
    most: int = 3,
    depth: int = 2,
    private: Collection[str] = (),
) -> SegmentSearch | None:
    """Where the drift of one column is.

    Args:
        target: the drifted column: a feature, the score, the prediction.
        reference: columns of n rows: the target, and those to make conditions of.
        current: columns of m rows.
        most: segments named at most.
        depth: 1 or 2 conditions a segment.
        private: columns whose values are not shown.

    Returns:
        None if the target cannot be searched: absent, of different kinds, or with fewer than 50 rows on a side.
    """
    if target not in reference or target not in current:
        return None
    cut = cell_codes(reference[target], current[target])
    if cut is None or min(len(cut[0]), len(cut[1])) < LEAST_ROWS:
        return None
    names = [name for name in sorted(reference.keys() & current.keys()) if name != target]
    made = [split_column(name, reference[name], current[name], is_private=name in private) for name in names]
    rows = _Rows(
        np.concatenate((cut[0], cut[1] + cut[2])),
        cut[2],
        {split.column: split for split in made if split is not None},
        np.ones(len(cut[0]) + len(cut[1]), dtype=np.bool_),
        _numbers(reference[target], current[target]),
    )
    segments, candidates = _cover(rows, most=most, depth=depth)
    movement = float(excess_variation(rows.total()[None])[0])
    return SegmentSearch(target, movement, segments, _mix(rows), candidates, len(cut[0]), len(cut[1]))


def _numbers(reference: Column, current: Column) -> NDArray[np.float64] | None:
    if not (isinstance(reference, NumericColumn) and isinstance(current, NumericColumn)):
        return None
    return np.concatenate([np.where(missing_rows(side), np.nan, side.values) for side in (reference, current)])


def _cover(rows: _Rows, *, most: int, depth: int) -> tuple[tuple[Segment, ...], int]:
    """Name the best segment, set its rows aside, and go on until nothing more stands out."""
    found: list[tuple[tuple[Condition, ...], float, NDArray[np.bool_]]] = []
    asked = 0
    left = rows
    while len(found) < most:
        shortlist = _shortlist(left, depth)
        asked = asked or shortlist.asked
        best = next((each for each in shortlist.ranked() if _moves_more(left, left.members(each.conditions))), None)
        if best is None:
            break
        best = _simplify(left, best, shortlist)
        inside = left.members(best.conditions) & left.keep
        found.append((best.conditions, shortlist.p_value(best.statistic), inside))
        left = replace(left, keep=left.keep & ~inside)
    movements = [_movement(rows, inside) for _, _, inside in found]
    total = sum(movements) + _movement(rows, left.keep)
    return (
        tuple(
            _segment(rows, conditions, p_value, inside, moved / total)
            for (conditions, p_value, inside), moved in zip(found, movements, strict=True)
        ),
        asked,
    )


def _shortlist(rows: _Rows, depth: int) -> _Shortlist:
    """All segments of one condition, then of two on the columns that tell most by one."""
    total, shortlist = rows.total(), _Shortlist([])
    if not total.sum(axis=1).all():
        return shortlist
    telling = []
    for split in rows.splits.values():
        tables = (split.members @ rows.table(split.codes, split.cells)).reshape(-1, 2, rows.cells)
        telling.append((-shortlist.take(tables, total, [(each,) for each in split.conditions]), split.column))
    if depth < 2:
        return shortlist
    paired = sorted(name for _, name in sorted(telling)[:_PAIRED])
    for one, two in combinations((rows.splits[name] for name in paired), 2):
        conditions = [(a, b) for a in one.conditions for b in two.conditions]
        shortlist.take(_pair_tables(rows, one, two), total, conditions)
    looked, everything = (
        sum(len(rows.splits[a].conditions) * len(rows.splits[b].conditions) for a, b in combinations(names, 2))
        for names in (paired, rows.splits)
    )
    shortlist.asked += everything - looked
    return shortlist


def _pair_tables(rows: _Rows, one: Split, two: Split) -> NDArray[np.float64]:
    joint = rows.table(one.codes * two.cells + two.codes, one.cells * two.cells)
    cube = joint.reshape(one.cells, two.cells, -1)
    tables = np.einsum("ab,bcg,dc->adg", one.members, cube, two.members, optimize=True)
    return np.asarray(tables.reshape(-1, 2, rows.cells))


def _stands_out(contrast: Contrast) -> NDArray[np.bool_]:
    moved = contrast.inside >= np.maximum(_TIMES * contrast.outside, _EFFECT)
    return np.asarray(moved & (contrast.accounts_for >= _ACCOUNTS))


def _moves_more(rows: _Rows, inside: NDArray[np.bool_]) -> bool:
    """Whether mean and spread of a number move more inside, in its own unit.

    Without this, a shift by one amount everywhere would be said to be where the number varies little.
    """
    if rows.numbers is None or _mostly_gaps(rows, inside):
        return True
    present = rows.keep & ~np.isnan(rows.numbers)
    low, high = np.quantile(rows.numbers[present], (0.01, 0.99))
    values = np.clip(rows.numbers, low, high)
    here, doubt = _moments_shift(values, present & inside, rows.current)
    there, _ = _moments_shift(values, present & ~inside, rows.current)
    return there <= _STILL * float(values[present].std()) or here - 2 * doubt >= _TIMES_MOMENTS * there


def _mostly_gaps(rows: _Rows, inside: NDArray[np.bool_]) -> bool:
    """Whether the change inside is one of missing values, which have no mean."""
    counts = rows.total(inside)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    change = np.abs(shares[1] - shares[0])
    return bool(change[-1] >= change[:-1].sum() / 2)


def _moments_shift(
    values: NDArray[np.float64], part: NDArray[np.bool_], current: NDArray[np.bool_]
) -> tuple[float, float]:
    """How far mean and standard deviation moved together, and the standard error of the mean's part of it."""
    before, after = values[part & ~current], values[part & current]
    if not (len(before) and len(after)):
        return 0.0, 0.0
    shift = np.hypot(after.mean() - before.mean(), after.std() - before.std())
    return float(shift), float(np.sqrt(before.var() / len(before) + after.var() / len(after)))


def _simplify(rows: _Rows, best: _Candidate, shortlist: _Shortlist) -> _Candidate:
    """One of two conditions instead of both, where the other parts its rows no further than chance would."""
    if len(best.conditions) < 2:
        return best
    whole, child = rows.total(), rows.total(rows.members(best.conditions))
    parents = []
    for condition in best.conditions:
        inside = rows.members((condition,))
        table = rows.total(inside)
        contrast = contrast_segments(table[None], whole)
        within = contrast_segments(child[None], table)
        parted = float(stats.chi2.sf(within.statistic[0], within.freedom)) < _SECOND_CONDITION
        statistic = float(contrast.statistic[0])
        sound = bool(_stands_out(contrast)[0]) and shortlist.p_value(statistic) < SIGNIFICANCE
        if sound and not parted and _moves_more(rows, inside):
            parents.append(_Candidate(statistic, -1, (condition.words,), (condition,)))
    return max(parents, default=best)


def _movement(rows: _Rows, inside: NDArray[np.bool_]) -> float:
    """Excess variation of some rows times their share of the current ones."""
    table = rows.total(inside)
    return float(excess_variation(table[None])[0] * table[1].sum() / rows.total()[1].sum())


def _segment(
    rows: _Rows, conditions: tuple[Condition, ...], p_value: float, inside: NDArray[np.bool_], accounts_for: float
) -> Segment:
    table, whole = rows.total(inside), rows.total()
    n_reference, n_current = table.sum(axis=1)
    excess = excess_variation(np.stack((table, whole - table)))
    return Segment(
        conditions=conditions,
        accounts_for=accounts_for,
        inside=float(excess[0]),
        outside=float(excess[1]),
        p_value=p_value,
        n_reference=int(n_reference),
        n_current=int(n_current),
        share_reference=float(n_reference / whole[0].sum()),
        share_current=float(n_current / whole[1].sum()),
    )


def _mix(rows: _Rows) -> Mix | None:
    """The column that explains most by its own change of shares (Cobb and Van Looveren, 2022, in its simplest form)."""
    total = rows.total()
    moved = float(excess_variation(total[None])[0])
    best: Mix | None = None
    for split in rows.splits.values() if moved >= _EFFECT else ():
        tables = rows.table(split.codes, split.cells).reshape(split.cells, 2, rows.cells)
        shares = tables.sum(axis=2)
        if not _mix_changed(shares, len(rows.splits)):
            continue
        weights = np.divide(shares[:, 1], shares[:, 0], out=np.zeros(split.cells), where=shares[:, 0] > 0)
        weighted = np.stack((np.einsum("c,ck->k", weights, tables[:, 0]), total[1]))
        if not weighted[0].sum():
            continue
        weighted[0] *= total[0].sum() / weighted[0].sum()
        explains = 1.0 - float(excess_variation(weighted[None])[0]) / moved
        if explains >= max(_MIX_EXPLAINS, best.explains if best is not None else 0.0):
            best = Mix(split.column, explains)
    return best


def _mix_changed(shares: NDArray[np.float64], columns: int) -> bool:
    """Whether the column's own shares differ, by Pearson's chi-square at 5% over all columns."""
    table = shares[shares.sum(axis=1) > 0].T
    if table.shape[1] < 2 or not table.sum(axis=1).all():
        return False
    return bool(stats.chi2_contingency(table, correction=False).pvalue < SIGNIFICANCE / max(1, columns))
