"""A store whose clock the test moves."""

from driftwatch.storage.store import Store

__all__ = ["Clocked"]


class Clocked(Store):
    """A store whose clock stands where the test puts it."""

    clock: int = 0

    def now(self, conn: object) -> int:  # noqa: ARG002 - the signature is the store's
        return self.clock
