"""Which segments are worse than all other rows, corrected for how many were looked at, and how often."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from scipy.special import stdtr

from driftwatch.performance.binary import BinaryTally
from driftwatch.performance.mean_tally import MeanTally
from driftwatch.performance.multiclass import MulticlassTally
from driftwatch.performance.ranking import RankingTally
from driftwatch.performance.regression import RegressionTally
from driftwatch.performance.tally import Tally

__all__ = ["LEAST_ROWS", "Loss", "WorseTest", "find_worse", "loss_of"]

LEAST_ROWS = 30
"""Labelled rows of a segment below which it is not compared."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What the rows of a tally lost; more is worse.

    Attributes:
        metric: "brier_score", "mean_absolute_error", or of right and wrong answers "accuracy" ("hit_rate@k").
        n: rows.
        mean: of the loss.
        variance: of a row's loss.
        wrong: of right and wrong answers, how many were wrong; None for others.
    """

    metric: str
    n: int
    mean: float
    variance: float
    wrong: int | None = None


@dataclass(frozen=True, slots=True)
class WorseTest:
    """Whether a segment is worse than all other rows.

    Attributes:
        loss: of its rows.
        rest: of all others.
        p_value: that a segment like the others would be so much worse, by itself.
        adjusted_p_value: the same of any of the segments at any of the looks.
        is_worse: whether that is below the level.
    """

    loss: Loss
    rest: Loss
    p_value: float
    adjusted_p_value: float
    is_worse: bool


def loss_of(tally: Tally) -> Loss | None:
    """The loss that is monitored: squared error of scores, absolute error, else the share of wrong answers."""
    match tally:
        case BinaryTally():
            if tally.brier.n and not tally.calibration.beyond:
                return _mean("brier_score", tally.brier)
            c = tally.confusion
            return _answers("accuracy", c.false_positive + c.false_negative, c.n)
        case MulticlassTally():
            return _answers("accuracy", tally.n - int(tally.counts.trace()), tally.n)
        case RegressionTally():
            return _mean("mean_absolute_error", tally.absolute)
        case RankingTally():
            return _answers(f"hit_rate@{tally.depth}", tally.n - tally.hits, tally.n)


def find_worse(segments: Mapping[str, tuple[Loss, Loss]], *, looks: int, level: float = 0.05) -> dict[str, WorseTest]:
    """Test every segment against all other rows; of segments that are no worse, none is found in 1 - `level` of cases.

    Holm's (1979) step-down over the segments, at the level divided by the looks. Right and wrong answers by Fisher's
    exact test, means by Welch's t whose standard error is the larger of his and of that of one common variance.

    Args:
        segments: the losses of a segment's rows and of all others, by name; none with fewer than 30 rows.
        looks: how often the same question is asked, such as once a day.
        level: of all segments and looks together.
    """
    p = {name: _p_value(*losses) for name, losses in segments.items()}
    worst, found = 0.0, {}
    for place, name in enumerate(sorted(p, key=lambda name: (p[name], name))):
        worst = max(worst, min(1.0, p[name] * (len(p) - place) * looks))
        found[name] = WorseTest(*segments[name], p[name], worst, worst <= level)
    return found


def _mean(metric: str, tally: MeanTally) -> Loss | None:
    mean = tally.mean
    if mean is None:
        return None
    return Loss(metric, tally.n, mean, tally.sum_of_deviations / max(1, tally.n - 1))


def _answers(metric: str, wrong: int, n: int) -> Loss | None:
    if not n:
        return None
    return Loss(metric, n, wrong / n, wrong * (n - wrong) / (n * max(1, n - 1)), wrong)


def _p_value(loss: Loss, rest: Loss) -> float:
    if loss.wrong is not None and rest.wrong is not None:
        from scipy import stats  # its import takes longer than everything here

        everything, wrong = loss.n + rest.n, loss.wrong + rest.wrong
        return float(stats.hypergeom.sf(loss.wrong - 1, everything, wrong, loss.n))
    own = loss.variance / loss.n + rest.variance / max(1, rest.n)
    common = ((loss.n - 1) * loss.variance + (rest.n - 1) * rest.variance) / max(1, loss.n + rest.n - 2)
    error = math.sqrt(max(own, common * (1 / loss.n + 1 / max(1, rest.n))))
    if error <= 0:
        return 1.0
    return float(stdtr(loss.n - 1, -(loss.mean - rest.mean) / error))
