"""Does a column change more inside a segment than outside of it? Many segments at once, from their counts alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Contrast", "contrast_segments", "excess_variation"]

Counts = NDArray[np.float64]
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Contrast:
    """Segments against the rest of the rows; every vector is float64[S].

    Attributes:
        statistic: Wald's chi-square of "the shares of the cells change inside as they do outside".
        freedom: its degrees of freedom, cells less 1.
        inside: total variation of current against reference in the segment, less what sampling makes of it.
        outside: the same over all other rows.
        n_reference: rows in the segment.
        n_current: rows in the segment.
        share_reference: of all reference rows.
        share_current: of all current rows.
    """

    statistic: Vector
    freedom: int
    inside: Vector
    outside: Vector
    n_reference: Vector
    n_current: Vector
    share_reference: Vector
    share_current: Vector

    @property
    def accounts_for(self) -> Vector:
        """Share of all movement that happens in the segment: its rows times its excess variation, of the total."""
        here = self.share_current * self.inside
        elsewhere = (1.0 - self.share_current) * self.outside
        total = here + elsewhere
        return np.divide(here, total, out=np.zeros_like(here), where=total > 0)


def contrast_segments(segments: Counts, total: Counts) -> Contrast:
    """Hold each segment's change against that of all other rows.

    With d = (p_cur - p_ref inside) - (the same outside) the statistic is dᵀV⁻d; V is the multinomial covariance of d if
    nothing changed, each part with the shares of both sides pooled, as in Pearson's test. It is symmetric: a segment
    and its complement have one statistic.

    Args:
        segments: float64[S, 2, K], rows by side (reference, current) and cell.
        total: float64[2, K], all rows.
    """
    used = total.sum(axis=0) > 0
    segments, total = segments[:, :, used], total[:, used]
    rest = total[None] - segments
    inside, outside = _shares(segments), _shares(rest)
    difference = (inside[:, 1] - inside[:, 0]) - (outside[:, 1] - outside[:, 0])
    covariance = _covariance(segments) + _covariance(rest)
    kept = np.arange(total.shape[1]) != int(total.sum(axis=0).argmax())
    statistic = _quadratic(difference[:, kept], covariance[:, kept][:, :, kept])
    rows, whole = segments.sum(axis=2), total.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.nan_to_num(rows / whole)
    return Contrast(
        statistic=np.where((rows > 0).all(axis=1) & (rest.sum(axis=2) > 0).all(axis=1), statistic, 0.0),
        freedom=int(kept.sum()),
        inside=excess_variation(segments),
        outside=excess_variation(rest),
        n_reference=rows[:, 0],
        n_current=rows[:, 1],
        share_reference=share[:, 0],
        share_current=share[:, 1],
    )


def excess_variation(tables: Counts) -> Vector:
    """Total variation of current against reference, 0 to 1, less its expectation if both came from one distribution.

    The expectation is Σ sqrt(2 p (1 - p) (1/n + 1/m) / π) / 2 over the cells, p pooled (normal approximation). It is
    taken off, down to 0.

    Args:
        tables: float64[S, 2, K].
    """
    rows = tables.sum(axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = _shares(tables)
        pooled = np.nan_to_num(tables.sum(axis=1) / rows.sum(axis=1, keepdims=True))
        sampling = np.nan_to_num((1 / rows).sum(axis=1), posinf=0.0)
    observed = np.abs(shares[:, 1] - shares[:, 0]).sum(axis=1) / 2
    expected = np.sqrt(2 * pooled * (1 - pooled) * sampling[:, None] / np.pi).sum(axis=1) / 2
    return np.asarray(np.maximum(observed - expected, 0.0))


def _shares(tables: Counts) -> Counts:
    rows = tables.sum(axis=2, keepdims=True)
    return np.asarray(np.divide(tables, rows, out=np.zeros_like(tables), where=rows > 0))


def _covariance(tables: Counts) -> Counts:
    """float64[S, K, K]: of the difference of two samples of one multinomial."""
    rows = tables.sum(axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = np.nan_to_num(tables.sum(axis=1) / rows.sum(axis=1, keepdims=True))
        sampling = np.nan_to_num((1 / rows).sum(axis=1), posinf=0.0)
    outer = pooled[:, :, None] * pooled[:, None, :]
    eye = np.eye(tables.shape[2])[None]
    return np.asarray(sampling[:, None, None] * (eye * pooled[:, :, None] - outer))


def _quadratic(difference: Counts, covariance: Counts) -> Vector:
    """dᵀV⁻¹d; cells without variance are left out."""
    if not difference.size:
        return np.zeros(len(difference))
    diagonal = np.einsum("skk->sk", covariance)
    fixed = covariance + np.eye(covariance.shape[1])[None] * np.where(diagonal > 0, diagonal * 1e-9, 1.0)[:, :, None]
    solved = np.linalg.solve(fixed, difference[:, :, None])[:, :, 0]
    return np.asarray(np.einsum("sk,sk->s", difference, solved))
