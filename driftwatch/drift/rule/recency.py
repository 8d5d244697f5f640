"""Recency: an alarm needs that the deviation is still there in the newest part of its window."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from driftwatch.drift.rule.constants import RECENCY_HALF

__all__ = ["cross_fractions", "faded", "signed_fractions"]

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]


def signed_fractions(signed: Floats) -> Floats:
    """float64[S, S, N]: at [r, q], how much of window q's signed difference window r shows."""
    return _ratio(signed[:, None], signed[None])


def cross_fractions(difference: Floats, weighted: Floats) -> Floats:
    """float64[S, S, N]: at [r, q], the projection of window r's difference on that of window q.

    Args:
        difference: float64[S, N, C], the vectors.
        weighted: float64[S, N, C], the same times the weights of each one as window q.
    """
    shown = np.einsum("rnc,qnc->rqn", difference, weighted)
    return _ratio(shown, np.einsum("qnc,qnc->qn", difference, weighted)[None])


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Part / whole, and 1 where there is nothing to show."""
    nothing = whole == 0
    return np.where(nothing, 1.0, part / np.where(nothing, 1.0, whole))


def faded(size: Floats, need: Floats, enough: Bools, fraction: Floats) -> Bools:
    """Whether the deviation of each window has gone from the windows inside it.

    For every pair of scales r < q <= w, both with enough rows: if window r has the power to show the effect of window
    q (size_q >= need_r) and shows less than half of it, the alarm of scale w is off. If no shorter scale has power for
    q = w, the longest shorter one with enough rows must show at least half; if there is none the alarm stands. The
    shortest scale is not tested.

    Args:
        size: float64[S, N], the effect of each window.
        need: float64[S, N], the effect that each window has the power to show.
        enough: bool[S, N], windows with enough rows to have a say.
        fraction: float64[S, S, N], at [r, q] the share of window q's effect that window r shows.

    Returns:
        bool[S, N].
    """
    off = np.zeros(size.shape, dtype=np.bool_)
    contradicted = np.zeros(size.shape[1], dtype=np.bool_)
    for q in range(1, len(size)):
        weak = fraction[:q, q] < RECENCY_HALF
        power = enough[:q] & enough[q] & (size[q] >= need[:q])
        contradicted |= (power & weak).any(axis=0)
        off[q] = contradicted | (~power.any(axis=0) & _longest_is_weak(enough[:q], weak))
    return off


def _longest_is_weak(enough: Bools, weak: Bools) -> Bools:
    """bool[N], whether the longest window with enough rows shows less than half."""
    longest = len(enough) - 1 - np.argmax(enough[::-1], axis=0)
    return np.asarray(enough.any(axis=0) & weak[longest, np.arange(enough.shape[1])], dtype=np.bool_)
