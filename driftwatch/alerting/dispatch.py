"""From the alerts of one incident to what each receiver is told of them, and what is kept back and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from driftwatch.alerting.inhibition import suppressed_by
from driftwatch.alerting.matching import Facts, labels_of
from driftwatch.alerting.routing import DEFAULT, NEVER, Reach, Repeat, Route, decide
from driftwatch.alerting.silence import Silence
from driftwatch.alerting.vital import ONLY, TROUBLED
from driftwatch.domain.alert import Alert
from driftwatch.domain.incident import Incident

__all__ = ["Delivery", "Policy", "deliveries"]


@dataclass(frozen=True)
class Policy:
    """What decides who is told.

    Attributes:
        receivers: names of the receivers that are switched on and take messages.
        routes: the tree, in order.
        silences: those that may be active.
    """

    receivers: tuple[str, ...]
    routes: tuple[Route, ...] = ()
    silences: tuple[Silence, ...] = ()


@dataclass(frozen=True)
class Delivery:
    """What one receiver is told of an incident.

    Attributes:
        receiver: its name.
        incident: the incident with those alerts alone that reach it.
        repeat: when to tell it again.
        held: why it is not told now, or "". Then `incident` holds all that would have reached it.
    """

    receiver: str
    incident: Incident
    repeat: Repeat
    held: str = ""


def deliveries(
    incident: Incident, alerts: Sequence[Alert], facts: Facts, policy: Policy, *, at: int
) -> tuple[Delivery, ...]:
    """Route every alert of an incident.

    Args:
        incident: what they belong to.
        alerts: those of its alerts that are to be told of.
        facts: what is known of the model.
        policy: routes and receivers.
        at: the present, microseconds UTC.

    Returns:
        One for every receiver that an alert reaches, by name.
    """
    told: dict[str, list[Alert]] = {}
    held: dict[str, dict[str, list[Alert]]] = {}
    repeat: dict[str, Repeat] = {}
    for alert in alerts:
        labels = labels_of(alert, facts)
        suppressed = suppressed_by(alert, incident.firing, facts)
        silence = next((each for each in policy.silences if each.silences(labels, at)), None)
        for reach in _reaches(alert, labels, policy, at=at):
            why = str(silence) if silence is not None else suppressed or _muted(reach)
            repeat[reach.receiver] = _sooner(repeat.get(reach.receiver), reach.repeat)
            if why:
                held.setdefault(reach.receiver, {}).setdefault(why, []).append(alert)
            else:
                told.setdefault(reach.receiver, []).append(alert)
    return tuple(
        Delivery(name, _view(incident, told[name]), repeat[name])
        if name in told
        else _kept_back(name, incident, held[name], repeat[name])
        for name in sorted(told.keys() | held.keys())
    )


def _reaches(alert: Alert, labels: Mapping[str, str], policy: Policy, *, at: int) -> Sequence[Reach]:
    """Whom the routes say; but of a receiver that fails the others are told, and of its storm one receiver alone."""
    facts = alert.latest.details
    repeat = Repeat() if policy.routes else NEVER
    if ONLY in facts:
        return [Reach(name, DEFAULT, repeat) for name in policy.receivers if name == facts[ONLY]]
    found = decide(labels, policy.routes, policy.receivers, at=at).reaches
    if TROUBLED not in facts:
        return found
    fit = [reach for reach in found if reach.receiver != facts[TROUBLED]]
    return fit or [Reach(name, DEFAULT, repeat) for name in policy.receivers if name != facts[TROUBLED]]


def _muted(reach: Reach) -> str:
    return f"{reach.muted}: route {reach.route}" if reach.muted else ""


def _kept_back(name: str, incident: Incident, held: Mapping[str, list[Alert]], repeat: Repeat) -> Delivery:
    alerts = {id(alert): alert for some in held.values() for alert in some}
    return Delivery(name, _view(incident, list(alerts.values())), repeat, held="; ".join(held))


def _view(incident: Incident, alerts: Sequence[Alert]) -> Incident:
    """The incident as a receiver sees it whom only these alerts reach; the whole one if they are all it tells of."""
    is_whole = len(alerts) >= len(incident.firing or incident.alerts)
    if is_whole and not incident.firing:
        return incident
    severity = max((alert.severity for alert in alerts), key=lambda severity: severity.rank)
    if is_whole:
        return replace(incident, severity=severity)
    return replace(incident, alerts=tuple(alerts), severity=severity)


def _sooner(one: Repeat | None, other: Repeat) -> Repeat:
    if one is None:
        return other
    return Repeat(_least(one.warning, other.warning), _least(one.critical, other.critical))


def _least(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else min(one, other)
