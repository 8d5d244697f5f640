"""The components: statistics of a window against its baseline, with their mean and variance under no drift.

Each statistic x has expectation v and variance s2 when the window's n rows and the baseline's m rows are independent
draws of one distribution; nu = 1/n + 1/m throughout, h = (n p + m q)/(n + m) is the pooled distribution. That part of
x which v does not explain is the column's natural variation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, rel_entr

from driftwatch.drift.rule.baseline import Windows

__all__ = [
    "CategoricalStatistics",
    "MissingStatistics",
    "NumericStatistics",
    "Statistic",
    "categorical_statistics",
    "jensen_shannon",
    "missing_statistics",
    "numeric_statistics",
    "total_variation",
]

Floats: TypeAlias = NDArray[np.float64]

_RANK_UNIT = float(1 / np.sqrt(8 * np.pi))
"""A normal that widens moves E|G - 1/2| by 1/(2π) of the widening, and E|Z| by √(2/π) of it."""

_MOST_AWAY = 0.4995


@dataclass(frozen=True, slots=True, eq=False)
class Statistic:
    """One component over W windows.

    Attributes:
        x: float64[W], the statistic, 0 or more.
        v: float64[W], its mean under no drift.
        s2: float64[W], its variance under no drift.
        signed: float64[W], the difference that x is the square of; x itself where there is no sign.
        tail: float64[W], how much heavier than normal the rows are (excess kurtosis above 0 + 2 skewness²); 0 where
            the statistic is no mean.
    """

    x: Floats
    v: Floats
    s2: Floats
    signed: Floats
    tail: Floats

    def take(self, windows: NDArray[np.bool_] | slice) -> "Statistic":
        """Of some of the windows."""
        return Statistic(self.x[windows], self.v[windows], self.s2[windows], self.signed[windows], self.tail[windows])

    @classmethod
    def joined(cls, parts: Sequence["Statistic"]) -> "Statistic":
        """Of all the parts' windows, one after the other."""
        return cls(*(np.concatenate([getattr(part, key) for part in parts]) for key in cls.__dataclass_fields__))


@dataclass(frozen=True, slots=True, eq=False)
class NumericStatistics:
    """Location, spread and shape of W windows.

    Attributes:
        location: V.
        spread: S.
        shape: R.
        effect: float64[W], the larger of |V| in baseline standard deviations and |S| over its mean 1/4.
        distance: float64[W], Kolmogorov-Smirnov.
        crowd: float64[W], mass of the baseline's heaviest cell.
        difference: float64[W, C-1], F - G at the inner edges.
        weight: float64[W, C-1], what the shape weighs it with.
    """

    location: Statistic
    spread: Statistic
    shape: Statistic
    effect: Floats
    distance: Floats
    crowd: Floats
    difference: Floats
    weight: Floats


def numeric_statistics(windows: Windows, scores: Floats) -> NumericStatistics:
    """Location, spread and shape.

    * Location: V = Σ (p - q) s over the cells' normal scores s; x = V², v = nu max(Var_q(s), .01), s2 = 2 v².
    * Spread: S = Σ (p - q) a with a = |Phi^-1(G_{b-1} + q_b/2)|/√(8π), the distance from the median in normal
      scores (of which a wider normal shows more against noise than in ranks: asymptotic efficiency .88, not .61) and
      in the unit of ranks, less what the shift of the location explains; x = S², v = nu max(Var_q(a), 1/480),
      s2 = 2 v².
    * Shape: the Anderson-Darling distance of the two samples (Pettitt 1976) on the cells, the mass of neighbouring
      cells as trapezoids: x = Σ w (F - G)² with w = (h_b + h_{b+1}) / (2 H (1 - H)), v = nu Σ w H (1 - H),
      s2 = .58 nu² (the asymptotic variance is 2(π² - 9)/3 = .58).

    Args:
        windows: W windows over C cells.
        scores: float64[C].
    """
    p, q = windows.p, windows.q
    nu = _nu(windows)
    change = p - q
    below = np.cumsum(q, axis=1)
    location, sd = _mean_shift(change, q, np.broadcast_to(scores, q.shape), nu, 0.01)
    spread = _spread(change, q, below - q / 2, location.signed / np.maximum(sd, 0.1), nu)
    difference = np.cumsum(change, axis=1)[:, :-1]
    share = (windows.n / np.maximum(windows.n + windows.m, 1.0))[:, None]
    pooled_below = below[:, :-1] + share * difference
    pooled = q + share * change
    room = pooled_below * (1 - pooled_below)
    inner = (pooled_below > 1e-6) & (pooled_below < 1 - 1e-6)
    mass = np.where(inner, (pooled[:, :-1] + pooled[:, 1:]) / 2, 0.0)
    weight = mass / np.where(inner, room, 1.0)
    x = np.einsum("wc,wc,wc->w", weight, difference, difference)
    shape = Statistic(x, nu * mass.sum(axis=1), 0.58 * nu**2, x, np.zeros_like(x))
    return NumericStatistics(
        location,
        spread,
        shape,
        np.maximum(np.abs(location.signed) / np.maximum(sd, 1e-9), np.abs(spread.signed) / 0.25),
        np.abs(difference).max(axis=1, initial=0.0),
        q.max(axis=1),
        difference,
        weight,
    )


