"""Reading routes and their conditions: documents of ``kind: route``, and the ``match`` of a silence."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from driftwatch.alerting.interval import DAYS, WHOLE_DAY, Interval
from driftwatch.alerting.matching import LABELS, Matcher
from driftwatch.alerting.routing import DEFAULT, Repeat, Route, named
from driftwatch.alerting.summary import SummaryTime
from driftwatch.domain.instant import MINUTE
from driftwatch.errors import SpecError
from driftwatch.monitors import reading

__all__ = ["RouteSpec", "parse_matchers", "parse_route"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_KEYS = ("name", "match", "receivers", "continue", "repeat", "active", "mute", "routes")
_CONDITIONS = ("not", "regex", "not_regex")
_SHORTEST_REPEAT = 5 * MINUTE
_DEPTH = 5
_ORDER = 100


@dataclass(frozen=True)
class RouteSpec:
    """One declared route.

    Attributes:
        route: what it does.
        order: routes are asked from the smallest on; equal ones by name.
        document: as it was declared.
        summary: when its receivers are told of the week of its models; None for never.
    """

    route: Route
    order: int
    document: Mapping[str, Any] = field(repr=False)
    summary: SummaryTime | None = None

    @property
    def name(self) -> str:
        """Of the route."""
        return self.route.name

    @property
    def receivers(self) -> frozenset[str]:
        """All that it names, its branches included."""
        return named([self.route])

    def to_dict(self) -> dict[str, Any]:
        """The document that :func:`parse_route` reads back."""
        return dict(self.document)


def parse_route(document: Mapping[str, Any]) -> RouteSpec:
    """Read one ``kind: route`` document.

    Raises:
        SpecError: an unknown key, a wrong value, or a branch that tells nobody.
    """
    reading.read_choice(document.get("kind"), "kind", ("route",))
    keys = {key: value for key, value in document.items() if key not in {"kind", "order", "summary"}}
    order = document.get("order", _ORDER)
    if not isinstance(order, int) or isinstance(order, bool):
        raise SpecError(f"{order!r} is not a whole number", path="order")
    route = _route(keys, "", Route(""), _DEPTH)
    if route.name == DEFAULT:
        raise SpecError(f"{DEFAULT!r} is what the route of all that no route takes is called", path="name")
    summary = _summary(document["summary"]) if "summary" in document else None
    if summary is not None and not route.receivers:
        raise SpecError("there is nobody to send it to; give receivers", path="summary")
    kept = {"kind": "route", **{key: document[key] for key in document if key != "kind"}}
    return RouteSpec(route, order, kept, summary)


def _route(value: Mapping[str, Any], path: str, above: Route, depth: int) -> Route:
    """A branch; what it does not say it has from the one above it."""
    reading.reject_unknown(value, _KEYS, path)
    at = f"{path}." if path else ""
    name = value.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SpecError(f"{name!r} is not a route's name; use letters, digits, dots and dashes", path=f"{at}name")
    goes_on = value.get("continue", False)
    if not isinstance(goes_on, bool):
        raise SpecError(f"{goes_on!r} is neither true nor false", path=f"{at}continue")
    given = reading.read_names(value.get("receivers"), f"{at}receivers")
    own = Route(
        name=name,
        match=parse_matchers(value.get("match"), f"{at}match"),
        receivers=given if "receivers" in value else above.receivers,
        goes_on=goes_on,
        repeat=_repeat(value["repeat"], f"{at}repeat") if "repeat" in value else above.repeat,
        active=_intervals(value["active"], f"{at}active") if "active" in value else above.active,
        mute=_intervals(value["mute"], f"{at}mute") if "mute" in value else above.mute,
    )
    if "receivers" not in value and not path:
        raise SpecError("a route needs receivers; write [] for nobody", path="receivers")
    return replace(own, routes=_branches(value.get("routes"), at, own, depth))


def _branches(value: Any, at: str, above: Route, depth: int) -> tuple[Route, ...]:
    if value is None:
        return ()
    path = f"{at}routes"
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        raise SpecError(f"{value!r} is not a list of routes", path=path)
    if value and depth <= 1:
        raise SpecError(f"routes may stand in one another {_DEPTH} deep", path=path)
    found = tuple(_route(each, f"{path}[{place}]", above, depth - 1) for place, each in enumerate(value))
    names = [each.name for each in found]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise SpecError(f"{repeated!r} is there twice", path=path)
    return found


def parse_matchers(value: Any, path: str = "match") -> tuple[Matcher, ...]:
    """Read a map from labels to what they must be.

    A value, or a list of which any fits; ``{not: ...}``, ``{regex: ...}`` or ``{not_regex: ...}`` around it.

    Raises:
        SpecError: an unknown label, or a condition that is none.
    """
    conditions = reading.read_mapping(value, path, LABELS)
    return tuple(_matcher(label, conditions[label], f"{path}.{label}") for label in LABELS if label in conditions)


def _matcher(label: str, value: Any, path: str) -> Matcher:
    form = ""
    if isinstance(value, Mapping):
        reading.reject_unknown(value, _CONDITIONS, path)
        if len(value) != 1:
            raise SpecError(f"give one of {', '.join(_CONDITIONS)}", path=path)
        ((form, value),) = value.items()
        path = f"{path}.{form}"
    items = value if isinstance(value, list) else [value]
    values = tuple("" if each in (None, "") else str(reading.read_name(each, path)) for each in items)
    if not values:
        raise SpecError("the list is empty: no alert could fit", path=path)
    is_pattern = form.endswith("regex")
    for pattern in values if is_pattern else ():
        try:
            re.compile(pattern)
        except re.error as error:
            raise SpecError(f"{pattern!r} is no regular expression: {error}", path=path) from None
    return Matcher(label, values, is_pattern=is_pattern, negated=form.startswith("not"))


def _repeat(value: Any, path: str) -> Repeat:
    if value == "never":
        return Repeat(None, None)
    if isinstance(value, str):
        every = _repeat_after(value, path)
        return Repeat(every, every)
    given = reading.read_mapping(value, path, ("warning", "critical"))
    return Repeat(**{name: _repeat_after(each, f"{path}.{name}") for name, each in given.items()})


def _repeat_after(value: Any, path: str) -> int | None:
    if value == "never":
        return None
    found = reading.read_duration(value, path)
    if found < _SHORTEST_REPEAT:
        raise SpecError(f"{value!r} is too often; 5m at least, or never", path=path)
    return found


def _summary(value: Any) -> SummaryTime:
    given = reading.read_mapping(value, "summary", ("day", "at", "zone"))
    usual = SummaryTime()
    zone = _zone(given.get("zone", usual.zone), "summary.zone")
    day = DAYS.index(reading.read_choice(given["day"], "summary.day", DAYS)) if "day" in given else usual.day
    minute = _minute(given["at"], "summary.at") % WHOLE_DAY if "at" in given else usual.minute
    return SummaryTime(day, minute, zone)


def _zone(value: Any, path: str) -> str:
    try:
        return ZoneInfo(value).key
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise SpecError(f"{value!r} is not an IANA time zone, such as Europe/Lisbon", path=path) from None


def _intervals(value: Any, path: str) -> tuple[Interval, ...]:
    items: Sequence[Any] = value if isinstance(value, list) else [value]
    return tuple(_interval(each, f"{path}[{place}]") for place, each in enumerate(items))


def _interval(value: Any, path: str) -> Interval:
    if not isinstance(value, Mapping):
        raise SpecError(f"{value!r} is not a map; write days, from, until and zone", path=path)
    given = reading.read_mapping(value, path, ("days", "from", "until", "zone"))
    zone = _zone(given.get("zone", "UTC"), f"{path}.zone")
    names = reading.read_names(given.get("days"), f"{path}.days") or DAYS
    days = tuple(sorted(DAYS.index(reading.read_choice(name, f"{path}.days", DAYS)) for name in names))
    first = _minute(given.get("from", 0), f"{path}.from")
    stop = _minute(given.get("until", WHOLE_DAY), f"{path}.until")
    if first == stop:
        raise SpecError("it ends when it begins; leave both away for the whole day", path=f"{path}.until")
    return Interval(days, first % WHOLE_DAY, stop, zone)


def _minute(value: Any, path: str) -> int:
    """Minute of the day. YAML reads an unquoted 20:00 as the number 1200, which is the same minute."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= WHOLE_DAY:
        return value
    found = re.fullmatch(r"(\d{1,2}):(\d{2})", value) if isinstance(value, str) else None
    minute = int(found[1]) * 60 + int(found[2]) if found is not None and int(found[2]) < 60 else WHOLE_DAY + 1
    if minute > WHOLE_DAY:
        raise SpecError(f'{value!r} is not a time of day; write "08:30"', path=path)
    return minute
