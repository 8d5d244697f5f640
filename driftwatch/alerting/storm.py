"""When so much begins at once that one message says more than a message each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from driftwatch.alerting.book import Pace
from driftwatch.alerting.vital import ONLY
from driftwatch.domain.finding import Finding
from driftwatch.domain.incident import Incident
from driftwatch.domain.instant import DAY, MINUTE
from driftwatch.domain.signal import Severity, Signal

__all__ = ["STORM", "STORM_PACE", "StormLimit", "judge_storm"]

STORM = "storm"
"""The kind of the finding that stands for many incidents at once."""

STORM_PACE = Pace(quiet_to_close=1, reopen_within=DAY)
"""A storm ends with the last of its incidents: those had their quiet."""

_ROWS = 40
_WORDS = {Severity.CRITICAL: "▲", Severity.WARNING: "◆"}


@dataclass(frozen=True, slots=True)
class StormLimit:
    """How much news one receiver bears.

    Attributes:
        incidents: of at most so many it is told one by one ...
        within: ... in so long a time, microseconds. Of more it is told in one message.
    """

    incidents: int = 5
    within: int = 10 * MINUTE


def judge_storm(receiver: str, incidents: Sequence[Incident], *, since: int, now: int, rages: bool) -> Finding | None:
    """What stands for a storm now; None when it is over and none of its incidents is open.

    Args:
        receiver: whom it would have reached.
        incidents: those that are told together, open or not.
        since: when it was looked at before, microseconds UTC.
        now: the database's clock.
        rages: more may still join it.
    """
    firing = [each for each in incidents if each.is_open]
    if not firing and not rages:
        return None
    worst = sorted(firing or incidents, key=lambda each: (-each.severity.rank, each.environment, each.model))
    details: Mapping[str, object] = {
        ONLY: receiver,
        "firing": len(firing),
        "models": len({(each.environment, each.model) for each in incidents}),
        "rows": [[_WORDS.get(each.severity, ""), each.model, _what(each)] for each in worst[:_ROWS]],
    }
    return Finding(
        window_start=since,
        window_end=now,
        at=now,
        signal=Signal.SYSTEM,
        column=f"storm to {receiver}",
        severity=worst[0].severity,
        kind=STORM,
        value=float(len(incidents)),
        threshold=0.0,
        n=len(incidents),
        details=details,
    )


def _what(incident: Incident) -> str:
    """The title without the model's name, which stands beside it."""
    return incident.title.replace(f" in {incident.model}", "", 1)
