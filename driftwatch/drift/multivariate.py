"""Two samples of several numbers at once: changes that keep every margin, such as a correlation that broke.

Hotelling's distance (1931) of means and second moments of the standardised columns, T = ‖W(φ_current - φ_reference)‖²
with W = (covariance of φ + 1e-3·λmax·I)^(-1/2).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

__all__ = ["MULTIVARIATE", "MultivariateResult", "compare_moments"]

MULTIVARIATE = "hotelling_moments"
_LIMIT = 8.0
_MOST_COLUMNS = 50
_MOST_PAIRS = 20
_RIDGE = 1e-3
_BLOCKS = 20
_ROWS = 50_000
_LEAST_ROWS = 30
_TAU2_COLD = 0.0144
_TAU2_FLOOR = 1e-4
_SIGNIFICANCE = 0.01


@dataclass(frozen=True, slots=True)
class MultivariateResult:
    """The multivariate score.

    Attributes:
        value: T, in squared standard deviations; None with fewer than two numeric columns or 30 rows.
        p_value: F score of T against natural and sampling variation; None where there is no value.
        drifted: p < 0.01.
        columns: how many columns went in.
        reason: why there is no value, or "".
        method: key of the method.
        unit: of the value.
        interval: 95% interval of the value, where the method gives one.
        features: what each column contributes, the most first, where the method tells.
    """

    value: float | None
    p_value: float | None
    drifted: bool
    columns: int
    reason: str = ""
    method: str = MULTIVARIATE
    unit: str | None = None
    interval: tuple[float, float] | None = None
    features: tuple[tuple[str, float], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The public shape; an interval and what features contribute only where there are such."""
        fields: dict[str, Any] = {
            "method": self.method,
            "value": self.value,
            "p_value": self.p_value,
            "drifted": self.drifted,
        }
        if self.interval is not None:
            fields["interval"] = list(self.interval)
        if self.features:
            fields["features"] = [{"column": name, "importance": share} for name, share in self.features]
        return fields


def compare_moments(reference: NDArray[np.float64], current: NDArray[np.float64]) -> MultivariateResult:
    """The multivariate score of two samples.

    Columns are standardised by the reference, cut at ±8; what is missing or infinite takes the reference's mean. Above
    50 columns a fixed random projection to 50 is taken, and second moments are those of at most 20 columns or
    projections. Under no drift T is a weighted sum of chi-squares, matched in mean and variance (Satterthwaite). The
    natural variation is the excess of T over that of 20 consecutive blocks of the reference, each against the rest,
    and at least what the cold-start constant of a location gives (0.0144, the root of the dimensions times).

    Args:
        reference: float64[n, d], NaN for missing, in the order of the file.
        current: float64[m, d].
    """
    n, m, width = len(reference), len(current), reference.shape[1]
    if width < 2:
        return MultivariateResult(None, None, drifted=False, columns=width, reason="fewer than two numeric columns")
    if min(n, m) < _LEAST_ROWS:
        return MultivariateResult(None, None, drifted=False, columns=width, reason="fewer than 30 rows")
    reference, current = _thin(reference), _thin(current)
    centre, spread = _moments(reference)
    used = spread > 0
    if np.count_nonzero(used) < 2:
        return MultivariateResult(None, None, drifted=False, columns=width, reason="fewer than two columns that vary")
    n_used = len(reference)
    reference, current = (_standardise(side[:, used], centre[used], spread[used]) for side in (reference, current))
    sizes, sums = _block_sums(reference)
    whiten, weights = _whitening(reference, sums.sum(axis=0) / n_used)
    mean = _block_sums(current)[1].sum(axis=0) / len(current)
    dimensions = float(weights.sum())
    squares = float(np.sum(weights**2))
    score = _distance(mean - sums.sum(axis=0) / n_used, whiten)
    noise = 1 / n_used + 1 / len(current)
    floor = max(_TAU2_COLD * math.sqrt(dimensions), _TAU2_FLOOR * dimensions)
    tau2, freedom = max(floor, _natural(sizes, sums, whiten, dimensions)), float(_BLOCKS - 1)
    v, s2 = noise * dimensions, 2 * noise**2 * squares
    d1 = max(1.0, 2 * (tau2 + v) ** 2 / (2 * tau2**2 + s2))
    p_value = float(fdtrc(d1, freedom, score / (tau2 + v)))
    return MultivariateResult(score, p_value, p_value < _SIGNIFICANCE, int(np.count_nonzero(used)))


