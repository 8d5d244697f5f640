"""Principal components of the reference, and how badly they rebuild the current rows.

What breaks a correlation raises the error; a plain shift of means along the components does not, so that the default
method is another one. The error is that of NannyML's multivariate detector: the mean Euclidean length of x - x̂ in
standardised columns, with the components that explain 65% of the variance.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

from driftwatch.drift.multivariate import MultivariateResult

__all__ = ["PCA", "compare_reconstruction"]

PCA = "pca_reconstruction_error"
_EXPLAINED = 0.65
_BLOCKS = 20
_LEAST_ROWS = 60
_LIMIT = 8.0
_TAU2_COLD = 0.0144
_SIGNIFICANCE = 0.01


def compare_reconstruction(reference: NDArray[np.float64], current: NDArray[np.float64]) -> MultivariateResult:
    """The mean error of the current rows, and the chance of one so far from the reference's.

    Of 20 consecutive blocks of the reference the even ones give the components and the odd ones the error that is
    normal, so that it is not too small for having been fitted. The odd blocks' own differences are the natural
    variation (at least 0.12 of the error's standard deviation, the cold-start constant of a location): the p-value is
    two-sided, of the difference of means against natural and sampling variation.

    Args:
        reference: float64[n, d], NaN for missing (the mean stands for it), in the order of time.
        current: float64[m, d].
    """
    if reference.shape[1] < 2:
        return _none("fewer than two numeric columns", reference.shape[1])
    if min(len(reference), len(current)) < _LEAST_ROWS:
        return _none(f"fewer than {_LEAST_ROWS} rows", reference.shape[1])
    centre, spread = _moments(reference)
    used = spread > 0
    if np.count_nonzero(used) < 2:
        return _none("fewer than two columns that vary", reference.shape[1])
    sides = [_standardise(side[:, used], centre[used], spread[used]) for side in (reference, current)]
    block = np.arange(len(reference)) * _BLOCKS // len(reference)
    components = _components(sides[0][block % 2 == 0])
    before, after = (_errors(side, components) for side in sides)
    held, blocks = before[block % 2 == 1], block[block % 2 == 1]
    sd = float(held.std())
    value, shift = float(after.mean()), float(after.mean() - held.mean())
    if sd <= 0:
        return _none("the components rebuild every row", int(np.count_nonzero(used)))
    means = np.array([held[blocks == place].mean() for place in np.unique(blocks)])
    natural = float(np.mean((means - held.mean()) ** 2)) / sd**2 - len(means) / len(held)
    noise = 1 / len(held) + float(after.var()) / sd**2 / len(after)
    score = (shift / sd) ** 2 / (max(natural, _TAU2_COLD) + noise)
    p_value = float(fdtrc(1, len(means) - 1, score))
    return MultivariateResult(
        value, p_value, p_value < _SIGNIFICANCE, int(np.count_nonzero(used)), method=PCA, unit="standard_deviations"
    )


def _none(reason: str, columns: int) -> MultivariateResult:
    return MultivariateResult(None, None, drifted=False, columns=columns, reason=reason, method=PCA)


def _moments(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation by column, of what is finite; 0 where nothing varies."""
    centre, spread = np.zeros(rows.shape[1]), np.zeros(rows.shape[1])
    for place in range(rows.shape[1]):
        finite = rows[np.isfinite(rows[:, place]), place]
        if len(finite) >= _LEAST_ROWS // 2 and finite.min() < finite.max():
            with np.errstate(over="ignore", invalid="ignore"):
                mean, sd = float(finite.mean()), float(finite.std())
            if math.isfinite(mean) and math.isfinite(sd):
                centre[place], spread[place] = mean, sd
    return centre, spread


def _standardise(
    rows: NDArray[np.float64], centre: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    scaled = np.clip((rows - centre) / spread, -_LIMIT, _LIMIT)
    scaled[~np.isfinite(rows)] = 0.0
    return scaled


def _components(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[d, k]: the fewest directions that hold 65% of the variance, and never all."""
    values, vectors = np.linalg.eigh(rows.T @ rows / len(rows))
    share = np.cumsum(np.maximum(values[::-1], 0.0)) / max(float(np.maximum(values, 0.0).sum()), 1e-300)
    kept = min(int(np.searchsorted(share, _EXPLAINED)) + 1, rows.shape[1] - 1)
    return np.asarray(vectors[:, ::-1][:, :kept])


def _errors(rows: NDArray[np.float64], components: NDArray[np.float64]) -> NDArray[np.float64]:
    rest = rows - (rows @ components) @ components.T
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", rest, rest)))
