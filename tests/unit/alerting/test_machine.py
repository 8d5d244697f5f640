"""When an incident opens, grows, closes and comes back, and who is told."""

from typing import Any

import pytest

from driftwatch.alerting.book import IncidentBook, JudgedWindow
from driftwatch.alerting.machine import Transition, advance
from driftwatch.domain.alert import AlertKey, AlertState
from driftwatch.domain.finding import Finding
from driftwatch.domain.instant import DAY, HOUR
from driftwatch.domain.signal import Severity, Signal

START = 16_000 * DAY
JUDGED = {"temp": "judged", "wind": "judged", "carrier": "judged"}


def finding(
    hour: int,
    column: str | None,
    *,
    severity: Severity = Severity.WARNING,
    effect: float | dict[str, float] = 0.3,
    **changes: Any,
) -> Finding:
    start = START + hour * HOUR
    fields: dict[str, Any] = {
        "window_start": start,
        "window_end": start + HOUR,
        "at": start + HOUR,
        "signal": Signal.DRIFT,
        "column": column,
        "severity": severity,
        "kind": "location",
        "value": 5.0,
        "threshold": 3.0,
        "effect": {"kolmogorov_smirnov": effect} if isinstance(effect, float) else effect,
        "n": 100,
    }
    return Finding(**(fields | changes))


def hour(number: int, *findings: Finding, states: dict[str, str] | None = None, backfill: bool = False) -> JudgedWindow:
    start = START + number * HOUR
    return JudgedWindow(
        start=start,
        end=start + HOUR,
        at=start + HOUR,
        findings=findings,
        states=JUDGED if states is None else states,
        backfill=backfill,
    )


def play(*windows: JudgedWindow, book: IncidentBook | None = None) -> tuple[IncidentBook, list[Transition]]:
    book = book or IncidentBook(environment="production", model="flights")
    transitions: list[Transition] = []
    for window in windows:
        book, new = advance(book, window)
        transitions += new
    return book, transitions


def told(transitions: list[Transition]) -> list[tuple[str, str]]:
    return [(transition.kind, transition.reason) for transition in transitions if transition.notify]


def test_an_alarm_opens_an_incident_that_is_told_once_while_it_lasts() -> None:
    book, transitions = play(*(hour(number, finding(number, "temp")) for number in range(5)))
    assert told(transitions) == [("opened", "first")]
    assert book.current is not None
    assert book.current.columns == ("temp",)
    assert book.current.opened_at == START + HOUR
    assert book.current.since == START


def test_a_watch_opens_nothing() -> None:
    book, transitions = play(hour(0, finding(0, "temp", severity=Severity.WATCH)))
    assert book.current is None
    assert transitions == []


def test_alarms_of_one_model_merge_into_one_incident_led_by_the_largest_effect() -> None:
    book, transitions = play(
        hour(0, finding(0, "wind", effect=0.1), finding(0, "carrier", effect=0.2)),
        hour(5, finding(5, "temp", effect=0.6)),
    )
    assert book.current is not None
    assert book.current.columns == ("temp", "carrier", "wind")
    assert book.current.title == "Drift in flights: temp, carrier, wind"
    assert told(transitions) == [("opened", "first")]
    assert [transition.kind for transition in transitions] == ["opened", "updated"]


def test_few_rows_in_many_bins_do_not_lead() -> None:
    noise = {"kolmogorov_smirnov": 0.1, "total_variation_distance": 0.68, "jensen_shannon_distance": 0.7}
    book, _ = play(
        hour(
            0,
            finding(0, "temp", effect=noise),
            finding(0, "carrier", effect={"total_variation_distance": 0.3}),
            finding(0, "wind", effect={"kolmogorov_smirnov": 0.01, "missing_share_change": 0.5}),
        )
    )
    assert book.current is not None
    assert book.current.columns == ("wind", "carrier", "temp")


def test_an_important_feature_leads_a_larger_effect() -> None:
    book, _ = play(
        hour(
            0,
            finding(0, "wind", effect=0.5, details={"importance": 0.01}),
            finding(0, "temp", effect=0.2, details={"importance": 0.7}),
        )
    )
    assert book.current is not None
    assert book.current.columns == ("temp", "wind")


