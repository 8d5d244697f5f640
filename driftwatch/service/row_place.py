"""Where the features of a stored prediction are: a block, and a place in it.

A batch's rows of one day lie together in one block, in the order of the batch, rows with a repeated id among them. The
envelope says where a row stood in its batch. For a batch of one day the two are the same place; of a batch that crosses
midnight the rows of the day are counted.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from driftwatch.domain.instant import DAY
from driftwatch.storage import block_listing, prediction_sample
from driftwatch.storage.block_listing import BatchPlace
from driftwatch.storage.prediction_sample import SampledEnvelope

__all__ = ["PlacedRow", "RowPlaces"]


@dataclass(frozen=True, slots=True)
class PlacedRow:
    """A prediction whose batch has features on its day.

    Attributes:
        version_id: whose it is.
        envelope: the prediction.
        batch: where the batch's rows of that day are.
    """

    version_id: int
    envelope: SampledEnvelope
    batch: BatchPlace

    @property
    def order(self) -> tuple[str, int]:
        """An order among rows of one instant."""
        return self.envelope.batch_id, self.envelope.position


@dataclass(frozen=True, slots=True)
class RowPlaces:
    """The batches of one version that have features on the days of a period.

    Attributes:
        version_id: whose.
        batches: by batch and day.
        several_days: batches whose rows are of more than one day.
    """

    version_id: int
    batches: Mapping[tuple[str, int], BatchPlace]
    several_days: frozenset[str]

    @classmethod
    def read(cls, conn: Connection, version_id: int, start: int, end: int) -> "RowPlaces":
        """The places of the rows in [start, end), microseconds UTC."""
        found = block_listing.list_places(conn, version_id, start // DAY, (end - 1) // DAY)
        days = Counter(each.batch_id for each in found)
        several = frozenset(name for name, count in days.items() if count > 1)
        return cls(version_id, {(each.batch_id, each.day): each for each in found}, several)

    def find(self, envelope: SampledEnvelope) -> PlacedRow | None:
        """The row with the place of its batch, or None if the batch has no features on that day."""
        batch = self.batches.get((envelope.batch_id, envelope.day))
        return None if batch is None else PlacedRow(self.version_id, envelope, batch)

    def locate(self, conn: Connection, rows: Sequence[PlacedRow]) -> dict[tuple[int, bytes], list[tuple[int, int]]]:
        """By day and block: pairs of a row's index in `rows` and its place in the block.

        Rows of other versions are passed over, and rows whose place is not known.
        """
        mine = [(index, row) for index, row in enumerate(rows) if row.version_id == self.version_id]
        positions = self._positions(conn, [row for _, row in mine])
        located: dict[tuple[int, bytes], list[tuple[int, int]]] = {}
        for index, row in mine:
            place = self._place(row, positions)
            if place is not None:
                here = located.setdefault((row.batch.day, row.batch.block_id), [])
                here.append((index, row.batch.block_offset + place))
        return located

    def _positions(self, conn: Connection, rows: Sequence[PlacedRow]) -> dict[tuple[str, int], list[int]]:
        """The stored positions of each day of the batches that cross midnight."""
        by_day: dict[int, set[str]] = {}
        for row in rows:
            if row.batch.batch_id in self.several_days:
                by_day.setdefault(row.batch.day, set()).add(row.batch.batch_id)
        return {
            (batch_id, day): positions
            for day, batch_ids in sorted(by_day.items())
            for batch_id, positions in prediction_sample.list_positions(
                conn, self.version_id, day, sorted(batch_ids)
            ).items()
        }

    def _place(self, row: PlacedRow, positions: Mapping[tuple[str, int], Sequence[int]]) -> int | None:
        position = row.envelope.position
        if row.batch.batch_id not in self.several_days:
            return position if position < row.batch.n else None
        of_day = positions[row.batch.batch_id, row.batch.day]
        # With repeated ids, which are in the block and not among the predictions, the count would be wrong.
        return bisect_left(of_day, position) if len(of_day) == row.batch.n else None
