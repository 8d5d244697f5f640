"""An explanation is kept with the newest finding of its time, on both databases."""

from sqlalchemy import Connection

from driftwatch.domain.finding import Finding
from driftwatch.domain.instant import HOUR, from_iso
from driftwatch.domain.signal import Severity, Signal
from driftwatch.storage import explanation, finding, monitor, registration, run
from driftwatch.storage.store import Store

START = from_iso("2013-01-31T12:00:00")


def _found(conn: Connection, hours: int) -> int:
    """A model with a finding in each of some hours; returns its id."""
    model_id = registration.ensure_model(conn, "production", "flights", at=1)
    monitor_id = monitor.put_monitor(conn, model_id, "drift", "drift", {}, at=1).id
    for hour in range(hours):
        start, end = START + hour * HOUR, START + (hour + 1) * HOUR
        run_id = run.insert_due(conn, monitor_id, start, end, "cfg", 1, at=start)
        assert run_id is not None
        made = Finding(
            start, end, end, Signal.DRIFT, "temp", Severity.WARNING, "location", 9.0, 4.0, details={"sign": 1}
        )
        finding.insert_findings(conn, run_id, model_id, [made])
    return model_id


def test_an_explanation_is_kept_and_found_and_replaced(store: Store) -> None:
    with store.begin() as conn:
        model_id = _found(conn, 3)
        span = (START, START + 3 * HOUR)
        assert explanation.find_explanation(conn, model_id, *span) is None
        assert explanation.put_explanation(conn, model_id, *span, {"sentences": ["first"]})
        assert explanation.put_explanation(conn, model_id, *span, {"sentences": ["second"]})
    with store.read() as conn:
        assert explanation.find_explanation(conn, model_id, *span) == {"sentences": ["second"]}
        kept = finding.list_findings(conn, model_id, *span)
        assert [each.details["sign"] for each in kept] == [1, 1, 1]
        assert ["explanation" in each.details for each in kept] == [False, False, True]


def test_it_belongs_to_its_own_time_and_model(store: Store) -> None:
    with store.begin() as conn:
        model_id = _found(conn, 2)
        assert explanation.put_explanation(conn, model_id, START, START + HOUR, {"sentences": []})
        assert explanation.find_explanation(conn, model_id, START + HOUR, START + 2 * HOUR) is None
        assert explanation.find_explanation(conn, model_id + 1, START, START + HOUR) is None
        assert not explanation.put_explanation(conn, model_id, START + 2 * HOUR, START + 9 * HOUR, {"sentences": []})
