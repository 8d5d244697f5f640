"""From windows to incidents: the state machine of calibrated alarms.

The rules (all times are window time, so a replay and a live service agree):

* A finding at warning or above is an alarm. A watch opens nothing and ends nothing.
* An alarm fires its alert at once (a calibrated rule needs no second opinion). Alarms of one model and deployment
  join the open incident; without one they open a new incident, led by the largest effect.
* An alert recovers over 24 hours of windows in which its column was judged and did not alarm (24 hourly windows, one
  daily window). Windows with too little data are neither alarm nor quiet. An incident closes with its last alert.
* An alarm of a column within seven days after that column's last one reopens the old incident without a new page. A
  column that is new to it is paged all the same, and so is an incident whose first page was never sent.
* A page goes out when an incident opens, when it becomes critical, and when it closes, if its opening was told.
* An incident that opened and closed four times within 24 windows and opens again is flapping. That is told once, and
  its next end; then it comes and goes in silence, until it has been quiet for 12 windows.
* A backfilled window tells nobody. What it would have said is owed, and said by the first window that may speak, if it
  is still true by then.
* An alert gets critical at once. It is a warning again after 24 hours of windows in which it was no worse; nobody is
  told of that, but if it gets critical once more they are. The incident keeps the worst that it was.

The day and the week are those of calibrated alarms: a window says how fast its own kind goes (`Pace`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from driftwatch.alerting.book import IncidentBook, JudgedWindow
from driftwatch.domain.alert import Alert, AlertKey, AlertState, effect_size
from driftwatch.domain.finding import Finding
from driftwatch.domain.incident import Incident
from driftwatch.domain.signal import Severity

__all__ = ["Transition", "advance"]

_FLAPS = 4
_FLAPS_WITHIN = 24
_QUIET_AFTER_FLAPPING = 12

Kind = Literal["opened", "updated", "escalated", "resolved", "reopened"]


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of one incident.

    Attributes:
        kind: opened, updated, escalated, resolved or reopened.
        incident: the incident after the change.
        notify: whether readers are told; then `incident.messages` is the number of the message.
        reason: why they are told (first, new_alerts, escalated, flapping, resolved) or not (backfill, reopened, joined,
            recovering, firing_again, not_announced).
        alerts: the alerts that changed their state or severity, or joined.
        at: when, microseconds UTC on the clock of the windows.
    """

    kind: Kind
    incident: Incident
    notify: bool
    reason: str
    alerts: tuple[Alert, ...]
    at: int


def advance(book: IncidentBook, window: JudgedWindow) -> tuple[IncidentBook, tuple[Transition, ...]]:
    """Take one window.

    Windows come in order. The newest one may come again (a revision): new alarms in it count, its quiet does not.
    An older one changes nothing.

    Args:
        book: the memory after the windows before.
        window: the verdict of one window.

    Returns:
        The memory after it, and what changed, at most one transition for each incident.
    """
    if book.through is not None and window.end < book.through:
        return book, ()
    is_new = book.through is None or window.end > book.through
    alarms = _alarms(book, window)
    transitions = list(_settle_debts(book, window, alarms))
    settled = {transition.incident.id: transition.incident for transition in transitions}
    book = replace(book, closed=tuple(settled.get(incident.id, incident) for incident in book.closed))
    book, transition = _take(book, window, alarms, is_new=is_new)
    if transition is not None:
        transitions.append(transition)
    horizon = window.end - window.pace.reopen_within
    closed = tuple(
        incident for incident in book.closed if incident.last_alarm_at >= horizon or incident.owed == "resolved"
    )
    return replace(book, through=window.end, closed=closed), tuple(transitions)


def _alarms(book: IncidentBook, window: JudgedWindow) -> dict[AlertKey, Finding]:
    """The alarm of every label set, the worst and then the largest where there are several."""
    alarms: dict[AlertKey, Finding] = {}
    for finding in window.findings:
        if finding.severity.rank < Severity.WARNING.rank:
            continue
        key = AlertKey(
            environment=book.environment,
            model=book.model,
            version=finding.version,
            deployment=book.deployment,
            signal=finding.signal,
            column=finding.column,
            segment=finding.segment,
        )
        if key not in alarms or _weight(finding) > _weight(alarms[key]):
            alarms[key] = finding
    return alarms


def _weight(finding: Finding) -> tuple[int, float]:
    return (finding.severity.rank, effect_size(finding))


