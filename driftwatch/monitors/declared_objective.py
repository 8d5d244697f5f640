"""``slo`` of a declaration: how many calls may fail, and how many may be slow."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from driftwatch.errors import SpecError
from driftwatch.monitors import reading

__all__ = ["Objective", "parse_objective"]

_KEYS = ("error_rate", "latency_seconds", "share")
_SHARE = 0.99
_HOW = "write error_rate: 0.001 (one call in 1,000 may fail), or latency_seconds: 0.3 and share: 0.99"


@dataclass(frozen=True, slots=True)
class Objective:
    """What the service promises.

    Attributes:
        error_rate: share of calls that may fail, in (0, 1); None where nothing is promised.
        latency_seconds: what `share` of the calls have to stay within; None where nothing is promised.
        share: in (0, 1).
    """

    error_rate: float | None = None
    latency_seconds: float | None = None
    share: float = _SHARE

    @property
    def slow_share(self) -> float:
        """Share of calls that may be slower than `latency_seconds`."""
        return 1.0 - self.share

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe, as :func:`parse_objective` reads it."""
        document: dict[str, Any] = {}
        if self.error_rate is not None:
            document["error_rate"] = self.error_rate
        if self.latency_seconds is not None:
            document |= {"latency_seconds": self.latency_seconds, "share": self.share}
        return document


def parse_objective(value: Any) -> Objective | None:
    """Read ``slo``.

    Raises:
        SpecError: no map, an unknown key, nothing promised, or what no service could miss or keep.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise SpecError(f"{value!r} is not a map; {_HOW}", path="slo")
    reading.reject_unknown(value, _KEYS, "slo")
    seconds = value.get("latency_seconds")
    objective = Objective(
        error_rate=_read_share(value.get("error_rate"), "slo.error_rate"),
        latency_seconds=None
        if seconds is None
        else reading.read_number(seconds, "slo.latency_seconds", low=0.0, above=True),
        share=_read_share(value.get("share"), "slo.share") or _SHARE,
    )
    if objective.error_rate is None and objective.latency_seconds is None:
        wrong = f"share: {value['share']!r} alone says nothing" if "share" in value else "nothing is promised"
        raise SpecError(f"{wrong}; {_HOW}", path="slo")
    if "share" in value and objective.latency_seconds is None:
        raise SpecError("of which latency? Add latency_seconds: 0.3, or leave it out", path="slo.share")
    return objective


def _read_share(value: Any, path: str) -> float | None:
    if value is None:
        return None
    share = reading.read_number(value, path, low=0.0, high=1.0, above=True)
    if share >= 1.0:
        raise SpecError(f"{value!r} is all of them; give a share below 1, such as 0.001 or 0.99", path=path)
    return share
