"""From rows in the store to incidents and messages in the outbox."""

import pytest
from acceptance.alert_world import START, World, runs_of

from driftwatch.domain.instant import DAY, HOUR
from driftwatch.domain.notification import Message
from driftwatch.service.tick import Ticker, TickReport
from driftwatch.storage import alert, incident, notification, reference, registration, run
from driftwatch.storage.store import Store

WEEKS = 14 * 24


def ticker(store: Store) -> Ticker:
    return Ticker(store, public_url="http://127.0.0.1:8301")


def test_a_shift_becomes_one_incident_with_one_message_to_each_receiver_and_its_end_another(store: Store) -> None:
    world = World(store, hot=range(WEEKS + 24, WEEKS + 36))
    for name in ("ops", "lead"):
        world.add_receiver(name, type="slack", webhook_url="env:OPS_WEBHOOK")
    world.log(0, WEEKS + 30)
    worker = ticker(store)
    report = worker.tick()
    assert (report.faults, report.failed) == ({}, 0)
    assert report.judged == 28  # a window is over when a row of one hour later has come
    with store.read() as conn:
        (opened,) = incident.list_incidents(conn)
        sent = notification.list_notifications(conn, opened.id)
        firing = alert.list_alerts(conn, world.model_id)
    assert opened.is_open
    assert opened.columns == ("temp",)
    assert opened.since == START + (WEEKS + 24) * HOUR
    assert [(each.reason, each.seq) for each in sent] == [("first", 1), ("first", 1)]
    assert [each.key.column for each in firing] == ["temp"]
    message = Message.from_dict(sent[0].payload)
    assert message.title == "Drift in flights: temp"
    assert message.evidence[0].change.startswith("median ")
    assert message.evidence[0].trend[-1] > max(message.evidence[0].trend[:-1])

    world.log(WEEKS + 30, WEEKS + 90)
    worker.tick()
    with store.read() as conn:
        (closed,) = incident.list_incidents(conn)
        sent = notification.list_notifications(conn, closed.id)
        assert alert.list_alerts(conn, world.model_id) == []
    assert closed.resolved_at is not None
    assert [(each.reason, each.seq) for each in sent] == [("first", 1), ("first", 1), ("resolved", 2), ("resolved", 2)]


def test_nothing_is_judged_before_the_reference_is_over_and_then_it_is_on_record(store: Store) -> None:
    world = World(store)
    world.log(0, WEEKS)
    worker = ticker(store)
    report = worker.tick()
    assert (report.judged, report.learning) == (0, ["production/flights"])
    with store.read() as conn:
        assert reference.get_reference(conn, world.model_id, "operating") is None
    world.log(WEEKS, WEEKS + 3)
    assert worker.tick().judged == 1
    with store.read() as conn:
        known = reference.get_reference(conn, world.model_id, "operating")
    assert known is not None
    assert (known.start, known.end, known.n) == (START, START + 14 * DAY, WEEKS * 60)


def test_one_window_at_a_time_gives_the_answers_of_all_at_once(store: Store) -> None:
    hot = range(WEEKS + 6, WEEKS + 12)
    at_once, step_by_step = World(store, "at-once", hot=hot), World(store, "step-by-step", hot=hot)
    at_once.log(0, WEEKS + 20)
    step_by_step.log(0, WEEKS)
    worker = ticker(store)
    worker.tick()
    for hour in range(WEEKS, WEEKS + 20):
        step_by_step.log(hour, hour + 1)
        worker.tick()
    one, other = runs_of(at_once), runs_of(step_by_step)
    assert [(each.window_start, each.status) for each in one] == [(each.window_start, each.status) for each in other]
    assert {each.status for each in one} == {"ok", "warning"}
    for left, right in zip(one, other, strict=True):
        assert left.result is not None
        assert right.result is not None
        first, second = run.decode_result(left.result), run.decode_result(right.result)
        assert first["judged"] == second["judged"]
        assert [each["column"] for each in first["findings"]] == [each["column"] for each in second["findings"]]
        for column, fields in first["summary"]["columns"].items():
            for key, value in fields.items():
                other_value = second["summary"]["columns"][column][key]
                assert value == (pytest.approx(other_value, abs=1e-9) if isinstance(value, float) else other_value)


def test_a_tick_with_nothing_new_does_nothing(store: Store) -> None:
    World(store).log(0, WEEKS + 5)
    worker = ticker(store)
    worker.tick()
    assert worker.tick() == TickReport()


def test_a_fault_of_one_model_stops_no_other(store: Store) -> None:
    broken, well = World(store, "broken"), World(store, "well")
    broken.log(0, WEEKS + 5)
    well.log(0, WEEKS + 5)
    with store.begin() as conn:
        registration.set_spec(conn, broken.model_id, {"kind": "model", "modle": "broken"})
    report = ticker(store).tick()
    assert "modle" in report.faults["production/broken"]
    assert len(runs_of(well)) == 3


def test_a_reference_without_rows_years_ago_fails_the_windows_that_have_rows_and_says_it_once(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(store)
    spec = {"kind": "model", "model": "flights", "columns": {"timestamp": "ts"}, "clock": "replay"}
    with store.begin() as conn:
        reference = {"start": "2005-01-01", "end": "2005-03-01"}
        registration.set_spec(conn, world.model_id, spec | {"reference": reference})
    world.log(0, 5)
    ticker(store).tick()
    runs = runs_of(world)
    assert [(run.window_start, run.status) for run in runs] == [(START + hour * HOUR, "error") for hour in range(3)]
    assert "from 2005-01-01 00:00 UTC to 2005-03-01 00:00 UTC holds no row" in str(runs[0].last_error)
    assert [bool(record.exc_info) for record in caplog.records if "holds no row" in record.message] == [False]


def test_silence_is_low_data_and_then_an_incident_of_its_own(store: Store) -> None:
    world = World(store, empty=range(WEEKS + 10, WEEKS + 50))
    world.log(0, WEEKS + 52)
    ticker(store).tick()
    states = [each.status for each in runs_of(world)]
    assert states[9:12] == ["ok", "no_data", "no_data"]
    with store.read() as conn:
        (opened,) = incident.list_incidents(conn)
    assert [signal.value for signal in opened.signals] == ["traffic"]
