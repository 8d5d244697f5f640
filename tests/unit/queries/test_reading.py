"""What the read models say of a store that the service itself has filled."""

from collections.abc import Iterator

import pytest
from seeding import REPLAYED, shared_url

from driftwatch.domain.instant import DAY, HOUR
from driftwatch.queries.catalogue import find_model, list_models, read_reference
from driftwatch.queries.feature import read_feature
from driftwatch.queries.fleet import read_fleet, read_pulse
from driftwatch.queries.incident import read_incident, read_incidents
from driftwatch.queries.model import read_model
from driftwatch.queries.profile import read_column, read_traffic
from driftwatch.queries.span import Span
from driftwatch.queries.status import Status
from driftwatch.queries.watermark import read_watermark
from driftwatch.storage.prediction import count_predictions
from driftwatch.storage.store import Store


@pytest.fixture(scope="module")
def seeded() -> Iterator[Store]:
    with Store.open(shared_url()) as store:
        yield store


def test_traffic_counts_every_prediction_that_was_stored(seeded: Store) -> None:
    with seeded.read() as conn:
        for model in list_models(conn):
            span = Span(REPLAYED, REPLAYED + 40 * DAY) if model.replay else Span(0, seeded.now(conn) + DAY)
            stored = sum(count_predictions(conn, each, span.start, span.end) for each in model.versions.values())
            assert read_traffic(conn, model, span, width=DAY).n == stored, model.name


def test_wide_windows_are_drawn_in_few_points_and_lose_no_row(seeded: Store) -> None:
    with seeded.read() as conn:
        model = find_model(conn, "flights")
        assert model is not None
        whole = read_traffic(conn, model, Span(REPLAYED, REPLAYED + 9 * DAY), width=HOUR)
        assert sum(point.n for point in whole.points) == whole.n
        assert sum(point.errors for point in whole.points) == whole.errors
        coarse = read_traffic(conn, model, Span(REPLAYED, REPLAYED + 9 * DAY), width=60_000_000)
    assert len(coarse.points) <= 2000
    assert coarse.n == whole.n


def test_a_column_is_the_sum_of_its_buckets(seeded: Store) -> None:
    with seeded.read() as conn:
        model = find_model(conn, "flights")
        assert model is not None
        first, rest = Span(REPLAYED, REPLAYED + 3 * DAY), Span(REPLAYED + 3 * DAY, REPLAYED + 9 * DAY)
        for column in ("temp", "carrier", "score"):
            (one, two, both), _ = read_column(conn, model, column, [first, rest, Span(first.start, rest.end)])
            assert one is not None
            assert two is not None
            assert both is not None
            assert one.n + two.n == both.n
            assert one.rows + two.rows == both.rows


def test_a_column_that_nobody_sent_has_no_profile(seeded: Store) -> None:
    with seeded.read() as conn:
        model = find_model(conn, "flights")
        assert model is not None
        assert read_column(conn, model, "no such column", [Span(REPLAYED, REPLAYED + DAY)]) == ([None], None)


def test_a_model_that_is_learning_has_an_unfixed_reference_and_a_judged_one_a_fixed_one(seeded: Store) -> None:
    with seeded.read() as conn:
        known = {model.name: read_reference(conn, model) for model in list_models(conn)}
    newcomer, flights = known["newcomer"], known["flights"]
    assert newcomer is not None
    assert not newcomer.fixed
    assert newcomer.end - newcomer.start == 14 * DAY
    assert flights is not None
    assert flights.fixed
    assert (flights.start, flights.end) == (REPLAYED, REPLAYED + 6 * DAY)
    assert known["registered-only"] is None


def test_a_replay_stands_at_its_newest_row_and_a_live_model_at_the_clock(seeded: Store) -> None:
    fleet = read_fleet(seeded)
    for each in fleet.models:
        if each.model.name == "flights":
            assert each.standing.now - 1 == each.model.last_at
            assert each.data_age is None
        else:
            assert each.standing.now == fleet.now


def test_the_pulse_agrees_with_the_fleet(seeded: Store) -> None:
    fleet, pulse = read_fleet(seeded), read_pulse(seeded)
    assert pulse.models == len(fleet.models)
    assert pulse.critical + pulse.warning == sum(len(each.standing.incidents) for each in fleet.models)
    assert pulse.no_data == sum(each.standing.status is Status.NO_DATA for each in fleet.models)
    assert (pulse.outbox, pulse.dead) == (0, 1)


def test_the_drifting_share_is_that_of_the_importance(seeded: Store) -> None:
    view = read_model(seeded, "flights", "production", "7d")
    assert view is not None
    assert view.standing.drifting == ("temp",)
    assert view.standing.drifting_share == pytest.approx(0.5)
    quiet = read_model(seeded, "basket-reco", "production", "24h")
    assert quiet is not None
    assert quiet.standing.drifting_share == 0


def test_the_strongest_point_of_a_window_is_the_strongest_column(seeded: Store) -> None:
    view = read_model(seeded, "flights", "production", "7d")
    assert view is not None
    last = view.strongest[-1]
    assert last.times_threshold == max(row.times_threshold or 0 for row in view.features)
    assert last.status is Status.CRITICAL


def test_runs_that_failed_are_not_counted_as_judged(seeded: Store) -> None:
    view = read_model(seeded, "eta-courier", "production", "7d")
    assert view is not None
    assert view.runs == 0
    assert view.failed is not None
    assert "holds no row" in view.failed.error


def test_reference_and_current_meet_on_the_same_bins(seeded: Store) -> None:
    view = read_feature(seeded, "flights", "production", "temp", "24h")
    assert view is not None
    assert view.histogram is not None
    assert sum(each.reference or 0 for each in view.histogram.bins) == pytest.approx(1)
    assert sum(each.current or 0 for each in view.histogram.bins) == pytest.approx(1)
    assert view.current is not None
    assert view.reference is not None
    assert (view.current.median or 0) - (view.reference.median or 0) == pytest.approx(9.0, abs=1.0)  # as seeded
    assert view.incident is not None


def test_unknown_names_are_none_and_not_errors(seeded: Store) -> None:
    assert read_model(seeded, "nope", "production", "7d") is None
    assert read_feature(seeded, "nope", "production", "temp", "7d") is None
    assert read_incident(seeded, "nope") is None
    view = read_feature(seeded, "flights", "production", "nope", "7d")
    assert view is not None
    assert view.column is None


def test_an_incident_leads_with_its_worst_alert(seeded: Store) -> None:
    (line,) = read_incidents(seeded)
    assert line.open
    detail = read_incident(seeded, line.id)
    assert detail is not None
    assert detail.alerts[0].column == "temp"
    assert detail.alerts[0].status is Status.CRITICAL
    assert {sent.state for sent in detail.deliveries} == {"delivered", "dead"}
    assert [move.at for move in detail.moves] == sorted((move.at for move in detail.moves), reverse=True)


def test_the_watermark_stands_still_while_nothing_happens(seeded: Store) -> None:
    assert read_watermark(seeded) == read_watermark(seeded)
    assert all(mark > 0 for mark in read_watermark(seeded))


def test_an_empty_store_answers_every_question_on_both_databases(store: Store) -> None:
    assert read_fleet(store).models == ()
    assert read_pulse(store).models == 0
    assert read_incidents(store) == []
    assert read_model(store, "flights", "production", "7d") is None
    assert set(read_watermark(store)) == {0}
