"""The measures of two samples, read off two histograms with the same edges, in tens of microseconds.

Piecewise linear distribution functions stand for the raw ones: exact for discrete columns (all atoms), and otherwise
within the bins' mass of the raw result; :mod:`driftwatch.drift.sample` names the sources.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr

from driftwatch.drift.distribution import Distribution
from driftwatch.drift.kolmogorov import two_sample_p_value
from driftwatch.drift.result import Estimate

__all__ = [
    "anderson_darling",
    "cramer_von_mises",
    "decile_counts",
    "energy_distance",
    "kolmogorov_smirnov",
    "mann_whitney",
    "mean_shift",
    "sd_ratio",
    "wasserstein_distance",
    "wasserstein_distance_normalized",
    "welch_t",
]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_LINEAR = ("distribution functions are linear inside bins",)


def kolmogorov_smirnov(reference: Distribution, current: Distribution) -> Estimate:
    """The largest gap at a bin's edge, and the asymptotic p-value of ``ks_2samp``."""
    gap = float(np.abs(_gaps(reference, current)).max(initial=0.0))
    return Estimate(gap, two_sample_p_value(gap, reference.n, current.n), ("taken at bin edges",))


def wasserstein_distance(reference: Distribution, current: Distribution) -> Estimate:
    """∫ |F - G|, in the column's unit."""
    width, left, right = _pieces(reference, current)
    sizes = np.abs(left) + np.abs(right)
    # Where F - G changes its sign, two triangles; without a gap at either end, nothing.
    squares = np.where(left * right < 0, left**2 + right**2, sizes**2)
    area = np.divide(squares, 2 * sizes, out=np.zeros_like(sizes), where=sizes > 0)
    return Estimate(float(np.dot(width, area)), None, _LINEAR)


def wasserstein_distance_normalized(reference: Distribution, current: Distribution) -> Estimate:
    """The same in standard deviations of the reference, as in the raw form."""
    distance = wasserstein_distance(reference, current).value or 0.0
    spread = reference.population_sd
    return Estimate(distance / spread if spread else (None if distance else 0.0), None, _LINEAR)


def energy_distance(reference: Distribution, current: Distribution) -> Estimate:
    """sqrt(2 ∫ (F - G)²)."""
    width, left, right = _pieces(reference, current)
    return Estimate(math.sqrt(2 * float(np.dot(width, (left**2 + left * right + right**2) / 3))), None, _LINEAR)


def cramer_von_mises(reference: Distribution, current: Distribution) -> Estimate:
    """nm/(n + m) ∫ (F - G)² dH with H the pooled distribution, and at atoms the mid-rank form of scipy; no p-value."""
    n, m = reference.n, current.n
    left, right, before, after = _pooled(reference, current)
    plain = ~reference.atoms
    scale = n * m / (n + m)
    statistic = smooth = scale * float(np.dot((after - before)[plain], _mean_product(left, right, left, right)[plain]))
    if np.any((after > before) & reference.atoms):
        ranks = n * _rank_excess(reference, current) + m * _rank_excess(current, reference)
        statistic += ranks / (n * m * (n + m)) - (4 * n * m - 1) / (6 * (n + m))
        # The part of that constant that belongs to the bins that are no atoms (of continuous data, all of it).
        f, g = _ends(reference), _ends(current)
        own = np.diff(f)[plain] * _mean_product(g[:-1], g[1:], g[:-1], g[1:])[plain]
        own += np.diff(g)[plain] * _mean_product(f[:-1], f[1:], f[:-1], f[1:])[plain]
        statistic += scale * float(np.sum(own)) - smooth
    return Estimate(statistic, None, _LINEAR)


def anderson_darling(reference: Distribution, current: Distribution) -> Estimate:
    """nm/(n + m) ∫ (F - G)²/(H(1 - H)) dH, normalised as the k-sample statistic with k = 2; no p-value."""
    atoms = reference.atoms
    left, right, before, after = _pooled(reference, current)
    part = ((_NODES + 1) / 2)[:, None]
    pooled, gap = part * (after - before), part * (right - left)
    pooled += before
    gap += left
    gap *= gap
    with np.errstate(invalid="ignore", divide="ignore"):
        gap /= pooled * (1 - pooled)
        smooth = (after - before) * ((_WEIGHTS / 2) @ gap)
        middle, mass = (before + after) / 2, after - before
        stepped = mass * ((left + right) / 2) ** 2 / (middle * (1 - middle) - mass / 4)
    pieces = np.where(atoms, stepped, smooth)[after > before]
    if not np.all(np.isfinite(pieces)):
        return Estimate(None)  # one value on both sides
    statistic = reference.n * current.n / (reference.n + current.n) * float(np.sum(pieces))
    # Var A² of two samples tends to 2(π² - 9)/3 (Scholz and Stephens, 1987, with k = 2).
    return Estimate((statistic - 1) / math.sqrt(2 * (math.pi**2 - 9) / 3), None, (*_LINEAR, "asymptotic variance"))


