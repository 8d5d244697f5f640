"""What a comparison of two versions says to do.

Every quantity is one of which more is worse. The candidate passes a quantity when it is shown to be worse by less than
its margin, and fails it when it is shown to be worse by more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from driftwatch.experiments.sample_ratio import SampleRatio
from driftwatch.experiments.sequence import Difference

__all__ = ["Decision", "Standing", "Verdict", "decide", "stand"]


class Standing(StrEnum):
    """Where the candidate stands in one quantity."""

    PASSED = "passed"
    FAILED = "failed"
    OPEN = "open"
    TOO_FEW = "too_few_rows"


class Decision(StrEnum):
    """What to do with the candidate."""

    PROMOTE = "promote"
    HOLD = "hold"
    ROLL_BACK = "roll_back"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done, and why.

    Attributes:
        decision: promote, hold or roll back.
        reasons: plain sentences, the ones that decided first.
    """

    decision: Decision
    reasons: tuple[str, ...]


def stand(difference: Difference | None, margin: float) -> Standing:
    """Where the candidate stands.

    Args:
        difference: candidate minus baseline, None without rows.
        margin: the most that it may be worse; below 0 it has to be better by so much.
    """
    if difference is None or difference.low is None or difference.high is None:
        return Standing.TOO_FEW
    if difference.high < margin:
        return Standing.PASSED
    return Standing.FAILED if difference.low > margin else Standing.OPEN


def decide(
    differences: Mapping[str, Difference | None], margins: Mapping[str, float], ratio: SampleRatio | None
) -> Verdict:
    """Roll back what is shown to be worse than allowed, promote what is shown not to be, and wait in between.

    Args:
        differences: by quantity.
        margins: of the quantities that decide; others are only shown.
        ratio: of the traffic, or None where both versions see every request.
    """
    standings = {name: stand(differences.get(name), margin) for name, margin in margins.items()}
    failed = [_worse(name, differences[name], margins[name]) for name in _of(standings, Standing.FAILED)]
    if failed:
        return Verdict(Decision.ROLL_BACK, tuple(failed))
    if ratio is not None and ratio.mismatch:
        split = f"{ratio.share:.2%} of {ratio.n:,} rows reached the candidate, {ratio.expected:.2%} were meant to"
        return Verdict(Decision.HOLD, (f"the split is wrong: {split}; what sent them there may be what differs",))
    waiting = [
        *(f"{name}: too few rows of a version yet" for name in _of(standings, Standing.TOO_FEW)),
        *(_open(name, differences[name], margins[name]) for name in _of(standings, Standing.OPEN)),
    ]
    if waiting or not margins:
        return Verdict(Decision.HOLD, tuple(waiting) or ("no quantity has a margin, so that nothing can decide",))
    return Verdict(Decision.PROMOTE, tuple(_passed(name, differences[name], margins[name]) for name in margins))


def _of(standings: Mapping[str, Standing], wanted: Standing) -> Sequence[str]:
    return [name for name, each in standings.items() if each is wanted]


def _worse(name: str, found: Difference | None, margin: float) -> str:
    low = 0.0 if found is None or found.low is None else found.low
    return f"{name}: worse by at least {low:.4g}, which is more than the margin of {margin:.4g}"


def _open(name: str, found: Difference | None, margin: float) -> str:
    high = 0.0 if found is None or found.high is None else found.high
    return f"{name}: may still be worse by up to {high:.4g}, and the margin is {margin:.4g}"


def _passed(name: str, found: Difference | None, margin: float) -> str:
    high = 0.0 if found is None or found.high is None else found.high
    told = f"worse by less than {high:.4g}" if high > 0 else f"better by at least {-high:.4g}"
    return f"{name}: {told}, within the margin of {margin:.4g}"
