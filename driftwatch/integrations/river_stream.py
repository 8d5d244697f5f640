"""ADWIN, Page-Hinkley, DDM, EDDM and KSWIN: river's detectors behind `StreamDetector`.

river is imported when the first detector is made. A snapshot holds the numbers of the detector's state, never a
pickle; they are river's own, so that it says of which release, and no other release takes it.
"""

import base64
import math
import random
from collections import deque
from collections.abc import Mapping
from functools import partial
from typing import Any

from driftwatch._optional import require
from driftwatch.drift.stream import DRIFT, STABLE, WARNING, StreamDetector, StreamMethod, StreamState, stream_detectors

__all__ = ["RiverDetector"]

_PURPOSE = "A streaming detector"

# Key: module and class in river, parameters with river's defaults (KSWIN draws: its seed is fixed).
_METHODS: dict[str, tuple[str, str, dict[str, float | int | str]]] = {
    "adwin": (
        "river.drift",
        "ADWIN",
        {"delta": 0.002, "clock": 32, "max_buckets": 5, "min_window_length": 5, "grace_period": 10},
    ),
    "page_hinkley": (
        "river.drift",
        "PageHinkley",
        {"min_instances": 30, "delta": 0.005, "threshold": 50.0, "alpha": 0.9999, "mode": "both"},
    ),
    "ddm": ("river.drift.binary", "DDM", {"warm_start": 30, "warning_threshold": 2.0, "drift_threshold": 3.0}),
    "eddm": ("river.drift.binary", "EDDM", {"warm_start": 30, "alpha": 0.95, "beta": 0.9}),
    "kswin": ("river.drift", "KSWIN", {"alpha": 0.005, "window_size": 100, "stat_size": 30, "seed": 0}),
}
_BINARY = frozenset({"ddm", "eddm"})


class RiverDetector:
    """One of river's detectors, with what it has seen since it last spoke.

    Args:
        method: a key of the registry.
        parameters: by river's names; the rest keeps river's defaults.

    Raises:
        MissingPartError: river is not installed.
        ValueError: an unknown parameter, or one that river refuses.
    """

    def __init__(self, method: str, parameters: Mapping[str, float | int | str] | None = None) -> None:
        module, name, defaults = _METHODS[method]
        unknown = (parameters or {}).keys() - defaults.keys()
        if unknown:
            raise ValueError(f"{method} has no parameter {min(unknown)!r}; it has {', '.join(defaults)}")
        self._method = method
        self._parameters = {**defaults, **(parameters or {})}
        self._detector: Any = getattr(require(module, extra="river", purpose=_PURPOSE), name)(**self._parameters)
        self._n = self._n_since = 0
        self._total = 0.0

    def update(self, value: float) -> StreamState:
        """Take the next value.

        Raises:
            ValueError: it is not finite, or neither 0 nor 1 where the method counts errors.
        """
        value = float(value)
        if not math.isfinite(value):
            raise ValueError(f"a stream's values are finite, not {value}")
        if self._method in _BINARY and value not in {0.0, 1.0}:
            raise ValueError(f"{self._method} takes 0 (right) and 1 (wrong), not {value}; adwin takes any number")
        if self._detector.drift_detected:
            self._n_since, self._total = 0, 0.0
        self._detector.update(value)
        self._n, self._n_since, self._total = self._n + 1, self._n_since + 1, self._total + value
        return StreamState(self._state(), self._n, self._n_since, self._total / self._n_since)

    def snapshot(self) -> dict[str, Any]:
        """All that is needed to go on, as a JSON-safe map."""
        return {
            "method": self._method,
            "river": _release(),
            "parameters": dict(self._parameters),
            "n": self._n,
            "n_since": self._n_since,
            "total": self._total,
            "state": {name: _pack(value) for name, value in vars(self._detector).items() if self._is_state(name)},
        }

    @classmethod
    def restore(cls, snapshot: Mapping[str, Any]) -> "RiverDetector":
        """The detector that gave the snapshot.

        Raises:
            MissingPartError: river is not installed.
            ValueError: it is no snapshot of one of these detectors, or one of another release of river.
        """
        method = snapshot.get("method")
        if method not in _METHODS or not isinstance(snapshot.get("state"), Mapping):
            raise ValueError("this is no snapshot of a streaming detector")
        restored = cls(str(method), snapshot["parameters"])
        if snapshot.get("river") != _release():
            raise ValueError(
                f"the snapshot was made with river {snapshot.get('river')}, and {_release()} is installed: install "
                "that release, or begin anew without the snapshot"
            )
        for name, value in snapshot["state"].items():
            setattr(restored._detector, name, _unpack(getattr(restored._detector, name), value))
        restored._n, restored._n_since = int(snapshot["n"]), int(snapshot["n_since"])
        restored._total = float(snapshot["total"])
        return restored

    def _state(self) -> str:
        if self._detector.drift_detected:
            return DRIFT
        return WARNING if getattr(self._detector, "warning_detected", False) else STABLE

    def _is_state(self, name: str) -> bool:
        return name not in self._parameters and not callable(getattr(self._detector, name))


def _release() -> str:
    return str(require("river", extra="river", purpose=_PURPOSE).__version__)


def _pack(value: Any) -> Any:
    """One attribute of a detector as JSON: numbers as they are, river's statistics as maps of numbers."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return value if math.isfinite(value) else repr(float(value))
    if isinstance(value, deque):
        return [float(each) for each in value]
    if isinstance(value, random.Random):
        return value.getstate()
    if type(value).__name__ == "AdaptiveWindowing":  # compiled: its state is plain little-endian numbers
        return base64.b64encode(value.__getstate__()).decode("ascii")
    return {name: _pack(each) for name, each in vars(value).items()}


def _unpack(fresh: Any, packed: Any) -> Any:
    """The attribute again; `fresh` is that of a new detector and says what it is."""
    if isinstance(fresh, deque):
        return deque(packed, maxlen=fresh.maxlen)
    if isinstance(fresh, random.Random):
        version, state, gauss = packed
        fresh.setstate((version, tuple(state), gauss))
        return fresh
    if type(fresh).__name__ == "AdaptiveWindowing":
        fresh.__setstate__(base64.b64decode(packed))
        return fresh
    if isinstance(packed, Mapping):
        for name, each in packed.items():
            setattr(fresh, name, _unpack(getattr(fresh, name), each))
        return fresh
    return float(packed) if packed in {"inf", "-inf", "nan"} else packed


def _make(method: str, **parameters: float | str) -> StreamDetector:
    return RiverDetector(method, parameters)


for _key, (_module, _name, _defaults) in _METHODS.items():
    stream_detectors.add(
        _key,
        StreamMethod(_key, partial(_make, _key), RiverDetector.restore, _defaults, binary=_key in _BINARY),
        aliases=("ph",) if _key == "page_hinkley" else (),
    )
