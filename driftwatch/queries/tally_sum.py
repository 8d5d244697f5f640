"""Stored tallies of several buckets as one, also where the model's task or bins have changed since."""

from collections.abc import Sequence

from driftwatch.monitors.outcome_cells import in_score_bins
from driftwatch.performance.binary import BinaryTally
from driftwatch.performance.tally import Tally, add_tallies
from driftwatch.profiles.codec import NumericCodec

__all__ = ["sum_tallies"]


def sum_tallies(tallies: Sequence[Tally], codec: NumericCodec | None) -> Tally | None:
    """All of them together, in the finer bins where all are in them; those of another kind than the newest's are left.

    A task that was changed leaves tallies of another kind behind, and a codec that was, of other bins.
    """
    if not tallies:
        return None
    kind = type(tallies[-1])
    alike = [tally for tally in tallies if isinstance(tally, kind)]
    binary = [tally for tally in alike if isinstance(tally, BinaryTally)]
    if len({len(tally.counts) for tally in binary}) > 1:
        joined = [in_score_bins(tally, codec) for tally in binary]
        size = len(joined[-1].counts) if isinstance(joined[-1], BinaryTally) else 0
        return add_tallies([tally for tally in joined if isinstance(tally, BinaryTally) and len(tally.counts) == size])
    return add_tallies(alike)
