"""The outcomes of a bucket by segment: every prediction is looked up in the blocks of features and tags."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from driftwatch.monitors.splits import assign_splits
from driftwatch.performance.segment_tally import GivenRows, encode_segments, tally_segments
from driftwatch.performance.tally import LabelledRows, TallyPlan
from driftwatch.profiles.segmentation import Segmentation
from driftwatch.service.row_columns import read_columns
from driftwatch.storage.outcome import LabelledRow

__all__ = ["SplitBucket"]


@dataclass(frozen=True, slots=True, eq=False)
class SplitBucket:
    """The predictions of one version's bucket by segment.

    Attributes:
        given: n predictions.
        place: by key, which of the n.
    """

    given: GivenRows
    place: Mapping[bytes, int]

    @classmethod
    def read(
        cls, conn: Connection, version_id: int, start: int, end: int, splits: Mapping[str, Segmentation]
    ) -> "SplitBucket":
        """Those made in [start, end), microseconds UTC; a prediction without features is in no segment."""
        columns = {name for split in splits.values() for name in split.columns}
        keyed = read_columns(conn, version_id, start, end, columns)
        scores = np.array([np.nan if each.score is None else each.score for each in keyed.envelopes], dtype=np.float64)
        predictions = [each.prediction for each in keyed.envelopes]
        return cls(GivenRows(predictions, scores, assign_splits(keyed.rows, splits)), keyed.place)

    def tally(self, plan: TallyPlan, rows: Sequence[LabelledRow], labelled: LabelledRows) -> bytes:
        """The tallies of labelled rows, as they are stored.

        Args:
            plan: how rows are tallied.
            rows: k labelled rows of the bucket.
            labelled: the same k, as they are tallied.
        """
        places = np.array([self.place.get(row.key, -1) for row in rows], dtype=np.int64)
        known = np.flatnonzero(places >= 0)  # a prediction of this very moment touches the bucket again
        return encode_segments(tally_segments(plan, self.given, labelled.take(known), places[known]))
