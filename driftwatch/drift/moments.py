"""Windows of several numbers at once, beside what their hours looked like in the reference: means and dependence.

Both are Hotelling's (1931): the squared length of a difference after whitening with the reference's own covariance,
W = (R + 1e-3·λmax·I)^(-1/2).

* *Means*: x = ‖W(mean - mean_ref)‖², v = nu Σ w, s2 = 2 nu² Σ w², with w = λ/(λ + ridge) of each direction.
* *Dependence*: the same of the second moments about the mean, x = ½ ‖W(C - C_ref)W‖². The covariance of products is
  that of a normal times the kurtosis κ of the rows (Muirhead 1982, 1.6; κ = 1 for a normal), so that no fourth moment
  of every pair is needed: v = nu [κ Σ_{i<=j} w_i w_j + ½(κ - 1) Σ w²].

nu = 1/n + 1/m as in the alarm rule, and so is what follows from x, v and s2.
"""

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from driftwatch.drift.rule.components import Statistic
from driftwatch.profiles.moments import RADIUS_UNIT, UNIT, upper_triangle

__all__ = ["COMPONENTS", "Metric", "MomentWindows", "covariances", "fit_metric", "statistics", "whitened"]

Floats: TypeAlias = NDArray[np.float64]

COMPONENTS = ("means", "dependence")

_RIDGE = 1e-3
_LEAST_SD = 4 * UNIT
_KURTOSIS = (0.5, 100.0)
_LEAST_VARIANCE = 4 * RADIUS_UNIT


@dataclass(frozen=True, slots=True, eq=False)
class MomentWindows:
    """Windows beside the reference, one a row.

    Attributes:
        ends: int64[W], position of each window's last bucket.
        p: float64[W, k + k(k+1)/2], mean of z, then of the upper triangle of zzᵀ.
        q: the same, expected.
        n: float64[W], rows.
        m: float64[W], effective rows behind q.
    """

    ends: NDArray[np.int64]
    p: Floats
    q: Floats
    n: Floats
    m: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """What differences are measured in.

    Attributes:
        used: int64[u], the dimensions that vary in the reference.
        sd: float64[u], their standard deviation about the mean of their slot.
        whiten: float64[u, u], standardised values times this are white.
        weights: float64[u], λ/(λ + ridge) of each whitened direction.
        kurtosis: κ of the rows: 1 for a normal, more with heavy tails.
        peaks: float64[u], E z⁴ of each dimension about its mean, over the 3 Var² of a normal.
    """

    used: NDArray[np.int64]
    sd: Floats
    whiten: Floats
    weights: Floats
    kurtosis: float
    peaks: Floats


def fit_metric(dimensions: int, pooled: Floats, between: Floats, higher: Floats) -> Metric:
    """The reference's own covariance and kurtosis.

    Args:
        dimensions: k.
        pooled: float64[k + k(k+1)/2], means of the whole reference.
        between: float64[k, k], covariance of the slots' means.
        higher: float64[3k + 1], means of z³, z⁴, ‖z‖²z and ‖z‖⁴.
    """
    mean = pooled[:dimensions]
    second = _square(pooled[None, dimensions:], dimensions)[0]
    total = second - np.outer(mean, mean)
    within = total - between
    used = np.flatnonzero(np.sqrt(np.maximum(np.diag(within), 0.0)) > _LEAST_SD)
    sd = np.sqrt(np.diag(within)[used])
    correlation = within[np.ix_(used, used)] / np.outer(sd, sd)
    eigenvalues, vectors = np.linalg.eigh(correlation) if len(used) else (np.zeros(0), np.zeros((0, 0)))
    eigenvalues = np.maximum(eigenvalues, 0.0)
    full = eigenvalues + _RIDGE * float(eigenvalues.max(initial=1e-300))
    kurtosis = _kurtosis(mean, second, total, higher[2 * dimensions :])
    peaks = _peaks(mean, np.diag(second), higher[:dimensions], higher[dimensions : 2 * dimensions])
    return Metric(used, sd, vectors / np.sqrt(full), eigenvalues / full, kurtosis, peaks[used])


