"""What each receiver is told of an incident, what is kept back, and what is due."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.alerting.dispatch import Policy, deliveries
from driftwatch.alerting.inhibition import suppressed_by
from driftwatch.alerting.matching import Facts, Matcher
from driftwatch.alerting.reminder import Told, due
from driftwatch.alerting.routing import Repeat, Route
from driftwatch.alerting.silence import Silence
from driftwatch.domain.alert import Alert, AlertKey, AlertState
from driftwatch.domain.finding import Finding
from driftwatch.domain.incident import Incident
from driftwatch.domain.instant import DAY, HOUR
from driftwatch.domain.signal import Severity, Signal

AT = 100 * DAY
FACTS = Facts()
POLICY = Policy(("ops",))


def alert(
    signal: Signal = Signal.DRIFT,
    column: str | None = "temp",
    *,
    segment: str | None = None,
    severity: Severity = Severity.WARNING,
    kind: str = "location",
) -> Alert:
    found = Finding(AT - HOUR, AT, AT, signal, column, severity, kind, 4.0, 3.0, segment=segment)
    key = AlertKey("production", "flights", None, "default", signal, column, segment)
    return Alert(key, AlertState.FIRING, severity, AT - HOUR, AT, 0, found, found)


def incident(*alerts: Alert, severity: Severity = Severity.WARNING) -> Incident:
    return Incident("production", "flights", "default", 1, AT, None, severity, alerts)


GONE = alert(Signal.TRAFFIC, None, kind="no_data")
BROKEN = alert(Signal.QUALITY, severity=Severity.CRITICAL)
DRIFT, WIND = alert(), alert(column="wind")


@pytest.mark.parametrize(
    ("subject", "other", "reason"),
    [
        (DRIFT, GONE, "suppressed by no data of flights"),
        (alert(Signal.PERFORMANCE, None), GONE, "suppressed by no data of flights"),
        (alert(Signal.LATENCY, None), GONE, ""),
        (DRIFT, alert(Signal.TRAFFIC, None, kind="low_volume"), ""),
        (DRIFT, BROKEN, "suppressed by critical quality of temp"),
        (DRIFT, alert(Signal.SCHEMA), "suppressed by schema of temp"),
        (WIND, BROKEN, ""),
        (BROKEN, DRIFT, ""),
        (alert(segment="country=PT"), DRIFT, "suppressed by drift of temp"),
        (DRIFT, alert(segment="country=PT"), ""),
        (alert(segment="country=PT"), WIND, ""),
        (alert(segment="country=PT"), BROKEN, "suppressed by critical quality of temp"),
        (alert(Signal.SKEW), alert(severity=Severity.CRITICAL), "suppressed by critical drift of temp"),
        (WIND, alert(Signal.PERFORMANCE, None, severity=Severity.CRITICAL), ""),
    ],
)
def test_an_alert_that_another_explains_is_suppressed_by_it(subject: Alert, other: Alert, reason: str) -> None:
    assert suppressed_by(subject, [subject, other], FACTS) == reason


def test_a_shadow_disturbs_nobody() -> None:
    (held,) = deliveries(incident(DRIFT), [DRIFT], Facts(role="shadow"), POLICY, at=AT)
    assert held.held == "suppressed by its role: shadow"


@given(
    alerts=st.lists(
        st.builds(
            alert,
            st.sampled_from([Signal.DRIFT, Signal.QUALITY, Signal.SCHEMA, Signal.TRAFFIC, Signal.PERFORMANCE]),
            st.sampled_from(["temp", "wind", None]),
            segment=st.sampled_from([None, "country=PT"]),
            severity=st.sampled_from([Severity.WARNING, Severity.CRITICAL]),
            kind=st.sampled_from(["location", "no_data"]),
        ),
        min_size=1,
        max_size=8,
        unique_by=lambda each: each.key,
    )
)
def test_something_is_always_left_to_be_told(alerts: list[Alert]) -> None:
    assert any(not suppressed_by(each, alerts, FACTS) for each in alerts)
    (only,) = deliveries(incident(*alerts), alerts, FACTS, POLICY, at=AT)
    assert not only.held


def test_a_receiver_sees_what_reaches_it_and_is_not_explained() -> None:
    whole = incident(BROKEN, DRIFT, WIND, severity=Severity.CRITICAL)
    (told,) = deliveries(whole, whole.alerts, FACTS, POLICY, at=AT)
    assert told.incident.alerts == (BROKEN, WIND)
    drift = Route("drift", (Matcher("signal", ("drift",)), Matcher("feature", ("temp",))), ("ops",))
    (held,) = deliveries(whole, whole.alerts, FACTS, Policy(("ops",), (drift,)), at=AT)
    assert (held.held, held.incident.alerts) == ("suppressed by critical quality of temp", (DRIFT,))


def test_a_message_is_as_severe_as_what_it_tells_of_is_now() -> None:
    (told,) = deliveries(incident(DRIFT, severity=Severity.CRITICAL), [DRIFT], FACTS, POLICY, at=AT)
    assert told.incident.severity is Severity.WARNING
    ended = replace(incident(replace(DRIFT, state=AlertState.RESOLVED), severity=Severity.CRITICAL), resolved_at=AT)
    (end,) = deliveries(ended, ended.alerts, FACTS, POLICY, at=AT)
    assert end.incident == ended


def test_only_what_is_silenced_is_kept_back() -> None:
    whole = incident(DRIFT, WIND)
    silence = Silence(3, (Matcher("feature", ("temp",)),), AT, AT + HOUR, "ana", "known")
    policy = replace(POLICY, silences=(silence,))
    (told,) = deliveries(whole, whole.alerts, FACTS, policy, at=AT)
    assert (told.held, told.incident.alerts) == ("", (WIND,))
    (held,) = deliveries(incident(DRIFT), [DRIFT], FACTS, policy, at=AT)
    assert held.held == "silenced until 1970-04-11T01:00:00+00:00 by ana: known (silence 3)"
    for before_or_after in (AT - 1, AT + HOUR):
        (free,) = deliveries(incident(DRIFT), [DRIFT], FACTS, policy, at=before_or_after)
        assert free.held == ""


@pytest.mark.parametrize(
    ("told", "severity", "acknowledged", "reason"),
    [
        (None, Severity.WARNING, True, "first"),
        (Told("resolved", Severity.WARNING, AT), Severity.WARNING, False, "first"),
        (Told("first", Severity.WARNING, AT - 24 * HOUR + 1), Severity.WARNING, False, None),
        (Told("first", Severity.WARNING, AT - 24 * HOUR), Severity.WARNING, False, "repeat"),
        (Told("first", Severity.WARNING, AT - 24 * HOUR), Severity.WARNING, True, None),
        (Told("first", Severity.WARNING, AT - 24 * HOUR, waits=True), Severity.WARNING, False, None),
        (Told("first", Severity.WARNING, AT), Severity.CRITICAL, True, "escalated"),
        (Told("first", Severity.CRITICAL, AT - 4 * HOUR), Severity.CRITICAL, False, "repeat"),
        (Told("first", Severity.CRITICAL, AT - 4 * HOUR), Severity.WARNING, False, None),
    ],
)
def test_what_is_due_follows_from_what_was_told(
    told: Told | None, severity: Severity, *, acknowledged: bool, reason: str | None
) -> None:
    route = Route("all", (), ("ops",), repeat=Repeat())
    each = replace(DRIFT, severity=severity)
    (delivery,) = deliveries(incident(each, severity=severity), [each], FACTS, Policy(("ops",), (route,)), at=AT)
    assert due(delivery, told, acknowledged=acknowledged, at=AT) == reason
    assert due(replace(delivery, held="silenced"), told, acknowledged=acknowledged, at=AT) is None