def test_it_closes_after_24_quiet_judged_hours_and_says_so() -> None:
    book, transitions = play(hour(0, finding(0, "temp")), *(hour(number) for number in range(1, 24)))
    assert book.current is not None
    assert book.current.alerts[0].state is AlertState.RECOVERING
    book, last = play(hour(24), book=book)
    assert book.current is None
    assert told(transitions + last) == [("opened", "first"), ("resolved", "resolved")]
    assert last[0].incident.resolved_at == START + 25 * HOUR
    assert last[0].incident.why_resolved == "quiet"


def test_a_daily_model_closes_after_one_quiet_judged_day() -> None:
    def day(number: int, *findings: Finding) -> JudgedWindow:
        start = START + number * DAY
        return JudgedWindow(start=start, end=start + DAY, at=start + DAY, findings=findings, states=JUDGED)

    book, transitions = play(day(0, finding(0, "temp")), day(1))
    assert book.current is None
    assert told(transitions) == [("opened", "first"), ("resolved", "resolved")]


@pytest.mark.parametrize("state", ["low_data", "no_data"])
def test_too_little_data_is_neither_alarm_nor_quiet(state: str) -> None:
    unjudged = dict.fromkeys(JUDGED, state)
    book, _ = play(hour(0, finding(0, "temp")), *(hour(number, states=unjudged) for number in range(1, 200)))
    assert book.current is not None
    book, _ = play(*(hour(number) for number in range(200, 223)), book=book)
    assert book.current is not None
    book, _ = play(hour(223), book=book)
    assert book.current is None


def test_a_column_without_a_verdict_keeps_its_own_alert_open_while_others_are_judged() -> None:
    states = JUDGED | {"temp": "no_data"}
    book, _ = play(
        hour(0, finding(0, "temp"), finding(0, "wind")), *(hour(number, states=states) for number in range(1, 60))
    )
    assert book.current is not None
    assert [alert.key.column for alert in book.current.firing] == ["temp"]


def test_a_column_that_is_no_longer_monitored_resolves() -> None:
    states = {"wind": "judged"}
    _, transitions = play(hour(0, finding(0, "temp")), *(hour(number, states=states) for number in range(1, 25)))
    assert transitions[-1].kind == "resolved"
    assert transitions[-1].incident.why_resolved == "no_longer_monitored"


def test_the_same_column_within_seven_days_reopens_the_old_incident_without_a_page() -> None:
    quiet = [hour(number) for number in range(1, 100)]
    book, before = play(hour(0, finding(0, "temp")), *quiet)
    book, again = play(hour(100, finding(100, "temp")), book=book)
    assert book.current is not None
    assert book.current.id == before[0].incident.id
    assert [(transition.kind, transition.notify) for transition in again] == [("reopened", False)]
    _, end = play(*(hour(number) for number in range(101, 140)), book=book)
    assert told(end) == []
    assert end[-1].reason == "not_announced"


def test_an_incident_whose_page_was_never_sent_is_paged_when_it_reopens() -> None:
    book, before = play(hour(0, finding(0, "temp")), *(hour(number) for number in range(1, 100)))
    book = book.with_opening_owed(before[0].incident.id)
    book, again = play(hour(100, finding(100, "temp")), book=book)
    assert told(again) == [("reopened", "first")]
    assert again[0].incident.messages == 3
    _, end = play(*(hour(number) for number in range(101, 140)), book=book)
    assert told(end) == [("resolved", "resolved")]


def test_a_page_that_was_never_sent_is_forgotten_with_its_incident() -> None:
    book, before = play(hour(0, finding(0, "temp")), *(hour(number) for number in range(1, 100)))
    book, late = play(*(hour(number) for number in range(100, 300)), book=book.with_opening_owed(before[0].incident.id))
    assert late == []
    assert book.closed == ()


def test_after_seven_days_the_same_column_opens_a_new_incident() -> None:
    book, before = play(hour(0, finding(0, "temp")), *(hour(number) for number in range(1, 169)))
    book, again = play(hour(169, finding(169, "temp")), book=book)
    assert told(again) == [("opened", "first")]
    assert again[0].incident.id != before[0].incident.id
    assert book.sequence == 2