def mann_whitney(reference: Distribution, current: Distribution) -> Estimate:
    """U of the reference, values in one bin counting as ties; two-sided, normal with tie correction."""
    n, m = reference.n, current.n
    below = np.concatenate(([0], current.cumulative))
    wins = float(np.dot(reference.counts, below + current.counts / 2))
    ties = (reference.counts + current.counts).astype(np.float64)
    total = n + m
    variance = n * m / 12 * (total + 1 - float(np.sum(ties**3 - ties)) / (total * (total - 1)))
    if variance <= 0:
        return Estimate(wins)
    z = max(abs(wins - n * m / 2) - 0.5, 0.0) / math.sqrt(variance)
    return Estimate(wins, min(1.0, float(2 * ndtr(-z))), ("values of one bin count as ties",))


def welch_t(reference: Distribution, current: Distribution) -> Estimate:
    """Welch's t from the profiles' own means and standard deviations."""
    means, sds = (reference.mean, current.mean), (reference.standard_deviation, current.standard_deviation)
    if means[0] is None or means[1] is None or sds[0] is None or sds[1] is None or sds == (0.0, 0.0):
        return Estimate(None)
    noise = sds[0] ** 2 / reference.n, sds[1] ** 2 / current.n
    value = (means[0] - means[1]) / math.sqrt(sum(noise))
    freedom = sum(noise) ** 2 / (noise[0] ** 2 / (reference.n - 1) + noise[1] ** 2 / (current.n - 1))
    return Estimate(value, float(2 * stdtr(freedom, -abs(value)))) if math.isfinite(value) else Estimate(None)


def mean_shift(reference: Distribution, current: Distribution) -> Estimate:
    """Current mean less reference mean, in standard deviations (n) of the reference."""
    spread = reference.population_sd
    if reference.mean is None or current.mean is None or spread is None:
        return Estimate(None)
    shift = current.mean - reference.mean
    return Estimate(shift / spread if spread > 0 else (None if shift else 0.0))


def sd_ratio(reference: Distribution, current: Distribution) -> Estimate:
    """The natural logarithm of current over reference standard deviation (n)."""
    before, after = reference.population_sd, current.population_sd
    if before == after and before is not None:
        return Estimate(0.0)
    return Estimate(math.log(after / before) if before and after else None)


def decile_counts(reference: Distribution, current: Distribution) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Counts of both between the reference's deciles, which cut bins by linear interpolation but never an atom."""
    where, part = reference.decile_cuts

    def between(side: Distribution) -> NDArray[np.int64]:
        below = np.zeros(len(where) + 2)
        below[1:-1] = np.rint(side.running[where] - side.counts[where] * (1 - part))
        below[-1] = side.n
        return np.asarray(below[1:] - below[:-1], dtype=np.int64)

    return between(reference), between(current)


def _gaps(reference: Distribution, current: Distribution) -> NDArray[np.float64]:
    return np.asarray(reference.shares - current.shares)


def _pieces(
    reference: Distribution, current: Distribution
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Widths of the pieces on which F - G is linear, and its value at the left and the right end of each."""
    edges = reference.edges
    points, gap = edges, _gaps(reference, current)
    inner = np.concatenate((reference.knots, current.knots))
    if len(inner):
        inner.sort()
        bins = np.searchsorted(edges, inner, side="left")
        is_edge = np.ones(len(edges) + len(inner), dtype=np.bool_)
        is_edge[bins + np.arange(len(inner))] = False
        points, at_edges, gap = np.empty(len(is_edge)), gap, np.empty(len(is_edge))
        points[is_edge], points[~is_edge] = edges, inner
        gap[is_edge], gap[~is_edge] = at_edges, reference.share_in(bins, inner) - current.share_in(bins, inner)
    return points[1:] - points[:-1], gap[:-1], gap[1:]


def _mean_product(
    a0: NDArray[np.float64], a1: NDArray[np.float64], b0: NDArray[np.float64], b1: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The mean over a bin of the product of two functions that are linear there."""
    return np.asarray((2 * a0 * b0 + a0 * b1 + a1 * b0 + 2 * a1 * b1) / 6)


def _ends(side: Distribution) -> NDArray[np.float64]:
    """The distribution function at the ends of all bins, float64[B+1]."""
    return np.concatenate(([0.0], side.cumulative / side.n, [1.0]))


def _pooled(
    reference: Distribution, current: Distribution
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """F - G at the two ends of each bin, and the pooled distribution function there."""
    gap = np.concatenate(([0.0], _gaps(reference, current), [0.0]))
    pooled = np.cumsum(reference.counts + current.counts) / (reference.n + current.n)
    return gap[:-1], gap[1:], np.concatenate(([0.0], pooled[:-1])), pooled


def _rank_excess(one: Distribution, other: Distribution) -> float:
    """Σ (mid-rank - rank within its own sample)² over the values of `one` at atoms."""
    atoms = one.atoms
    own, ties = one.counts[atoms].astype(np.float64), other.counts[atoms].astype(np.float64)
    rank = np.concatenate(([0], other.cumulative))[atoms] + (own + ties + 1) / 2
    return float(np.sum(own * rank**2 - rank * own * (own + 1) + own * (own + 1) * (2 * own + 1) / 6))