def _take(
    book: IncidentBook, window: JudgedWindow, alarms: dict[AlertKey, Finding], *, is_new: bool
) -> tuple[IncidentBook, Transition | None]:
    """The change of the open incident, or the opening of one."""
    if book.current is None:
        if not alarms:
            return book, None
        return _open(book, window, alarms)
    after, changed = _with_alerts(book.current, window, alarms, is_new=is_new)
    known = {alert.key for alert in book.current.firing}
    fresh = [
        alert
        for alert in changed
        if alert.key in alarms.keys() - known and not _is_known(alert.key, window, (book.current, *book.closed))
    ]
    kind: Kind = "updated"
    reason = _joined_or_moved(book.current, changed)
    if after.standing.rank > book.current.standing.rank:
        kind, after = "escalated", _owe(after, "escalated")
    elif fresh and (window.pace.tells_joined or not after.announced):
        after = _owe(after, "new_alerts")
    if not after.firing:
        return _close(book, after, window, changed)
    transition = _speak(kind, after, reason, window, changed, may_speak=bool(alarms))
    if transition.notify or changed or kind != "updated":
        return replace(book, current=transition.incident), transition
    return replace(book, current=transition.incident), None


def _open(book: IncidentBook, window: JudgedWindow, alarms: dict[AlertKey, Finding]) -> tuple[IncidentBook, Transition]:
    """A new incident, or the newest closed one that every alarm is known to."""
    known = {key: _is_known(key, window, book.closed) for key in alarms}
    if all(known.values()):
        old = max(
            (incident for incident in book.closed if any(_is_known(key, window, (incident,)) for key in alarms)),
            key=lambda incident: incident.sequence,
        )
        severity = old.severity
        before = replace(old, resolved_at=None, why_resolved="", owed="" if old.owed == "resolved" else old.owed)
        after, changed = _with_alerts(before, window, alarms, is_new=True)
        if after.severity.rank > severity.rank:
            after = _owe(after, "escalated")
        after = _flap(after, old, window)
        closed = tuple(incident for incident in book.closed if incident.id != old.id)
        transition = _speak("reopened", after, "reopened", window, changed, may_speak=True)
        return replace(book, current=transition.incident, closed=closed), transition
    blank = Incident(
        environment=book.environment,
        model=book.model,
        deployment=book.deployment,
        sequence=book.sequence + 1,
        opened_at=window.at,
        resolved_at=None,
        severity=Severity.WARNING,
        alerts=(),
        edges=(window.at,),
    )
    after, changed = _with_alerts(blank, window, alarms, is_new=True)
    transition = _speak("opened", _owe(after, "first"), "first", window, changed, may_speak=True)
    return replace(book, current=transition.incident, sequence=blank.sequence), transition


def _flap(incident: Incident, before: Incident, window: JudgedWindow) -> Incident:
    """An incident that opens again, with the message that it comes and goes if that is news."""
    width = window.end - window.start
    was_quiet = window.start - before.last_alarm_at >= _QUIET_AFTER_FLAPPING * width
    edges = () if was_quiet else tuple(edge for edge in before.edges if window.at - edge < _FLAPS_WITHIN * width)
    incident = replace(incident, edges=(*edges, window.at), flapping=before.flapping and not was_quiet)
    if incident.flapping or len(edges) < _FLAPS:
        return incident
    return _owe(replace(incident, flapping=True), "flapping")


def _is_known(key: AlertKey, window: JudgedWindow, incidents: Iterable[Incident]) -> bool:
    """Whether this column alarmed, under this signal, so shortly before that it is no news."""
    return any(
        window.end - alert.last_alarm_at <= window.pace.reopen_within and _same_series(alert.key, key)
        for incident in incidents
        for alert in incident.alerts
    )


def _same_series(one: AlertKey, other: AlertKey) -> bool:
    return (one.signal, one.column, one.segment) == (other.signal, other.column, other.segment)


def _with_alerts(
    incident: Incident, window: JudgedWindow, alarms: dict[AlertKey, Finding], *, is_new: bool
) -> tuple[Incident, tuple[Alert, ...]]:
    """The incident with every alert moved on, and the alerts that changed."""
    before = {alert.key: alert for alert in incident.alerts}
    after = {key: _rest(alert, window, is_new=is_new) for key, alert in before.items() if key not in alarms}
    after |= {key: _fire(before.get(key), key, finding, window) for key, finding in alarms.items()}
    changed = tuple(
        alert
        for key, alert in after.items()
        if key not in before or (alert.state, alert.severity) != (before[key].state, before[key].severity)
    )
    alerts = tuple(sorted(after.values(), key=lambda alert: (*(-value for value in alert.rank), alert.fingerprint)))
    severity = max((alert.severity for alert in alerts), key=lambda severity: severity.rank)
    severity = max(severity, incident.severity, key=lambda severity: severity.rank)
    return replace(incident, alerts=alerts, severity=severity), changed


