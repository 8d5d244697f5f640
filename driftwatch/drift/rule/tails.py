"""From a statistic to a p-value: an F score, and a tail learned from folds of the reference left out."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc, ndtr, ndtri

from driftwatch.drift.rule.components import Statistic
from driftwatch.drift.rule.constants import BETA_MIN, SHORT_TESTS, U_MIN

__all__ = ["NORMAL_TAIL", "Tail", "fit_tail", "numerator_freedom", "p_values", "z_scores"]

Floats: TypeAlias = NDArray[np.float64]

_LEAST_P = 1e-300
_TAIL_P = 0.02
_NORMAL_U = 2.326
_LEAST_VALUES = 200
_LEAST_SHARE = 1e-3


@dataclass(frozen=True, slots=True)
class Tail:
    """The upper tail of the z scores of one class at one scale: exponential beyond `u` with mean excess `beta`."""

    u: float
    beta: float


NORMAL_TAIL = Tail(U_MIN, BETA_MIN)
"""What a normal z would have: assumed until the folds say worse."""


def z_scores(statistic: Statistic, n: Floats, tau2: Floats, d2: Floats, dimensions: Floats | float = 1.0) -> Floats:
    """Scores of a statistic in units of natural and sampling variation.

    x / (tau² + v) is held against F(d1, d2'): d1 matches the variance (Satterthwaite), d2 is how well tau² is known.
    For the difference of a mean, rows with heavy tails weaken the normal approximation as far as sampling matters:
    1/d2' = 1/d2 + 1/(4 + 6 n/(kap (v/(tau² + v))²)), the degrees of freedom of a t with the same kurtosis. z =
    -Phi^-1(p/2).
    """
    total = tau2 + statistic.v
    d1 = numerator_freedom(statistic, tau2, dimensions)
    sampled = statistic.tail * (statistic.v / total) ** 2
    thin = sampled <= 0
    heavy = 1 / (4 + 6 * n / np.where(thin, 1.0, sampled))
    freedom = 1 / (1 / d2 + np.where(thin, 0.0, heavy))
    p = np.maximum(fdtrc(d1, freedom, statistic.x / total), _LEAST_P)
    return np.asarray(-ndtri(p / 2), dtype=np.float64)


def numerator_freedom(statistic: Statistic, tau2: Floats, dimensions: Floats | float = 1.0) -> Floats:
    """D1 of the F score: max(1, 2 (tau² + v)²/(tau² √(2/dimensions) + √s2)²).

    Natural variation along one line and sampling add up to a sum whose deviation is at most that of both: exactly
    that for the square of a difference, whose d1 is 1 whatever its parts.
    """
    deviation = tau2 * np.sqrt(2 / dimensions) + np.sqrt(np.maximum(statistic.s2, 0.0))
    return np.asarray(np.maximum(1.0, 2 * ((tau2 + statistic.v) / deviation) ** 2), dtype=np.float64)


def fit_tail(z: Floats) -> Tail:
    """The tail of pooled scores of left-out folds: u = q98 and the mean excess over it, no lighter than normal."""
    if len(z) <= _LEAST_VALUES:
        return NORMAL_TAIL
    u = max(U_MIN, float(np.quantile(z, 0.98)))
    beyond = z[z > u] - u
    return Tail(u, max(BETA_MIN, float(beyond.mean()) if len(beyond) else 0.0))


def p_values(z: Floats, tail: Tail, *, long: bool) -> Floats:
    """P-values of scores; 1 below the tail.

    Less than a week: beyond u the smaller of .02 exp(-(z - u)/beta), and 4 · 2 (1 - Phi(2.326 + .37 (z - u)/beta)), a
    normal tail with the same threshold and mean excess for as many tests as the short windows of a bucket amount to.
    Far out the normal is the smaller one, and the exponential would give away a tenth of the effect; nobody knows a
    tail further than to a thousandth of the exponential, which is where it ends. Windows of a week and more are too few
    to have a tail of their own: they are normal, widened by k = max(1, u/2.326, beta/.37).
    """
    if long:
        k = max(1.0, tail.u / _NORMAL_U, tail.beta / BETA_MIN)
        return np.where(z > U_MIN * k, 2 * ndtr(-z / k), 1.0)
    beyond = (np.maximum(z, tail.u) - tail.u) / tail.beta
    exponential = _TAIL_P * np.exp(-beyond)
    normal = 2 * SHORT_TESTS * ndtr(-(_NORMAL_U + BETA_MIN * beyond))
    return np.where(z > tail.u, np.minimum(exponential, np.maximum(normal, _LEAST_SHARE * exponential)), 1.0)
