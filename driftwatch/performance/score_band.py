"""The score-band table that credit and fraud teams read: per band of scores what was said and what came."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.performance.interval import binomial_test, wilson
from driftwatch.performance.result import Interval

__all__ = ["ScoreBand", "band_table", "quantile_edges", "score_bands"]

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ScoreBand:
    """One band of scores.

    Attributes:
        low: excluded; None for the lowest band.
        high: included; None for the highest.
        n: rows.
        positives: rows that turned out positive.
        mean_score: what the model said; None without rows.
        rate: share of positives; None without rows.
        interval: Wilson's, of that share.
        p_value: exact two-sided binomial, of "the rate is the mean score"; None where that is no probability. There is
            one for each band: hold them against the level divided by the number of bands.
        share_of_positives: positives in this band and all higher ones, of all positives (the gains curve).
        share_of_rows: rows in this band and all higher ones, of all rows.
    """

    low: float | None
    high: float | None
    n: int
    positives: int
    mean_score: float | None
    rate: float | None
    interval: Interval | None
    p_value: float | None
    share_of_positives: float
    share_of_rows: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        fields = {name: getattr(self, name) for name in self.__slots__ if name != "interval"}
        ends = (None, None) if self.interval is None else (self.interval.low, self.interval.high)
        return {**fields, "rate_low": ends[0], "rate_high": ends[1]}


def quantile_edges(scores: Values, bands: int = 10) -> Values:
    """float64[bands - 1] or fewer: the boundaries of bands that hold about as many rows each, from a reference."""
    ordered = np.sort(scores)
    places = np.ceil(np.arange(1, bands) * len(ordered) / bands).astype(int) - 1
    edges = np.unique(ordered[np.maximum(places, 0)]) if len(ordered) else ordered
    return edges[edges < ordered[-1]] if len(ordered) else edges


def score_bands(scores: Values, outcomes: NDArray[np.bool_], edges: Values) -> tuple[ScoreBand, ...]:
    """The table, lowest scores first.

    Args:
        scores: float64[n], finite.
        outcomes: bool[n].
        edges: float64[b - 1], ascending; bands are closed on the right. Take those of the reference for every window.
    """
    band = np.searchsorted(edges, scores, side="left")
    rows = np.bincount(band, minlength=len(edges) + 1)
    positives = np.bincount(band[outcomes], minlength=len(edges) + 1)
    totals = np.bincount(band, weights=scores, minlength=len(edges) + 1).astype(np.float64)
    return band_table(rows, positives, totals, edges)


def band_table(
    rows: NDArray[np.int64], positives: NDArray[np.int64], totals: Values, edges: Values
) -> tuple[ScoreBand, ...]:
    """The table of rows that are counted by band, lowest scores first.

    Args:
        rows: int64[b].
        positives: int64[b].
        totals: float64[b], sums of scores.
        edges: float64[b - 1], ascending; bands are closed on the right.
    """
    above, found = np.cumsum(rows[::-1])[::-1], np.cumsum(positives[::-1])[::-1]
    return tuple(
        _band(edges, place, int(rows[place]), int(positives[place]), float(totals[place]), shares)
        for place, shares in enumerate(zip(_shares(found), _shares(above), strict=True))
    )


def _band(edges: Values, place: int, n: int, positives: int, total: float, shares: tuple[float, float]) -> ScoreBand:
    mean = total / n if n else None
    return ScoreBand(
        float(edges[place - 1]) if place else None,
        float(edges[place]) if place < len(edges) else None,
        n,
        positives,
        mean,
        positives / n if n else None,
        wilson(positives, n) if n else None,
        binomial_test(positives, n, mean) if mean is not None and 0 <= mean <= 1 else None,
        *shares,
    )


def _shares(cumulative: NDArray[np.int64]) -> list[float]:
    total = int(cumulative[0])
    return (cumulative / total).tolist() if total else [0.0] * len(cumulative)
