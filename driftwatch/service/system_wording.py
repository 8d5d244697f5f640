"""What driftwatch says of itself: which part is in trouble, since when, and what to do; and what a storm holds."""

from collections.abc import Sequence

from driftwatch.alerting.machine import Transition
from driftwatch.alerting.storm import STORM
from driftwatch.domain.alert import Alert
from driftwatch.domain.finding import Finding
from driftwatch.domain.incident import Incident
from driftwatch.domain.instant import SECOND
from driftwatch.domain.notification import Evidence, Message
from driftwatch.domain.signal import Severity
from driftwatch.queries import format as written

__all__ = ["STORM_OVER", "system_message", "system_words"]

STORM_OVER = "storm_over"
"""The reason of the message that says what still fires after a storm."""

_STORM_HEAD = ("", "Model", "What")
_SHOWN = 5
_NAMED = 3
_LOOK = "Run driftwatch doctor where the service runs, and read its log."
_MEND = {
    "tick_late": "No window is judged meanwhile, and nothing new can be found. ",
    "outbox_late": "No message goes out meanwhile but this one. ",
    "undelivered": "Try it with driftwatch receiver test, and mend what it says; what waits is sent then.",
    "given_up": "Try it with driftwatch receiver test, and mend what it says. The dashboard shows what was not told.",
    "runs_failed": "The model's page shows each run with its error. It is not being judged meanwhile. ",
    "rows_refused": "The table quarantine holds each with its reason; mend the client that sends them.",
}


def system_words(finding: Finding) -> str:
    """What was found of one part of the service, in a few words."""
    said = str(finding.details.get("error") or "")
    age = written.age(int(finding.value * SECOND))
    words = {
        "tick_late": f"no sign of life for {age}",
        "outbox_late": f"no sign of life for {age}",
        "undelivered": f"{written.plural(finding.n, 'message')} not taken for {age}",
        "given_up": f"{written.plural(finding.n, 'message')} given up",
        "runs_failed": "windows cannot be judged",
        "rows_refused": f"{written.count(finding.details.get('refused'))} rows of {written.count(finding.n)} refused "
        "within an hour",
    }.get(finding.kind, finding.kind.replace("_", " "))
    return f"{words}: {said[:200]}" if said else words


def system_message(transition: Transition, link: str) -> Message:
    """The message of a transition of the service's own incident."""
    incident = transition.incident
    alerts = incident.alerts if transition.reason == "resolved" else incident.firing or incident.alerts
    newest = max((alert.latest for alert in alerts), key=lambda finding: finding.window_end)
    if newest.kind == STORM:
        return _storm_message(transition, newest, link)
    resolved = transition.reason == "resolved"
    return Message(
        dedup_key=incident.dedup_key,
        number=incident.messages,
        reason=transition.reason,
        severity=incident.severity,
        title=f"driftwatch itself: {', '.join(incident.columns[:_NAMED])}",
        summary=_ended(incident) if resolved else _began(incident, alerts),
        evidence=tuple(_evidence(alert) for alert in alerts[:_SHOWN]),
        n_more=max(0, len(alerts) - _SHOWN),
        next_action="Nothing." if resolved else _action(alerts[0].latest),
        link=link,
    )


def _began(incident: Incident, alerts: Sequence[Alert]) -> str:
    lead = alerts[0]
    how_bad = " This is critical." if incident.severity is Severity.CRITICAL else ""
    words = system_words(lead.latest).rstrip(".")
    return f"{lead.key.column} of driftwatch: {words}; seen since {written.stamp(incident.since)}.{how_bad}"


def _ended(incident: Incident) -> str:
    lasted = written.age_in_two(incident.last_alarm_at - incident.since)
    return f"All is well again with {', '.join(incident.columns[:_NAMED])}. It lasted {lasted}."


def _evidence(alert: Alert) -> Evidence:
    return Evidence(column=alert.key.column or "", effect=system_words(alert.latest), n=alert.latest.n)


def _action(finding: Finding) -> str:
    mend = _MEND.get(finding.kind, "")
    return f"{mend}{_LOOK}" if mend.endswith(" ") or not mend else mend


def _storm_message(transition: Transition, finding: Finding, link: str) -> Message:
    incident, reason = transition.incident, transition.reason
    n, still = finding.n, int(finding.details["firing"])
    models = written.plural(int(finding.details["models"]), "model")
    since = written.stamp(incident.since)
    if reason == "resolved":
        title, summary = f"All {n} incidents of the storm have ended", f"It began {since}, in {models}."
        action = "Nothing. If you know the cause, write it down at the incidents."
    elif reason == STORM_OVER:
        title = f"The storm is over: {still} of {n} incidents still fire"
        summary = f"It began {since}, and nothing new joins it. What still fires is below; its end is told here."
        action = "Open them on the page, the critical ones first."
    else:
        title = f"{n} incidents at once in {models}"
        summary = f"Since {since} so much has begun that it is told in one message, not in {n}."
        action = (
            "Look for what they have in common: a source of features, a deployment, the network, a holiday. "
            "What still fires when the storm is over is told in one more message."
        )
    rows = () if reason == "resolved" else tuple(tuple(row) for row in finding.details["rows"])
    return Message(
        dedup_key=incident.dedup_key,
        number=incident.messages,
        reason=reason,
        severity=incident.severity,
        title=title,
        summary=summary,
        n_more=max(0, (still or n) - len(rows)) if rows else 0,
        next_action=action,
        link=link.partition("?")[0],
        table=(_STORM_HEAD, *rows) if rows else (),
    )