def test_a_new_column_is_paged_although_another_one_reopened_the_incident_silently() -> None:
    book, _ = play(hour(0, finding(0, "temp")), *(hour(number) for number in range(1, 50)))
    _, again = play(hour(50, finding(50, "temp")), hour(51, finding(51, "temp"), finding(51, "wind")), book=book)
    assert told(again) == [("updated", "new_alerts")]
    book, _ = play(hour(50, finding(50, "temp"), finding(50, "wind")), book=book)
    assert book.current is not None
    assert book.current.sequence == 2


def test_becoming_critical_is_told_once() -> None:
    critical = Severity.CRITICAL
    _, transitions = play(
        hour(0, finding(0, "temp")),
        hour(1, finding(1, "temp", severity=critical)),
        hour(2, finding(2, "temp", severity=critical)),
        hour(3, finding(3, "temp")),
        hour(4, finding(4, "temp", severity=critical)),
    )
    assert told(transitions) == [("opened", "first"), ("escalated", "escalated")]


def test_a_backfilled_incident_that_is_over_tells_nobody() -> None:
    _, transitions = play(
        hour(0, finding(0, "temp"), backfill=True), *(hour(number, backfill=True) for number in range(1, 30)), hour(30)
    )
    assert [transition.kind for transition in transitions] == ["opened", "updated", "resolved"]
    assert told(transitions) == []


def test_a_backfilled_incident_that_lasts_is_told_by_the_first_window_that_may_speak() -> None:
    _, transitions = play(
        hour(0, finding(0, "temp"), backfill=True), hour(1, finding(1, "temp")), hour(2, finding(2, "temp"))
    )
    assert told(transitions) == [("updated", "first")]


def test_a_resolution_in_the_backfill_is_told_afterwards() -> None:
    book, _ = play(hour(0, finding(0, "temp")), *(hour(number, backfill=True) for number in range(1, 30)))
    assert book.closed[0].owed == "resolved"
    book, after = play(hour(30), hour(31), book=book)
    assert told(after) == [("resolved", "resolved")]
    assert not book.closed[0].owed


def test_a_resolution_still_owed_is_forgotten_when_the_column_alarms_again() -> None:
    book, _ = play(hour(0, finding(0, "temp")), *(hour(number, backfill=True) for number in range(1, 30)))
    book, after = play(hour(30, finding(30, "temp")), book=book)
    assert told(after) == []
    _, after = play(*(hour(number) for number in range(31, 60)), book=book)
    assert told(after) == [("resolved", "resolved")]


def test_a_revision_of_the_newest_window_may_alarm_but_not_count_its_quiet_twice() -> None:
    book, _ = play(hour(0, finding(0, "temp")), hour(1), *(hour(1) for _ in range(50)))
    assert book.current is not None
    book, transitions = play(hour(1, finding(1, "wind")), book=book)
    assert transitions[0].kind == "updated"
    assert book.current is not None
    assert set(book.current.columns) == {"temp", "wind"}


def test_an_older_window_changes_nothing() -> None:
    book, _ = play(hour(0), hour(1))
    assert play(hour(0, finding(0, "temp")), book=book) == (book, [])


def test_the_fingerprint_is_the_labels_and_nothing_else() -> None:
    key = AlertKey("production", "flights", None, "default", Signal.DRIFT, "temp", None)
    # printf '{"deployment":"default","environment":"production","feature":"temp","model":"flights","signal":"drift"}'
    # | sha256sum
    assert key.fingerprint == "0e21ed3c830354b99bf20d7e849da77e96c0c96b374428afc46c7a8b56c17f5f"
    book, _ = play(hour(0, finding(0, "temp")), hour(1, finding(1, "temp", severity=Severity.CRITICAL, effect=0.9)))
    assert book.current is not None
    assert [alert.fingerprint for alert in book.current.alerts] == [key.fingerprint]


@pytest.mark.parametrize(
    ("model", "dedup_key"),
    [("flights", "dw:production/flights/default:1"), ("flüge", None), ("a/b", None), ("m" * 300, None)],
)
def test_the_dedup_key_is_short_printable_ascii_and_tells_groups_apart(model: str, dedup_key: str | None) -> None:
    book, _ = play(hour(0, finding(0, "temp")), book=IncidentBook(environment="production", model=model))
    assert book.current is not None
    key = book.current.dedup_key
    assert dedup_key in (None, key)
    assert len(key) <= 255
    assert key.isascii()
    assert key.startswith("dw:")
    assert key.endswith(":1")


