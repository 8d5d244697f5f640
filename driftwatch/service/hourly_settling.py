"""When a settler looks at a model at all: as long as something of it waits, and once an hour of its data."""

from abc import ABC, abstractmethod

from sqlalchemy import Connection

from driftwatch.domain.instant import HOUR
from driftwatch.storage import profile
from driftwatch.storage.registration import ModelRow
from driftwatch.storage.store import Store

__all__ = ["HourlySettler"]


class HourlySettler(ABC):
    """Settles models again and again at little cost: one is looked at when something new waits or an hour has passed.

    Args:
        store: whose.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._looked_at: dict[int, tuple[frozenset[str], int]] = {}

    def settle(self, model: ModelRow) -> list[str]:
        """Make and register what is due of one model; returns of what."""
        with self._store.read() as conn:
            waiting = self._waiting(conn, model)
            newest = profile.watermark(conn, model.id) if waiting else None
        state = (waiting, (newest or 0) // HOUR)
        if not waiting or self._looked_at.get(model.id) == state:
            return []
        self._looked_at[model.id] = state
        return self._settle(model)

    @abstractmethod
    def _waiting(self, conn: Connection, model: ModelRow) -> frozenset[str]:
        """What of the model is not settled yet."""

    @abstractmethod
    def _settle(self, model: ModelRow) -> list[str]:
        """Settle of it what can be."""
