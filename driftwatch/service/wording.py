"""What a message says, written for somebody who was asleep: what, how bad, since when, the proof, what to do now."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from driftwatch.alerting.machine import Transition
from driftwatch.domain.alert import Alert
from driftwatch.domain.finding import Finding
from driftwatch.domain.incident import Incident
from driftwatch.domain.instant import HOUR
from driftwatch.domain.notification import Evidence, Message
from driftwatch.domain.signal import Severity, Signal
from driftwatch.queries import format as written
from driftwatch.queries.quality_wording import QUALITY_KINDS, quality_words
from driftwatch.service.joint_wording import joint_words
from driftwatch.service.outcome_wording import impact_words, outcome_action, outcome_words
from driftwatch.service.service_wording import service_action, service_words
from driftwatch.service.system_wording import system_message

__all__ = ["Context", "compose", "effect_words", "sample_message"]

_SHOWN = 5
_METHODS = (
    ("kolmogorov_smirnov", "KS"),
    ("total_variation_distance", "TV"),
    ("jensen_shannon_distance", "JS"),
)
_GAPS = frozenset({"missing_share", "vanished", "retyped", "constant", "no_data", "low_volume"})
_ARRIVAL = frozenset({"duplicates", "late"})


@dataclass(frozen=True)
class Context:
    """What the words need beside the incident.

    Attributes:
        public_url: the dashboard's address, as readers reach it.
        reference: ``(start, end)`` that windows are compared with, microseconds UTC; None before there is one.
        change: reference → current of a finding's column, in words; "" where there is nothing to say.
        trend: by column, the size of the effect in the last windows, oldest first.
    """

    public_url: str
    reference: tuple[int, int] | None = None
    change: Callable[[Finding], str] = field(default=lambda _finding: "")
    trend: Mapping[str, Sequence[float]] = field(default_factory=dict)


def compose(transition: Transition, context: Context) -> Message:
    """The message of a transition that notifies."""
    incident = transition.incident
    link = f"{context.public_url.rstrip('/')}/incidents?{urlencode({'incident': incident.id})}"
    if incident.signals == (Signal.SYSTEM,):
        return system_message(transition, link)
    resolved = transition.reason == "resolved"
    alerts = incident.alerts if resolved else incident.firing or incident.alerts
    newest = max((alert.latest for alert in alerts), key=lambda finding: finding.window_end)
    reference = ""
    if context.reference is not None:
        reference = f"Reference {written.window(*context.reference)}"
    return Message(
        dedup_key=incident.dedup_key,
        number=incident.messages,
        reason=transition.reason,
        severity=incident.severity,
        title=incident.title,
        summary=_ended(incident) if resolved else _began(transition, alerts),
        evidence=tuple(_evidence(alert, context, peak=resolved) for alert in alerts[:_SHOWN]),
        n_more=max(0, len(alerts) - _SHOWN),
        window=f"Window {written.window(newest.window_start, newest.window_end)}",
        reference=reference,
        next_action=_next_action(incident, alerts, resolved=resolved),
        link=link,
    )


def effect_words(finding: Finding) -> str:
    """How large the change is, in a few words."""
    words = _gap_words(finding) or joint_words(finding) or outcome_words(finding) or service_words(finding)
    if words is None:
        method = next(((name, finding.effect[key]) for key, name in _METHODS if key in finding.effect), None)
        words = f"{method[0]} {written.distance(method[1])}" if method else finding.kind.replace("_", " ")
    if finding.kind == "new_values":
        words = f"values never seen before, {words}"
    times = finding.details.get("times_threshold")
    if isinstance(times, float) and times > 1:
        words = f"{words}, {written.effect(times)} its threshold"
    return "; ".join(part for part in (words, impact_words(finding)) if part)


def sample_message(receiver: str) -> Message:
    """What ``receiver test`` sends: unmistakably a test, in the form of a real message."""
    return Message(
        dedup_key=f"dw:test:{receiver}",
        number=1,
        reason="first",
        severity=Severity.WARNING,
        title="Test message: nothing is wrong",
        summary=f"driftwatch can reach the receiver {receiver}. A real message names the columns, worst first:",
        evidence=(
            Evidence(
                column="example_column",
                effect="KS 0.530, 3.2× its threshold",
                change="median 51 → 68",
                n=812,
                n_reference=80_000,
                trend=(0.02, 0.03, 0.02, 0.04, 0.31, 0.53),
            ),
        ),
        next_action="Nothing.",
    )


def _gap_words(finding: Finding) -> str | None:
    """The words for what no distance measures, or None."""
    hours = written.age(int(finding.details.get("scale_buckets", 1)) * (finding.window_end - finding.window_start))
    facts = finding.details
    missing = (written.share(facts.get("reference_missing_share")), written.share(facts.get("missing_share")))
    words = {
        "missing_share": f"missing {missing[0]} → {missing[1]}",
        "vanished": "no value arrives any more",
        "retyped": "arrives in another kind than before",
        "constant": f"one and the same value for {hours}",
        "no_data": f"no rows for {hours}",
        "skew": f"{_columns(facts)} of production unlike the training file, {facts.get('column')} most",
        "low_volume": f"{written.count(finding.n)} rows in {hours}, usually {written.count(facts.get('usual_rows'))}",
    }
    return words.get(finding.kind) or quality_words(finding.kind, facts, finding.n)


def _columns(facts: Mapping[str, Any]) -> str:
    return written.plural(int(facts.get("n_columns", 1)), "column")


def _evidence(alert: Alert, context: Context, *, peak: bool) -> Evidence:
    finding = alert.peak if peak else alert.latest
    column = alert.key.column
    n_reference = finding.details.get("n_reference")
    return Evidence(
        column=alert.key.place or f"{alert.key.model} ({alert.key.signal.value.replace('_', ' ')})",
        effect=f"at its worst {effect_words(finding)}" if peak else effect_words(finding),
        change="" if peak or finding.kind in _GAPS | QUALITY_KINDS else context.change(finding),
        n=finding.n,
        n_reference=n_reference if isinstance(n_reference, int) else None,
        trend=tuple(context.trend.get(column, ())) if column is not None and alert.key.segment is None else (),
    )


def _began(transition: Transition, alerts: Sequence[Alert]) -> str:
    incident = transition.incident
    what = _what(alerts, incident)
    since = written.stamp(incident.since)
    lasted = max(alert.last_alarm_at for alert in alerts) - incident.since
    length = f" ({written.age_in_two(lasted)} so far)" if lasted > HOUR else ""
    how_bad = {
        "escalated": "This is now critical.",
        "repeat": "It goes on, and nobody has acknowledged it.",
        "flapping": "It comes and goes: its next end is told, and no more until it has been quiet for 12 windows.",
        "new_alerts": "This is new in an incident that had come back quietly.",
    }.get(transition.reason, "This is critical." if incident.severity is Severity.CRITICAL else "")
    return f"{what} since {since}{length}. {how_bad}".strip()


def _what(alerts: Sequence[Alert], incident: Incident) -> str:
    where = f"{incident.model} ({incident.environment})"
    signals = {alert.key.signal for alert in alerts}
    columns = list(dict.fromkeys(alert.key.column for alert in alerts if alert.key.column))
    if not columns:
        return f"{where}: {effect_words(alerts[0].latest)},"
    named = columns[0] if len(columns) == 1 else written.plural(len(columns), "column")
    segments = {alert.key.segment for alert in alerts}
    if len(segments) == 1 and None not in segments:
        named = f"{named} in the segment {alerts[0].key.segment}"
    if signals <= {Signal.DRIFT, Signal.PREDICTION_DRIFT}:
        verb = "has" if len(columns) == 1 else "have"
        return f"{named} of {where} {verb} drifted from the reference"
    if signals <= {Signal.QUALITY, Signal.SCHEMA}:
        verb = "is" if len(columns) == 1 else "are"
        return f"{named} of {where} {verb} broken"
    return f"{named} of {where} changed"


def _ended(incident: Incident) -> str:
    began, last = written.stamp(incident.since), written.stamp(incident.last_alarm_at)
    lasted = written.age_in_two(incident.last_alarm_at - incident.since)
    where = f"{incident.model} ({incident.environment})"
    if incident.why_resolved == "no_longer_monitored":
        return f"Its columns are no longer part of {where}. It had lasted {lasted}, from {began} to {last}."
    return f"{where} has been judged for 24 hours without an alarm. It lasted {lasted}, from {began} to {last}."


def _mend_whole(lead: Alert, model: str) -> str | None:
    """What to do about what concerns no single column; None for anything else."""
    if lead.key.signal is Signal.TRAFFIC:
        return f"Check that {model} is still being called, and that its client reaches this service."
    if lead.key.signal is Signal.SKEW:
        column = lead.latest.details.get("column")
        return (
            f"Find out why {column} differs: another source, another unit, another time. If the model was not trained "
            "on what it is asked now, train it again."
        )
    return None


def _next_action(incident: Incident, alerts: Sequence[Alert], *, resolved: bool) -> str:
    if resolved:
        return "Nothing. If you know the cause, write it down at the incident."
    lead = alerts[0]
    column = lead.key.column
    whole = _mend_whole(lead, incident.model) or outcome_action(lead.latest)
    whole = whole or service_action(lead.latest, incident.model)
    if whole is not None:
        return whole
    if lead.latest.kind in _GAPS | QUALITY_KINDS:
        return _mend(lead.latest.kind, column, incident.model)
    if lead.key.signal is Signal.MULTIVARIATE_DRIFT:
        return (
            "Look at how these features are joined or computed: each by itself looks as in the reference, their "
            "combination does not. If the world changed, check recent outcomes and plan a retraining."
        )
    if lead.key.signal is Signal.PREDICTION_DRIFT:
        return (
            "Look for a feature that moved at the same time, or a new version; if there is none, check recent outcomes."
        )
    within = f" in {lead.key.segment}" if lead.key.segment is not None else ""
    return (
        f"Compare {column}{within} with its reference. A change in its pipeline: mend it there. "
        "A change in the world: check recent outcomes and plan a retraining."
    )


def _mend(kind: str, column: str | None, model: str) -> str:
    """Where to look for what is broken."""
    if kind in _ARRIVAL:
        return f"Check the client of {model}, and what its rows pass through on their way to this service."
    if kind in QUALITY_KINDS:
        return f"Check the pipeline that feeds {column}, or, if its values are right, change what is expected of them."
    return f"Check the pipeline that feeds {column}: predictions are being made without good values of it."
