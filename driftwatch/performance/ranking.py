"""A ranking against what turned out relevant: the tally of queries that adds up, and every metric of it.

A query counts as a whole, in one tally. Queries without a relevant item are counted and left out of every mean, as in
trec_eval. Relevance above 0 is relevant; NDCG weighs it linearly.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.performance.interval import wilson
from driftwatch.performance.mean_tally import MeanTally, tally_mean
from driftwatch.performance.result import Interval, PerformanceResult, direction_of

__all__ = ["RankingTally", "ranking_performance", "tally_ranking"]

Values = NDArray[np.float64]
_PARTS = ("ndcg", "average_precision", "reciprocal_rank")


@dataclass(frozen=True, slots=True)
class RankingTally:
    """Queries with at least one relevant item; adds up.

    Attributes:
        depth: k, the items of each query that NDCG, average precision and hits look at.
        ndcg: normalised discounted cumulative gain by query (Järvelin and Kekäläinen, 2002).
        average_precision: by query.
        reciprocal_rank: of the first relevant item, by query; of any depth.
        hits: queries with a relevant item among the first k.
        without_relevant: queries without one at all.
        items: labelled rows.
        unlabelled: rows without an outcome.
    """

    depth: int
    ndcg: MeanTally = field(default_factory=MeanTally)
    average_precision: MeanTally = field(default_factory=MeanTally)
    reciprocal_rank: MeanTally = field(default_factory=MeanTally)
    hits: int = 0
    without_relevant: int = 0
    items: int = 0
    unlabelled: int = 0

    def __add__(self, other: "RankingTally") -> "RankingTally":
        """Both together.

        Raises:
            ValueError: the two look at different depths.
        """
        if self.depth != other.depth:
            raise ValueError(f"rankings at {self.depth} and at {other.depth} do not add up")
        return RankingTally(
            self.depth,
            self.ndcg + other.ndcg,
            self.average_precision + other.average_precision,
            self.reciprocal_rank + other.reciprocal_rank,
            self.hits + other.hits,
            self.without_relevant + other.without_relevant,
            self.items + other.items,
            self.unlabelled + other.unlabelled,
        )

    @property
    def n(self) -> int:
        """Queries with a relevant item."""
        return self.ndcg.n

    @property
    def labelled_share(self) -> float:
        """Of all rows; 0 without rows."""
        total = self.items + self.unlabelled
        return self.items / total if total else 0.0

    def to_fields(self) -> list[Any]:
        """Plain values for msgpack."""
        parts = [getattr(self, name).to_fields() for name in _PARTS]
        return [self.depth, parts, self.hits, self.without_relevant, self.items, self.unlabelled]

    @classmethod
    def from_fields(cls, fields: list[Any]) -> "RankingTally":
        """Read what :meth:`to_fields` wrote."""
        depth, parts, *counts = fields
        ndcg, precision, reciprocal = (MeanTally.from_fields(part) for part in parts)
        return cls(depth, ndcg, precision, reciprocal, *counts)


def tally_ranking(
    queries: NDArray[np.int64], scores: Values, relevance: Values, *, depth: int = 10, unlabelled: int = 0
) -> RankingTally:
    """The tally of labelled items.

    Args:
        queries: int64[n], which query an item is of.
        scores: float64[n]; the highest is shown first. Ties: NDCG takes the mean over their orders (McSherry and
            Najork, 2008), as scikit-learn does; the others take them in the order given.
        relevance: float64[n], not negative.
        depth: k.
        unlabelled: rows of the same window without an outcome.
    """
    if not len(queries):
        return RankingTally(depth, unlabelled=unlabelled)
    order = np.lexsort((np.arange(len(scores)), -scores, queries))
    queries, scores, relevance = queries[order], scores[order], relevance[order]
    first = np.flatnonzero(np.diff(queries, prepend=queries[0] - 1))
    query = np.repeat(np.arange(len(first)), np.diff(first, append=len(queries)))
    rank = np.arange(len(queries)) - first[query]  # from 0
    relevant = relevance > 0
    total = np.bincount(query, weights=relevant)
    known = total > 0
    ideal = np.lexsort((-relevance, query))
    gained = _discounted(query, rank, _tie_means(query, scores, relevance), depth)
    best = _discounted(query, rank, relevance[ideal], depth)
    so_far = np.cumsum(relevant)
    found: NDArray[np.int64] = so_far - (so_far - relevant)[first][query]
    precision = np.bincount(query, weights=np.where(relevant & (rank < depth), found / (rank + 1), 0.0))
    leader = np.full(len(first), np.inf)
    np.minimum.at(leader, query[relevant], rank[relevant])
    return RankingTally(
        depth,
        tally_mean(gained[known] / best[known]),
        tally_mean(precision[known] / np.minimum(total[known], depth)),
        tally_mean(1 / (leader[known] + 1)),
        int(np.count_nonzero(leader[known] < depth)),
        int(np.count_nonzero(~known)),
        len(queries),
        unlabelled,
    )


def _tie_means(query: NDArray[np.int64], scores: Values, relevance: Values) -> Values:
    """By item, the mean relevance of the items of its query that have its score."""
    fresh = (np.diff(query, prepend=-1) != 0) | (np.diff(scores, prepend=np.nan) != 0)
    group = np.cumsum(fresh) - 1
    means = np.bincount(group, weights=relevance) / np.bincount(group)
    return np.asarray(means[group], dtype=np.float64)


def _discounted(query: NDArray[np.int64], rank: NDArray[np.int64], gains: Values, depth: int) -> Values:
    weights = np.where(rank < depth, gains / np.log2(rank + 2), 0.0)
    return np.bincount(query, weights=weights).astype(np.float64)


def ranking_performance(tally: RankingTally) -> dict[str, PerformanceResult]:
    """Every metric of a ranking, by key: ``ndcg@k``, ``map@k``, ``mrr``, ``hit_rate@k``."""
    n, depth = tally.n, tally.depth
    notes = (f"without {tally.without_relevant} queries that have nothing relevant",) if tally.without_relevant else ()
    rows: list[tuple[str, float | None, Interval | None]] = [
        (f"ndcg@{depth}", tally.ndcg.mean, _share(tally.ndcg)),
        (f"map@{depth}", tally.average_precision.mean, _share(tally.average_precision)),
        ("mrr", tally.reciprocal_rank.mean, _share(tally.reciprocal_rank)),
        (f"hit_rate@{depth}", tally.hits / n if n else None, wilson(tally.hits, n) if n else None),
    ]
    return {
        metric: PerformanceResult(metric, value, interval, n, tally.labelled_share, direction_of(metric), None, notes)
        for metric, value, interval in rows
    }


def _share(tally: MeanTally) -> Interval | None:
    return None if tally.interval is None else tally.interval.within(0.0, 1.0)
