"""Laws of the alert state machine over any sequence of windows."""

import json
from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from driftwatch.alerting.book import CALIBRATED, IncidentBook, JudgedWindow
from driftwatch.alerting.machine import Transition, advance
from driftwatch.domain.alert import AlertState
from driftwatch.domain.finding import Finding
from driftwatch.domain.instant import HOUR
from driftwatch.domain.signal import Severity, Signal

COLUMNS = ("temp", "wind", "carrier")


@st.composite
def windows(draw: Callable[[st.SearchStrategy[object]], object]) -> tuple[dict[str, str], dict[str, Severity], bool]:
    """A state for every column, an alarm or watch for some of the judged ones, and whether it is backfill."""
    states = {
        column: str(draw(st.sampled_from(["judged", "judged", "judged", "low_data", "no_data"]))) for column in COLUMNS
    }
    severities = st.sampled_from([None, None, None, Severity.WATCH, Severity.WARNING, Severity.CRITICAL])
    found = {column: draw(severities) for column, state in states.items() if state == "judged"}
    backfill = draw(st.integers(0, 3)) == 0
    return states, {column: severity for column, severity in found.items() if isinstance(severity, Severity)}, backfill


class Incidents(RuleBasedStateMachine):
    """Windows of one model, hourly, with gaps; what must hold after each of them."""

    def __init__(self) -> None:
        super().__init__()
        self.book = IncidentBook(environment="production", model="flights")
        self.hour = 400_000
        self.messages: list[tuple[str, int]] = []
        self.open: dict[str, str] = {}
        self.severity: dict[str, int] = {}
        self.opened: set[str] = set()
        self.last_alarm: dict[str, int] = {}

    @rule(window=windows(), gap=st.sampled_from([1, 1, 1, 2, 30, 200]))
    def judge(self, window: tuple[dict[str, str], dict[str, Severity], bool], gap: int) -> None:
        self.hour += gap
        self._take(*window)

    @rule(hours=st.integers(1, 30))
    def stay_quiet(self, hours: int) -> None:
        for _ in range(hours):
            self.hour += 1
            self._take(dict.fromkeys(COLUMNS, "judged"), {}, backfill=False)

    @rule(window=windows())
    def revise_the_newest(self, window: tuple[dict[str, str], dict[str, Severity], bool]) -> None:
        self._take(*window)

    @rule(window=windows(), back=st.integers(1, 50))
    def revise_an_older_one(self, window: tuple[dict[str, str], dict[str, Severity], bool], back: int) -> None:
        if self.book.through is not None:
            assert advance(self.book, self._window(self.hour - back, *window)) == (self.book, ())

    def _window(self, hour: int, states: dict[str, str], found: dict[str, Severity], backfill: bool) -> JudgedWindow:  # noqa: FBT001
        start = hour * HOUR
        findings = tuple(
            Finding(
                window_start=start,
                window_end=start + HOUR,
                at=start + HOUR,
                signal=Signal.DRIFT,
                column=column,
                severity=severity,
                kind="location",
                value=4.0,
                threshold=3.0,
                effect={"kolmogorov_smirnov": 0.1 * (1 + COLUMNS.index(column))},
            )
            for column, severity in found.items()
        )
        return JudgedWindow(
            start=start, end=start + HOUR, at=start + HOUR, findings=findings, states=states, backfill=backfill
        )

    def _take(self, states: dict[str, str], found: dict[str, Severity], backfill: bool) -> None:  # noqa: FBT001
        window = self._window(self.hour, states, found, backfill)
        stored = IncidentBook.from_dict(json.loads(json.dumps(self.book.to_dict())))
        assert stored == self.book
        book, transitions = advance(self.book, window)
        assert (book, transitions) == advance(stored, window)
        alarms = {column for column, severity in found.items() if severity.rank >= Severity.WARNING.rank}
        fresh = {
            column
            for column in alarms
            if column not in self.last_alarm or window.end - self.last_alarm[column] > CALIBRATED.reopen_within
        }
        assert len({transition.incident.id for transition in transitions}) == len(transitions)
        for transition in transitions:
            self._check(transition, window, fresh)
        if alarms and not backfill and fresh:
            assert book.current is not None
            assert book.current.announced
        for column in alarms:
            self.last_alarm[column] = window.end
        self.book = book

    def _check(self, transition: Transition, window: JudgedWindow, fresh: set[str]) -> None:
        incident = transition.incident
        assert not (transition.notify and window.backfill)
        if transition.notify:
            assert incident.messages == 1 + max((seq for id_, seq in self.messages if id_ == incident.id), default=0)
            self.messages.append((incident.id, incident.messages))
        if transition.kind == "opened":
            assert incident.id not in self.opened
            assert fresh
            self.opened.add(incident.id)
        if transition.kind == "reopened":
            assert incident.id in self.opened
            assert not fresh
        for alert in transition.alerts:
            self.open[alert.fingerprint] = alert.state.value

    @invariant()
    def every_key_that_fired_is_still_open_or_resolved(self) -> None:
        current = self.book.current
        still = {} if current is None else {alert.fingerprint: alert.state.value for alert in current.alerts}
        for fingerprint, state in self.open.items():
            if state != AlertState.RESOLVED.value:
                assert still.get(fingerprint) == state

    @invariant()
    def an_open_incident_has_something_open_in_it(self) -> None:
        if self.book.current is not None:
            assert self.book.current.firing
            assert self.book.current.resolved_at is None
        for incident in self.book.closed:
            assert not incident.firing
            assert incident.resolved_at is not None

    @invariant()
    def alerts_are_led_by_the_largest_effect(self) -> None:
        for incident in (*self.book.closed, *([self.book.current] if self.book.current else [])):
            effects = [alert.effect for alert in incident.alerts]
            assert effects == sorted(effects, reverse=True)

    @invariant()
    def no_message_is_numbered_twice(self) -> None:
        assert len(set(self.messages)) == len(self.messages)

    def teardown(self) -> None:
        """A judged and quiet day ends everything."""
        for _ in range(24):
            self.hour += 1
            self._take(dict.fromkeys(COLUMNS, "judged"), {}, backfill=False)
        assert self.book.current is None
        assert set(self.open.values()) <= {AlertState.RESOLVED.value}
        assert not any(incident.owed or incident.announced for incident in self.book.closed)


TestIncidents = Incidents.TestCase
TestIncidents.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
