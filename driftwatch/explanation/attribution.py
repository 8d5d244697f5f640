"""Attribution drift: do the features matter to the model as they did? From attributions that serving code logs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["NDCG_THRESHOLD", "AttributionDrift", "FeatureAttribution", "compare_attributions", "ranking_gain"]

NDCG_THRESHOLD = 0.90
"""Below it the ranking of features is said to have drifted, as is the custom for attribution drift."""

LEAST_ROWS = 30
"""Rows with attributions that either side needs."""

_SHUFFLES = 199
_MOST_ROWS = 20_000
_SIGNIFICANCE = 0.05


@dataclass(frozen=True, slots=True)
class FeatureAttribution:
    """One feature's weight in the predictions.

    Attributes:
        feature: its name.
        share_reference: its mean absolute attribution, as a share of all features' in the reference.
        share_current: the same of the current rows.
        rank_reference: 1 for the largest.
        rank_current: 1 for the largest.
    """

    feature: str
    share_reference: float
    share_current: float
    rank_reference: int
    rank_current: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class AttributionDrift:
    """The ranking of features by attribution, reference against current.

    Attributes:
        ndcg: normalised discounted cumulative gain of the current order with the reference's shares as gains
            (Järvelin and Kekäläinen, 2002): 1 for the same order, lower is drift.
        threshold: what it is held against.
        p_value: of an `ndcg` so low if both sides came from one distribution, by shuffling rows.
        features: by current share, the largest first.
        n_reference: rows with attributions.
        n_current: rows with attributions.
    """

    ndcg: float
    threshold: float
    p_value: float
    features: tuple[FeatureAttribution, ...]
    n_reference: int
    n_current: int

    @property
    def drifted(self) -> bool:
        """Below the threshold, and beyond what sampling does."""
        return self.ndcg < self.threshold and self.p_value < _SIGNIFICANCE

    @property
    def words(self) -> str:
        """One sentence for people."""
        most = max(self.features, key=lambda each: (abs(each.share_current - each.share_reference), each.feature))
        moved = f"{most.feature} went from {most.share_reference:.0%} to {most.share_current:.0%} of all attribution"
        verdict = "the features matter in another order" if self.drifted else "the features matter much as they did"
        return f"{verdict} (NDCG {self.ndcg:.3f}); {moved}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {
            "method": "ndcg",
            "value": self.ndcg,
            "direction": "lower_is_drift",
            "threshold": self.threshold,
            "p_value": self.p_value,
            "drifted": self.drifted,
            "sentence": self.words,
            "features": [each.to_dict() for each in self.features],
            "n_reference": self.n_reference,
            "n_current": self.n_current,
        }


def compare_attributions(
    reference: Mapping[str, NDArray[np.float64]], current: Mapping[str, NDArray[np.float64]], *, seed: int
) -> AttributionDrift | None:
    """Compare logged attributions.

    Args:
        reference: by feature, float64[n], NaN where a row has none.
        current: by feature, float64[m].
        seed: of the shuffling; the same seed gives the same p-value.

    Returns:
        None with fewer than two features on both sides, or fewer than 30 rows with attributions on a side.
    """
    names = sorted(reference.keys() & current.keys())
    rng = np.random.default_rng(seed)
    sides = [_absolute([side[name] for name in names], rng) for side in (reference, current)] if len(names) > 1 else []
    if not sides or min(map(len, sides)) < LEAST_ROWS:
        return None
    shares = [_shares(side) for side in sides]
    gain = ranking_gain(*shares)
    pooled, n = np.concatenate(sides), len(sides[0])
    as_low = 1
    for _ in range(_SHUFFLES):
        order = rng.permutation(len(pooled))
        as_low += ranking_gain(_shares(pooled[order[:n]]), _shares(pooled[order[n:]])) <= gain
    ranks = [_ranks(share) for share in shares]
    features = [
        FeatureAttribution(name, float(shares[0][i]), float(shares[1][i]), int(ranks[0][i]), int(ranks[1][i]))
        for i, name in enumerate(names)
    ]
    features.sort(key=lambda each: each.rank_current)
    return AttributionDrift(gain, NDCG_THRESHOLD, as_low / (_SHUFFLES + 1), tuple(features), *map(len, sides))


def ranking_gain(reference: NDArray[np.float64], current: NDArray[np.float64]) -> float:
    """NDCG of the order of `current` with the values of `reference` as gains, 0 to 1.

    Args:
        reference: float64[F], at least 0.
        current: float64[F].

    >>> round(ranking_gain(np.array([0.6, 0.3, 0.1]), np.array([0.2, 0.5, 0.3])), 4)
    0.7901
    """
    discount = np.log2(np.arange(len(reference)) + 2.0)
    ideal = float((np.sort(reference)[::-1] / discount).sum())
    order = np.argsort(-current, kind="stable")
    return float((reference[order] / discount).sum()) / ideal if ideal > 0 else 1.0


def _absolute(columns: list[NDArray[np.float64]], rng: np.random.Generator) -> NDArray[np.float64]:
    """float64[rows with any attribution, F]; at most 20,000 of them."""
    matrix = np.abs(np.column_stack(columns))
    matrix = matrix[np.isfinite(matrix).any(axis=1)]
    if len(matrix) > _MOST_ROWS:
        matrix = matrix[np.sort(rng.choice(len(matrix), _MOST_ROWS, replace=False))]
    return np.asarray(np.where(np.isfinite(matrix), matrix, 0.0))


def _shares(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    sums = matrix.sum(axis=0)
    return np.asarray(sums / sums.sum()) if sums.sum() > 0 else np.zeros(matrix.shape[1])


def _ranks(shares: NDArray[np.float64]) -> NDArray[np.int64]:
    ranks = np.empty(len(shares), dtype=np.int64)
    ranks[np.argsort(-shares, kind="stable")] = np.arange(1, len(shares) + 1)
    return ranks