def _spread(change: Floats, q: Floats, ranks: Floats, shift: Floats, nu: Floats) -> Statistic:
    """Difference of the mean distance from the median, less what a shift of the location by `shift` sd brings with it.

    Rows that all move by d lie further from where the median was: normal ones by E|Z + d| - E|Z| =
    √(2/π) (exp(-d²/2) - 1) + d (1 - 2 Φ(-d)). At most the whole rise is put down to it.
    """
    away = _RANK_UNIT * ndtri(0.5 + np.minimum(np.abs(ranks - 0.5), _MOST_AWAY))
    plain, _ = _mean_shift(change, q, away, nu, 1 / 480)
    d = np.abs(shift)
    brought = _RANK_UNIT * (np.sqrt(2 / np.pi) * np.expm1(-(d**2) / 2) + d * (1 - 2 * ndtr(-d)))
    signed = plain.signed - np.clip(brought, 0.0, np.maximum(plain.signed, 0.0))
    return replace(plain, x=signed**2, signed=signed)


def _mean_shift(change: Floats, q: Floats, score: Floats, nu: Floats, least: float) -> tuple[Statistic, Floats]:
    """The squared difference of the mean of a score, with how heavy its tails are; and the score's sd."""
    shift = np.einsum("wc,wc->w", change, score)
    weighted = q * score
    mean = weighted.sum(axis=1)
    squares = weighted * score
    second = squares.sum(axis=1)
    third = np.einsum("wc,wc->w", squares, score)
    fourth = np.einsum("wc,wc,wc->w", squares, score, score)
    variance = np.maximum(second - mean**2, 0.0)
    m3 = third - 3 * mean * second + 2 * mean**3
    m4 = fourth - 4 * mean * third + 6 * mean**2 * second - 3 * mean**4
    safe = np.where(variance > 1e-9, variance, np.inf)
    tail = np.maximum(m4 / safe**2 - 3, 0.0) + 2 * m3**2 / safe**3
    v = nu * np.maximum(variance, least)
    return Statistic(shift**2, v, 2 * v**2, shift, tail), np.sqrt(variance)


@dataclass(frozen=True, slots=True, eq=False)
class CategoricalStatistics:
    """The mix of categories of W windows.

    Attributes:
        mix: C.
        distance: float64[W], total variation.
        divergence: float64[W], Jensen-Shannon distance, base 2.
        difference: float64[W, C], p - q.
        ratio: float64[W, C], (p - q)/den.
    """

    mix: Statistic
    distance: Floats
    divergence: Floats
    difference: Floats
    ratio: Floats


def categorical_statistics(windows: Windows) -> CategoricalStatistics:
    """Pearson's homogeneity statistic with rare cells damped.

    den = max(h, 2/n), r = h/den; x = Σ (p - q)²/den; v = nu Σ r (1 - h);
    s2 = nu² [2 Σ r² - 2 Σ r² h + Σ r²/max(n h, .001)]: the last term is the extra variance of rare cells (Haldane
    1940). Without damping (r = 1) it is the two-sample chi-square over its sizes.
    """
    p, q, n = windows.p, windows.q, np.maximum(windows.n, 1.0)[:, None]
    nu = _nu(windows)
    share = n / np.maximum(n + windows.m[:, None], 1.0)
    difference = p - q
    h = q + share * difference
    den = np.maximum(h, 2 / n)
    r = h / den
    ratio = difference / den
    x = np.einsum("wc,wc->w", difference, ratio)
    r2 = r**2
    s2 = nu**2 * (2 * r2.sum(axis=1) - 2 * (r2 * h).sum(axis=1) + (r2 / np.maximum(n * h, 0.001)).sum(axis=1))
    mix = Statistic(x, nu * (r * (1 - h)).sum(axis=1), s2, x, np.zeros_like(x))
    return CategoricalStatistics(mix, total_variation(p, q), jensen_shannon(p, q), difference, ratio)


@dataclass(frozen=True, slots=True, eq=False)
class MissingStatistics:
    """The missing share of W windows.

    Attributes:
        share: M.
        p: float64[W], missing share of the window.
        q: float64[W], missing share expected.
    """

    share: Statistic
    p: Floats
    q: Floats


def missing_statistics(windows: Windows) -> MissingStatistics:
    """The two-sample binomial statistic, damped as the categories are.

    den = max(h (1 - h), 2/n); x = (p - q)²/den; v = nu h (1 - h)/den; s2 = 2 v². The windows hold two cells:
    missing, not missing.
    """
    p, q, n = windows.p[:, 0], windows.q[:, 0], np.maximum(windows.n, 1.0)
    h = q + n / np.maximum(n + windows.m, 1.0) * (p - q)
    room = h * (1 - h)
    den = np.maximum(room, 2 / n)
    v = _nu(windows) * room / den
    return MissingStatistics(Statistic((p - q) ** 2 / den, v, 2 * v**2, p - q, np.zeros_like(v)), p, q)


def total_variation(p: Floats, q: Floats) -> Floats:
    """float64[W], half the sum of |p - q|, 0 to 1."""
    return np.asarray(np.abs(p - q).sum(axis=1) / 2, dtype=np.float64)


def jensen_shannon(p: Floats, q: Floats) -> Floats:
    """float64[W], root of the Jensen-Shannon divergence in bits, 0 to 1 (Lin 1991; Endres and Schindelin 2003)."""
    middle = (p + q) / 2
    nats = (rel_entr(p, middle) + rel_entr(q, middle)).sum(axis=1) / 2
    return np.asarray(np.sqrt(np.maximum(nats / np.log(2), 0.0)), dtype=np.float64)


def _nu(windows: Windows) -> Floats:
    """1/n + 1/m."""
    return np.asarray(1 / np.maximum(windows.n, 1.0) + 1 / np.maximum(windows.m, 1.0), dtype=np.float64)
