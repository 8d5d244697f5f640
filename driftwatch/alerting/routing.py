"""Which receivers an alert reaches, and why: a tree of routes, each with conditions on the alert's labels.

* The routes are asked in their order. The first that takes the alert ends the search, unless it says to go on.
* A route that takes an alert asks its own routes first; if none of them takes it, it goes to the route's own receivers.
* A route takes alerts of production, and of the service itself, alone unless it has a condition on the environment:
  staging disturbs nobody whom no route has named for it.
* One of these that no route takes reaches every receiver that no route names; without any route that is all of them.
  One of another environment reaches nobody.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from driftwatch.alerting.interval import Interval
from driftwatch.alerting.matching import Matcher, refusal
from driftwatch.domain.instant import HOUR
from driftwatch.domain.signal import Severity
from driftwatch.domain.system import SYSTEM_ENVIRONMENT

__all__ = ["DEFAULT", "PRODUCTION", "Decision", "Reach", "Repeat", "Route", "Step", "decide", "is_about", "named"]

DEFAULT = "default"
"""The name of the route that no document declares."""

PRODUCTION = "production"

_TELLING = (PRODUCTION, SYSTEM_ENVIRONMENT)
"""The environments whose alerts reach people without being asked for: those of users, and the service itself."""

_OF_MODELS = frozenset({"environment", "model", "role", "owner"})


@dataclass(frozen=True, slots=True)
class Repeat:
    """How long after its last message an alert that still fires is told again, in microseconds; None for never."""

    warning: int | None = 24 * HOUR
    critical: int | None = 4 * HOUR

    def after(self, severity: Severity) -> int | None:
        """For one severity."""
        return self.critical if severity is Severity.CRITICAL else self.warning


NEVER = Repeat(None, None)


@dataclass(frozen=True, slots=True)
class Route:
    """One branch of the tree.

    Attributes:
        name: of the branch, unique among its neighbours.
        match: conditions on the labels, all of which must hold.
        receivers: by name; whom it tells.
        goes_on: the routes after it are asked too.
        repeat: when to tell again.
        active: it is mute outside of these; empty means always active.
        mute: it is mute within these.
        routes: asked first, in this order.
    """

    name: str
    match: tuple[Matcher, ...] = ()
    receivers: tuple[str, ...] = ()
    goes_on: bool = False
    repeat: Repeat = Repeat()
    active: tuple[Interval, ...] = ()
    mute: tuple[Interval, ...] = ()
    routes: tuple["Route", ...] = ()

    def muted(self, at: int) -> str:
        """Why it is mute at this instant (microseconds UTC), or ""."""
        mute = next((each for each in self.mute if each.holds(at)), None)
        if mute is not None:
            return f"muted ({mute})"
        if self.active and not any(each.holds(at) for each in self.active):
            return f"muted outside of {', '.join(map(str, self.active))}"
        return ""


@dataclass(frozen=True, slots=True)
class Reach:
    """One receiver that an alert reaches.

    Attributes:
        receiver: its name.
        route: by which route, with those above it.
        repeat: when to tell it again.
        muted: why the route is mute now, or "".
    """

    receiver: str
    route: str
    repeat: Repeat
    muted: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What one route said to an alert.

    Attributes:
        route: its name, with those above it.
        takes: whether it takes the alert.
        why: in words.
    """

    route: str
    takes: bool
    why: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Whom an alert reaches, and how that came about."""

    reaches: tuple[Reach, ...]
    steps: tuple[Step, ...]


def decide(labels: Mapping[str, str], routes: Sequence[Route], receivers: Sequence[str], *, at: int) -> Decision:
    """Ask the tree.

    Args:
        labels: of the alert; see :func:`driftwatch.alerting.matching.labels_of`.
        routes: the tree, in order.
        receivers: names of those that are switched on.
        at: the present, microseconds UTC, for the hours in which routes are mute.

    Returns:
        Each receiver once: by the first route that is not mute, if there is one.
    """
    steps: list[Step] = []
    taken = _ask([_guarded(route) for route in routes], labels, "", steps)
    if not taken:
        return Decision(_by_default(labels, routes, receivers, steps), tuple(steps))
    found: dict[str, Reach] = {}
    for path, route in taken:
        muted = route.muted(at)
        for name in route.receivers:
            known = found.get(name)
            if name in receivers and (known is None or (known.muted and not muted)):
                found[name] = Reach(name, path, route.repeat, muted)
    return Decision(tuple(found.values()), tuple(steps))


def named(routes: Iterable[Route]) -> frozenset[str]:
    """The receivers that any of the routes names."""
    return frozenset(name for route in routes for name in (*route.receivers, *named(route.routes)))


def is_about(route: Route, labels: Mapping[str, str]) -> bool:
    """Whether a route takes any alerts of a model, by the conditions on labels that all of those have."""
    asked = [each for each in _guarded(route).match if each.label in _OF_MODELS]
    return refusal(asked, labels) is None


def _guarded(route: Route) -> Route:
    """The route with its own condition on the environment, or with the one that every route has."""
    if any(matcher.label == "environment" for matcher in route.match):
        return route
    return replace(route, match=(Matcher("environment", _TELLING), *route.match))


def _ask(routes: Sequence[Route], labels: Mapping[str, str], above: str, steps: list[Step]) -> list[tuple[str, Route]]:
    taken: list[tuple[str, Route]] = []
    for route in routes:
        path = f"{above}{route.name}"
        refused = refusal(route.match, labels)
        if refused is not None:
            value = labels.get(refused.label, "") or "unset"
            steps.append(Step(path, takes=False, why=f"{refused.label} is {value}; it wants: {refused}"))
            continue
        within = _ask(route.routes, labels, f"{path}/", steps)
        if not within:
            steps.append(Step(path, takes=True, why=", ".join(map(str, route.match)) or "it has no condition"))
            within = [(path, route)]
        taken += within
        if not route.goes_on:
            break
    return taken


def _by_default(
    labels: Mapping[str, str], routes: Sequence[Route], receivers: Sequence[str], steps: list[Step]
) -> tuple[Reach, ...]:
    environment = labels.get("environment", "")
    if environment not in _TELLING:
        why = f"environment is {environment or 'unset'}: it reaches nobody whom no route has named for it"
        steps.append(Step(DEFAULT, takes=False, why=why))
        return ()
    claimed = named(routes)
    left = [name for name in receivers if name not in claimed]
    found = "no route takes it: it goes to every receiver that no route names"
    steps.append(Step(DEFAULT, takes=True, why=found if routes else "there is no route: it goes to every receiver"))
    return tuple(Reach(name, DEFAULT, NEVER) for name in left)
