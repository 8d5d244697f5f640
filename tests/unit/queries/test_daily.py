"""What the read models say of a model that is judged by the day, whose newest days have no verdict yet."""

from collections.abc import Iterator

import pytest
from seeding import REPLAYED
from seeding_daily import DAYS, ROWS_A_DAY, daily_url

from driftwatch.domain.instant import DAY
from driftwatch.queries.feature import read_feature
from driftwatch.queries.fleet import read_fleet
from driftwatch.queries.incident import read_incident, read_incidents
from driftwatch.queries.model import read_model
from driftwatch.queries.status import Status
from driftwatch.storage.store import Store

MODEL = ("weekly-flights", "production")


@pytest.fixture(scope="module")
def daily() -> Iterator[Store]:
    with Store.open(daily_url()) as store:
        yield store


def test_the_verdict_is_the_newest_one_even_when_it_lies_before_the_window(daily: Store) -> None:
    short = read_feature(daily, *MODEL, "temp", "24h")
    long = read_feature(daily, *MODEL, "temp", "30d")
    assert short is not None
    assert long is not None
    assert short.points == ()
    assert short.status is long.status is Status.WATCH
    assert short.result == long.result
    assert short.result is not None
    assert short.result.fading
    assert short.result_end == long.points[-1].end < short.span.end


def test_a_window_is_over_the_threshold_exactly_where_it_alarms(daily: Store) -> None:
    view = read_model(daily, *MODEL, "30d")
    assert view is not None
    assert [point.status.firing for point in view.strongest] == [(p.times_threshold or 0) >= 1 for p in view.strongest]
    warm = [point for point in view.strongest if point.status.firing]
    assert [(point.start - REPLAYED) // DAY for point in warm] == [38, 39, 40]
    assert {point.column for point in warm} == {"temp"}


def test_what_drifts_is_of_the_newest_judged_window_and_what_fades_is_watched(daily: Store) -> None:
    (only,) = read_fleet(daily).models
    assert only.standing.judged == only.standing.run
    assert only.standing.drifting == ()
    assert only.standing.watched == ("temp",)
    assert only.standing.drifting_share == 0
    assert only.standing.status is Status.WATCH


def test_traffic_is_counted_by_the_window_from_the_first_row_on(daily: Store) -> None:
    (only,) = read_fleet(daily).models
    assert only.recent == (ROWS_A_DAY,) * DAYS


def test_an_alert_says_when_it_fired_first_and_last(daily: Store) -> None:
    (line,) = read_incidents(daily)
    detail = read_incident(daily, line.id)
    assert detail is not None
    temp = next(alert for alert in detail.alerts if alert.column == "temp")
    assert (temp.first_fired_at - REPLAYED) // DAY == 39
    assert (temp.last_fired_at - REPLAYED) // DAY == 41
    assert temp.state == "resolved"
    assert detail.resolved_before == ()
