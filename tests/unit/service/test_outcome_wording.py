"""Messages about outcomes name the size in the metric's own terms, and an action that fits."""

from typing import Any

import pytest

from driftwatch.domain.finding import Finding
from driftwatch.domain.signal import Severity, Signal
from driftwatch.service.outcome_wording import outcome_action, outcome_words


def finding(signal: Signal, kind: str, value: float, threshold: float, **more: Any) -> Finding:
    return Finding(
        window_start=0, window_end=1, at=1, signal=signal, column=None, severity=Severity.WARNING, kind=kind,
        value=value, threshold=threshold, **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("signal", "kind", "value", "threshold", "words"),
    [
        (Signal.PERFORMANCE, "brier_score", 0.384, 0.196, "Brier score 0.196 → 0.384"),
        (Signal.PERFORMANCE, "mean_absolute_error", 62.0, 26.0, "mean absolute error 26 → 62"),
        (Signal.CONCEPT_DRIFT, "calibration_bias", -0.21, 0.01, "outcomes are 22 % higher than such scores had"),
        (Signal.CONCEPT_DRIFT, "calibration_bias", 0.21, 0.01, "outcomes are 20 % lower than such scores had"),
        (Signal.CONCEPT_DRIFT, "mean_error", -45.6, 0.1, "mean error 0.1 → −45.6"),
    ],
)
def test_the_size_is_told_in_the_metric_s_own_terms(
    signal: Signal, kind: str, value: float, threshold: float, words: str
) -> None:
    assert (outcome_words(finding(signal, kind, value, threshold)) or "").startswith(words)
    assert outcome_action(finding(signal, kind, value, threshold))


def test_other_findings_have_other_words() -> None:
    other = finding(Signal.DRIFT, "location", 1.0, 1.0)
    assert outcome_words(other) is None
    assert outcome_action(other) is None
    assert outcome_action(finding(Signal.OUTCOME_DRIFT, "categories", 1.0, 1.0))
