"""What moved together, in words: the pair whose correlation changed most, or the features whose means did."""

from driftwatch.domain.finding import Finding
from driftwatch.queries import format as written

__all__ = ["joint_words"]

_SHOWN = 2


def joint_words(finding: Finding) -> str | None:
    """The words for a finding about several numbers at once; None for all others."""
    if finding.kind not in {"means", "dependence"}:
        return None
    distance = written.distance(finding.effect.get("hotelling_distance", 0.0))
    if finding.column is not None:
        moved = "moved" if finding.kind == "means" else "spread otherwise"
        return f"its vectors {moved}, {distance} sd from the reference"
    pairs, features = finding.details.get("pairs", ()), finding.details.get("features", ())
    if pairs:
        left, right = pairs[0]["features"]
        before, now = pairs[0]["correlation_reference"], pairs[0]["correlation"]
        return f"the correlation of {left} and {right} went {before:.2f} → {now:.2f}"
    if features:
        moved = ", ".join(f"{each['feature']} {each['shift_sd']:+.2f} sd" for each in features[:_SHOWN])
        return f"several features moved at once: {moved}"
    return f"the numeric features together moved, {distance} sd from the reference"
