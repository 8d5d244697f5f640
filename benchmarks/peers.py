"""Default drift rules of other tools, on histograms: what each would flag, window by window, column by column.

Each rule is stated by its statistic and cut-off alone; a window is one bucket, the reference all of its rows.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, kolmogorov

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Fine = Mapping[str, tuple[Floats | None, Ints]]

RULES = (
    "Kolmogorov-Smirnov or chi-square p < .05",
    "Wasserstein (in sd) or Jensen-Shannon > .1",
    "population stability index > .2",
    "mean ± 3 sd of reference chunks (Jensen-Shannon)",
)
_DECILES = 10
_FLOOR = 1e-4


def peer_alarms(rule: str, fine: Fine, n_reference: int) -> NDArray[np.bool_]:
    """bool[F, T'], what one of `RULES` flags in the buckets after the reference.

    Args:
        rule: one of `RULES`.
        fine: by column, edges (None for categories) and counts int64[T, B].
        n_reference: how many of the first buckets are the reference.
    """
    flag = dict(zip(RULES, (_p_values, _distance, _stability, _three_sigma), strict=True))[rule]
    rows = []
    for edges, counts in fine.values():
        reference, current = counts[:n_reference], counts[n_reference:]
        rows.append(flag(edges, reference, current) & (current.sum(axis=1) > 0))
    return np.array(rows)


def _shares(counts: Ints) -> Floats:
    return np.asarray(counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1), dtype=np.float64)


def _p_values(edges: Floats | None, reference: Ints, current: Ints) -> NDArray[np.bool_]:
    total = reference.sum(axis=0)
    m, n = total.sum(), np.maximum(current.sum(axis=1), 1)
    if edges is not None:
        gap = np.abs(np.cumsum(_shares(current) - _shares(total), axis=1)).max(axis=1)
        return np.asarray(kolmogorov(gap * np.sqrt(n * m / (n + m))) < 0.05, dtype=np.bool_)
    pooled = (current + total) / (n[:, None] + m)
    seen = pooled > 0
    expected = np.where(seen, pooled * n[:, None], 1.0)
    expected_reference = np.where(seen, pooled * m, 1.0)
    statistic = np.where(
        seen, (current - expected) ** 2 / expected + (total - expected_reference) ** 2 / expected_reference, 0.0
    ).sum(axis=1)
    return np.asarray(chdtrc(np.maximum(seen.sum(axis=1) - 1, 1), statistic) < 0.05, dtype=np.bool_)


def _distance(edges: Floats | None, reference: Ints, current: Ints) -> NDArray[np.bool_]:
    total = reference.sum(axis=0)
    if edges is None:
        return np.asarray(_jensen_shannon(_shares(current), _shares(total)) > 0.1, dtype=np.bool_)
    middle = np.concatenate((edges[:1], (edges[1:] + edges[:-1]) / 2, edges[-1:]))
    share = _shares(total)
    deviation = np.sqrt(share @ (middle - share @ middle) ** 2)
    gap = np.abs(np.cumsum(_shares(current) - share, axis=1))[:, :-1]
    return np.asarray(gap @ np.diff(middle) / deviation > 0.1, dtype=np.bool_)


def _stability(edges: Floats | None, reference: Ints, current: Ints) -> NDArray[np.bool_]:
    p, q = _coarse(edges, reference, current)
    p, q = np.maximum(p, _FLOOR), np.maximum(q, _FLOOR)
    return np.asarray(((p - q) * np.log(p / q)).sum(axis=1) > 0.2, dtype=np.bool_)


def _three_sigma(edges: Floats | None, reference: Ints, current: Ints) -> NDArray[np.bool_]:
    p, q = _coarse(edges, reference, current)
    chunks, _ = _coarse(edges, reference, reference)
    kept = _jensen_shannon(chunks, q)[reference.sum(axis=1) > 0]
    return np.asarray(_jensen_shannon(p, q) > kept.mean() + 3 * kept.std(), dtype=np.bool_)


def _coarse(edges: Floats | None, reference: Ints, current: Ints) -> tuple[Floats, Floats]:
    """Shares of each window and of the reference: over reference deciles, or over categories."""
    total = reference.sum(axis=0)
    if edges is None:
        return _shares(current), _shares(total)
    below = np.cumsum(total) / total.sum()
    cuts = np.unique(np.searchsorted(below, np.arange(1, _DECILES) / _DECILES) + 1)
    starts = np.concatenate(([0], cuts))
    return _shares(np.add.reduceat(current, starts, axis=1)), _shares(np.add.reduceat(total, starts))


def _jensen_shannon(p: Floats, q: Floats) -> Floats:
    middle = (p + q) / 2
    safe = np.where(middle > 0, middle, 1.0)
    bits = np.zeros(p.shape)
    for part in (p, np.broadcast_to(q, p.shape)):
        bits += np.where(part > 0, part, 0.0) * np.log2(np.where(part > 0, part / safe, 1.0)) / 2
    return np.asarray(np.sqrt(np.maximum(bits.sum(axis=1), 0.0)), dtype=np.float64)