def _thin(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """At most 50,000 rows, spread evenly, in order."""
    return rows if len(rows) <= _ROWS else rows[np.linspace(0, len(rows) - 1, _ROWS).astype(np.int64)]


def _moments(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Median and robust standard deviation by column; 0 where a column is constant or has no finite value."""
    centre, spread = np.zeros(rows.shape[1]), np.zeros(rows.shape[1])
    for place in range(rows.shape[1]):
        finite = rows[np.isfinite(rows[:, place]), place]
        if len(finite) < _LEAST_ROWS or finite.min() == finite.max():
            continue
        low, middle, high = np.quantile(finite, [0.1, 0.5, 0.9])
        with np.errstate(over="ignore", invalid="ignore"):
            robust = high / 2.56 - low / 2.56
            sd = robust if robust > 0 else float(np.std(finite))
        if np.isfinite(sd):
            centre[place], spread[place] = middle, sd
    return centre, spread


def _standardise(
    rows: NDArray[np.float64], centre: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = np.clip((rows - centre) / spread, -_LIMIT, _LIMIT)
    scaled[~np.isfinite(rows)] = np.nan
    scaled = np.where(np.isnan(scaled), 0.0, scaled)
    if scaled.shape[1] > _MOST_COLUMNS:
        scaled = scaled @ _projection(scaled.shape[1], _MOST_COLUMNS)
    return scaled


def _features(scaled: NDArray[np.float64]) -> NDArray[np.float64]:
    """φ: the columns, and the products of every pair of (at most 20 of) them."""
    paired = scaled if scaled.shape[1] <= _MOST_PAIRS else scaled @ _projection(scaled.shape[1], _MOST_PAIRS)
    left, right = np.triu_indices(paired.shape[1])
    return np.concatenate((scaled, paired[:, left] * paired[:, right]), axis=1)


def _projection(before: int, after: int) -> NDArray[np.float64]:
    # Fixed: the same columns give the same score, everywhere.
    return np.random.default_rng(20_240_229).normal(size=(before, after)) / math.sqrt(after)


def _blocks(rows: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """φ of 20 consecutive blocks, one at a time: that of all rows would be the largest thing in memory."""
    bounds = np.linspace(0, len(rows), _BLOCKS + 1).astype(np.int64)
    return (_features(rows[start:stop]) for start, stop in pairwise(bounds.tolist()))


def _block_sums(rows: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Rows of each block, int64[20], and the sums of φ, float64[20, k]."""
    parts = [(len(block), block.sum(axis=0)) for block in _blocks(rows)]
    return np.array([size for size, _ in parts]), np.array([total for _, total in parts])


def _whitening(rows: NDArray[np.float64], mean: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """W as float64[k, k], and the weight λ/(λ + ridge) of each direction."""
    covariance = np.zeros((len(mean), len(mean)))
    for block in _blocks(rows):
        centred = block - mean
        covariance += centred.T @ centred
    eigenvalues, vectors = np.linalg.eigh(covariance / (len(rows) - 1))
    eigenvalues = np.maximum(eigenvalues, 0.0)
    total = eigenvalues + _RIDGE * max(float(eigenvalues[-1]), 1e-300)
    return vectors / np.sqrt(total), eigenvalues / total


def _distance(difference: NDArray[np.float64], whiten: NDArray[np.float64]) -> float:
    return float(np.sum((difference @ whiten) ** 2))


def _natural(
    sizes: NDArray[np.int64], sums: NDArray[np.float64], whiten: NDArray[np.float64], dimensions: float
) -> float:
    """How far consecutive blocks of the reference lie from the rest of it, beyond sampling."""
    rows, total = int(sizes.sum()), sums.sum(axis=0)
    excess = []
    for inside, own in zip(sizes.tolist(), sums, strict=True):
        if not inside:
            continue
        score = _distance(own / inside - (total - own) / (rows - inside), whiten)
        excess.append(score - (1 / inside + 1 / (rows - inside)) * dimensions)
    return float(np.mean(excess))