def test_the_incident_id_is_fit_for_an_address() -> None:
    book, _ = play(hour(0, finding(0, "temp")), book=IncidentBook(environment="staging", model="Flüge & Züge/1"))
    assert book.current is not None
    assert book.current.id.startswith("fl-ge-z-ge-1-")
    assert book.current.id.replace("-", "").isalnum()


def test_a_critical_alert_is_a_warning_again_after_a_day_and_critical_once_more_is_told() -> None:
    critical = Severity.CRITICAL
    windows = [hour(0, finding(0, "temp"))]
    windows += [hour(number, finding(number, "temp", severity=critical)) for number in (1, 2)]
    windows += [hour(number, finding(number, "temp")) for number in range(3, 27)]
    book, transitions = play(*windows[:-1])
    assert book.current is not None
    assert (book.current.standing, book.current.severity) == (critical, critical)
    book, transitions = play(*windows)
    assert book.current is not None
    assert (book.current.standing, book.current.severity) == (Severity.WARNING, critical)
    assert [each.reason for each in transitions if each.notify] == ["first", "escalated"]
    book, transitions = play(*windows, hour(27, finding(27, "temp", severity=critical)))
    assert book.current is not None
    assert book.current.standing is critical
    assert [each.reason for each in transitions if each.notify] == ["first", "escalated", "escalated"]


def day(number: int, *columns: str) -> JudgedWindow:
    start = START + number * DAY
    found = tuple(finding(0, each, window_start=start, window_end=start + DAY, at=start + DAY) for each in columns)
    return JudgedWindow(start=start, end=start + DAY, at=start + DAY, findings=found, states=JUDGED)


def test_what_comes_and_goes_is_told_once_as_flapping_and_then_is_silent() -> None:
    book, seen = play(*(day(number, *(["temp"] if number % 2 == 0 else [])) for number in range(40)))
    assert told(seen) == [
        ("opened", "first"),
        ("resolved", "resolved"),
        ("reopened", "flapping"),
        ("resolved", "resolved"),
    ]
    assert [transition.at for transition in seen if transition.reason == "flapping"] == [START + 5 * DAY]
    assert len({transition.incident.id for transition in seen}) == 1
    incident = book.closed[0]
    assert incident.flapping
    assert len(incident.edges) <= 26
    assert IncidentBook.from_dict(book.to_dict()) == book


def test_flapping_is_over_after_twelve_quiet_windows() -> None:
    def half(number: int, *columns: str) -> JudgedWindow:
        start = START + number * DAY // 2
        end = start + DAY // 2
        found = tuple(finding(0, each, window_start=start, window_end=end, at=end) for each in columns)
        return JudgedWindow(start=start, end=end, at=end, findings=found, states=JUDGED)

    def flaps(first: int) -> list[JudgedWindow]:
        return [half(first + number, *(["temp"] if number % 3 == 0 else [])) for number in range(9)]

    flapping = [("opened", "first"), ("resolved", "resolved"), ("reopened", "flapping"), ("resolved", "resolved")]
    assert told(play(*flaps(0), *flaps(9), *flaps(18))[1]) == flapping
    rested = [*flaps(0), *(half(number) for number in range(9, 19)), *flaps(19)]  # its last alarm was window 6
    assert told(play(*rested)[1]) == [*flapping, ("reopened", "flapping"), ("resolved", "resolved")]


def test_an_incident_that_comes_back_once_does_not_flap() -> None:
    assert told(play(day(0, "temp"), day(1), day(2, "temp"), day(3), day(4))[1]) == [
        ("opened", "first"),
        ("resolved", "resolved"),
    ]


def test_an_incident_of_a_release_before_edges_is_read() -> None:
    book, _ = play(day(0, "temp"))
    stored = book.to_dict()
    for key in ("edges", "flapping"):
        del stored["current"][key]
    assert IncidentBook.from_dict(stored).current is not None