def _fire(alert: Alert | None, key: AlertKey, finding: Finding, window: JudgedWindow) -> Alert:
    severity, severe_at, since, peak = finding.severity, window.end, window.start, finding
    if alert is not None and alert.state is not AlertState.RESOLVED:
        was_severe_at = alert.severe_at or alert.last_alarm_at
        if alert.severity.rank > severity.rank and window.end - was_severe_at < window.pace.quiet_to_close:
            severity, severe_at = alert.severity, was_severe_at
        since = alert.since
        peak = max(alert.peak, finding, key=effect_size)
    return Alert(
        key=key,
        state=AlertState.FIRING,
        severity=severity,
        since=since,
        last_alarm_at=window.end,
        quiet=0,
        peak=peak,
        latest=finding,
        severe_at=severe_at,
    )


def _rest(alert: Alert, window: JudgedWindow, *, is_new: bool) -> Alert:
    """An alert in a window without its alarm."""
    if alert.state is AlertState.RESOLVED or not is_new or not window.is_quiet_for(alert.key.column, alert.key.segment):
        return alert
    quiet = alert.quiet + (window.end - window.start)
    state = AlertState.RESOLVED if quiet >= window.pace.quiet_to_close else AlertState.RECOVERING
    return replace(alert, quiet=quiet, state=state)


def _joined_or_moved(before: Incident, changed: tuple[Alert, ...]) -> str:
    known = {alert.key for alert in before.alerts}
    if any(alert.key not in known for alert in changed):
        return "joined"
    return "firing_again" if any(alert.state is AlertState.FIRING for alert in changed) else "recovering"


def _owe(incident: Incident, reason: str) -> Incident:
    """A message is due. One that was due before and never sent is said first: it tells of the opening."""
    return replace(incident, owed=incident.owed or reason)


def _speak(
    kind: Kind, incident: Incident, reason: str, window: JudgedWindow, changed: tuple[Alert, ...], *, may_speak: bool
) -> Transition:
    """The transition of an open incident, with the message that is due if this window may send it."""
    if incident.owed and may_speak and not window.backfill:
        told = replace(incident, owed="", announced=True, messages=incident.messages + 1)
        return Transition(kind, told, notify=True, reason=incident.owed, alerts=changed, at=window.at)
    reason = "backfill" if incident.owed and window.backfill else reason
    return Transition(kind, incident, notify=False, reason=reason, alerts=changed, at=window.at)


def _close(
    book: IncidentBook, incident: Incident, window: JudgedWindow, changed: tuple[Alert, ...]
) -> tuple[IncidentBook, Transition]:
    closed = replace(
        incident,
        resolved_at=window.at,
        owed="resolved" if incident.announced else "",
        why_resolved=_why(incident, window),
        edges=(*incident.edges, window.at),
    )
    transition = _tell_resolved(closed, window, changed)
    return replace(book, current=None, closed=(*book.closed, transition.incident)), transition


def _why(incident: Incident, window: JudgedWindow) -> str:
    columns = set(incident.columns)
    if columns and window.states and columns.isdisjoint(window.states):
        return "no_longer_monitored"
    return "quiet"


def _tell_resolved(incident: Incident, window: JudgedWindow, changed: tuple[Alert, ...]) -> Transition:
    if not incident.owed:
        return Transition("resolved", incident, notify=False, reason="not_announced", alerts=changed, at=window.at)
    if window.backfill:
        return Transition("resolved", incident, notify=False, reason="backfill", alerts=changed, at=window.at)
    told = replace(incident, owed="", announced=False, messages=incident.messages + 1)
    return Transition("resolved", told, notify=True, reason="resolved", alerts=changed, at=window.at)


def _settle_debts(book: IncidentBook, window: JudgedWindow, alarms: dict[AlertKey, Finding]) -> Iterable[Transition]:
    """Resolutions that no window could tell yet, unless this window's alarms reopen them."""
    if window.backfill or (
        alarms and book.current is None and all(_is_known(key, window, book.closed) for key in alarms)
    ):
        return
    for incident in book.closed:
        if incident.owed == "resolved":
            yield _tell_resolved(incident, window, ())
