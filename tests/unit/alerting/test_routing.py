"""Which receivers an alert reaches."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.alerting.interval import Interval
from driftwatch.alerting.matching import Matcher
from driftwatch.alerting.routing import Repeat, Route, decide, named
from driftwatch.domain.instant import HOUR, MINUTE, from_iso
from driftwatch.domain.signal import Severity
from driftwatch.errors import SpecError
from driftwatch.service.routing_document import parse_matchers, parse_route

NOON = from_iso("2026-03-11T12:00")  # a Wednesday
ALERT = {"environment": "production", "model": "fraud", "severity": "warning", "signal": "drift", "feature": "amount"}


def reached(routes: list[Route], receivers: tuple[str, ...] = ("ops", "pager", "mail"), **labels: str) -> list[str]:
    return sorted(each.receiver for each in decide({**ALERT, **labels}, routes, receivers, at=NOON).reaches)


def route(name: str, *receivers: str, match: Any = None, **keys: Any) -> Route:
    document = {"kind": "route", "name": name, "receivers": list(receivers), "match": match, **keys}
    return parse_route(document).route


def test_without_a_route_production_reaches_everybody_and_staging_nobody() -> None:
    assert reached([]) == ["mail", "ops", "pager"]
    assert reached([], environment="staging") == []


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        ("amount", "amount", True),
        ("amount", "amounts", False),
        (["a", "b"], "b", True),
        ({"not": "a"}, "b", True),
        ({"not": ["a", "b"]}, "b", False),
        ({"not": "a"}, "", True),
        ({"regex": "card_.*"}, "card_type", True),
        ({"regex": "card"}, "card_type", False),
        ({"regex": ["x", "card_(a|b)"]}, "card_b", True),
        ({"not_regex": "card_.*"}, "card_type", False),
        ({"not_regex": ".+"}, "", True),
        (None, "", True),
        (1, "1", True),
    ],
)
def test_a_condition_is_a_value_a_list_a_pattern_or_the_opposite(condition: Any, value: str, *, holds: bool) -> None:
    (matcher,) = parse_matchers({"feature": condition})
    assert matcher.holds({"feature": value} if value else {}) is holds
    assert replace(matcher, negated=not matcher.negated).holds({"feature": value}) is not holds
    assert parse_matchers({"feature": matcher.to_value()}) == (matcher,)


def test_the_first_route_that_takes_an_alert_ends_the_search_unless_it_goes_on() -> None:
    first = route("critical", "pager", match={"severity": "critical"})
    rest = route("rest", "ops")
    assert reached([first, rest], severity="critical") == ["pager"]
    assert reached([first, rest]) == ["ops"]
    assert reached([replace(first, goes_on=True), rest], severity="critical") == ["ops", "pager"]


def test_what_no_route_takes_goes_to_the_receivers_that_no_route_names() -> None:
    only = route("critical", "pager", match={"severity": "critical"})
    assert reached([only]) == ["mail", "ops"]
    assert reached([only], environment="staging", severity="critical") == []


def test_a_route_takes_another_environment_only_if_it_names_it() -> None:
    staging = route("staging", "mail", match={"environment": "staging"})
    everything = route("all", "ops", match={"environment": {"regex": ".*"}})
    assert reached([route("any", "ops"), staging], environment="staging") == ["mail"]
    assert reached([everything], environment="dev") == ["ops"]


def test_a_branch_inherits_and_refines_and_its_trunk_takes_the_rest() -> None:
    tree = route(
        "fraud",
        "ops",
        match={"model": "fraud"},
        repeat="2h",
        routes=[
            {"name": "money", "match": {"feature": "amount"}, "receivers": ["pager"]},
            {"name": "worse", "match": {"severity": "critical"}, "repeat": {"critical": "never"}},
        ],
    )
    assert reached([tree]) == ["pager"]
    assert reached([tree], feature="age") == ["ops"]
    assert tree.routes[0].repeat == Repeat(2 * HOUR, 2 * HOUR)
    assert tree.routes[1].repeat == Repeat(24 * HOUR, None)
    assert tree.routes[1].receivers == ("ops",)
    (reach,) = decide({**ALERT, "feature": "age", "severity": "critical"}, [tree], ["ops"], at=NOON).reaches
    assert (reach.route, reach.repeat.after(Severity.CRITICAL)) == ("fraud/worse", None)


def test_every_route_says_why() -> None:
    routes = [route("night", "ops", match={"model": "churn"}), route("rest", "ops")]
    steps = decide(ALERT, routes, ["ops"], at=NOON).steps
    assert [(step.route, step.takes, step.why) for step in steps] == [
        ("night", False, "model is fraud; it wants: model is churn"),
        ("rest", True, "environment is production or system"),
    ]


def test_a_receiver_that_is_switched_off_is_not_reached() -> None:
    assert reached([route("rest", "ops", "pager")], receivers=("pager",)) == ["pager"]


def test_a_mute_route_reaches_its_receiver_with_a_reason_and_an_open_one_wins() -> None:
    office = {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "until": "17:00", "zone": "Europe/Lisbon"}
    asleep, awake = route("night", "ops", active=[office]), route("day", "ops", mute=[office])
    (held,) = decide(ALERT, [awake], ["ops"], at=NOON).reaches
    assert held.muted == "muted (mon tue wed thu fri 09:00-17:00 Europe/Lisbon)"
    (free,) = decide(ALERT, [replace(awake, goes_on=True), asleep], ["ops"], at=NOON).reaches
    assert (free.muted, free.route) == ("", "night")
    assert asleep.muted(from_iso("2026-03-14T12:00")) == (
        "muted outside of mon tue wed thu fri 09:00-17:00 Europe/Lisbon"
    )


def test_hours_follow_the_clock_on_the_wall_through_both_changes() -> None:
    night = Interval(first=60, stop=150, zone="Europe/Lisbon")  # 01:00 to 02:30

    def minutes(day: str) -> list[int]:
        return [minute for minute in range(180) if night.holds(from_iso(day) + minute * MINUTE)]

    # At 01:00 UTC the clock goes from 01:00 to 02:00: the first hour of the night is left out.
    assert minutes("2026-03-29T00:00") == list(range(60, 90))
    # At 01:00 UTC it goes from 02:00 back to 01:00: that hour comes twice, and stays in it.
    assert minutes("2026-10-25T00:00") == list(range(150))


def test_an_interval_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    friday = Interval(days=(4,), first=22 * 60, stop=6 * 60)
    assert friday.holds(from_iso("2026-03-13T23:00"))
    assert friday.holds(from_iso("2026-03-14T05:59"))
    assert not friday.holds(from_iso("2026-03-14T06:00"))
    assert not friday.holds(from_iso("2026-03-13T05:00"))
    assert not friday.holds(from_iso("2026-03-14T23:00"))


@given(at=st.integers(0, 4 * 10**15), first=st.integers(0, 1439), length=st.integers(1, 1439))
def test_an_interval_and_the_rest_of_the_day_share_no_moment_and_leave_none_out(
    at: int, first: int, length: int
) -> None:
    stop = (first + length) % 1440
    inside, outside = (
        Interval(first=first, stop=stop, zone="America/New_York"),
        Interval(first=stop, stop=first, zone="America/New_York"),
    )
    assert inside.holds(at) is not outside.holds(at)


@st.composite
def trees(draw: st.DrawFn, depth: int = 2) -> Route:
    """A route with random conditions on two labels, and branches."""
    values = st.lists(st.sampled_from(["a", "b", ""]), min_size=1, max_size=2, unique=True).map(tuple)
    match = draw(
        st.lists(
            st.builds(Matcher, st.sampled_from(["model", "feature"]), values, st.just(False), st.booleans()), max_size=2
        )
    )
    return Route(
        name=draw(st.sampled_from(["x", "y"])),
        match=tuple(match),
        receivers=tuple(draw(st.lists(st.sampled_from(["ops", "pager"]), unique=True))),
        goes_on=draw(st.booleans()),
        routes=tuple(draw(st.lists(trees(depth - 1), max_size=2))) if depth else (),
    )


@given(
    routes=st.lists(trees(), max_size=3), model=st.sampled_from("ab"), environment=st.sampled_from(["production", "x"])
)
def test_each_receiver_is_reached_once_and_only_if_it_is_there(
    routes: list[Route], model: str, environment: str
) -> None:
    decision = decide({"environment": environment, "model": model}, routes, ("ops", "mail"), at=NOON)
    names = [each.receiver for each in decision.reaches]
    assert len(names) == len(set(names))
    assert set(names) <= {"ops", "mail"}
    if environment != "production":
        assert names == []
    elif not any(step.takes and step.route != "default" for step in decision.steps):
        assert set(names) == {"ops", "mail"} - named(routes)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"match": {"modle": "x"}}, r"match\.modle: .*'model'"),
        ({"match": {"model": []}}, "match.model: the list is empty"),
        ({"match": {"model": {"regex": "("}}}, "match.model.regex: '\\(' is no regular expression"),
        ({"match": {"model": {"regex": "a", "not": "b"}}}, "give one of not, regex"),
        ({"repeat": "1m"}, "repeat: '1m' is too often"),
        ({"repeat": {"warning": "soon"}}, "repeat.warning: 'soon' is not a length of time"),
        ({"active": [{"zone": "Europe/Atlantis"}]}, r"active\[0\].zone: .*IANA"),
        ({"active": [{"from": "25:00"}]}, r"active\[0\].from: '25:00' is not a time of day"),
        ({"mute": [{"from": "08:00", "until": "08:00"}]}, "ends when it begins"),
        ({"mute": [{"days": ["monday"]}]}, "'monday' is not one of mon"),
        ({"continue": "yes please"}, "neither true nor false"),
        ({"name": "default"}, "'default' is what"),
        ({"name": ""}, "not a route's name"),
        ({"order": "1"}, "order: '1' is not a whole number"),
        ({"routes": [{"name": "a"}, {"name": "a"}]}, "routes: 'a' is there twice"),
        ({"routes": {}}, "is not a list of routes"),
        ({"recievers": []}, "recievers: .*'receivers'"),
    ],
)
def test_a_wrong_route_is_refused_with_the_place_and_the_nearest_right_key(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        parse_route({"kind": "route", "name": "r", "receivers": ["ops"], **keys})


def test_a_route_needs_receivers_and_may_say_that_there_are_none() -> None:
    with pytest.raises(SpecError, match="receivers: a route needs receivers"):
        parse_route({"kind": "route", "name": "r"})
    assert reached([route("hush", match={"feature": "amount"})]) == []


def test_an_unquoted_time_of_day_is_read_as_yaml_reads_it() -> None:
    (interval,) = route("r", "ops", active={"from": 480, "until": 1200}).active
    assert (interval.first, interval.stop) == (8 * 60, 20 * 60)
