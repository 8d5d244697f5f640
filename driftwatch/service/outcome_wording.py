"""What the outcomes say of a model, in words: by how much it errs, and what to do about it."""

from collections.abc import Mapping

from driftwatch.domain.finding import Finding
from driftwatch.domain.signal import Signal
from driftwatch.queries import format as written

__all__ = ["impact_words", "outcome_action", "outcome_words"]

_NAMES = {
    "brier_score": "Brier score",
    "accuracy": "error rate",
    "mean_absolute_error": "mean absolute error",
    "mean_error": "mean error",
}


def outcome_words(finding: Finding) -> str | None:
    """The words for a finding of performance, realised or expected, or of concept drift; None for all others."""
    if finding.signal not in {Signal.PERFORMANCE, Signal.CONCEPT_DRIFT, Signal.ESTIMATED_PERFORMANCE}:
        return None
    if finding.kind == "calibration_bias":
        side = "higher" if finding.value < finding.threshold else "lower"
        gap = written.share(abs(finding.value - finding.threshold))
        return f"outcomes are {gap} {side} than such scores had in the reference"
    name = _NAMES.get(finding.kind, finding.kind.replace("_", " "))
    expected = "expected " if finding.signal is Signal.ESTIMATED_PERFORMANCE else ""
    return f"{expected}{name} {written.number(finding.threshold)} → {written.number(finding.value)}"


def outcome_action(finding: Finding) -> str | None:
    """What to do now; None for findings that are not of outcomes."""
    if finding.signal is Signal.CONCEPT_DRIFT:
        return (
            "Check that the outcomes are right and whole. If they are, the world no longer follows the model: roll "
            "back or retrain; inputs that look as ever do not show it."
        )
    if finding.signal is Signal.PERFORMANCE:
        return (
            "Look at what drifted at the same time and at the newest version. If neither explains it, check the "
            "outcomes, then roll back or retrain."
        )
    if finding.signal is Signal.ESTIMATED_PERFORMANCE:
        return (
            "The scores alone say that the model errs more on what it is asked now; labels will tell. Look at what "
            "drifted at the same time; if it stays, plan a retraining."
        )
    if finding.signal is Signal.OUTCOME_DRIFT:
        return (
            "Check how outcomes are recorded. If they are right, see whether scores moved with them: if not, the model "
            "has become wrong."
        )
    return None


def impact_words(finding: Finding) -> str:
    """What a drift finding costs, in a few words; "" where nothing is known of it."""
    impact = finding.details.get("impact")
    if not isinstance(impact, Mapping):
        return ""
    if not impact["matters"]:
        return "no impact on expected performance"
    name = _NAMES.get(impact["metric"], str(impact["metric"]))
    return f"expected {name} {written.number(impact['reference'])} → {written.number(impact['estimated'])}"
