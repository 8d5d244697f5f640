"""Frames kept in memory: for tests of serving code."""

from driftwatch.sdk.transport import OUTCOMES, PREDICTIONS, Parcel
from driftwatch.wire import Frame, OutcomeFrame, decode, decode_outcomes

__all__ = ["MemoryTransport"]


class MemoryTransport:
    """Keeps every parcel; `frames` and `outcomes` read them back.

    Attributes:
        parcels: in the order in which they were sent.
    """

    def __init__(self) -> None:
        self.parcels: list[Parcel] = []

    def send(self, parcel: Parcel) -> None:
        """Keep the parcel."""
        self.parcels.append(parcel)

    @property
    def frames(self) -> list[Frame]:
        """The frames of predictions."""
        return [decode(parcel.body) for parcel in self.parcels if parcel.kind == PREDICTIONS]

    @property
    def outcomes(self) -> list[OutcomeFrame]:
        """The frames of outcomes."""
        return [decode_outcomes(parcel.body) for parcel in self.parcels if parcel.kind == OUTCOMES]
