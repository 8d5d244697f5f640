"""Natural variation: how far a column strays from its own baseline when nothing is wrong, per class and scale.

The reference's own windows tell: a statistic's mean beyond what sampling explains is tau². Few disjoint windows make
that estimate poor, so it is moderated over the columns of the model and over scales, as variances of genes are
(Smyth 2004, Statistical Applications in Genetics and Molecular Biology 3(1), doi:10.2202/1544-6115.1027).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, polygamma

from driftwatch.drift.rule.constants import COLD_D2, COLD_TAU2, D0_CAP, FLOOR_TAU2

__all__ = ["Excess", "Prior", "Reach", "ScaleVariation", "cold", "extrapolate", "inverse_trigamma", "moderate", "noise"]

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Excess:
    """What one column's reference windows at one scale say about one class.

    Attributes:
        excess: float64[k], x - v of the windows with enough rows.
        mean_v: mean of their v.
        folds: int64[k], the fold that each of them ends in.
        correlation: between disjoint neighbouring windows, clipped to [0, .9].
    """

    excess: Floats
    mean_v: float
    folds: NDArray[np.int64]
    correlation: float

    def variation(self, kind: str) -> float:
        """T = mean x - mean v, at least the floor; the cold-start constant from fewer than two windows."""
        if len(self.excess) < 2:
            return COLD_TAU2[kind]
        return max(FLOOR_TAU2[kind], float(self.excess.mean()))

    def variation_without(self, kind: str, fold_count: int) -> Floats:
        """float64[fold_count], the same from the windows that end in other folds."""
        sums = np.bincount(self.folds, self.excess, fold_count)
        counts = np.bincount(self.folds, minlength=fold_count)
        left = len(self.excess) - counts
        mean = (self.excess.sum() - sums) / np.maximum(left, 1)
        return np.where(left < 2, COLD_TAU2[kind], np.maximum(FLOOR_TAU2[kind], mean))


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a scale stands on the time axis.

    Attributes:
        scale: buckets of the window, w.
        previous: buckets of the next shorter scale, None for the first.
        n_reference: R.
        per_day: D.
    """

    scale: int
    previous: int | None
    n_reference: int
    per_day: float

    @property
    def repeats(self) -> float:
        """K = R / max(w, D): disjoint windows of at least a day in the reference."""
        return self.n_reference / max(self.scale, self.per_day)


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """What the columns share at a scale: everything needed to moderate one more estimate.

    Attributes:
        target: float64[F], the variation expected of each column (exp(centre + mean)), or the prior constant.
        weight: degrees of freedom behind it, d0.
    """

    target: Floats
    weight: float

    def combine(self, t: Floats, freedom: Floats, floor: float) -> Floats:
        """(d0 target + K t)/(d0 + K), at least the floor."""
        weighted = (self.weight * self.target + freedom * t) / (self.weight + freedom)
        return np.asarray(np.maximum(floor, weighted), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class ScaleVariation:
    """Natural variation of a class at one scale, one entry a column.

    Attributes:
        scale: buckets.
        tau2: float64[F].
        d2: float64[F], degrees of freedom of tau2.
        rho: float64[F], correlation of the variation from one disjoint window to the next.
        freedom: float64[F], K_j, the part of d2 that is the column's own.
        prior: what was moderated towards; None when nothing was estimated.
    """

    scale: int
    tau2: Floats
    d2: Floats
    rho: Floats
    freedom: Floats
    prior: Prior | None


def cold(kind: str, scale: int, columns: int) -> ScaleVariation:
    """The constants for a reference too short to estimate anything."""
    full = np.full(columns, COLD_TAU2[kind])
    zero = np.zeros(columns)
    return ScaleVariation(scale, full, np.full(columns, COLD_D2), zero, zero, None)


def noise(rho: Floats, k: float) -> Floats:
    """Variance of the mean of k successive terms with autocorrelation rho^i, in units of one term's variance.

    g = [1 + 2 Σ_{1 <= i < k} (1 - i/k) rho^i] / k; k may be fractional.

    >>> noise(np.array([0.0, 1.0]), 4).tolist()
    [0.25, 1.0]
    """
    i = np.arange(1, int(np.ceil(k)))[:, None]
    return np.asarray((1 + 2 * ((1 - i / k) * rho**i).sum(axis=0)) / k, dtype=np.float64)


def extrapolate(kind: str, last: ScaleVariation, reach: Reach) -> ScaleVariation:
    """Variation at a scale that is too long to estimate, from the longest one that was.

    Below a day it is copied. From a day on the variation averages out as an autoregression of the last scale's rho
    would, g(w), but the noise of the reference mean itself, g(R), does not:
    tau²(w) = tau²(w0) min(1, [g(w) + g(R)] / [1 + g(max(R - w0, w0))]), each g over windows of w0.
    """
    if last.scale < reach.per_day:
        return ScaleVariation(reach.scale, last.tau2, last.d2, last.rho, last.freedom, last.prior)
    rho = np.maximum(last.rho, np.median(last.rho))

    def g(length: int) -> Floats:
        return noise(rho, max(length / last.scale, 1.0))

    left = max(reach.n_reference - last.scale, last.scale)
    shrink = np.minimum(1.0, (g(reach.scale) + g(reach.n_reference)) / (1 + g(left)))
    tau2 = np.maximum(FLOOR_TAU2[kind], last.tau2 * shrink)
    return ScaleVariation(reach.scale, tau2, last.d2, last.rho, last.freedom, last.prior)


def moderate(
    kind: str, excesses: Sequence[Excess], members: NDArray[np.bool_], reach: Reach, previous: ScaleVariation | None
) -> ScaleVariation:
    """Variation at a scale that the reference can tell, moderated over columns and over the scale before.

    Each column has t = mean x - mean v from K_j = K (1 - r²)/(1 + r²) effective windows. With the expected log c_j
    (0 at the first scale, else what the scale before predicts), e_j = log t - c_j - digamma(K_j/2) + log(K_j/2) has
    mean mu and variance trigamma(K_j/2) + trigamma(d0/2), which gives the prior's degrees of freedom d0 (what the scale
    before got wrong is part of that spread); then
    tau² = (d0 exp(c_j + mu) + K_j t)/(d0 + K_j) with d0 + K_j degrees of freedom.

    Args:
        kind: the class, "V", "S", "R", "C" or "M".
        excesses: one a column, F of them.
        members: bool[F], columns that shape the prior (the others have nothing of their own to tell).
        reach: the scale.
        previous: the next shorter scale's, None at the first.
    """
    t = np.array([excess.variation(kind) for excess in excesses])
    mean_v = np.array([excess.mean_v for excess in excesses])
    r = np.array([excess.correlation for excess in excesses])
    rho = np.clip(r * (t + mean_v) / t, 0.0, 0.95)
    freedom = np.maximum(1.0, reach.repeats * (1 - r**2) / (1 + r**2))
    if previous is None and int(members.sum()) < 3:
        prior = _few_columns_prior(kind, reach.repeats, len(t))
    else:
        prior = _prior(t, freedom, members, reach, previous)
    tau2 = prior.combine(t, freedom, FLOOR_TAU2[kind])
    return ScaleVariation(reach.scale, tau2, freedom + prior.weight, rho, freedom, prior)


def _few_columns_prior(kind: str, repeats: float, columns: int) -> Prior:
    """Fewer than three columns teach nothing: the constant, worth four windows, or next to none."""
    return Prior(np.full(columns, COLD_TAU2[kind]), 4.0 if repeats < 14 else 0.1)


def _prior(
    t: Floats, freedom: Floats, members: NDArray[np.bool_], reach: Reach, previous: ScaleVariation | None
) -> Prior:
    centre = np.zeros(len(t)) if previous is None else _centre(reach, previous)
    half = freedom / 2
    residual = np.log(t) - centre - digamma(half) + np.log(half)
    count = int(members.sum())
    mean = float(residual[members].mean()) if count else 0.0
    if count < 3:
        weight = 1.0
    else:
        spread = float(residual[members].var(ddof=1) - polygamma(1, half[members]).mean())
        early = previous is None or reach.scale <= reach.per_day
        cap = min(D0_CAP, 2 * reach.repeats) if early else D0_CAP
        weight = cap if spread <= 0 else min(cap, 2 * inverse_trigamma(spread))
    return Prior(np.exp(centre + mean), weight)


def _centre(reach: Reach, previous: ScaleVariation) -> Floats:
    """Log of the variation that the scale before leads one to expect: below a day no less, later as it averages out."""
    if previous.scale < reach.per_day:
        return np.log(previous.tau2)
    ratio = round(reach.scale / previous.scale)
    return np.asarray(np.log(previous.tau2) + np.log(noise(previous.rho, ratio)), dtype=np.float64)


def inverse_trigamma(value: float) -> float:
    """The y > 0 with trigamma(y) = value (Newton on 1/trigamma, Smyth 2004, appendix).

    >>> round(float(polygamma(1, inverse_trigamma(0.5))), 12)
    0.5
    """
    y = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(polygamma(1, y))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, y))
        y += step
        if -step / y < 1e-10:
            break
    return y
