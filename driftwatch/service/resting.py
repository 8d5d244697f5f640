"""How long each model is left alone between two looks at it."""

import math
import time

__all__ = ["Rests"]

_REPLAY_SECONDS = 1.0


class Rests:
    """Rests by model.

    Args:
        seconds: of a live model; one that is replayed rests a second at most.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._began: dict[int, float] = {}

    def are_over(self, model_id: int, *, is_replayed: bool) -> bool:
        """Whether a model may be looked at; if so its next rest begins."""
        clock = time.monotonic()
        seconds = min(self._seconds, _REPLAY_SECONDS) if is_replayed else self._seconds
        if clock - self._began.get(model_id, -math.inf) < seconds:
            return False
        self._began[model_id] = clock
        return True
