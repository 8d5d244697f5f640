"""Receivers: documents of ``kind: receiver``, checked at the door, and the notifier that each one names."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from driftwatch._registry import Registry
from driftwatch.alerting.storm import StormLimit
from driftwatch.domain.instant import DAY, MINUTE
from driftwatch.domain.notification import Notifier
from driftwatch.errors import SpecError
from driftwatch.monitors import reading
from driftwatch.notifiers.apprise import AppriseNotifier
from driftwatch.notifiers.email import EmailNotifier
from driftwatch.notifiers.heartbeat import HEARTBEAT, HeartbeatNotifier
from driftwatch.notifiers.pagerduty import PagerDutyNotifier
from driftwatch.notifiers.slack import SlackNotifier
from driftwatch.notifiers.slack_bot import SlackBotNotifier
from driftwatch.notifiers.standard_webhook import WebhookNotifier
from driftwatch.notifiers.teams import TeamsNotifier

__all__ = ["NOTIFIERS", "PAGERS", "ReceiverSpec", "build_notifier", "parse_receiver"]

NOTIFIERS: Registry[Callable[[Mapping[str, Any]], Notifier]] = Registry("notifier")
"""By type, what reads a receiver's own keys and answers with its notifier (a `SpecError` names a wrong key)."""

NOTIFIERS.add("slack", SlackNotifier.parse)
NOTIFIERS.add("slack_bot", SlackBotNotifier.parse)
NOTIFIERS.add("email", EmailNotifier.parse)
NOTIFIERS.add("pagerduty", PagerDutyNotifier.parse)
NOTIFIERS.add("teams", TeamsNotifier.parse)
NOTIFIERS.add("webhook", WebhookNotifier.parse)
NOTIFIERS.add("apprise", AppriseNotifier.parse)
NOTIFIERS.add(HEARTBEAT, HeartbeatNotifier.parse)

_MOST_INCIDENTS = 1_000
PAGERS = frozenset({"pagerduty", HEARTBEAT})
"""Types that wake people or take no messages: no place for what asks for nothing."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclass(frozen=True, slots=True)
class ReceiverSpec:
    """One receiver, as declared.

    Attributes:
        name: what routes and commands call it.
        type: which notifier.
        options: the notifier's own keys; secrets are references.
        storm: how much news it is told one by one; None for all of it.
    """

    name: str
    type: str
    options: Mapping[str, Any]
    storm: StormLimit | None = field(default_factory=StormLimit)

    def to_dict(self) -> dict[str, Any]:
        """The document that :func:`parse_receiver` reads back."""
        found = {"kind": "receiver", "name": self.name, "type": self.type, **self.options}
        if self.storm == StormLimit():
            return found
        limit = self.storm
        within = None if limit is None else f"{limit.within // MINUTE}m"
        return {**found, "storm": "never" if limit is None else {"incidents": limit.incidents, "within": within}}


def parse_receiver(document: Mapping[str, Any]) -> ReceiverSpec:
    """Read one ``kind: receiver`` document.

    Raises:
        SpecError: an unknown key, a missing one, or a secret in clear.
        UnknownNameError: no such type.
    """
    reading.read_choice(document.get("kind"), "kind", ("receiver",))
    name = document.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SpecError(f"{name!r} is not a receiver's name; use letters, digits, dots and dashes", path="name")
    kind = reading.read_name(document.get("type"), "type")
    if kind is None:
        raise SpecError(f"the receiver's type is missing; one of {', '.join(NOTIFIERS)}", path="type")
    options = {key: value for key, value in document.items() if key not in {"kind", "name", "type", "storm"}}
    storm = _storm(document.get("storm", {}))
    spec = ReceiverSpec(name=name, type=NOTIFIERS.key(kind), options=options, storm=storm)
    build_notifier(spec)
    return spec


def _storm(value: Any) -> StormLimit | None:
    if value == "never":
        return None
    given = reading.read_mapping(value, "storm", ("incidents", "within"))
    usual = StormLimit()
    incidents = given.get("incidents", usual.incidents)
    if not isinstance(incidents, int) or isinstance(incidents, bool) or not 1 <= incidents <= _MOST_INCIDENTS:
        told = f"{incidents!r} is not a number of incidents; give 1 to {_MOST_INCIDENTS}, or write storm: never"
        raise SpecError(told, path="storm.incidents")
    within = reading.read_duration(given["within"], "storm.within") if "within" in given else usual.within
    if within > DAY:
        raise SpecError(f"{given['within']!r} is too long; 1d at most", path="storm.within")
    return StormLimit(incidents, within)


def build_notifier(spec: ReceiverSpec) -> Notifier:
    """The notifier of a receiver.

    Raises:
        SpecError: its keys are wrong.
    """
    return NOTIFIERS[spec.type](spec.options)
