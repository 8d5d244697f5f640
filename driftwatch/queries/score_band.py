"""The score-band table of stored tallies: bands that hold a tenth of the reference each."""

import numpy as np
from numpy.typing import NDArray

from driftwatch.monitors.outcome_cells import bin_middles
from driftwatch.performance.binary import BinaryTally
from driftwatch.performance.score_band import ScoreBand, band_table
from driftwatch.performance.score_table import score_edges
from driftwatch.performance.tally import Tally
from driftwatch.profiles.codec import NumericCodec

__all__ = ["BANDS", "read_bands"]

BANDS = 10


def read_bands(tally: Tally | None, reference: Tally | None, codec: NumericCodec | None) -> tuple[ScoreBand, ...]:
    """The table of a tally, lowest scores first; empty for a model without binary outcomes or scores.

    Rows and positives are exact; the mean score of a band is that of its bins' middles, which lie 3% of the odds apart
    at most, and no further than the bins of the codec.

    Args:
        tally: labelled rows.
        reference: those whose tenths are the bands, so that windows are held side by side; None: those of `tally`.
        codec: of the score.
    """
    edges = None if codec is None else _edges(tally, codec)
    if edges is None or not isinstance(tally, BinaryTally):
        return ()
    alike = isinstance(reference, BinaryTally) and len(reference.counts) == len(tally.counts)
    of_reference = reference if alike and isinstance(reference, BinaryTally) else tally
    held = of_reference.counts[:-1].sum(axis=(1, 2))
    if not held.sum():
        return ()
    table = tally.counts[:-1].sum(axis=2)
    rows, last = table.sum(axis=1), _tenths(held)
    first = np.append(0, last + 1)
    n, positives = (np.add.reduceat(each, first).astype(np.int64) for each in (rows, table[:, 1]))
    return band_table(n, positives, np.add.reduceat(rows * bin_middles(edges), first), edges[last])


def _edges(tally: Tally | None, codec: NumericCodec) -> NDArray[np.float64] | None:
    """The boundaries of the bins that a tally is in: the finer ones, or the codec's own."""
    known = (score_edges(codec.edges), codec.edges)
    bins = len(tally.counts) - 2 if isinstance(tally, BinaryTally) else -1
    return next((edges for edges in known if len(edges) == bins and len(edges)), None)


def _tenths(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[b - 1], the last bin of each band but the highest, about as many rows in each; bands of one bin are one."""
    so_far = np.cumsum(counts)
    wanted = np.ceil(np.arange(1, BANDS) * so_far[-1] / BANDS)
    last = np.unique(np.searchsorted(so_far, wanted, side="left"))
    highest = int(np.flatnonzero(counts)[-1])
    return last[last < highest].astype(np.int64)
