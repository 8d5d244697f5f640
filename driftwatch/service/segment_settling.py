"""The outcomes of a bucket by segment: every prediction is looked up in the blocks of features and tags."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.monitors.splits import assign_splits
from driftwatch.performance.segment_tally import GivenRows, encode_segments, tally_segments
from driftwatch.performance.tally import LabelledRows, TallyPlan
from driftwatch.profiles.segmentation import Segmentation
from driftwatch.service.row_columns import KeyedRows
from driftwatch.storage.outcome import LabelledRow

__all__ = ["SplitBucket"]


@dataclass(frozen=True, slots=True, eq=False)
class SplitBucket:
    """The predictions of one version's bucket by segment.

    Attributes:
        given: n predictions.
        place: by key and time, which of the n.
    """

    given: GivenRows
    place: Mapping[tuple[bytes, int], int]

    @classmethod
    def of(cls, keyed: KeyedRows, splits: Mapping[str, Segmentation], counted: NDArray[np.bool_]) -> "SplitBucket":
        """Those of m predictions that are counted, bool[m]; a prediction without features is in no segment."""
        kept = np.flatnonzero(counted)
        envelopes = [keyed.envelopes[place] for place in kept.tolist()]
        scores = np.array([np.nan if each.score is None else each.score for each in envelopes], dtype=np.float64)
        given = GivenRows([each.prediction for each in envelopes], scores, assign_splits(keyed.rows.take(kept), splits))
        return cls(given, {(each.key, each.at): place for place, each in enumerate(envelopes)})

    def tally(self, plan: TallyPlan, rows: Sequence[LabelledRow], labelled: LabelledRows) -> bytes:
        """The tallies of labelled rows, as they are stored.

        Args:
            plan: how rows are tallied.
            rows: k labelled rows of the bucket.
            labelled: the same k, as they are tallied.
        """
        places = np.array([self.place.get((row.key, row.predicted_at), -1) for row in rows], dtype=np.int64)
        known = np.flatnonzero(places >= 0)  # a prediction of this very moment touches the bucket again
        return encode_segments(tally_segments(plan, self.given, labelled.take(known), places[known]))
