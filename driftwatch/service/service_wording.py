"""What latency and errors say of a service, in words: by how much, in how many calls, and what to do about it."""

from driftwatch.domain.finding import Finding
from driftwatch.domain.signal import Signal
from driftwatch.monitors.objective import BURN
from driftwatch.queries import format as written

__all__ = ["service_action", "service_words"]

_ALIKE = 0.9


def service_words(finding: Finding) -> str | None:
    """The words for a finding of latency or errors; None for all others."""
    if finding.signal not in {Signal.LATENCY, Signal.ERROR}:
        return None
    if finding.kind == BURN:
        return _burning(finding)
    if finding.signal is Signal.ERROR:
        failed = written.count(finding.details.get("failed"))
        shares = f"{written.share(finding.threshold)} → {written.share(finding.value)}"
        return f"errors {shares} ({failed} of {written.count(finding.n)} calls)"
    name = finding.kind.removeprefix("latency_")
    name = "latency" if name == "level" else f"{name} latency"
    words = f"{name} {written.latency(finding.threshold)} → {written.latency(finding.value)}"
    like = finding.details.get("at_like_load")
    if isinstance(like, float) and like >= _ALIKE * finding.value:
        return f"{words}, as the reference under such a load"
    return words


def _burning(finding: Finding) -> str:
    facts = finding.details
    latency = facts.get("latency_seconds")
    what = "calls failed" if latency is None else f"calls took longer than {written.latency(latency)}"
    hours = _minutes(int(facts.get("long_minutes", 0)))
    bad, n = written.count(facts.get("bad")), written.count(finding.n)
    allowed = written.share(facts.get("expected"))
    return f"{bad} of {n} {what} in {hours}, {finding.value:.1f} times the {allowed} that the objective allows"


def _minutes(minutes: int) -> str:
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h"


def service_action(finding: Finding, model: str) -> str | None:
    """What to do now; None for findings that are not of the service."""
    if finding.signal is Signal.LATENCY:
        return (
            f"Look at what {model} waits for: a feature store, a database, its own machines, a new version. If traffic "
            "rose at the same time, it needs more of them."
        )
    if finding.signal is Signal.ERROR:
        return (
            f"Read the log of {model} for what fails since then, and see whether a new version or client came with it."
        )
    return None
