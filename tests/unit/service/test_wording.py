"""What messages say."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from driftwatch.alerting.book import IncidentBook, JudgedWindow
from driftwatch.alerting.machine import Transition, advance
from driftwatch.domain.finding import Finding
from driftwatch.domain.instant import DAY, HOUR, from_iso
from driftwatch.domain.signal import Severity, Signal
from driftwatch.service.wording import Context, compose, effect_words

START = from_iso("2013-07-01T14:00")


def finding(column: str | None, **changes: Any) -> Finding:
    fields: dict[str, Any] = {
        "window_start": START,
        "window_end": START + HOUR,
        "at": START + HOUR,
        "signal": Signal.DRIFT,
        "column": column,
        "severity": Severity.WARNING,
        "kind": "location",
        "value": 5.0,
        "threshold": 3.0,
        "effect": {"kolmogorov_smirnov": 0.53, "jensen_shannon_distance": 0.4},
        "n": 812,
        "details": {"n_reference": 80_000, "times_threshold": 3.24, "scale_buckets": 1},
    }
    return Finding(**(fields | changes))


def transitions(*findings: Finding, quiet: int = 0, columns: tuple[str, ...] = ("temp",)) -> list[Transition]:
    states = dict.fromkeys(columns, "judged")
    book = IncidentBook(environment="production", model="flights")
    book, found = advance(book, JudgedWindow(START, START + HOUR, START + HOUR, findings, states))
    for hour in range(1, quiet + 1):
        start = START + hour * HOUR
        book, more = advance(book, JudgedWindow(start, start + HOUR, start + HOUR, (), states))
        found += more
    return [transition for transition in found if transition.notify]


def context(**changes: Any) -> Context:
    fields: dict[str, Any] = {
        "public_url": "http://dw.example.com/",
        "reference": (START - 30 * DAY, START - 16 * DAY),
        "change": lambda _: "median 51.1 → 68.4",
        "trend": {"temp": [0.1, 0.5]},
    }
    return Context(**(fields | changes))


def test_an_opening_says_what_how_bad_since_when_with_proof_and_what_to_do() -> None:
    message = compose(transitions(finding("temp"))[0], context())
    assert message.title == "Drift in flights: temp"
    assert message.summary == "temp of flights (production) has drifted from the reference since 1 Jul 2013 14:00 UTC."
    line = message.evidence[0]
    assert (line.column, line.effect) == ("temp", "KS 0.530, 3.2× its threshold")
    assert (line.change, line.n, line.n_reference) == ("median 51.1 → 68.4", 812, 80_000)
    assert line.trend == (0.1, 0.5)
    assert message.window == "Window 1 Jul 2013 14:00 – 15:00 UTC"
    assert message.reference == "Reference 1 Jun 2013 14:00 – 15 Jun 2013 14:00 UTC"
    assert message.link.startswith("http://dw.example.com/incidents?incident=flights-")
    assert message.next_action.startswith("Compare temp with its reference.")


def test_the_worst_columns_come_first_and_the_rest_is_counted() -> None:
    found = [finding(f"c{each}", effect={"kolmogorov_smirnov": each / 10}) for each in range(1, 9)]
    message = compose(transitions(*found)[0], context())
    assert [line.column for line in message.evidence] == ["c8", "c7", "c6", "c5", "c4"]
    assert message.n_more == 3
    assert message.summary.startswith("8 columns of flights (production) have drifted")


def test_the_end_says_how_long_it_lasted_and_how_bad_it_was() -> None:
    message = compose(transitions(finding("temp"), quiet=24)[-1], context())
    assert message.reason == "resolved"
    assert message.summary == (
        "flights (production) has been judged for 24 hours without an alarm. "
        "It lasted 1 h 00 m, from 1 Jul 2013 14:00 UTC to 1 Jul 2013 15:00 UTC."
    )
    assert message.evidence[0].effect == "at its worst KS 0.530, 3.2× its threshold"
    assert message.next_action.startswith("Nothing.")
    assert message.number == 2


def test_a_critical_one_says_so() -> None:
    found = finding("temp", severity=Severity.CRITICAL, kind="vanished", signal=Signal.QUALITY, effect={}, details={})
    message = compose(transitions(found)[0], context())
    assert "This is critical." in message.summary
    assert message.evidence[0].effect == "no value arrives any more"
    assert message.next_action.startswith("Check the pipeline that feeds temp")


def test_missing_traffic_is_no_column() -> None:
    found = finding(None, signal=Signal.TRAFFIC, kind="no_data", effect={}, n=0, details={"scale_buckets": 25})
    message = compose(transitions(found)[0], context())
    assert message.title == "Traffic in flights"
    assert message.summary.startswith("flights (production): no rows for 25 h, since")
    assert message.evidence[0].column == "flights (traffic)"


def test_a_share_of_missing_values_is_said_in_per_cent() -> None:
    details = {"missing_share": 0.6, "reference_missing_share": 0.01, "scale_buckets": 1}
    assert effect_words(finding("temp", kind="missing_share", details=details)) == "missing 1.0 % → 60 %"


@given(
    kind=st.sampled_from(["location", "shape", "categories", "new_values", "missing_share", "material_shift", "x"]),
    signal=st.sampled_from(Signal),
    effect=st.dictionaries(st.sampled_from(["total_variation_distance", "other"]), st.floats(0, 1)),
    details=st.dictionaries(
        st.sampled_from(["times_threshold", "missing_share", "importance"]), st.none() | st.floats(0, 10)
    ),
    column=st.none() | st.text(max_size=20),
    severity=st.sampled_from([Severity.WARNING, Severity.CRITICAL]),
)
def test_every_finding_has_words(
    kind: str,
    signal: Signal,
    effect: dict[str, float],
    details: dict[str, Any],
    column: str | None,
    severity: Severity,
) -> None:
    found = finding(column, kind=kind, signal=signal, effect=effect, details=details, severity=severity)
    for transition in transitions(found, quiet=24, columns=("temp", column or "temp")):
        message = compose(transition, context(trend={}))
        assert message.summary
        assert message.title
        assert message.evidence[0].effect
        assert message.next_action
