"""What moved together is told by name, and a message never asks to look at a column that is none."""

from typing import Any

import pytest

from driftwatch.domain.finding import Finding
from driftwatch.domain.signal import Severity, Signal
from driftwatch.service.joint_wording import joint_words
from driftwatch.service.wording import effect_words


def finding(kind: str, column: str | None = None, **details: Any) -> Finding:
    signal = Signal.MULTIVARIATE_DRIFT if column is None else Signal.DRIFT
    effect = {"hotelling_distance": 1.25}
    return Finding(0, 1, 1, signal, column, Severity.WARNING, kind, 5.0, 3.5, effect, details=details)


PAIR = {"features": ["nights", "paid"], "correlation_reference": 0.8, "correlation": -0.052}
SHIFTS = [{"feature": name, "shift_sd": shift} for name, shift in (("a", 0.5), ("b", -0.25), ("c", 0.1))]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (finding("dependence", pairs=[PAIR]), "the correlation of nights and paid went 0.80 → -0.05"),
        (finding("means", features=SHIFTS), "several features moved at once: a +0.50 sd, b -0.25 sd"),
        (finding("means"), "the numeric features together moved, 1.25 sd from the reference"),
        (finding("means", "vector"), "its vectors moved, 1.25 sd from the reference"),
        (finding("location", "temp"), None),
    ],
)
def test_a_joint_finding_says_what_moved(told: Finding, words: str | None) -> None:
    assert joint_words(told) == words
    if words is not None:
        assert effect_words(told) == words
