"""What the rule says about one column and one bucket."""

from dataclasses import dataclass

__all__ = ["Judgement"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one column at one bucket.

    Attributes:
        column: the series' name.
        bucket: position on the calendar's axis (0 is its first bucket).
        state: ``"judged"``, ``"low_data"`` (too few rows beside the usual) or ``"no_data"`` (no row in this bucket).
            Only ``"judged"`` is a verdict: the others are neither alarm nor quiet.
        alarm: the p-value is below the budget and every gate agrees, or a material shift holds.
        severity: ``"none"``, ``"watch"`` (colour only) or ``"warning"`` (an alarm).
        minor: an alarm whose effect is small at every alarming scale: for the digest, not the page.
        component: what was seen: ``"location"``, ``"spread"``, ``"shape"``, ``"categories"``, ``"missing_share"``,
            ``"new_values"`` or ``"material_shift"``; the most surprising one, None when nothing could be compared.
        scale_buckets: length of the window that was most surprising, in buckets (the shortest when none was).
        sign: 1 when location, spread or a share rose, -1 when it fell, 0 for distances.
        z: the score in units of the column's own natural and sampling variation, 0 or more.
        p_value: of that score, 1.0 when a gate was shut.
        threshold_p: the p-value below which it is an alarm: budget / (buckets in 30 days × series).
        kolmogorov_smirnov: effect over that window, numeric columns (0 to 1).
        total_variation: effect over that window (0 to 1).
        jensen_shannon: distance (root, base 2) over that window (0 to 1).
        n: non-missing rows in that window.
        n_reference: non-missing rows of the reference that it was compared with.
        missing_share: missing rows / all rows in that window.
        reference_missing_share: the same, expected from the reference.
        uncalibrated: the reference was too short to learn any natural variation.
    """

    column: str
    bucket: int
    state: str
    alarm: bool
    severity: str
    minor: bool
    component: str | None
    scale_buckets: int
    sign: int
    z: float
    p_value: float
    threshold_p: float
    kolmogorov_smirnov: float | None
    total_variation: float | None
    jensen_shannon: float | None
    n: int
    n_reference: int
    missing_share: float
    reference_missing_share: float
    uncalibrated: bool
