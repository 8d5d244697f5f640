"""Detectors that look at one value after the other: errors or losses of labelled predictions.

They are no part of the calibrated rule. Each watches one stream, forgets what it has seen but a short summary, and
says at once when the mean has moved. Their guarantees are those of independent values: on errors that come in waves
(day and night, a bad batch) they speak up to 90 times in 30 days without any change in the model.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from driftwatch._registry import Registry

__all__ = ["DRIFT", "STABLE", "WARNING", "StreamDetector", "StreamMethod", "StreamState", "stream_detectors"]

STABLE, WARNING, DRIFT = "stable", "warning", "drift"


@dataclass(frozen=True, slots=True)
class StreamState:
    """What a detector says after a value.

    Attributes:
        state: "stable", "warning" (only detectors that have a warning zone) or "drift": this value made it speak.
        n: values seen since the detector was made.
        n_since: values since the last drift, this one included; after a drift the detector begins anew.
        mean: of those.
    """

    state: str
    n: int
    n_since: int
    mean: float

    @property
    def drifted(self) -> bool:
        """Whether the detector speaks at this value."""
        return self.state == DRIFT


class StreamDetector(Protocol):
    """One detector on one stream.

    Not thread-safe: a stream has one writer. `update` does no I/O and takes constant memory; the same values in the
    same order give the same states. A detector restored from `snapshot` goes on exactly where that one stood.
    """

    def update(self, value: float) -> StreamState:
        """Take the next value.

        Raises:
            ValueError: it is not finite, or not one that this method takes. Nothing has changed then.
        """
        ...

    def snapshot(self) -> dict[str, Any]:
        """All that is needed to go on, as a JSON-safe map."""
        ...


@dataclass(frozen=True, slots=True)
class StreamMethod:
    """One kind of detector. A plugin registers an instance in the entry point group ``driftwatch.stream_detector``.

    Attributes:
        method: its key.
        make: a new detector from parameters by name; a `ValueError` or `TypeError` names one that is wrong.
        restore: a detector from what `snapshot` gave; a `ValueError` if that is of something else.
        parameters: the parameters with their defaults.
        binary: it takes 0 (right) and 1 (wrong) only.
    """

    method: str
    make: Callable[..., StreamDetector]
    restore: Callable[[Mapping[str, Any]], StreamDetector]
    parameters: Mapping[str, float | int | str] = field(default_factory=dict)
    binary: bool = False


stream_detectors: Registry[StreamMethod] = Registry("stream_detector")