def statistics(windows: MomentWindows, metric: Metric) -> tuple[Statistic, Statistic]:
    """Means and dependence of W windows, in the order of :data:`COMPONENTS`."""
    nu = 1 / np.maximum(windows.n, 1.0) + 1 / np.maximum(windows.m, 1.0)
    w, kappa = metric.weights, metric.kurtosis
    total, squares, fourths = float(w.sum()), float((w**2).sum()), float((w**4).sum())
    shift, change = whitened(windows, metric)
    peak = max(kappa, float(metric.peaks.max(initial=1.0)))
    heavy = np.full_like(nu, 3 * max(peak - 1, 0.0))
    x = np.einsum("wi,wi->w", shift, shift)
    means = Statistic(x, nu * total, 2 * nu**2 * squares, x, heavy)
    x = np.einsum("wi,wi->w", change, change)
    lift = (kappa - 1) / 2 * squares
    v = nu * max(kappa * (total**2 + squares) / 2 + lift, 0.0)
    s2 = 2 * nu**2 * (kappa**2 * (squares**2 + fourths) / 2 + lift**2)
    # Dimensions with tails heavier than κ vary more than their share.
    above = np.maximum((3 * metric.peaks - 1) ** 2 - (3 * kappa - 1) ** 2, 0.0) / 4
    s2 = s2 + 2 * nu**2 * float(above.sum())
    return means, Statistic(x, v, s2, x, np.full_like(nu, 6 * max(peak, 1.0) ** 3))


def whitened(windows: MomentWindows, metric: Metric) -> tuple[Floats, Floats]:
    """The differences whose squared lengths the statistics are: float64[W, u] and float64[W, u(u+1)/2]."""
    used = metric.used
    shift = (windows.p[:, used] - windows.q[:, used]) / metric.sd @ metric.whiten
    now, before = covariances(windows, metric)
    change = metric.whiten.T @ ((now - before) / np.outer(metric.sd, metric.sd)) @ metric.whiten
    row, column = upper_triangle(len(used))
    halves = np.where(row == column, np.sqrt(0.5), 1.0)  # an entry off the diagonal stands for two
    return shift, change[:, row, column] * halves


def covariances(windows: MomentWindows, metric: Metric) -> tuple[Floats, Floats]:
    """Covariance of the used dimensions, float64[W, u, u], in the windows and expected."""
    dimensions = _dimensions(windows.p.shape[1])
    sides = []
    for side in (windows.p, windows.q):
        mean = side[:, metric.used]
        second = _square(side[:, dimensions:], dimensions)[:, metric.used[:, None], metric.used]
        sides.append(second - mean[:, :, None] * mean[:, None, :])
    return sides[0], sides[1]


def _kurtosis(mean: Floats, second: Floats, total: Floats, radius: Floats) -> float:
    """E‖z - mean‖⁴ over what a normal of this covariance has, (tr C)² + 2 tr C²."""
    trace = float(np.trace(total))
    if trace < _LEAST_VARIANCE:  # squared lengths are too coarse
        return 1.0
    length = float(mean @ mean)
    fourth = (
        radius[-1]
        - 4 * mean @ radius[:-1]
        + 4 * mean @ second @ mean
        + 2 * length * float(np.trace(second))
        - 3 * length**2
    )
    normal = trace**2 + 2 * float(np.sum(total**2))
    return float(np.clip(fourth / normal, *_KURTOSIS))


def _peaks(mean: Floats, second: Floats, third: Floats, fourth: Floats) -> Floats:
    """float64[k], E(z - mean)⁴ / 3 Var²; 1 where squares are too coarse to tell."""
    variance = second - mean**2
    central = fourth - 4 * mean * third + 6 * mean**2 * second - 3 * mean**4
    told = variance >= _LEAST_VARIANCE
    return np.where(told, np.clip(central / (3 * np.where(told, variance, 1.0) ** 2), *_KURTOSIS), 1.0)


def _square(upper: Floats, dimensions: int) -> Floats:
    """float64[W, k, k] from upper triangles float64[W, k(k+1)/2]."""
    full = np.zeros((len(upper), dimensions, dimensions))
    row, column = upper_triangle(dimensions)
    full[:, row, column] = upper
    full[:, column, row] = upper
    return full


def _dimensions(width: int) -> int:
    """The k with k + k(k+1)/2 = width."""
    return (math.isqrt(9 + 8 * width) - 3) // 2
