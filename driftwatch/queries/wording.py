"""What the rule's own words are called for people, and why something is not judged."""

from driftwatch.domain.instant import DAY
from driftwatch.queries import format as fmt
from driftwatch.queries.run import ColumnResult, ServiceResult
from driftwatch.queries.span import Span
from driftwatch.queries.standing import Standing
from driftwatch.queries.status import Status

__all__ = ["THRESHOLD", "WATCH", "as_of", "called", "judged_until", "seen", "service_line", "unjudged", "watched"]

THRESHOLD = (
    "Evidence of drift as a multiple of what raises an alarm: log p of the window over log p of the alarm threshold, "
    "at the most surprising time scale. 1× is where an alarm begins."
)
"""What "× threshold" means."""

WATCH = (
    "◇ Watch tells nobody: a longer window is still off but its newest part is back to normal, "
    "or the difference is too small to matter."
)
"""What the status watch means."""

_METHODS = {
    "kolmogorov_smirnov": "Kolmogorov–Smirnov",
    "total_variation_distance": "Total variation",
    "jensen_shannon_distance": "Jensen–Shannon",
    "wasserstein_distance_normalized": "Wasserstein, in reference sd",
    "missing_share_change": "Change of missing share",
    "novel_share": "Share of new values",
    "hotelling_distance": "Hotelling distance, in sd",
}

_KINDS = {
    "location": "the level shifted",
    "spread": "the spread changed",
    "shape": "the shape changed",
    "categories": "the mix of categories changed",
    "missing_share": "the share of missing values changed",
    "new_values": "values never seen in the reference",
    "material_shift": "a large lasting shift",
    "means": "several numbers moved at once",
    "dependence": "the way the numbers move together changed",
    "effect": "differs from the reference",
    "brier_score": "the squared error of the scores rose",
    "vanished": "all values are missing",
    "constant": "one value for a whole day",
    "retyped": "the kind of the values changed",
    "added": "a column that the reference does not have",
    "no_data": "no rows came",
    "low_volume": "far fewer rows than usual",
    "constraint": "values break what is demanded of them",
    "vanished_category": "a value of the reference is gone",
    "duplicates": "rows repeat ids",
    "late": "rows came late",
    "range": "values far outside the reference's range",
    "latency_p50": "half of the calls are slower than at these hours before",
    "latency_p95": "the slowest 5% of the calls are slower than at these hours before",
    "latency_p99": "the slowest 1% of the calls are slower than at these hours before",
    "latency_level": "calls are slower than before",
    "error_rate": "more calls fail than before",
    "tick_late": "no window is judged",
    "outbox_late": "no message is sent",
    "undelivered": "messages are not taken",
    "given_up": "messages were given up",
    "runs_failed": "windows cannot be judged",
    "rows_refused": "many rows are refused",
    "storm": "many incidents began at once",
    "slo_burn_rate": "what the service-level objective allows is spent too fast",
}


def called(method: str) -> str:
    """A method's name for people."""
    return _METHODS.get(method, method.replace("_", " ").capitalize())


def seen(kind: str | None) -> str:
    """What a finding saw, in words; "" for nothing."""
    return _KINDS.get(kind or "", (kind or "").replace("_", " "))


def watched(result: ColumnResult, *, recovering: bool = False) -> str:
    """Why a column is on watch, in a few words.

    Args:
        result: of its newest judged window.
        recovering: its alert is still open.
    """
    if result.fading:
        return "a longer window is still off, its newest part is back to normal"
    if result.minor:
        return "over the threshold, but the difference is too small to tell anyone"
    if recovering:
        return "its alert is open, the newest window is quiet"
    return "it differs from the reference, short of an alarm"


def service_line(result: ServiceResult) -> str:
    """Latency or errors of the newest window against the reference; "" where nothing is to be told."""
    if result.value is None or result.expected is None or not result.status.firing:
        return ""
    if result.signal == "error":
        return f"Errors {fmt.share(result.value)}, expected {fmt.share(result.expected)}"
    name = result.metric.removeprefix("latency_")
    head = f"Latency {name}".strip()
    return f"{head} {fmt.latency(result.value)}, expected {fmt.latency(result.expected)}"


def judged_until(standing: Standing, span: Span) -> tuple[str, str]:
    """The part of an evidence line that says where the verdicts end, if they end before the window does."""
    if standing.run is None or standing.run.end >= span.end:
        return "", ""
    return "judged until", fmt.stamp(standing.run.end, standing.read_at)


def as_of(standing: Standing) -> tuple[str, str]:
    """The end of an evidence line: the reader's clock, or where a replay stands."""
    if standing.model.replay:
        return "replay at", fmt.stamp(standing.now, standing.read_at)
    return "as of", fmt.stamp(standing.read_at, standing.read_at)


def unjudged(standing: Standing) -> tuple[str, str]:
    """Title and sentence of a panel that has no result to show."""
    now, reference = standing.now, standing.reference
    if standing.model.last_at is None:
        return "No data yet", "No row of this model has come. Nothing is being called healthy."
    if standing.run is not None and standing.status is Status.RUN_ERROR:
        return "The newest run failed", standing.run.error or "No reason was recorded."
    if reference is None or standing.run is not None:
        return _not_here(standing)
    if now < reference.end:
        day, days = (now - reference.start) // DAY + 1, -(-(reference.end - reference.start) // DAY)
        judged = f"Drift is judged from {fmt.stamp(reference.end, standing.read_at)} on."
        title = f"Learning the reference, day {max(1, day)} of {days}"
        return title, f"{judged} Traffic, latency and errors are shown already."
    ended = f"The reference ended {fmt.stamp(reference.end, standing.read_at)}."
    return "The first window is not judged yet", f"{ended} A running driftwatch serve judges each when it has closed."


def _not_here(standing: Standing) -> tuple[str, str]:
    run = standing.run
    if run is None:
        return "No window was judged here", "Choose a longer window."
    newest = f"The newest window that was judged ended {fmt.stamp(run.end, standing.read_at)}"
    if run.end > standing.now - 2 * standing.model.width:
        return "Not judged yet", f"{newest}. A window is judged once rows after its end have come."
    return "Not judged yet", f"{newest}; choose a longer window to see it."
